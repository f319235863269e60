"""Exchanges over blocking sockets."""

from __future__ import annotations

import os
import socket
import threading
import time
import warnings
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from vuhitra.errors import OllamaConnectionError, OllamaError
from vuhitra.http import Exchange, Head, Headers, Request, Upload
from vuhitra.limits import Deadline, Deadlines, Timeouts
from vuhitra.retrying import after
from vuhitra.transport.connecting import connect
from vuhitra.transport.faults import FOREIGN, is_broken, none_free, seconds_left, stopped, translated
from vuhitra.transport.pool import Pool
from vuhitra.transport.route import Route
from vuhitra.transport.slots import Slot, Slots, WaitingClosed, always_one_more

if TYPE_CHECKING:
    from vuhitra.hosts import Host
    from vuhitra.transport.interface import Ending, Holder
    from vuhitra.types import Certificate, Verify

_CHUNK = 65536
_GRACE = 0.05
"""Seconds that the end of an answer may take to come after its last record."""
_GLANCE = 0.2
"""Seconds after which somebody who waits to send looks whether an answer has come."""


class Transport:
    """Exchanges with one server over blocking sockets; threads may share it. See `Route` for what it is made from."""

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
        self._pool: Pool[_Connection] = Pool(time.monotonic)
        self._slots = Slots(max_connections)

    def open(
        self, request: Request, timeouts: Timeouts, give_up_at: float | None = None, holder: Holder | None = None
    ) -> Incoming:
        """Sends a request and reads the head of its answer. holder: may close the connection meanwhile.

        Raises OllamaConnectionError, OllamaTimeoutError, OllamaProtocolError.
        """
        try:
            slot = self._slots.take(give_up_at, holder)
        except TimeoutError:
            raise none_free(self._route, timeouts) from None
        except WaitingClosed:
            raise stopped(self._route) from None
        try:
            incoming = self._open(request, timeouts, give_up_at, holder)
        except BaseException:  # whatever it was, there is no connection
            slot.free()
            raise
        incoming.fill(slot)
        return incoming

    def _open(self, request: Request, timeouts: Timeouts, give_up_at: float | None, holder: Holder | None) -> Incoming:
        deadlines = Deadlines(timeouts, give_up_at, time.monotonic)
        if (connection := self._idle_connection()) is not None:
            try:
                return self._exchange(connection, request, deadlines, holder)
            except OllamaConnectionError as error:
                if not (connection.exchange.is_unanswered and is_broken(error)):
                    raise
                lost = error
            self._pool.drop_idle()  # the others are no better: what closed this one was there before this request
            with after((lost,)):
                incoming = self._on_a_new_connection(request, deadlines, holder)
            incoming.lost = (lost,)
            return incoming
        return self._on_a_new_connection(request, deadlines, holder)

    def _on_a_new_connection(self, request: Request, deadlines: Deadlines, holder: Holder | None) -> Incoming:
        return self._exchange(_Connection.connect(self._route, deadlines.connect()), request, deadlines, holder)

    def _exchange(
        self, connection: _Connection, request: Request, deadlines: Deadlines, holder: Holder | None
    ) -> Incoming:
        try:
            self._pool.use(connection)
            addressed = self._route.addressed(request)
            if holder is not None:
                holder.hold(connection)
            connection.send(addressed, deadlines)
            incoming = Incoming(self._pool, connection, deadlines, addressed.headers)
            incoming.read_head()
        except BaseException:  # a socket is closed, whatever happens to its user
            connection.close()
            raise
        return incoming

    def close(self) -> None:
        """Closes all connections, those that carry an answer too."""
        self._pool.close()
        self._slots.wake()

    def now(self) -> float:
        """The clock that deadlines are on, in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float, until: Ending | None = None) -> None:
        """Waits, no longer than until the event is set."""
        (until or threading.Event()).wait(min(seconds, threading.TIMEOUT_MAX))

    def _idle_connection(self) -> _Connection | None:
        """A connection that is still good, if one is idle."""
        while (connection := self._pool.take()) is not None:
            try:
                if connection.is_ready():
                    return connection
            except BaseException:  # Ctrl-C: nobody else knows of it
                connection.close()
                raise
            connection.close()
        return None


class Incoming:
    """An answer that is coming in, over a blocking socket."""

    head: Head

    def __init__(self, pool: Pool[_Connection], connection: _Connection, deadlines: Deadlines, sent: Headers) -> None:
        self.sent = sent
        self._pool = pool
        self._connection = connection
        self._deadlines = deadlines
        self.lost: tuple[OllamaError, ...] = ()
        self.begun = False

    def deadline(self) -> Deadline:
        """By when the next piece must be there: of the start until bytes have come, then of idling."""
        return self._deadlines.idle() if self.begun else self._deadlines.start()

    def read(self, deadline: Deadline) -> bytes:
        """The body's bytes that have come, waiting for some; `b""` at its end."""
        connection = self._connection
        try:
            while (data := connection.exchange.data()) is None:
                connection.receive(deadline)
        except FOREIGN as error:
            raise translated(connection.route, error, deadline) from error
        self.begun = True
        return data

    def read_head(self) -> None:
        """Reads until the head is there."""
        connection, deadline = self._connection, self._deadlines.start()
        try:
            while (head := connection.exchange.head()) is None:
                connection.receive(deadline)
            connection.route.check(head)
        except FOREIGN as error:
            raise translated(connection.route, error, deadline) from error
        self.head = head._replace(received=time.time())

    def fill(self, slot: Slot) -> None:
        """Frees a slot when the connection carries this answer no more."""
        self._connection.fill(slot)

    def finish(self) -> None:
        """The answer is whole: keeps the connection, for as long as it may be good.

        One over which a request went that its server didn't want to have whole is good for no other.
        """
        if self._connection.is_inherited or self._connection.is_half_sent:
            self.close()
        else:
            slot = self._connection.slot
            try:
                self._pool.give_back(self._connection)
            finally:
                slot.free()

    def close(self) -> None:
        """Ends the exchange at once, from any thread; a server stops answering. May be called twice."""
        self._connection.close()


class _Connection:
    """A blocking socket and the HTTP state of what goes over it."""

    is_closed = True
    """Until it is made."""

    def __init__(self, route: Route, connected: socket.socket) -> None:
        self.route = route
        self.exchange = Exchange()
        self._socket = connected
        # In which nothing can come that isn't there already. TLS may have something to do first, and can't
        # say so at once; the system rounds this up to a millisecond.
        self._moment = 1e-6 if route.host.scheme == "https" else 0.0
        self._process = os.getpid()
        self._lost: OSError | None = None
        self.is_half_sent = False
        self.in_use = threading.Lock()
        self.slot = always_one_more()
        self.is_closed = False

    def __del__(self) -> None:
        """Hangs up where nobody did, and says so, as sockets do."""
        if not self.is_closed and not self.is_inherited:
            self.close()
            warnings.warn(f"unclosed connection to Ollama at {self.route}", ResourceWarning, source=self, stacklevel=2)

    @classmethod
    def connect(cls, route: Route, deadline: Deadline) -> _Connection:
        try:
            return cls(route, connect(route, deadline))
        except FOREIGN as error:
            raise translated(route, error, deadline) from error

    @property
    def is_inherited(self) -> bool:
        """Whether it belongs to the process that this one was forked from."""
        return self._process != os.getpid()

    def send(self, request: Request, deadlines: Deadlines) -> None:
        """Sends a request. A server that refuses it before it has it all is heard when its answer is read."""
        is_file = isinstance(request.body, Upload)
        failed_to = "did not take what was sent" if is_file else None
        self.is_half_sent = True
        with closing(self.exchange.send(request)) as pieces:
            for piece in pieces:
                deadline = deadlines.idle() if is_file else deadlines.start()
                try:
                    with _InUse(self):
                        if not self._send(piece, deadline):
                            return
                except FOREIGN as error:
                    raise translated(self.route, error, deadline, failed_to) from error
        self.is_half_sent = False

    def _send(self, piece: bytes, deadline: Deadline) -> bool:
        """Whether all of a piece could be sent, before an answer came."""
        left = memoryview(piece)
        while left:
            self._socket.settimeout(min(seconds_left(deadline), _GLANCE))
            try:
                left = left[self._socket.send(left[:_CHUNK]) :]
            except OSError as error:  # why, the answer may say; a time-out of the system's own has a number
                if not isinstance(error, TimeoutError) or error.errno is not None:
                    self._lost = error
                    return False
            if left and (came := self._what_comes(self._moment)) is not None:
                if not came:
                    return False
                self.exchange.feed(came)
                if not self.exchange.is_asked_for_more:
                    return False
        return True

    def _what_comes(self, seconds: float) -> bytes | None:
        """The next bytes, none for the connection's end; None where nothing comes."""
        try:
            self._socket.settimeout(seconds)
            return self._socket.recv(_CHUNK)
        except (TimeoutError, BlockingIOError):
            return None
        except OSError as error:
            self._lost = error
            return b""

    def receive(self, deadline: Deadline) -> None:
        """Feeds the exchange with what comes next, whatever that is."""
        if self.is_inherited:
            raise RuntimeError("this stream belongs to the process that opened it, and this one was forked from it")
        with _InUse(self):
            self._socket.settimeout(seconds_left(deadline))
            data = self._socket.recv(_CHUNK)
            if not data and self._lost is not None:  # which the system tells only once
                raise self._lost
        self.exchange.feed(data)

    def is_ready(self) -> bool:
        """Whether the last answer has ended, and nothing has come since, not even the connection's end."""
        ended = self.exchange.reuse()
        came = self._what_comes(self._moment if ended else _GRACE)
        if ended or not came:
            return ended and came is None
        return self.exchange.reuse(came)

    def close(self) -> None:
        """Shuts the socket down, which ends what another thread does with it, and frees it once none does."""
        if self.is_inherited:
            self.forget()
            return
        self.is_closed = True
        self.slot.free()
        with suppress(OSError):  # the peer was faster
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        if self.in_use.acquire(blocking=False):
            self.free()
            self.in_use.release()

    def fill(self, slot: Slot) -> None:
        """Takes a slot, until it is closed; also where another thread has closed it meanwhile."""
        self.slot = slot
        if self.is_closed:
            slot.free()

    def forget(self) -> None:
        """Closes this process's end, and leaves the connection itself to the process that made it."""
        self.is_closed = True
        self.free()

    def free(self) -> None:
        """Gives the socket back to the system."""
        self._socket.close()


class _InUse:
    """Keeps other threads from freeing a connection's socket meanwhile; if one closes it, that is what went wrong."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.in_use.acquire()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: object) -> None:
        connection = self._connection
        connection.in_use.release()
        if connection.is_closed:
            connection.free()
            if error is None or isinstance(error, OSError):
                raise stopped(connection.route) from None
