"""An answer: `Reply`, the typed events it arrives as, and how records become both. This file knows no network."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

from vuhitra.lines import MalformedError, decode_record, shown

if TYPE_CHECKING:
    from vuhitra.types import Logprob, Message, ToolCallDict

StoppedBy = Literal["stop", "limit", "window", "length", "load", "unload"]

_SILENT_REPEATS = 30
"""The server ends an answer, and says nothing, after so many identical tokens in a row."""
_LONGEST_TOKEN = 64
"""Letters of the longest token that is looked for in an answer that came in one piece."""
_GREATEST = 2**63
"""The server's numbers have 64 bits."""


class Text(NamedTuple):
    """A piece of the answer's text; never empty."""

    text: str


class Thinking(NamedTuple):
    """A piece of what the model thinks before it answers; never empty."""

    text: str


class ToolCall(NamedTuple):
    """A function the model wants called, with its arguments by name.

    id: to answer it by. position: which of several calls it is (`index` on the wire). None where the
        server gives none.
    """

    name: str
    arguments: Mapping[str, Any]
    id: str | None = None
    position: int | None = None


class Done(NamedTuple):
    """The end of an answer: the whole of it."""

    reply: Reply


Event: TypeAlias = Text | Thinking | ToolCall | Done


class Stats(NamedTuple):
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
    parsed: what the text says, where a schema was given. messages: those that a run of tools
        added to the conversation, this reply's own among them; empty where no tools were run.

    It pickles, copies, and is its text for `json`, orjson and SQLite. msgspec takes no subclass of
    `str` by itself: `msgspec.json.encode(reply, enc_hook=str)`.
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
    parsed: Any = None
    messages: tuple[Message, ...] = ()

    @property
    def message(self) -> Message:
        """The reply as a message to append to a conversation: a plain dict; thinking only beside tool calls."""
        message: Message = {"role": "assistant", "content": str(self)}
        if self.tool_calls:
            message["tool_calls"] = [_as_dict(call) for call in self.tool_calls]
            if self.thinking:
                message["thinking"] = self.thinking
        return message


def _as_dict(call: ToolCall) -> ToolCallDict:
    made: ToolCallDict = {"function": {"name": call.name, "arguments": call.arguments}}
    if call.position is not None:
        made["function"]["index"] = call.position
    if call.id is not None:
        made["id"] = call.id
    return made


class Sent(NamedTuple):
    """What was asked for that tells why an answer stopped.

    num_ctx: the context window that was sent, or was seen to be the model's.
    """

    num_predict: int | None = None
    num_ctx: int | None = None
    shift: bool | None = None


_OF_ANSWERS = frozenset(["response", "message", "thinking", "done", "done_reason"])
"""Fields by which a record is known to be one of an answer."""


class Gathered:
    """What has arrived of an answer: records in, events out, a `Reply` at any time.

    finished: whether a record said that it was the last.
    """

    def __init__(self, sent: Sent) -> None:
        self._sent = sent
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._tool_calls: list[ToolCall] = []
        self._logprobs: list[Logprob] = []
        self._last: dict[str, Any] | bytes = {}
        self.finished = False

    def add(self, record: dict[str, Any]) -> list[Event]:
        """The events in one record of `/api/generate` or `/api/chat`.

        Raises MalformedError where a known field has another type than the API's.
        """
        events: list[Event] = []
        said, name = record, "response"
        if record.get("message") is not None:
            said, name = _field(record, "message", dict, {}), "content"
        if said.get("thinking") is not None and (thinking := _field(said, "thinking", str, "")):
            events.append(Thinking(thinking))
            self._thinking.append(thinking)
        if text := _field(said, name, str, ""):
            events.append(Text(text))
            self._text.append(text)
        if said.get("tool_calls") is not None:
            calls = [_tool_call(call) for call in _field(said, "tool_calls", list, ())]
            events += calls
            self._tool_calls += calls
        if record.get("logprobs") is not None:
            self._logprobs += _logprobs(record)
        if record.get("done") is not False or record.get("done_reason") is not None:
            self.finished = _field(record, "done", bool, False) or bool(_field(record, "done_reason", str, ""))
        self._last = record
        return events

    def add_text(self, text: str, line: bytes) -> Text:
        """The event of a record that holds a text and nothing else. line: the record, as it came."""
        self._text.append(text)
        self._last = line
        return Text(text)

    @property
    def says_nothing_of_its_end(self) -> bool:
        """Whether the last record has no `done` at all: some servers never send it.

        Raises MalformedError where it has nothing else either that answers have.
        """
        last = self._last_record()
        if not _OF_ANSWERS & last.keys():
            raise MalformedError("an answer with neither a response nor a message", shown(last))
        return last.get("done") is None

    @property
    def repeats_itself(self) -> bool:
        """Whether the answer ends in as many identical tokens as make the server give up."""
        pieces = self._text or self._thinking
        if len(pieces) == 1:
            return _ends_in_repetition(pieces[0])
        return len(pieces) >= _SILENT_REPEATS and len({piece.strip() for piece in pieces[-_SILENT_REPEATS:]}) == 1

    def partial(self) -> Reply:
        """What has arrived so far: what was said, and not yet how it ended."""
        reply = Reply("".join(self._text))
        reply.thinking = "".join(self._thinking)
        reply.tool_calls = tuple(self._tool_calls)
        reply.logprobs = tuple(self._logprobs)
        reply.raw = self._last_record()
        return reply

    def reply(self) -> Reply:
        """The whole answer. Raises MalformedError where its last record is not what it should be."""
        record = self._last_record()
        stats, context = _stats(record), _context(record)
        done_reason, model = _field(record, "done_reason", str, None) or None, _field(record, "model", str, "")
        self._text = ["".join(self._text)]  # a long text is held no more than twice at once
        reply = self.partial()
        self._text = [reply]
        reply.stats, reply.context, reply.done_reason, reply.model = stats, context, done_reason, model
        reply.stopped_by = _stopped_by(done_reason, stats, self._sent)
        return reply

    def _last_record(self) -> dict[str, Any]:
        return decode_record(self._last) if isinstance(self._last, bytes) else self._last


def _ends_in_repetition(text: str) -> bool:
    """Whether a text ends in one token over and over, for an answer whose tokens came all at once."""
    return any(
        text.endswith(text[-size:] * _SILENT_REPEATS)
        for size in range(1, min(_LONGEST_TOKEN, len(text) // _SILENT_REPEATS) + 1)
    )


def _field(record: Mapping[str, Any], name: str, kind: type, default: Any) -> Any:
    """A field of a record; `null` and a missing one are the default."""
    value = record.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise MalformedError(
            f"the field {name!r} of a record is {type(value).__name__}, not {kind.__name__}",
            shown(value),
        )
    return value


def _logprobs(record: Mapping[str, Any]) -> list[Logprob]:
    """How likely each token of a record was. Raises MalformedError."""
    given: list[Any] = _field(record, "logprobs", list, [])
    for each in given:
        if not isinstance(each, dict) or not isinstance(each.get("token"), str):
            raise MalformedError("a log probability of no token", shown(each))
        if not isinstance(each.get("logprob"), int | float) or isinstance(each["logprob"], bool):
            raise MalformedError("a log probability that is not a number", shown(each))
    return given


def _context(record: Mapping[str, Any]) -> tuple[int, ...]:
    given: tuple[Any, ...] = tuple(_field(record, "context", list, ()))
    if not all(type(token) is int for token in given):
        raise MalformedError("the field 'context' of a record holds what is not a token's number", shown(given))
    return given


def _tool_call(call: object) -> ToolCall:
    if not isinstance(call, dict):
        raise MalformedError("a tool call that is not an object", shown(call))
    function = _field(call, "function", dict, {})
    if not (name := _field(function, "name", str, "")):
        raise MalformedError("a tool call of no function", shown(call))
    return ToolCall(
        name,
        _field(function, "arguments", dict, {}),
        _field(call, "id", str, None),
        _field(function, "index", int, None),
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
