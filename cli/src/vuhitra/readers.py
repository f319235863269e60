"""The bytes of an answer -> its items and its result, while they arrive. This file knows no network.

Every answer is read the same way: bytes are fed to a reader until it is finished; `end` says that the
body is over, `broken` what a connection that broke off means at this point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from vuhitra import documents
from vuhitra.errors import (
    OllamaCapabilityError,
    OllamaConnectionError,
    OllamaError,
    OllamaIncompleteError,
    OllamaProtocolError,
    OllamaTimeoutError,
)
from vuhitra.lines import MalformedError, Splitter, decode_document, decode_record
from vuhitra.refusals import error_among, error_line, raise_error_in, refused
from vuhitra.reply import Done, Gathered, Reply, Sent

if TYPE_CHECKING:
    from vuhitra.documents import Vectors
    from vuhitra.errors import IncompleteReason
    from vuhitra.http import Head
    from vuhitra.reply import Event
    from vuhitra.subjects import Subject
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

    def broken(self, error: OllamaError) -> OllamaError:
        """What to raise for an answer that broke off here with `error`."""
        ...

    def malformed(self, error: MalformedError) -> OllamaError:
        """What to raise for an answer that is not what it should be."""
        ...

    def result(self) -> Result_co:
        """The whole answer."""
        ...


class _Bounded:
    """Counts an answer's bytes, and knows whether the answer itself says where it ends."""

    def __init__(self, subject: Subject, head: Head) -> None:
        self._subject = subject
        self._says_its_end = any(name in (b"content-length", b"transfer-encoding") for name, _ in head.headers)
        self._size = 0
        self._is_over = False
        self.finished = False

    def _count(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > ANSWER_LIMIT:
            raise MalformedError(f"an answer of more than {ANSWER_LIMIT >> 20} MB")

    def broken(self, error: OllamaError) -> OllamaError:
        return error

    def malformed(self, error: MalformedError) -> OllamaError:
        if self._is_cut(error) and not self._says_its_end:
            return self._closed()
        return OllamaProtocolError(
            f"what answers at {self._subject.host} doesn't speak Ollama's protocol",
            why=str(error),
            snippet=self._subject.hide(error.snippet),
        )

    def _is_cut(self, error: MalformedError) -> bool:
        """Whether the body ended in the middle of an object. A line whose end came should have been whole."""
        return self._is_over and error.is_cut

    def _closed(self) -> OllamaConnectionError:
        """The error of an answer that ends, and hasn't really begun."""
        return OllamaConnectionError(
            f"Ollama at {self._subject.host} closed the connection with no answer", reason="closed"
        )


class _WholeReader(_Bounded, Generic[T]):
    """An answer that is looked at once it is whole."""

    def __init__(self, subject: Subject, head: Head) -> None:
        super().__init__(subject, head)
        self._pieces: list[bytes] = []
        self._result: T

    def feed(self, data: bytes) -> Iterator[Any]:
        self._count(data)
        self._pieces.append(data)
        return iter(())

    def end(self) -> Iterator[Any]:
        self._is_over = True
        body = b"".join(self._pieces)
        self._pieces.clear()
        self._result = self._understood(body)
        self.finished = True
        return iter(())

    def result(self) -> T:
        return self._result

    def _understood(self, body: bytes) -> T:
        raise NotImplementedError


class DocumentReader(_WholeReader[T]):
    """An answer that is one JSON document. read: what to make of it."""

    def __init__(self, subject: Subject, head: Head, read: Callable[[Any], T]) -> None:
        super().__init__(subject, head)
        self._read = read

    def _understood(self, body: bytes) -> T:
        document = decode_document(body)
        raise_error_in(self._subject, document)
        return self._read(document)


class EmbeddingsReader(_WholeReader["Vectors"]):
    """The answer of `/api/embed`. expected: how many texts were sent. dimensions: how long vectors were asked for."""

    def __init__(self, subject: Subject, head: Head, expected: int, dimensions: int | None) -> None:
        super().__init__(subject, head)
        self._expected = expected
        self._dimensions = dimensions

    def _understood(self, body: bytes) -> Vectors:
        vectors, error = documents.vectors(body, self._expected)
        if error is not None:
            raise error_line(self._subject, error)
        if self._dimensions is not None and len(vectors[0]) != self._dimensions:
            raise OllamaCapabilityError(
                f"{self._subject.model!r} at {self._subject.host} makes vectors of {len(vectors[0])} numbers",
                why=f"{self._dimensions} were asked for",
                model=self._subject.model,
                hint=f"dimensions up to {len(vectors[0])}, or none" if len(vectors[0]) < self._dimensions else None,
            )
        return vectors


class NothingReader(_WholeReader[None]):
    """An answer whose status says all; only an error in its body counts."""

    def _understood(self, body: bytes) -> None:
        with suppress(MalformedError):
            raise_error_in(self._subject, decode_document(body))


class _RecordReader(_Bounded):
    """An answer that is a record a line."""

    def __init__(self, subject: Subject, head: Head) -> None:
        super().__init__(subject, head)
        self._splitter = Splitter()
        self._arrived = False

    def _lines(self, data: bytes) -> list[bytes]:
        self._count(data)
        return self._splitter.feed(data)

    def _last_line(self, held: Iterable[bytes] = ()) -> Iterator[dict[str, Any]]:
        """The record on the line that the body's end ends. held: the lines before it that belong to it."""
        self._is_over = True
        line = b"\n".join([*held, *self._splitter.flush()])
        return map(decode_record, [line] if line else [])


class ReplyReader(_RecordReader):
    """The answer of `/api/generate` and `/api/chat`.

    Finished means `done: true` or a `done_reason`. Outside NDJSON, as some compatible servers and
    mocks answer, one object without `done` is finished too; one with `done: false` is not.
    parse: what the whole reply says, for `reply.parsed`; it may raise OllamaOutputError.
    """

    def __init__(
        self, subject: Subject, head: Head, sent: Sent, parse: Callable[[Reply], object] | None = None
    ) -> None:
        super().__init__(subject, head)
        from vuhitra.pieces import plain_text

        self._plain_text = plain_text
        self._is_stream = "ndjson" in (head.header("content-type") or "").lower()
        self._held: list[bytes] = []
        self._gathered = Gathered(sent)
        self._parse = parse
        self._reply: Reply | None = None

    def feed(self, data: bytes) -> Iterator[Event]:
        lines = self._lines(data)
        return self._pieces(iter(lines)) if self._is_stream else self._events(self._joined(lines))

    def end(self) -> Iterator[Event]:
        yield from self._events(self._last_line(self._held))
        if not self.finished and not self._is_stream and self._gathered.says_nothing_of_its_end:
            yield self._done()
        if not self.finished:
            raise self._unfinished()

    def broken(self, error: OllamaError) -> OllamaError:
        if self._arrived and isinstance(error, OllamaTimeoutError | OllamaProtocolError):
            error.partial = self._gathered.partial()
        elif self._arrived and isinstance(error, OllamaConnectionError):
            return self._cut(error.why or error.reason)
        return error

    def malformed(self, error: MalformedError) -> OllamaError:
        if self._arrived and self._is_cut(error):
            return self._cut(str(error))
        return self.broken(super().malformed(error))

    def result(self) -> Reply:
        if self._reply is None:
            raise RuntimeError("the answer isn't whole yet")
        return self._reply

    def _pieces(self, lines: Iterator[bytes]) -> Iterator[Event]:
        """The events of records, a line each. Most are a piece of text, so these are read fast."""
        for line in lines:
            text = self._plain_text(line)
            if text is None:
                yield from self._events(map(decode_record, chain((line,), lines)))
                return
            self._arrived = True
            yield self._gathered.add_text(text, line)

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

    def _events(self, records: Iterator[dict[str, Any]]) -> Iterator[Event]:
        gathered = self._gathered
        for record in records:
            if record.get("error") is not None:
                raise self._failed(record["error"])
            yield from gathered.add(record)
            self._arrived = True
            if gathered.finished:
                if (error := error_among(records)) is not None:
                    raise self._failed(error)
                yield self._done()
                return

    def _done(self) -> Done:
        """The answer is whole."""
        reply = self._gathered.reply()
        if reply.stopped_by == "window":
            self._warn_of_the_window(reply.stats.prompt_eval_count + reply.stats.eval_count)
        if self._parse is not None:
            reply.parsed = self._parse(reply)
        self._reply = reply
        self.finished = True
        return Done(reply)

    def _warn_of_the_window(self, tokens: int) -> None:
        from logging import getLogger

        says = "the answer of %s at %s ends where its context window of %d tokens does"
        extra = {"model": self._subject.model, "stopped_by": "window"}
        getLogger("vuhitra").warning(says, self._subject.model, self._subject.host, tokens, extra=extra)

    def _failed(self, error: object) -> OllamaError:
        plain = error_line(self._subject, error)
        return (
            self._incomplete("failed in the middle of the answer", "server-error", plain.why)
            if self._arrived
            else plain
        )

    def _cut(self, why: str) -> OllamaError:
        return self._incomplete("broke off in the middle of the answer", "cut", why)

    def _unfinished(self) -> OllamaError:
        if not self._arrived:
            return self._closed()
        if self._gathered.repeats_itself:
            error = self._incomplete("ended the answer", "repetition", "the model repeated one token 30 times")
            error.hint = "a higher repeat_penalty or temperature"
            return error
        return self._incomplete("ended the answer without saying that it is complete", "no-end")

    def _incomplete(self, what: str, reason: IncompleteReason, why: str | None = None) -> OllamaError:
        return OllamaIncompleteError(
            f"Ollama at {self._subject.host} {what}", why=why, partial=self._gathered.partial(), reason=reason
        )


_DOING = {"/api/pull": "pull", "/api/push": "push", "/api/create": "creation"}


class ProgressReader(_RecordReader):
    """The answer of `/api/pull`, `/api/push` and `/api/create`: steps, the last of which is `success`."""

    def feed(self, data: bytes) -> Iterator[Progress]:
        return self._steps(map(decode_record, self._lines(data)))

    def end(self) -> Iterator[Progress]:
        yield from self._steps(self._last_line())
        if not self.finished:
            raise self.broken(self._closed())

    def broken(self, error: OllamaError) -> OllamaError:
        if not self._arrived or isinstance(error, OllamaTimeoutError) or not isinstance(error, OllamaConnectionError):
            return error
        doing = _DOING.get(self._subject.path, self._subject.path)
        return OllamaConnectionError(
            f"the {doing} of {self._subject.model!r} by Ollama at {self._subject.host} broke off",
            why=error.why or error.reason,
            reason=error.reason,
            hint="the same call, which goes on from there" if doing != "creation" else None,
        )

    def malformed(self, error: MalformedError) -> OllamaError:
        if self._arrived and self._is_cut(error):
            return self.broken(self._closed())
        return super().malformed(error)

    def result(self) -> None:
        return None

    def _steps(self, records: Iterable[dict[str, Any]]) -> Iterator[Progress]:
        for record in records:
            if record.get("error") is not None:
                raise error_line(self._subject, record["error"])
            step = documents.step(record)
            self._arrived = True
            self.finished = self.finished or step["status"] == "success"
            yield cast("Progress", step)


class RefusalReader(_Bounded):
    """The body of an error status; it ends in the exception that it means."""

    def __init__(self, subject: Subject, head: Head) -> None:
        super().__init__(subject, head)
        self._head = head
        self._body = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        self._body += data[: REFUSAL_LIMIT - len(self._body)]
        return self.end() if len(self._body) >= REFUSAL_LIMIT else iter(())

    def end(self) -> Iterator[Any]:
        raise self._refusal()

    def broken(self, error: OllamaError) -> OllamaError:
        return self._refusal()

    def result(self) -> Any:
        raise self._refusal()

    def _refusal(self) -> OllamaError:
        return refused(self._subject, self._head, bytes(self._body))
