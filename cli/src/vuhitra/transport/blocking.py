"""Exchanges over blocking sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

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
_MOMENT = 1e-6
"""Seconds in which nothing can come that isn't there already."""


class Transport:
    """Exchanges with one server over blocking sockets; threads may share it.

    headers: sent with each request.
    """

    def __init__(self, host: Host, headers: Mapping[str, str] | None = None) -> None:
        self.host = host
        self._headers = request_headers(host, headers or {})
        self._tls = LazyContext(host)
        self._pool: Pool[_Connection] = Pool(time.monotonic)

    def open(self, request: Request, timeouts: Timeouts, give_up_at: float | None = None) -> Incoming:
        """Sends a request and reads the head of its answer.

        Raises OllamaConnectionError, OllamaTimeoutError, OllamaProtocolError.
        """
        deadlines = Deadlines(timeouts, give_up_at, time.monotonic)
        connection = self._idle_connection()
        if connection is None:
            connection = _Connection.connect(self.host, self._tls, deadlines.connect())
        self._pool.use(connection)
        try:
            connection.send(request, self._headers, deadlines.start())
            incoming = Incoming(self._pool, connection, deadlines)
            incoming.read_head()
        except BaseException:  # a socket is closed, whatever happens to its user
            connection.close()
            raise
        return incoming

    def close(self) -> None:
        """Closes all connections, those that carry an answer too."""
        self._pool.close()

    def now(self) -> float:
        """The clock that deadlines are on, in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)

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

    def __init__(self, pool: Pool[_Connection], connection: _Connection, deadlines: Deadlines) -> None:
        self._pool = pool
        self._connection = connection
        self._deadlines = deadlines
        self.begun = False

    def deadline(self) -> Deadline:
        """By when the next piece must be there: of the start until bytes have come, then of idling."""
        return self._deadlines.idle() if self.begun else self._deadlines.start()

    def read(self, deadline: Deadline) -> bytes:
        """The body's next bytes; `b""` at its end."""
        with translated(self._connection.host):
            while (data := self._connection.exchange.data()) is None:
                self._connection.receive(deadline)
        self.begun = True
        return data

    def read_head(self) -> None:
        """Reads until the head is there."""
        with translated(self._connection.host):
            while (head := self._connection.exchange.head()) is None:
                self._connection.receive(self._deadlines.start())
        self.head = head

    def finish(self) -> None:
        """The answer is whole: keeps the connection, for as long as it may be good."""
        self._pool.give_back(self._connection)

    def close(self) -> None:
        """Ends the exchange at once, from any thread; a server stops answering. May be called twice."""
        self._connection.close()


class _Connection:
    """A blocking socket and the HTTP state of what goes over it."""

    def __init__(self, host: Host, connected: socket.socket) -> None:
        self.host = host
        self.exchange = Exchange()
        self._socket = connected
        self._reading = threading.Lock()
        self._closed = False

    @classmethod
    def connect(cls, host: Host, tls: LazyContext, deadline: Deadline) -> _Connection:
        with translated(host), timing_out(host, deadline):
            return cls(host, _connect(host, tls.context(), deadline))

    def send(self, request: Request, headers: list[tuple[str, str]], deadline: Deadline) -> None:
        """Sends a request. A server that refuses it before it has it all is heard when its answer is read."""
        data = self.exchange.send(request, headers)
        with translated(self.host), timing_out(self.host, deadline), suppress(ConnectionError):
            self._socket.settimeout(seconds_left(deadline))
            self._socket.sendall(data)

    def receive(self, deadline: Deadline) -> None:
        """Feeds the exchange with what comes next, whatever that is."""
        data = b""
        try:
            with self._reading, timing_out(self.host, deadline):
                self._socket.settimeout(seconds_left(deadline))
                data = self._socket.recv(_CHUNK)
        except OSError:
            if not self._closed:
                raise
        finally:
            if self._closed:
                self._socket.close()
        if self._closed:
            raise stopped(self.host)
        self.exchange.feed(data)

    def is_ready(self) -> bool:
        """Whether the last answer has ended, and nothing has come since, not even the connection's end."""
        ended = self.exchange.reuse()
        try:
            self._socket.settimeout(_MOMENT if ended else _GRACE)
            came = self._socket.recv(_CHUNK)
        except TimeoutError:
            return ended
        except OSError:
            return False
        return not ended and self.exchange.reuse(came)

    def close(self) -> None:
        """Shuts the socket down, which ends a read in another thread, and frees it once none reads."""
        self._closed = True
        with suppress(OSError):  # the peer was faster
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        if self._reading.acquire(blocking=False):
            self._socket.close()
            self._reading.release()

    def forget(self) -> None:
        """Closes this process's end, and leaves the connection itself to the process that made it."""
        self._socket.close()


def _connect(host: Host, context: ssl.SSLContext | None, deadline: Deadline) -> socket.socket:
    """A connected socket; the addresses of a name are tried in turn, each with its share of the time."""
    if host.unix_path is not None:
        return _connect_to(socket.AF_UNIX, host.unix_path, seconds_left(deadline))
    found = _look_up(host, deadline)
    for untried, (family, _, _, _, address) in zip(range(len(found), 0, -1), found, strict=True):
        try:
            connected = _connect_to(family, address, seconds_left(deadline) / untried)
            return connected if context is None else _with_tls(connected, context, host, deadline)
        except OSError:
            if untried == 1:
                raise
    raise socket.gaierror(f"no address for {host.address}")


def _look_up(host: Host, deadline: Deadline) -> list[Any]:
    """The addresses of a host. The system's look-up knows no limit, so it is waited for from outside."""
    # As bytes, a name needs no IDNA codec, which is slow to import.
    name = host.address.encode() if host.address.isascii() else host.address
    if _is_address(host.address):
        return socket.getaddrinfo(name, host.port, type=socket.SOCK_STREAM)
    found: list[Any] = []

    def look_up() -> None:
        try:
            found.append(socket.getaddrinfo(name, host.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)

    looking = threading.Thread(target=look_up, daemon=True)
    looking.start()
    looking.join(seconds_left(deadline))
    if not found:
        raise TimeoutError
    if isinstance(found[0], Exception):
        raise found[0]
    return list(found[0])


def _is_address(text: str) -> bool:
    return ":" in text or text.replace(".", "").isdigit()


def _connect_to(family: int, address: Any, seconds: float) -> socket.socket:
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.settimeout(seconds)
        connecting.connect(address)
        if family != getattr(socket, "AF_UNIX", None):
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:  # a socket is closed, whatever happens to its user
        connecting.close()
        raise
    return connecting


def _with_tls(connected: socket.socket, context: ssl.SSLContext, host: Host, deadline: Deadline) -> socket.socket:
    secured = context.wrap_socket(connected, server_hostname=host.address, do_handshake_on_connect=False)
    try:
        secured.settimeout(seconds_left(deadline))
        secured.do_handshake()
    except BaseException:  # a socket is closed, whatever happens to its user
        secured.close()
        raise
    return secured
