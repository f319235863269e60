"""Answers as they arrive: `Stream` and `ProgressStream`.

A stream was opened, and its first record received, before its user gets it; leaving it early closes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from vuhitra.arriving import Arriving, Item
from vuhitra.errors import OllamaError
from vuhitra.reply import Event, Reply, Text
from vuhitra.types import Progress

if TYPE_CHECKING:
    from typing import Self

    from vuhitra.flows import Send
    from vuhitra.limits import Deadline
    from vuhitra.readers import Reader
    from vuhitra.transport.interface import Incoming


class Receiving(Arriving[Item]):
    """An answer that is coming in, item by item."""

    def __init__(self, incoming: Incoming, reader: Reader[Item, Any], step: Send) -> None:
        super().__init__(reader, step)
        self._incoming = incoming

    def opened(self) -> Self:
        """Waits for the first item, or the end."""
        self._receive()
        self._is_opened = True
        return self

    def take(self) -> Item | None:
        """The next item, waiting for it; None at the end."""
        while self._receive():
            try:
                return self._items.popleft()
            except IndexError:  # another thread took it
                continue
        return None

    def items(self) -> Iterator[Item]:
        """The items that have not been taken yet, waiting for each."""
        while (item := self.take()) is not None:
            yield item

    def finish(self) -> Any:
        """Waits for the rest, and gives the whole answer."""
        while self._receive():
            self._items.clear()
        return self._reader.result()

    def close(self) -> None:
        """Ends the answer, on the server too, without reading the rest. May be called twice, and by any thread."""
        self._leave()
        if self._end_early():
            self._incoming.close()

    def abandon(self, error: OllamaError) -> None:
        """Ends the answer early, for what whoever reads it found wrong with it."""
        self._leave()
        if self._end_early(error):
            self._incoming.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _receive(self) -> bool:
        """Waits until an item is there; False where the answer is over."""
        self._raise_if_left()
        if self._items:
            return True
        if not self._awaited.acquire(blocking=False):
            raise RuntimeError("another thread waits for this answer already")
        try:
            return bool(self._items) or self._receive_more()
        finally:
            self._awaited.release()

    def _receive_more(self) -> bool:
        """Waits for more of the answer, if that isn't over; whether an item came."""
        self._raise_what_ended_it()
        if self._reader.finished:
            return False
        try:
            heard, deadline = self._heard, self._incoming.deadline()
            while not self._take_in(self._read(deadline)):
                if self._heard != heard:
                    heard, deadline = self._heard, self._incoming.deadline()
            if self._reader.finished and self._end_whole():
                self._incoming.finish()
        except BaseException as error:  # whatever ends the answer early, hangs up
            if self._end_early(error):
                if self._reader.is_read:
                    self._incoming.finish()
                else:
                    self._incoming.close()
            if not self._put_off(error):
                raise
        return bool(self._items)

    @property
    def _heard(self) -> tuple[bool, int]:
        """What has come, as far as it shows that the answer goes on: more of it is worth another wait."""
        return self._incoming.begun, self._reader.records

    def _read(self, deadline: Deadline) -> bytes:
        try:
            return self._incoming.read(deadline)
        except OllamaError as error:
            raise self._meant_by(error)  # noqa: B904  it knows its cause


class Stream(Receiving[Event]):
    """An answer as it is made: iterates over its text, piece by piece, none of them empty."""

    _belongs_to_the_user = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while (event := self.take()) is not None:
            if isinstance(event, Text):
                return event.text
        raise StopIteration

    def events(self) -> Iterator[Event]:
        """The answer as typed events: text, thinking, tool calls, and at last `Done`.

        Goes on from where the stream is: what was iterated over one way isn't given again the other.
        """
        return self.items()

    @property
    def reply(self) -> Reply:
        """The whole answer. Raises RuntimeError before its end."""
        reply: Reply = self._whole()
        return reply


class Steps(Protocol):
    """What makes the steps of an operation, one after the other."""

    def take(self) -> Progress | None:
        """The next step, waiting for it; None at the end."""
        ...

    def close(self) -> None:
        """Ends the operation."""
        ...


class ProgressStream:
    """The steps of a pull, a push or a making, as they happen: iterates over dicts, see `Progress`."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._first: Progress | None = None

    def opened(self) -> Self:
        """Waits for the first step."""
        self._first = self._steps.take()
        return self

    def __iter__(self) -> Iterator[Progress]:
        return self

    def __next__(self) -> Progress:
        first, self._first = self._first, None
        step = first or self._steps.take()
        if step is None:
            raise StopIteration
        return step

    def close(self) -> None:
        """Ends the operation, on the server too. May be called twice, and by any thread."""
        self._first = None
        self._steps.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
