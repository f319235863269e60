"""The bytes of an answer -> its items and its result, while they arrive. This file knows no network.

Every answer is read the same way: bytes are fed to a reader until it is finished; `end` says that the
body is over, `broken` what a connection that broke off means at this point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar, cast

from vuhitra.errors import (
    OllamaConnectionError,
    OllamaError,
    OllamaIncompleteError,
    OllamaProtocolError,
    OllamaTimeoutError,
)
from vuhitra.http import Head
from vuhitra.lines import MalformedError, Splitter, decode, decode_record, shown
from vuhitra.refusals import Subject, error_line, refused
from vuhitra.reply import Event, Gathered, Reply, Sent
from vuhitra.types import Progress

ANSWER_LIMIT = 256 * 1024 * 1024
"""The longest answer that is taken, in bytes."""
REFUSAL_LIMIT = 1024 * 1024
"""As much of an error's body as is looked at, in bytes."""

Item_co = TypeVar("Item_co", covariant=True)
Result_co = TypeVar("Result_co", covariant=True)
T = TypeVar("T")


class Reader(Protocol[Item_co, Result_co]):
    """What turns an answer's bytes into items, as they come, and into a result at the end."""

    @property
    def finished(self) -> bool:
        """Whether the answer is whole. More bytes may follow; they mean nothing."""
        ...

    def feed(self, data: bytes) -> Iterator[Item_co]:
        """The items that these bytes complete. Raises OllamaError or MalformedError, after the items before it."""
        ...

    def end(self) -> Iterator[Item_co]:
        """The last items. Raises OllamaError or MalformedError where the body may not end here."""
        ...

    def broken(self, error: OllamaConnectionError) -> OllamaError:
        """What to raise for an answer that broke off here with `error`."""
        ...

    def malformed(self, error: MalformedError) -> OllamaError:
        """What to raise for an answer that is not what it should be."""
        ...

    def result(self) -> Result_co:
        """The whole answer."""
        ...


class _Bounded:
    """Counts an answer's bytes."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._size = 0
        self.finished = False

    def _count(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > ANSWER_LIMIT:
            raise MalformedError(f"an answer of more than {ANSWER_LIMIT >> 20} MB")

    def malformed(self, error: MalformedError) -> OllamaError:
        return OllamaProtocolError(
            f"what answers at {self._subject.host} doesn't speak Ollama's protocol",
            why=str(error),
            snippet=error.snippet,
        )


class DocumentReader(_Bounded, Generic[T]):
    """An answer that is one JSON document. read: what to make of it."""

    def __init__(self, subject: Subject, read: Callable[[Any], T]) -> None:
        super().__init__(subject)
        self._read = read
        self._pieces: list[bytes] = []
        self._result: list[T] = []

    def feed(self, data: bytes) -> Iterator[T]:
        self._count(data)
        self._pieces.append(data)
        return iter(())

    def end(self) -> Iterator[T]:
        document = decode(b"".join(self._pieces))
        if isinstance(document, dict) and document.get("error") is not None:
            raise error_line(self._subject, document["error"])
        self._result.append(self._read(document))
        self.finished = True
        return iter(self._result)

    def broken(self, error: OllamaConnectionError) -> OllamaError:
        return error

    def result(self) -> T:
        return self._result[0]


class _RecordReader(_Bounded):
    """An answer that is a record a line. indented: whether a record may also go over several lines."""

    def __init__(self, subject: Subject, *, indented: bool = False) -> None:
        super().__init__(subject)
        self._lines = Splitter()
        self._indented = indented
        self._held: list[bytes] = []
        self._arrived = False

    def _records(self, data: bytes) -> Iterator[dict[str, Any]]:
        self._count(data)
        lines = self._lines.feed(data)
        return self._joined(lines) if self._indented else map(decode_record, lines)

    def _joined(self, lines: list[bytes]) -> Iterator[dict[str, Any]]:
        """The records on lines of their own; from the first that is not on one, all is held to the end."""
        for line in lines:
            if not self._held:
                try:
                    yield decode_record(line)
                    continue
                except MalformedError:
                    pass
            self._held.append(line)

    def _rest(self) -> Iterator[dict[str, Any]]:
        lines = [*self._held, *self._lines.flush()]
        return map(decode_record, [b"\n".join(lines)] if lines else [])

    def _no_end(self) -> OllamaConnectionError:
        return OllamaConnectionError(
            f"Ollama at {self._subject.host} closed the connection with no answer", reason="closed"
        )


class ReplyReader(_RecordReader):
    """The answer of `/api/generate` and `/api/chat`.

    Finished means `done: true` or a `done_reason`. Outside NDJSON, as some compatible servers and
    mocks answer, one object without `done` is finished too; one with `done: false` is not.
    """

    def __init__(self, subject: Subject, head: Head, sent: Sent) -> None:
        self._is_stream = "ndjson" in (head.header("content-type") or "").lower()
        super().__init__(subject, indented=not self._is_stream)
        self._gathered = Gathered(sent)

    def feed(self, data: bytes) -> Iterator[Event]:
        return self._events(self._records(data))

    def end(self) -> Iterator[Event]:
        yield from self._events(self._rest())
        if not self.finished and not self._is_stream and self._gathered.says_nothing_of_its_end:
            self.finished = True
            yield self._gathered.end()
        if not self.finished:
            raise self._unfinished()

    def broken(self, error: OllamaConnectionError) -> OllamaError:
        if isinstance(error, OllamaTimeoutError):
            error.partial = self._gathered.partial() if self._arrived else None
            return error
        if not self._arrived:
            return error
        return OllamaIncompleteError(
            f"the connection to Ollama at {self._subject.host} broke in the middle of the answer",
            why=error.why or error.reason,
            partial=self._gathered.partial(),
            reason="cut",
        )

    def result(self) -> Reply:
        return self._gathered.reply()

    def _events(self, records: Iterable[dict[str, Any]]) -> Iterator[Event]:
        for record in records:
            if record.get("error") is not None:
                raise self._failed(record["error"])
            events = self._gathered.add(record)
            self._arrived = True
            self.finished = self._gathered.finished
            yield from events
            if self.finished:
                return

    def _failed(self, error: object) -> OllamaError:
        plain = error_line(self._subject, error)
        if not self._arrived:
            return plain
        return OllamaIncompleteError(
            f"Ollama at {self._subject.host} failed in the middle of the answer",
            why=plain.why,
            partial=self._gathered.partial(),
            reason="server-error",
        )

    def _unfinished(self) -> OllamaError:
        if not self._arrived:
            return self._no_end()
        if self._gathered.repeats_itself:
            return OllamaIncompleteError(
                f"{self._subject.model!r} repeated one token 30 times, and the server ended the answer there",
                partial=self._gathered.partial(),
                reason="repetition",
                hint="a higher temperature or repeat_penalty may help",
            )
        return OllamaIncompleteError(
            f"Ollama at {self._subject.host} ended the answer without saying that it is complete",
            partial=self._gathered.partial(),
            reason="no-end",
        )


class ProgressReader(_RecordReader):
    """The answer of `/api/pull`: steps, the last of which is `success`."""

    def feed(self, data: bytes) -> Iterator[Progress]:
        return self._steps(self._records(data))

    def end(self) -> Iterator[Progress]:
        yield from self._steps(self._rest())
        if not self.finished:
            raise self.broken(self._no_end())

    def broken(self, error: OllamaConnectionError) -> OllamaError:
        if self._arrived and not isinstance(error, OllamaTimeoutError):
            return OllamaConnectionError(
                f"the pull of {self._subject.model!r} by Ollama at {self._subject.host} broke off",
                why=error.why or error.reason,
                reason=error.reason,
                hint="the same call goes on from there",
            )
        return error

    def result(self) -> None:
        return None

    def _steps(self, records: Iterable[dict[str, Any]]) -> Iterator[Progress]:
        for record in records:
            if record.get("error") is not None:
                raise error_line(self._subject, record["error"])
            if not isinstance(record.get("status"), str):
                raise MalformedError("a step of a pull without a status", shown(record))
            self._arrived = True
            self.finished = self.finished or record["status"] == "success"
            yield cast("Progress", record)


class RefusalReader(_Bounded):
    """The body of an error status; it ends in the exception that it means."""

    def __init__(self, subject: Subject, head: Head) -> None:
        super().__init__(subject)
        self._head = head
        self._body = b""

    def feed(self, data: bytes) -> Iterator[Any]:
        self._body += data[: REFUSAL_LIMIT - len(self._body)]
        return self.end() if len(self._body) >= REFUSAL_LIMIT else iter(())

    def end(self) -> Iterator[Any]:
        raise refused(self._subject, self._head, self._body)

    def broken(self, error: OllamaConnectionError) -> OllamaError:
        return refused(self._subject, self._head, self._body)

    def result(self) -> Any:
        raise refused(self._subject, self._head, self._body)
