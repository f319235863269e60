"""Exchanges in an event loop of asyncio."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from vuhitra.http import Exchange, Head, Request, request_headers
from vuhitra.limits import Deadline, Deadlines, Timeouts
from vuhitra.transport.faults import seconds_left, stopped, timing_out, translated
from vuhitra.transport.pool import Pool
from vuhitra.transport.tls import LazyContext

if TYPE_CHECKING:
    import ssl

    from vuhitra.hosts import Host

_CHUNK = 65536
_GRACE = 0.05
"""Seconds that the end of an answer may take to come after its last record."""


class AsyncTransport:
    """Exchanges with one server in an event loop, always the same one. headers: sent with each request."""

    def __init__(self, host: Host, headers: Mapping[str, str] | None = None) -> None:
        self.host = host
        self._headers = request_headers(host, headers or {})
        self._tls = LazyContext(host)
        self._pool: Pool[_AsyncConnection] = Pool(time.monotonic)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self, request: Request, timeouts: Timeouts, give_up_at: float | None = None) -> AsyncIncoming:
        """Sends a request and reads the head of its answer.

        Raises OllamaConnectionError, OllamaTimeoutError, OllamaProtocolError.
        """
        self._stay_in_the_loop()
        deadlines = Deadlines(timeouts, give_up_at, time.monotonic)
        connection = await self._idle_connection()
        if connection is None:
            connection = await _AsyncConnection.connect(self.host, self._tls, deadlines.connect())
        self._pool.use(connection)
        try:
            await connection.send(request, self._headers, deadlines.start())
            incoming = AsyncIncoming(self._pool, connection, deadlines)
            await incoming.read_head()
        except BaseException:  # a socket is closed, whatever happens to its user
            connection.close()
            raise
        return incoming

    async def aclose(self) -> None:
        """Closes all connections, those that carry an answer too."""
        self._stay_in_the_loop()
        for connection in self._pool.close():
            await connection.wait_closed()

    def now(self) -> float:
        """The clock that deadlines are on, in seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)

    def _stay_in_the_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
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

    def __init__(self, pool: Pool[_AsyncConnection], connection: _AsyncConnection, deadlines: Deadlines) -> None:
        self._pool = pool
        self._connection = connection
        self._deadlines = deadlines
        self.begun = False

    def deadline(self) -> Deadline:
        """By when the next piece must be there: of the start until bytes have come, then of idling."""
        return self._deadlines.idle() if self.begun else self._deadlines.start()

    async def read(self, deadline: Deadline) -> bytes:
        """The body's next bytes; `b""` at its end."""
        with translated(self._connection.host):
            while (data := self._connection.exchange.data()) is None:
                await self._connection.receive(deadline)
        self.begun = True
        return data

    async def read_head(self) -> None:
        """Reads until the head is there."""
        with translated(self._connection.host):
            while (head := self._connection.exchange.head()) is None:
                await self._connection.receive(self._deadlines.start())
        self.head = head

    async def finish(self) -> None:
        """The answer is whole: keeps the connection, for as long as it may be good."""
        self._pool.give_back(self._connection)

    async def aclose(self) -> None:
        """Ends the exchange at once; a server stops answering. May be called twice."""
        self._connection.close()
        await self._connection.wait_closed()


class _AsyncConnection:
    """A pair of asyncio's streams and the HTTP state of what goes over them."""

    def __init__(self, host: Host, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.host = host
        self.exchange = Exchange()
        self._reader = reader
        self._writer = writer
        self._closed = False

    @classmethod
    async def connect(cls, host: Host, tls: LazyContext, deadline: Deadline) -> _AsyncConnection:
        with translated(host), timing_out(host, deadline):
            if host.unix_path is not None:
                async with asyncio.timeout(seconds_left(deadline)):
                    return cls(host, *await asyncio.open_unix_connection(host.unix_path))
            return cls(host, *await _connect(host, tls.context(), deadline))

    async def send(self, request: Request, headers: list[tuple[str, str]], deadline: Deadline) -> None:
        """Sends a request. A server that refuses it before it has it all is heard when its answer is read."""
        data = self.exchange.send(request, headers)
        with translated(self.host), timing_out(self.host, deadline), suppress(ConnectionError):
            async with asyncio.timeout(seconds_left(deadline)):
                self._writer.write(data)
                await self._writer.drain()

    async def receive(self, deadline: Deadline) -> None:
        """Feeds the exchange with what comes next, whatever that is."""
        with timing_out(self.host, deadline):
            async with asyncio.timeout(seconds_left(deadline)):
                data = await self._reader.read(_CHUNK)
        if self._closed:
            raise stopped(self.host)
        self.exchange.feed(data)

    async def is_ready(self) -> bool:
        """Whether the last answer has ended, and nothing has come since, not even the connection's end."""
        ended = self.exchange.reuse()
        came = await self._what_comes(0 if ended else _GRACE)
        if ended or not came:
            return ended and came is None
        return self.exchange.reuse(came)

    async def _what_comes(self, seconds: float) -> bytes | None:
        """The next bytes, none for the connection's end; None where nothing comes."""
        for patience in (seconds, 0):  # the second time for what came in the very moment the first ran out
            try:
                async with asyncio.timeout(patience):
                    return await self._reader.read(_CHUNK)
            except TimeoutError:
                continue
            except OSError:
                return b""
        return None

    def close(self) -> None:
        """Closes the connection without sending what is still waiting to be sent."""
        self._closed = True
        self._writer.transport.abort()

    def forget(self) -> None:
        """Does nothing: the event loop it belongs to was the parent's."""

    async def wait_closed(self) -> None:
        """Waits until the socket is freed."""
        with suppress(OSError):  # the peer was faster
            await self._writer.wait_closed()


async def _connect(
    host: Host, context: ssl.SSLContext | None, deadline: Deadline
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection; the addresses of a name are tried in turn, each with its share of the time."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(seconds_left(deadline)):
        found = await loop.getaddrinfo(host.address, host.port, type=socket.SOCK_STREAM)
    for untried, (_, _, _, _, address) in zip(range(len(found), 0, -1), found, strict=True):
        try:
            async with asyncio.timeout(seconds_left(deadline) / untried):
                name = host.address if context else None
                return await asyncio.open_connection(str(address[0]), host.port, ssl=context, server_hostname=name)
        except OSError:
            if untried == 1:
                raise
    raise socket.gaierror(f"no address for {host.address}")
