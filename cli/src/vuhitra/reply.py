"""An answer: `Reply`, the typed events it arrives as, and how records become both. This file knows no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from vuhitra.lines import MalformedError, shown
from vuhitra.types import Logprob, Message, ToolCallDict

StoppedBy = Literal["stop", "limit", "window", "length", "load", "unload"]

_SILENT_REPEATS = 30
"""The server ends an answer, and says nothing, after so many identical tokens in a row."""


_GREATEST = 2**63
"""The server's numbers have 64 bits."""


class Text(NamedTuple):
    """A piece of the answer's text; never empty."""

    text: str


class Thinking(NamedTuple):
    """A piece of what the model thinks before it answers; never empty."""

    text: str


class ToolCall(NamedTuple):
    """A function the model wants called, with its arguments by name."""

    name: str
    arguments: Mapping[str, Any]
    id: str | None = None


class Done(NamedTuple):
    """The end of an answer: the whole of it."""

    reply: Reply


Event: TypeAlias = Text | Thinking | ToolCall | Done


@dataclass(frozen=True, slots=True)
class Stats:
    """What an answer took: tokens, and seconds. What a server leaves out is 0.

    The names are the server's; it sends the durations in nanoseconds.
    """

    prompt_eval_count: int = 0
    eval_count: int = 0
    total_duration: float = 0.0
    load_duration: float = 0.0
    prompt_eval_duration: float = 0.0
    eval_duration: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """How fast the answer was made; 0 where the server doesn't say."""
        return self.eval_count / self.eval_duration if self.eval_duration else 0.0


class Reply(str):
    """An answer: its text, as a `str`, that also carries all else the server said.

    thinking: what the model thought. tool_calls: what it wants called; ask for these and not
        whether the reply is true, since a reply that only calls tools has no text.
    done_reason: the server's word. stopped_by: what it means, see `StoppedBy`.
    stats: tokens and seconds. logprobs: a token each, where asked for. context: token ids that
        `generate` can go on from. model: the name the server answered with. raw: its last record.
    """

    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    done_reason: str | None = None
    stopped_by: StoppedBy | None = None
    stats: Stats = Stats()
    logprobs: tuple[Logprob, ...] = ()
    context: tuple[int, ...] = ()
    model: str = ""
    raw: Mapping[str, Any] = MappingProxyType({})

    @property
    def message(self) -> Message:
        """The reply as a message to append to a conversation; thinking only beside tool calls."""
        message: Message = {"role": "assistant", "content": str(self)}
        if self.tool_calls:
            message["tool_calls"] = [_as_dict(call) for call in self.tool_calls]
            if self.thinking:
                message["thinking"] = self.thinking
        return message


def _as_dict(call: ToolCall) -> ToolCallDict:
    made: ToolCallDict = {"function": {"name": call.name, "arguments": call.arguments}}
    if call.id is not None:
        made["id"] = call.id
    return made


@dataclass(frozen=True, slots=True)
class Sent:
    """What was asked for that tells why an answer stopped."""

    num_predict: int | None = None
    num_ctx: int | None = None
    shift: bool | None = None


class Gathered:
    """What has arrived of an answer: records in, events out, a `Reply` at any time."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._tool_calls: list[ToolCall] = []
        self._logprobs: list[Logprob] = []
        self._last: dict[str, Any] = {}
        self._repeats = 0
        self.finished = False

    def add(self, record: dict[str, Any]) -> list[Event]:
        """The events in one record of `/api/generate` or `/api/chat`.

        Raises MalformedError where a known field has another type than the API's.
        """
        self._last = record
        events: list[Event] = []
        said = _field(record, "message", dict, {}) if "message" in record else record
        if thinking := _field(said, "thinking", str, ""):
            self._thinking.append(thinking)
            events.append(Thinking(thinking))
        if text := _field(said, "content" if said is not record else "response", str, ""):
            self._count_repeats(text)
            self._text.append(text)
            events.append(Text(text))
        for call in _field(said, "tool_calls", list, ()):
            self._tool_calls.append(_tool_call(call))
            events.append(self._tool_calls[-1])
        self._logprobs += _field(record, "logprobs", list, ())
        if record.get("done") is True or record.get("done_reason"):
            events.append(self.end())
        return events

    def end(self) -> Done:
        """There will be no more records, and that is right."""
        self.finished = True
        return Done(self.reply())

    @property
    def says_nothing_of_its_end(self) -> bool:
        """Whether the last record has no `done` at all: some servers never send it."""
        return bool(self._last) and "done" not in self._last

    @property
    def repeats_itself(self) -> bool:
        """Whether the text ends in as many identical pieces as make the server give up."""
        return self._repeats >= _SILENT_REPEATS

    def partial(self) -> Reply:
        """What has arrived so far: what was said, and not yet how it ended."""
        reply = Reply("".join(self._text))
        reply.thinking = "".join(self._thinking)
        reply.tool_calls = tuple(self._tool_calls)
        reply.logprobs = tuple(self._logprobs)
        reply.raw = self._last
        return reply

    def reply(self) -> Reply:
        """The whole answer. Raises MalformedError where its last record is not what it should be."""
        record = self._last
        reply = self.partial()
        reply.stats = _stats(record)
        reply.done_reason = _field(record, "done_reason", str, None)
        reply.stopped_by = _stopped_by(reply.done_reason, reply.stats, self._sent)
        reply.context = tuple(_field(record, "context", list, ()))
        reply.model = _field(record, "model", str, "")
        return reply

    def _count_repeats(self, text: str) -> None:
        same = bool(self._text) and self._text[-1].strip() == text.strip()
        self._repeats = self._repeats + 1 if same else 0


def _field(record: Mapping[str, Any], name: str, kind: type, default: Any) -> Any:
    """A field of a record; `null` and a missing one are the default."""
    value = record.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise MalformedError(
            f"the field {name!r} of a record is {type(value).__name__}, not {kind.__name__}",
            shown(value),
        )
    return value


def _tool_call(call: object) -> ToolCall:
    if not isinstance(call, dict):
        raise MalformedError("a tool call that is not an object", shown(call))
    function = _field(call, "function", dict, {})
    return ToolCall(
        _field(function, "name", str, ""),
        _field(function, "arguments", dict, {}),
        _field(call, "id", str, None),
    )


def _stats(record: Mapping[str, Any]) -> Stats:
    def count(name: str) -> int:
        value: int = _field(record, name, int, 0)
        if abs(value) > _GREATEST:
            raise MalformedError(f"the field {name!r} of a record is beyond all bounds")
        return value

    def seconds(name: str) -> float:
        return count(name) / 1e9

    return Stats(
        count("prompt_eval_count"),
        count("eval_count"),
        seconds("total_duration"),
        seconds("load_duration"),
        seconds("prompt_eval_duration"),
        seconds("eval_duration"),
    )


def _stopped_by(done_reason: str | None, stats: Stats, sent: Sent) -> StoppedBy | None:
    match done_reason:
        case "stop" | "load" | "unload":
            return cast("StoppedBy", done_reason)
        case "length":
            if sent.num_predict and 0 < sent.num_predict <= stats.eval_count:
                return "limit"
            used = stats.prompt_eval_count + stats.eval_count
            if sent.shift is False and sent.num_ctx and used >= sent.num_ctx:
                return "window"
            return "length"
        case _:
            return None
