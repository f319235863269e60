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
from vuhitra.transport.tls import tls_context

if TYPE_CHECKING:
    from vuhitra.hosts import Host

_CHUNK = 65536
_GRACE = 0.05
"""Seconds that the end of an answer may take to come after its last record."""


class AsyncTransport:
    """Exchanges with one server in an event loop. headers: sent with each request."""

    def __init__(self, host: Host, headers: Mapping[str, str] | None = None) -> None:
        self.host = host
        self._headers = request_headers(host, headers or {})
        self._idle: list[_AsyncConnection] = []
        self._closed = False

    async def open(self, request: Request, timeouts: Timeouts, give_up_at: float | None = None) -> AsyncIncoming:
        """Sends a request and reads the head of its answer.

        Raises OllamaConnectionError, OllamaTimeoutError, OllamaProtocolError.
        """
        deadlines = Deadlines(timeouts, give_up_at, time.monotonic)
        connection = await self._take() or await _AsyncConnection.connect(self.host, deadlines.connect())
        try:
            await connection.send(request, self._headers, deadlines.start())
            incoming = AsyncIncoming(self, connection, deadlines)
            await incoming.read_head()
        except BaseException:  # a socket is closed, whatever happens to its user
            connection.close()
            raise
        return incoming

    async def aclose(self) -> None:
        """Closes the connections that nobody uses now; those in use are closed after their answer."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
            await connection.wait_closed()

    def now(self) -> float:
        """The clock that deadlines are on, in seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)

    def give_back(self, connection: _AsyncConnection) -> None:
        """Keeps a connection for the next exchange."""
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    async def _take(self) -> _AsyncConnection | None:
        if self._closed:
            raise RuntimeError("this client is closed")
        while self._idle:
            connection = self._idle.pop()
            if await connection.is_ready():
                return connection
            connection.close()
        return None


class AsyncIncoming:
    """An answer that is coming in, in an event loop."""

    head: Head

    def __init__(self, transport: AsyncTransport, connection: _AsyncConnection, deadlines: Deadlines) -> None:
        self._transport = transport
        self._connection = connection
        self._deadlines = deadlines
        self._begun = False

    def deadline(self) -> Deadline:
        """By when the next piece must be there: of the start until bytes have come, then of idling."""
        return self._deadlines.idle() if self._begun else self._deadlines.start()

    async def read(self, deadline: Deadline) -> bytes:
        """The body's next bytes; `b""` at its end."""
        with translated(self._transport.host):
            while (data := self._connection.exchange.data()) is None:
                await self._connection.receive(deadline)
        self._begun = True
        return data

    async def read_head(self) -> None:
        """Reads until the head is there."""
        with translated(self._transport.host):
            while (head := self._connection.exchange.head()) is None:
                await self._connection.receive(self._deadlines.start())
        self.head = head

    async def finish(self) -> None:
        """The answer is whole: keeps the connection, for as long as it may be good."""
        self._transport.give_back(self._connection)

    async def aclose(self) -> None:
        """Ends the exchange at once; a server stops answering. May be called twice."""
        self._connection.close()
        await self._connection.wait_closed()


class _AsyncConnection:
    """A pair of asyncio's streams and the HTTP state of what goes over them."""

    def __init__(self, host: Host, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host = host
        self._reader = reader
        self._writer = writer
        self.exchange = Exchange()

    @classmethod
    async def connect(cls, host: Host, deadline: Deadline) -> _AsyncConnection:
        with translated(host), timing_out(host, deadline):
            if host.unix_path is not None:
                async with asyncio.timeout(seconds_left(deadline)):
                    return cls(host, *await asyncio.open_unix_connection(host.unix_path))
            return cls(host, *await _connect_async(host, deadline))

    async def send(self, request: Request, headers: list[tuple[str, str]], deadline: Deadline) -> None:
        data = self.exchange.send(request, headers)
        with translated(self._host), timing_out(self._host, deadline):
            async with asyncio.timeout(seconds_left(deadline)):
                self._writer.write(data)
                await self._writer.drain()

    async def receive(self, deadline: Deadline) -> None:
        """Feeds the exchange with what comes next, whatever that is."""
        with timing_out(self._host, deadline):
            async with asyncio.timeout(seconds_left(deadline)):
                data = await self._reader.read(_CHUNK)
        if self._writer.is_closing():
            raise stopped(self._host)
        self.exchange.feed(data)

    async def is_ready(self) -> bool:
        """Whether the last answer has ended, and the server has not closed the connection since."""
        ended = self.exchange.reuse()
        if not ended:
            with suppress(TimeoutError, OSError):  # the end doesn't come, or the connection broke
                async with asyncio.timeout(_GRACE):
                    ended = self.exchange.reuse(await self._reader.read(_CHUNK))
        return ended and not self._reader.at_eof() and not self._writer.is_closing()

    def close(self) -> None:
        """Closes the connection without sending what is still waiting to be sent."""
        self._writer.transport.abort()

    async def wait_closed(self) -> None:
        """Waits until the socket is freed."""
        with suppress(OSError):  # the peer was faster
            await self._writer.wait_closed()


async def _connect_async(host: Host, deadline: Deadline) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = tls_context(host)
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
