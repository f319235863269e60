"""Exchanges in an event loop of asyncio."""

from __future__ import annotations

import asyncio
import os
import socket
import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

from vuhitra.errors import OllamaConnectionError, OllamaError
from vuhitra.http import Exchange, Head, Headers, Request, Upload
from vuhitra.limits import Deadline, Deadlines, Timeouts
from vuhitra.retrying import after
from vuhitra.transport.async_connecting import connect
from vuhitra.transport.async_slots import AsyncSlots
from vuhitra.transport.faults import FOREIGN, is_broken, none_free, stopped, translated
from vuhitra.transport.pool import Pool
from vuhitra.transport.route import Route
from vuhitra.transport.slots import Slot, always_one_more
from vuhitra.transport.wire import Wire

if TYPE_CHECKING:
    from vuhitra.hosts import Host
    from vuhitra.types import Certificate, Verify

_GRACE = 0.05
"""Seconds that the end of an answer may take to come after its last record."""


class AsyncTransport:
    """Exchanges with one server in an event loop, always the same one. See `Route` for what it is made from."""

    def __init__(
        self,
        host: Host,
        *,
        proxy: str | None = None,
        verify: Verify = True,
        cert: Certificate | None = None,
        max_connections: int | None = None,
    ) -> None:
        self.host = host
        self._route = Route(host, proxy, verify, cert)
        self._pool: Pool[_AsyncConnection] = Pool(time.monotonic)
        self._slots = AsyncSlots(max_connections)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()

    async def open(self, request: Request, timeouts: Timeouts, give_up_at: float | None = None) -> AsyncIncoming:
        """Sends a request and reads the head of its answer.

        Raises OllamaConnectionError, OllamaTimeoutError, OllamaProtocolError.
        """
        self._stay_in_the_loop()
        try:
            slot = await self._slots.take(give_up_at)
        except TimeoutError:
            raise none_free(self._route, timeouts) from None
        try:
            incoming = await self._open(request, timeouts, give_up_at)
        except BaseException:  # whatever it was, there is no connection
            slot.free()
            raise
        incoming.fill(slot)
        return incoming

    async def _open(self, request: Request, timeouts: Timeouts, give_up_at: float | None) -> AsyncIncoming:
        deadlines = Deadlines(timeouts, give_up_at, time.monotonic)
        if (connection := await self._idle_connection()) is not None:
            try:
                return await self._exchange(connection, request, deadlines)
            except OllamaConnectionError as error:
                if not (connection.exchange.is_unanswered and is_broken(error)):
                    raise
                lost = error
            self._pool.drop_idle()  # the others are no better: what closed this one was there before this request
            with after((lost,)):
                incoming = await self._on_a_new_connection(request, deadlines)
            incoming.lost = (lost,)
            return incoming
        return await self._on_a_new_connection(request, deadlines)

    async def _on_a_new_connection(self, request: Request, deadlines: Deadlines) -> AsyncIncoming:
        connection = await _AsyncConnection.connect(self._route, deadlines.connect())
        return await self._exchange(connection, request, deadlines)

    async def _exchange(self, connection: _AsyncConnection, request: Request, deadlines: Deadlines) -> AsyncIncoming:
        try:
            self._pool.use(connection)
            addressed = self._route.addressed(request)
            await connection.send(addressed, deadlines)
            incoming = AsyncIncoming(self._pool, connection, deadlines, addressed.headers)
            await incoming.read_head()
        except BaseException:  # a socket is closed, whatever happens to its user
            connection.close()
            raise
        return incoming

    async def aclose(self) -> None:
        """Closes all connections, those that carry an answer too."""
        self._stay_in_the_loop()
        connections = self._pool.close()
        self._slots.wake()
        for connection in connections:
            await connection.wait_closed()

    def now(self) -> float:
        """The clock that deadlines are on, in seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)

    def _stay_in_the_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is None or self._process != os.getpid():
            self._loop, self._process = loop, os.getpid()
        elif self._loop is not loop:
            raise RuntimeError("an asynchronous client works in the event loop it was first used in, and in no other")

    async def _idle_connection(self) -> _AsyncConnection | None:
        """A connection that is still good, if one is idle."""
        while (connection := self._pool.take()) is not None:
            try:
                if await connection.is_ready():
                    return connection
            except BaseException:  # cancelled: nobody else knows of it
                connection.close()
                raise
            connection.close()
        return None


class AsyncIncoming:
    """An answer that is coming in, in an event loop."""

    head: Head

    def __init__(
        self, pool: Pool[_AsyncConnection], connection: _AsyncConnection, deadlines: Deadlines, sent: Headers
    ) -> None:
        self.sent = sent
        self._pool = pool
        self._connection = connection
        self._deadlines = deadlines
        self.lost: tuple[OllamaError, ...] = ()
        self.begun = False

    def deadline(self) -> Deadline:
        """By when the next piece must be there: of the start until bytes have come, then of idling."""
        return self._deadlines.idle() if self.begun else self._deadlines.start()

    async def read(self, deadline: Deadline) -> bytes:
        """The body's bytes that have come, waiting for some; `b""` at its end."""
        connection = self._connection
        try:
            while (data := connection.exchange.data()) is None:
                await connection.receive(deadline)
        except FOREIGN as error:
            raise translated(connection.route, error, deadline) from error
        self.begun = True
        return data

    async def read_head(self) -> None:
        """Reads until the head is there."""
        connection, deadline = self._connection, self._deadlines.start()
        try:
            while (head := connection.exchange.head()) is None:
                await connection.receive(deadline)
            connection.route.check(head)
        except FOREIGN as error:
            raise translated(connection.route, error, deadline) from error
        self.head = head._replace(received=time.time())

    def fill(self, slot: Slot) -> None:
        """Frees a slot when the connection carries this answer no more."""
        self._connection.fill(slot)

    async def finish(self) -> None:
        """The answer is whole: keeps the connection, for as long as it may be good.

        One over which a request went that its server didn't want to have whole is good for no other.
        """
        if self._connection.is_inherited or self._connection.is_half_sent:
            await self.aclose()
        else:
            slot = self._connection.slot
            try:
                self._pool.give_back(self._connection)
            finally:
                slot.free()

    async def aclose(self) -> None:
        """Ends the exchange at once; a server stops answering. May be called twice."""
        self._connection.close()
        await self._connection.wait_closed()


class _AsyncConnection:
    """A wire, the socket under it, and the HTTP state of what goes over them."""

    _closed = True
    """Until it is made."""

    def __init__(self, route: Route, wire: Wire, connected: socket.socket) -> None:
        self.route = route
        self.exchange = Exchange()
        self._wire = wire
        self._socket = connected
        self._process = os.getpid()
        self.is_half_sent = False
        self.slot = always_one_more()
        self._closed = False

    def __del__(self) -> None:
        """Hangs up where nobody did: the event loop itself would keep the connection open.

        The garbage collector runs in whatever thread it likes.
        """
        if not self._closed and not self.is_inherited:
            self.slot.free()
            with suppress(RuntimeError):  # the event loop is closed
                self._wire.abort_from_any_thread()
            warnings.warn(f"unclosed connection to Ollama at {self.route}", ResourceWarning, source=self, stacklevel=2)

    @classmethod
    async def connect(cls, route: Route, deadline: Deadline) -> _AsyncConnection:
        try:
            return cls(route, *await connect(route, deadline))
        except FOREIGN as error:
            raise translated(route, error, deadline) from error

    @property
    def is_inherited(self) -> bool:
        """Whether it belongs to the process that this one was forked from."""
        return self._process != os.getpid()

    async def send(self, request: Request, deadlines: Deadlines) -> None:
        """Sends a request. A server that refuses it before it has it all is heard when its answer is read."""
        is_file = isinstance(request.body, Upload)
        failed_to = "did not take what was sent" if is_file else None
        pieces = self.exchange.send(request)
        self.is_half_sent = True
        try:
            while (piece := await asyncio.to_thread(next, pieces, None) if is_file else next(pieces, None)) is not None:
                deadline = deadlines.idle() if is_file else deadlines.start()
                try:
                    if not await self._send(piece, deadline):
                        return
                except FOREIGN as error:
                    raise translated(self.route, error, deadline, failed_to) from error
        finally:
            with suppress(ValueError):  # cancelled while a thread reads from the file, which is closed when it has
                pieces.close()
        self.is_half_sent = False

    async def _send(self, piece: bytes, deadline: Deadline) -> bool:
        """Whether all of a piece could be sent, or nearly all, before an answer came."""
        self._wire.write(piece)
        while not await self._wire.has_room(deadline):
            came = await self._wire.glance(0)
            if not came:
                return False
            self.exchange.feed(came)
            if not self.exchange.is_asked_for_more:
                return False
        return True

    async def receive(self, deadline: Deadline) -> None:
        """Feeds the exchange with what comes next, whatever that is."""
        if self.is_inherited:
            raise RuntimeError("this stream belongs to the process that opened it, and this one was forked from it")
        data = await self._wire.read(deadline)
        if self._closed:
            raise stopped(self.route)
        self.exchange.feed(data)

    async def is_ready(self) -> bool:
        """Whether the last answer has ended, and nothing has come since, not even the connection's end."""
        ended = self.exchange.reuse()
        came = await self._wire.glance(0 if ended else _GRACE)
        if ended or not came:
            return ended and came is None
        return self.exchange.reuse(came)

    def close(self) -> None:
        """Closes the connection without sending what is still waiting to be sent."""
        if self.is_inherited:
            self.forget()
            return
        self._closed = True
        self.slot.free()
        self._wire.abort()

    def fill(self, slot: Slot) -> None:
        """Takes a slot, until it is closed; also where it was closed meanwhile."""
        self.slot = slot
        if self._closed:
            slot.free()

    def forget(self) -> None:
        """Closes this process's end; the event loop's own memory of it is shared with the process that made it."""
        self._closed = True
        self._socket.close()

    async def wait_closed(self) -> None:
        """Waits until the socket is freed."""
        if not self.is_inherited:
            await self._wire.wait_closed()
