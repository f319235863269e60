"""Bytes to and from a peer, in an event loop of asyncio. What has come is always given before what went wrong.

asyncio's own streams raise a reset at once, and what came before it, and wasn't read yet, is lost.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from vuhitra.transport.faults import AS_GOOD_AS_EVER, seconds_left

if TYPE_CHECKING:
    import socket
    import ssl

    from vuhitra.limits import Deadline

_ENOUGH = 256 * 1024
"""Bytes that have come, and weren't read yet, from which on no more are taken from the system."""


class Wire(asyncio.Protocol):
    """A connection; one task at a time waits for it, and any other may abort it."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._came = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._is_full = False
        self._is_held = False
        self._lost = asyncio.Event()
        self._waiting: asyncio.Future[None] | None = None

    @classmethod
    async def over(cls, connected: socket.socket, context: ssl.SSLContext | None, name: str | None) -> Wire:
        """A wire over a socket, which is its own from here on. context, name: of TLS, where that is used."""
        loop = asyncio.get_running_loop()
        # How long a handshake may take, whoever calls knows; asyncio would put an end to it after a minute.
        patience = None if context is None else AS_GOOD_AS_EVER
        try:
            _, wire = await loop.create_connection(
                cls, sock=connected, ssl=context, server_hostname=name, ssl_handshake_timeout=patience
            )
        except ConnectionResetError as error:
            if error.errno is not None:
                raise
            import ssl

            # What asyncio makes of an end in the middle of a handshake; a reset has a number.
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the peer ended the handshake") from error
        return wire

    async def read(self, deadline: Deadline) -> bytes:
        """What has come, waiting for it; `b""` once the peer has ended. Raises TimeoutError, OSError."""
        while not self._has_news:
            with suppress(TimeoutError):  # waited for even when time is up: it may have come while the loop was busy
                await self._wait(max(0.0, deadline.at - self._loop.time()))
            if not self._has_news:
                seconds_left(deadline)
        return self._take()

    async def glance(self, seconds: float) -> bytes | None:
        """What comes within some seconds, `b""` for the connection's end; None where nothing does."""
        for patience in (seconds, 0):  # the second time for what came in the very moment the first ran out
            if not self._has_news:
                with suppress(TimeoutError):
                    await self._wait(patience)
        try:
            return self._take() if self._has_news else None
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        """Sends it, as fast as the peer takes it."""
        self._transport.write(data)

    async def has_room(self, deadline: Deadline) -> bool:
        """Waits until nearly all is sent; False where the peer ended first, or said something. Raises TimeoutError."""
        while self._is_full and not self._has_news:
            await self._wait(seconds_left(deadline))
        return not self._is_full and not self._ended

    def abort(self) -> None:
        """Closes the connection without sending what is still waiting to be sent."""
        self._transport.abort()

    def abort_from_any_thread(self) -> None:
        """Does so as soon as the event loop gets to it. Raises RuntimeError where that is closed."""
        self._loop.call_soon_threadsafe(self.abort)

    async def wait_closed(self) -> None:
        """Waits until the socket is freed."""
        await self._lost.wait()

    @property
    def _has_news(self) -> bool:
        return bool(self._came) or self._ended

    def _take(self) -> bytes:
        if not self._came and self._error is not None:
            raise self._error
        came = bytes(self._came)
        self._came.clear()
        if self._is_held:
            self._is_held = False
            self._transport.resume_reading()
        return came

    async def _wait(self, seconds: float) -> None:
        """Waits until anything happens. Raises TimeoutError where nothing does in time."""
        loop = asyncio.get_running_loop()
        self._waiting = waiting = loop.create_future()
        timer = loop.call_later(seconds, _run_out, waiting)
        try:
            await waiting
        finally:
            timer.cancel()
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """For the event loop: the wire is there."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """For the event loop: bytes have come."""
        self._came += data
        if len(self._came) >= _ENOUGH and not self._is_held:
            self._is_held = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """For the event loop: the peer sends no more. Whether what is still being sent may go on."""
        self._ended = True
        self._wake()
        return self._transport.get_extra_info("ssl_object") is None  # TLS ends as a whole

    def connection_lost(self, exc: Exception | None) -> None:
        """For the event loop: the wire is gone."""
        self._ended, self._error = True, exc
        self._lost.set()
        self._wake()

    def pause_writing(self) -> None:
        """For the event loop: the system takes no more at the moment."""
        self._is_full = True

    def resume_writing(self) -> None:
        """For the event loop: the system takes more."""
        self._is_full = False
        self._wake()


def _run_out(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_exception(TimeoutError())
