"""Answers as they arrive: `AsyncStream` and `AsyncProgressStream`.

A stream was opened, and its first record received, before its user gets it; leaving it early closes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
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
    from vuhitra.transport.interface import AsyncIncoming


class AsyncReceiving(Arriving[Item]):
    """An answer that is coming in, item by item, in an event loop."""

    def __init__(self, incoming: AsyncIncoming, reader: Reader[Item, Any], step: Send) -> None:
        super().__init__(reader, step)
        self._incoming = incoming

    async def opened(self) -> Self:
        """Waits for the first item, or the end."""
        await self._receive()
        self._is_opened = True
        return self

    async def take(self) -> Item | None:
        """The next item, waiting for it; None at the end."""
        while await self._receive():
            try:
                return self._items.popleft()
            except IndexError:  # another task took it
                continue
        return None

    async def items(self) -> AsyncIterator[Item]:
        """The items that have not been taken yet, waiting for each."""
        while (item := await self.take()) is not None:
            yield item

    async def finish(self) -> Any:
        """Waits for the rest, and gives the whole answer."""
        while await self._receive():
            self._items.clear()
        return self._reader.result()

    async def aclose(self) -> None:
        """Ends the answer, on the server too, without reading the rest. May be called twice."""
        self._leave()
        if self._end_early():
            await self._incoming.aclose()

    async def abandon(self, error: OllamaError) -> None:
        """Ends the answer early, for what whoever reads it found wrong with it."""
        self._leave()
        if self._end_early(error):
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
        self._raise_if_left()
        if self._items:
            return True
        if not self._awaited.acquire(blocking=False):
            raise RuntimeError("another task waits for this answer already")
        try:
            return bool(self._items) or await self._receive_more()
        finally:
            self._awaited.release()

    async def _receive_more(self) -> bool:
        """Waits for more of the answer, if that isn't over; whether an item came."""
        self._raise_what_ended_it()
        if self._reader.finished:
            return False
        try:
            heard, deadline = self._heard, self._incoming.deadline()
            while not self._take_in(await self._read(deadline)):
                if self._heard != heard:
                    heard, deadline = self._heard, self._incoming.deadline()
            if self._reader.finished and self._end_whole():
                await self._incoming.finish()
        except BaseException as error:  # whatever ends the answer early, hangs up
            if self._end_early(error):
                if self._reader.is_read:
                    await self._incoming.finish()
                else:
                    await self._incoming.aclose()
            if not self._put_off(error):
                raise
        return bool(self._items)

    @property
    def _heard(self) -> tuple[bool, int]:
        """What has come, as far as it shows that the answer goes on: more of it is worth another wait."""
        return self._incoming.begun, self._reader.records

    async def _read(self, deadline: Deadline) -> bytes:
        try:
            return await self._incoming.read(deadline)
        except OllamaError as error:
            raise self._meant_by(error)  # noqa: B904  it knows its cause


class AsyncStream(AsyncReceiving[Event]):
    """An answer as it is made: iterates over its text, piece by piece, none of them empty."""

    _belongs_to_the_user = True

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        while (event := await self.take()) is not None:
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


class AsyncSteps(Protocol):
    """What makes the steps of an operation, one after the other, in an event loop."""

    async def take(self) -> Progress | None:
        """The next step, waiting for it; None at the end."""
        ...

    async def aclose(self) -> None:
        """Ends the operation."""
        ...


class AsyncProgressStream:
    """The steps of a pull, a push or a making, as they happen: iterates over dicts, see `Progress`."""

    def __init__(self, steps: AsyncSteps) -> None:
        self._steps = steps
        self._first: Progress | None = None

    async def opened(self) -> Self:
        """Waits for the first step."""
        self._first = await self._steps.take()
        return self

    def __aiter__(self) -> AsyncIterator[Progress]:
        return self

    async def __anext__(self) -> Progress:
        first, self._first = self._first, None
        step = first or await self._steps.take()
        if step is None:
            raise StopAsyncIteration
        return step

    async def aclose(self) -> None:
        """Ends the operation, on the server too. May be called twice."""
        self._first = None
        await self._steps.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
