"""For your own tests: a transport that answers as its script says, for a client that needs no server.

    from vuhitra import OllamaClient
    from vuhitra.testing import ScriptedTransport, answer, refusal

    transport = ScriptedTransport(refusal(503, "server busy"), answer("Hel", "lo."))
    with OllamaClient(model="m", transport=transport) as client:
        assert client.chat([{"role": "user", "content": "Say hello."}]) == "Hello."
    assert [request.path for request in transport.requests] == ["/api/chat", "/api/chat"]

Answers are given in the order in which they are asked for, one a request. What the library asks for besides
counts, too: a missing model, and one that can't embed, has it look at `/api/tags`, a `start` time-out at `/api/ps`, and
`load_model` asks a model that can't generate again by `/api/embed`. Time passes by waiting only, so a test of trying
again takes none.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vuhitra.errors import OllamaConnectionError, OllamaError, OllamaTimeoutError
from vuhitra.http import Head, Headers, Request, Upload
from vuhitra.limits import Deadline, Deadlines, Timeouts

if TYPE_CHECKING:
    from vuhitra.transport.interface import Ending, Holder

__all__ = [
    "Answer",
    "Asked",
    "AsyncScriptedTransport",
    "ScriptedTransport",
    "answer",
    "document",
    "refusal",
    "stream",
    "unreachable",
]

_NDJSON = "application/x-ndjson"
_JSON = "application/json"


class Answer(NamedTuple):
    """One answer of the script. pieces: its body, as it arrives: records, or bytes as they are. end: how it ends.

    Made by `answer`, `stream`, `document` and `refusal`.
    """

    status: int
    content_type: str
    pieces: tuple[Mapping[str, Any] | bytes, ...]
    headers: tuple[tuple[str, str], ...] = ()
    end: Literal["whole", "breaks off", "falls silent"] = "whole"

    def breaks_off(self, after: int = 0) -> Answer:
        """The same answer, but the connection breaks after so many pieces; after none: with no answer at all."""
        return self._replace(pieces=self.pieces[:after], end="breaks off")

    def falls_silent(self, after: int = 0) -> Answer:
        """The same answer, but after so many pieces nothing comes any more, until a limit of `Timeouts` passes."""
        return self._replace(pieces=self.pieces[:after], end="falls silent")

    def with_headers(self, **headers: str) -> Answer:
        """The same answer with more headers; `retry_after="7"` is Retry-After."""
        more = ((name.replace("_", "-"), value) for name, value in headers.items())
        return self._replace(headers=(*self.headers, *more))


class Asked(NamedTuple):
    """A request that was made. path: with the prefix of the server's URL, if that has one. headers: all of them."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded; None where there is none."""
        return json.loads(self.body) if self.body else None


def answer(*texts: str, thinking: str = "", tool_calls: list[Any] | None = None, **last: Any) -> Answer:
    """A model's answer, for `chat` and `generate`, whole or streamed.

    texts: the pieces in which it arrives. thinking: what the model thought before. tool_calls: as they stand in a
    message, `{"function": {"name": ..., "arguments": {...}}}`. last: more fields of the last record, as `eval_count`;
    `done_reason` is "stop" where it isn't given.
    """
    said: list[dict[str, Any]] = [{"content": "", "thinking": thinking}] if thinking else []
    said += [{"content": text} for text in texts]
    said += [{"content": "", "tool_calls": tool_calls}] if tool_calls else []
    records = [{"message": {"role": "assistant", **each}, "done": False} for each in said]
    end = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop", **last}
    return stream(*records, end)


def stream(*records: Mapping[str, Any]) -> Answer:
    """These records, a line each: the steps of a pull, or an answer that you make yourself.

    `{"error": "..."}` as the last one is what a server sends that fails in the middle.
    """
    return Answer(200, _NDJSON, records)


def document(value: object) -> Answer:
    """One JSON document, as `/api/tags` and `/api/embed` answer. bytes are sent as they are, `b""` as an empty body."""
    return Answer(200, _JSON, (value if isinstance(value, bytes) else json.dumps(value).encode(),))


def refusal(status: int, error: str) -> Answer:
    """An error status, and what the server says to it."""
    return document({"error": error})._replace(status=status)


def unreachable() -> OllamaError:
    """Nobody listens. Any other OllamaError may stand in a script, too, and is raised instead of an answer."""
    return OllamaConnectionError("cannot connect: so says the script", reason="refused")


class _Script:
    """What both transports share: the answers that are left, the requests that were made, and the clock."""

    def __init__(self, *answers: Answer | OllamaError) -> None:
        """answers: one a request, in order; an error is raised instead of an answer."""
        self._answers = deque(answers)
        self._now = 0.0
        self._is_closed = False
        self.requests: list[Asked] = []
        self.waits: list[float] = []

    @property
    def unused(self) -> tuple[Answer | OllamaError, ...]:
        """The answers that nobody has asked for yet."""
        return tuple(self._answers)

    def now(self) -> float:
        """The clock, in seconds: what was waited for so far, by the client or for an answer that fell silent."""
        return self._now

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._now += seconds

    def _next(self, request: Request) -> Answer:
        if self._is_closed:
            raise RuntimeError("this client is closed")
        self.requests.append(_asked(request))
        if not self._answers:
            number, asked = len(self.requests), self.requests[-1]
            raise AssertionError(f"the script has no answer to request {number}: {asked.method} {asked.path}")
        given = self._answers.popleft()
        if isinstance(given, OllamaError):
            raise copy(given)
        return given

    def fall_silent(self, deadline: Deadline) -> OllamaTimeoutError:
        """Lets the time pass until a deadline, and gives the error that this is."""
        self._now = max(self._now, deadline.at)
        what = f"no answer within {deadline.seconds:g} s: so says the script"
        return OllamaTimeoutError(what, phase=deadline.phase, seconds=deadline.seconds)


class _Arriving:
    """One answer, as it arrives; one without any piece that isn't whole is none at all."""

    lost: tuple[OllamaError, ...]

    def __init__(self, script: _Script, given: Answer, deadlines: Deadlines, sent: Headers) -> None:
        self.sent = sent
        self.lost = ()
        self._script = script
        self._end = given.end
        self._pieces = _bodies(given, script.requests[-1])
        self._deadlines = deadlines
        self._start = deadlines.start()
        headers = (("content-type", given.content_type), *given.headers)
        self.head = Head(given.status, tuple((name.lower().encode(), value.encode()) for name, value in headers))
        self.begun = False
        if not given.pieces and given.end != "whole":
            self._take(self._start)

    def deadline(self) -> Deadline:
        """By when the next piece must be there."""
        return self._deadlines.idle() if self.begun else self._start

    def _take(self, deadline: Deadline) -> bytes:
        """The next piece; `b""` at the end, where that is as it should be."""
        for piece in self._pieces:
            self.begun = True
            return piece
        if self._end == "falls silent":
            raise self._script.fall_silent(deadline)
        if self._end == "breaks off":
            raise OllamaConnectionError("lost the connection: so says the script", reason="closed")
        return b""


class _Incoming(_Arriving):
    def read(self, deadline: Deadline) -> bytes:
        return self._take(deadline)

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


class _AsyncIncoming(_Arriving):
    async def read(self, deadline: Deadline) -> bytes:
        return self._take(deadline)

    async def finish(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


class ScriptedTransport(_Script):
    """A transport for `OllamaClient` that gives the answers of a script, and raises AssertionError when it has no more.

    requests: what was asked for so far. waits: the seconds that the client waited each time before it tried again.
    """

    def open(
        self, request: Request, timeouts: Timeouts, give_up_at: float | None = None, holder: Holder | None = None
    ) -> _Incoming:
        """Gives the next answer of the script."""
        return _Incoming(self, self._next(request), Deadlines(timeouts, give_up_at, self.now), request.headers)

    def sleep(self, seconds: float, until: Ending | None = None) -> None:
        """Lets time pass."""
        self._wait(seconds)

    def close(self) -> None:
        """No more requests are taken."""
        self._is_closed = True


class AsyncScriptedTransport(_Script):
    """The same for `AsyncOllamaClient`."""

    async def open(self, request: Request, timeouts: Timeouts, give_up_at: float | None = None) -> _AsyncIncoming:
        """Gives the next answer of the script."""
        return _AsyncIncoming(self, self._next(request), Deadlines(timeouts, give_up_at, self.now), request.headers)

    async def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        self._wait(seconds)

    async def aclose(self) -> None:
        """No more requests are taken."""
        self._is_closed = True


def _asked(request: Request) -> Asked:
    body = request.body
    sent = b"".join(body.pieces()) if isinstance(body, Upload) else body or b""
    return Asked(request.method, request.target, dict(request.headers), sent)


def _bodies(given: Answer, asked: Asked) -> Iterator[bytes]:
    """The bytes of an answer, a piece at a time; empty ones would be its end."""
    for piece in given.pieces:
        body = piece if isinstance(piece, bytes) else json.dumps(_shaped(piece, asked)).encode() + b"\n"
        if body:
            yield body


def _shaped(record: Mapping[str, Any], asked: Asked) -> Mapping[str, Any]:
    """A record as the path that was asked has it: `generate` has the parts of a message in the record itself."""
    said = record.get("message")
    if not isinstance(said, Mapping):
        return record
    if asked.path.endswith("/api/generate"):
        said = {"response" if key == "content" else key: value for key, value in said.items() if key != "role"}
        record = {**said, **{key: value for key, value in record.items() if key != "message"}}
    return {"model": asked.json.get("model", ""), **record}
