"""The bytes of an answer -> its items and its result: what all readers do, and those of whole bodies. No network.

Every answer is read the same way: bytes are fed to a reader until it is finished; `end` says that the
body is over, `broken` what a connection that broke off means at this point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from vuhitra import documents
from vuhitra.errors import OllamaCapabilityError, OllamaConnectionError, OllamaError, OllamaProtocolError
from vuhitra.lines import MalformedError, decode_document
from vuhitra.refusals import error_line, raise_error_in, refused
from vuhitra.reply import Stats

if TYPE_CHECKING:
    from vuhitra.documents import Vectors
    from vuhitra.http import Head
    from vuhitra.subjects import Subject

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

    @property
    def records(self) -> int:
        """How many records have come that say something, and hold no item."""
        ...

    @property
    def stats(self) -> Stats | None:
        """What the answer took, where the result doesn't tell."""
        ...

    @property
    def is_read(self) -> bool:
        """Whether no more will come, though the answer ends in an error: the connection is good for another."""
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


class Bounded:
    """Counts an answer's bytes, and knows whether the answer itself says where it ends."""

    def __init__(self, subject: Subject, head: Head) -> None:
        self._subject = subject
        framed = any(name in (b"content-length", b"transfer-encoding") for name, _ in head.headers)
        self._says_its_end = framed or head.status == 204
        self._size = 0
        self._is_over = False
        self.is_read = False
        self.records = 0
        self.stats: Stats | None = None
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


class _WholeReader(Bounded, Generic[T]):
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
    """The answer of `/api/embed`. expected: how many texts were sent. dimensions: how long vectors were asked for.

    stats: what the answer took, once it is whole.
    """

    def __init__(self, subject: Subject, head: Head, expected: int, dimensions: int | None) -> None:
        super().__init__(subject, head)
        self._expected = expected
        self._dimensions = dimensions
        self.stats = Stats()

    def _understood(self, body: bytes) -> Vectors:
        vectors, error, self.stats = documents.vectors(body, self._expected)
        if error is not None:
            raise error_line(self._subject, error)
        if self._dimensions is not None and len(vectors[0]) != self._dimensions:
            raise OllamaCapabilityError(
                f"{self._subject.model!r} at {self._subject.host} makes vectors of {len(vectors[0])} numbers",
                why=f"{self._dimensions} were asked for",
                model=self._subject.model,
                hint=f"dimensions up to {len(vectors[0])}, or none"
                if len(vectors[0]) < self._dimensions
                else "no dimensions: this model doesn't make its vectors shorter",
            )
        return vectors


class NothingReader(_WholeReader[None]):
    """An answer whose status says all: it has no body, or an object, which may yet be an error."""

    def _understood(self, body: bytes) -> None:
        if body.strip():
            raise_error_in(self._subject, documents.json_object(decode_document(body)))


class RefusalReader(Bounded):
    """The body of an error status; it ends in the exception that it means."""

    def __init__(self, subject: Subject, head: Head) -> None:
        super().__init__(subject, head)
        self._head = head
        self._body = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        self._body += data[: REFUSAL_LIMIT - len(self._body)]
        return self.end() if len(self._body) >= REFUSAL_LIMIT else iter(())

    def end(self) -> Iterator[Any]:
        self.is_read = len(self._body) < REFUSAL_LIMIT
        raise self._refusal()

    def broken(self, error: OllamaError) -> OllamaError:
        return self._refusal()

    def result(self) -> Any:
        raise self._refusal()

    def _refusal(self) -> OllamaError:
        return refused(self._subject, self._head, bytes(self._body))
