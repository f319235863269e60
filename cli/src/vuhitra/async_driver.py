"""Carries out flows in an event loop: the one place where an asynchronous client waits."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from vuhitra.async_stream import AsyncReceiving
from vuhitra.errors import OllamaError
from vuhitra.flows import Flow, Leave, Next, Outcome, Report, Run, Send, Share, Step, Wait
from vuhitra.retrying import after
from vuhitra.sharing import Turns, waited_in_vain

if TYPE_CHECKING:
    from vuhitra.hosts import Host
    from vuhitra.http import Headers
    from vuhitra.transport.interface import AsyncTransport

T = TypeVar("T")


class AsyncDriver:
    """Carries out flows over a transport. headers: sent with each request."""

    def __init__(self, host: Host, headers: Headers, transport: AsyncTransport) -> None:
        self._host = host
        self._headers = headers
        self._transport = transport
        self._turns = Turns(asyncio.Event)
        self._closed = asyncio.Event()
        self._waits: set[asyncio.Timeout] = set()

    def with_headers(self, headers: Headers) -> AsyncDriver:
        """The same with other headers, on the same connections."""
        other = copy(self)
        other._headers = headers  # noqa: SLF001  of this very class
        return other

    def now(self) -> float:
        """The clock that deadlines are on, in seconds."""
        return self._transport.now()

    async def aclose(self) -> None:
        """Closes the connections, and ends all waits: what would be sent after them is told that this is closed."""
        await self._transport.aclose()
        self._closed.set()
        while self._waits:
            self._waits.pop().reschedule(0.0)

    async def run(self, flow: Flow[T], kind: type[AsyncReceiving[Any]] = AsyncReceiving) -> T:
        """Carries out a flow to its end. kind: what an answer is opened as that isn't read whole."""
        running = AsyncRunning(self, flow, kind)
        while await running.go_on() is not None:
            pass
        return running.result

    async def carry_out(self, step: Step, running: AsyncRunning[Any]) -> Outcome:
        """Does what a flow asks for. An error of the library is an outcome like any other."""
        try:
            result = await self._do(step, running)
        except OllamaError as error:
            result = error
        return Outcome(result, self.now())

    async def _do(self, step: Step, running: AsyncRunning[Any]) -> Any:
        match step:
            case Send():
                return await self._send(step, running)
            case Next(answer):
                return await answer.take()
            case Leave(answer, error):
                await answer.abandon(error)
            case Wait(seconds):
                await self._wait(seconds)
            case Run(function):
                result = await asyncio.to_thread(function)
                return await result if inspect.isawaitable(result) else result
            case Share():
                await self._share(step)
            case Report():
                pass
        return None

    async def _send(self, step: Send, running: AsyncRunning[Any]) -> Any:
        now = self.now()
        step.check_time(now, self._host)
        request = step.call.request(self._host, self._headers)
        incoming = await self._transport.open(request, step.timeouts, step.ends_at(now))
        attempt = step._replace(attempt=step.attempt + len(incoming.lost))
        receiving = running.kind(incoming, step.call.reader_for(self._host, incoming.sent, incoming.head), attempt)
        running.hold(receiving)
        with after(incoming.lost):
            await receiving.opened()
            return await receiving.finish() if step.whole else receiving

    async def _wait(self, seconds: float) -> None:
        """Waits until the client is closed, at most so many seconds."""
        if self._closed.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as limit:
                self._waits.add(limit)
                try:
                    await self._transport.sleep(seconds)
                finally:
                    self._waits.discard(limit)

    async def _share(self, step: Share) -> None:
        """Does the work, or waits for the one who does; who leaves it undone is stood in for."""
        manner, give_up_at = (step.terms.retry, self._headers), step.terms.give_up_at
        while True:
            with self._turns.join(step.key, manner) as (turn, is_first):
                if is_first:
                    await self.run(step.flow)
                else:
                    try:
                        async with asyncio.timeout(None if give_up_at is None else give_up_at - self.now()):
                            await turn.ended.wait()
                    except TimeoutError:
                        raise waited_in_vain(step.work, step.terms) from None
            if turn.holds_under(step.terms, manner):
                break
        turn.result()


class AsyncRunning(Generic[T]):
    """A flow that is being carried out, from one report to the next.

    kind: what an answer is opened as. result: what came of the flow, at its end.
    """

    result: T

    def __init__(self, driver: AsyncDriver, flow: Flow[T], kind: type[AsyncReceiving[Any]] = AsyncReceiving) -> None:
        self.kind = kind
        self._driver = driver
        self._flow = flow
        self._outcome: Outcome | None = None
        self._held: AsyncReceiving[Any] | None = None
        self._taking: asyncio.Task[Any] | None = None
        self._is_over = False
        self._is_closed = False

    async def take(self) -> Any:
        """As `go_on`, in a task of its own, which another task can end by closing.

        Raises RuntimeError where another task takes.
        """
        if self._taking is not None and not self._taking.done():
            raise RuntimeError("another task waits for this stream already")
        self._taking = taking = asyncio.ensure_future(self.go_on())
        try:
            await asyncio.wait([taking])
        except asyncio.CancelledError:
            await self.aclose()
            raise
        if taking.cancelled():
            raise RuntimeError("this stream is closed")
        return taking.result()

    async def go_on(self) -> Any:
        """What the flow reports next; None at its end. Raises RuntimeError where it was closed before."""
        if self._outcome is not None:  # the flow goes on only now that the next report is asked for
            self._outcome = Outcome(None, self._driver.now())
        try:
            while (step := self._next_step()) is not None:
                if isinstance(step, Report):
                    self._outcome = Outcome(None, self._driver.now())
                    return step.item
                self._outcome = await self._driver.carry_out(step, self)
        except BaseException:  # whatever ends the flow early, hangs up
            await self._hang_up()
            raise
        return None

    def hold(self, held: AsyncReceiving[Any]) -> None:
        """Notes what there is to close."""
        self._held = held

    async def aclose(self) -> None:
        """Ends the flow at once, and what it waits for. May be called twice."""
        self._is_closed = True
        taking, self._taking = self._taking, None
        if taking is not None:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
        await self._hang_up()

    async def _hang_up(self) -> None:
        self._is_closed = True
        self._flow.close()
        if self._held is not None:
            await self._held.aclose()

    def _next_step(self) -> Step | None:
        """What the flow asks for; None at its end."""
        if self._is_over:
            return None
        if self._is_closed:
            raise RuntimeError("this stream is closed")
        try:
            return self._flow.send(cast("Outcome", self._outcome))
        except StopIteration as end:
            self._is_over, self.result = True, end.value
            return None
