"""Answers as they arrive: `Stream` and `AsyncStream`, `ProgressStream` and `AsyncProgressStream`.

A stream was opened, and its first record received, before its user gets it; leaving it early closes it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vuhitra.errors import OllamaConnectionError, OllamaError
from vuhitra.lines import MalformedError
from vuhitra.reply import Event, Reply, Text
from vuhitra.types import Progress

if TYPE_CHECKING:
    from typing import Self

    from vuhitra.limits import Deadline
    from vuhitra.readers import Reader
    from vuhitra.transport.asynchronous import AsyncIncoming
    from vuhitra.transport.blocking import Incoming

Item = TypeVar("Item")


class _Receiving(Generic[Item]):
    """What streams of both colours share: the items that have arrived, and whether it is over."""

    def __init__(self, reader: Reader[Item, Any]) -> None:
        self._reader = reader
        self._items: deque[Item] = deque()
        self._failure: OllamaError | None = None
        self._lock = threading.Lock()
        self._ended = False
        self._left = False

    def _take_in(self, data: bytes) -> bool:
        """Feeds the reader; whether something came of it, or the answer is over."""
        try:
            self._items.extend(self._reader.feed(data) if data else self._reader.end())
        except MalformedError as error:
            raise self._reader.malformed(error) from error
        return bool(self._items) or self._reader.finished

    def _is_over(self) -> bool:
        """Whether all items were taken and no more will come. Raises what ended them early."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._ended and not self._reader.finished:
            raise RuntimeError("this stream is closed")
        return self._reader.finished

    def _has_items(self) -> bool:
        """Whether an item can be had without waiting."""
        if self._left:
            raise RuntimeError("this stream is closed")
        return bool(self._items)

    def _has_items_before(self, failure: OllamaError) -> bool:
        """Whether items came before a failure: they are given first, and then it is raised."""
        if self._items:
            self._failure = failure
        return bool(self._items)

    def _end(self) -> bool:
        """Ends the exchange; True for the first who does, who then sees to the connection."""
        with self._lock:
            first, self._ended = not self._ended, True
        return first

    def _whole(self) -> Any:
        """The whole answer, once all of it was taken."""
        if self._items or not self._reader.finished:
            raise RuntimeError("the answer isn't whole yet")
        return self._reader.result()

    def _leave(self) -> None:
        """What wasn't taken by now never will be."""
        self._left = self._left or bool(self._items) or not self._reader.finished


class Receiving(_Receiving[Item]):
    """An answer that is coming in, item by item."""

    def __init__(self, incoming: Incoming, reader: Reader[Item, Any]) -> None:
        super().__init__(reader)
        self._incoming = incoming

    def opened(self) -> Self:
        """Waits for the first item, or the end."""
        self._receive()
        return self

    def items(self) -> Iterator[Item]:
        """The items that have not been taken yet, waiting for each."""
        while self._receive():
            yield self._items.popleft()

    def finish(self) -> Any:
        """Waits for the rest, and gives the whole answer."""
        while self._receive():
            self._items.clear()
        return self._reader.result()

    def close(self) -> None:
        """Ends the answer, on the server too, without reading the rest. May be called twice, and by any thread."""
        self._leave()
        if self._end():
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
        if self._has_items():
            return True
        if self._is_over():
            return False
        try:
            begun, deadline = self._incoming.begun, self._incoming.deadline()
            while not self._take_in(self._read(deadline)):
                if not begun:
                    begun, deadline = True, self._incoming.deadline()
            if self._reader.finished and self._end():
                self._incoming.finish()
        except BaseException as error:  # whatever ends the answer early, hangs up
            if self._end():
                self._incoming.close()
            if not (isinstance(error, OllamaError) and self._has_items_before(error)):
                raise
        return bool(self._items)

    def _read(self, deadline: Deadline) -> bytes:
        try:
            return self._incoming.read(deadline)
        except OllamaConnectionError as error:
            meant = self._reader.broken(error)
            if meant is error:
                raise
            raise meant from error


class Stream(Receiving[Event]):
    """An answer as it is made: iterates over its text, piece by piece, none of them empty."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while self._receive():
            event = self._items.popleft()
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


class ProgressStream(Receiving[Progress]):
    """The steps of a pull, as they happen."""

    def __iter__(self) -> Iterator[Progress]:
        return self.items()


class AsyncReceiving(_Receiving[Item]):
    """An answer that is coming in, item by item, in an event loop."""

    def __init__(self, incoming: AsyncIncoming, reader: Reader[Item, Any]) -> None:
        super().__init__(reader)
        self._incoming = incoming

    async def opened(self) -> Self:
        """Waits for the first item, or the end."""
        await self._receive()
        return self

    async def items(self) -> AsyncIterator[Item]:
        """The items that have not been taken yet, waiting for each."""
        while await self._receive():
            yield self._items.popleft()

    async def finish(self) -> Any:
        """Waits for the rest, and gives the whole answer."""
        while await self._receive():
            self._items.clear()
        return self._reader.result()

    async def aclose(self) -> None:
        """Ends the answer, on the server too, without reading the rest. May be called twice."""
        self._leave()
        if self._end():
            await self._incoming.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _receive(self) -> bool:
        """Waits until an item is there; False where the answer is over."""
        if self._has_items():
            return True
        if self._is_over():
            return False
        try:
            begun, deadline = self._incoming.begun, self._incoming.deadline()
            while not self._take_in(await self._read(deadline)):
                if not begun:
                    begun, deadline = True, self._incoming.deadline()
            if self._reader.finished and self._end():
                await self._incoming.finish()
        except BaseException as error:  # whatever ends the answer early, hangs up
            if self._end():
                await self._incoming.aclose()
            if not (isinstance(error, OllamaError) and self._has_items_before(error)):
                raise
        return bool(self._items)

    async def _read(self, deadline: Deadline) -> bytes:
        try:
            return await self._incoming.read(deadline)
        except OllamaConnectionError as error:
            meant = self._reader.broken(error)
            if meant is error:
                raise
            raise meant from error


class AsyncStream(AsyncReceiving[Event]):
    """An answer as it is made: iterates over its text, piece by piece, none of them empty."""

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        while await self._receive():
            event = self._items.popleft()
            if isinstance(event, Text):
                return event.text
        raise StopAsyncIteration

    def events(self) -> AsyncIterator[Event]:
        """The answer as typed events: text, thinking, tool calls, and at last `Done`.

        Goes on from where the stream is: what was iterated over one way isn't given again the other.
        """
        return self.items()

    @property
    def reply(self) -> Reply:
        """The whole answer. Raises RuntimeError before its end."""
        reply: Reply = self._whole()
        return reply


class AsyncProgressStream(AsyncReceiving[Progress]):
    """The steps of a pull, as they happen."""

    def __aiter__(self) -> AsyncIterator[Progress]:
        return self.items()
