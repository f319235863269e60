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
from vuhitra.transport.tls import tls_context

if TYPE_CHECKING:
    from vuhitra.hosts import Host

_CHUNK = 65536


class Transport:
    """Exchanges with one server over blocking sockets; threads may share it.

    headers: sent with each request.
    """

    def __init__(self, host: Host, headers: Mapping[str, str] | None = None) -> None:
        self.host = host
        self._headers = request_headers(host, headers or {})
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._closed = False

    def open(self, request: Request, timeouts: Timeouts, give_up_at: float | None = None) -> Incoming:
        """Sends a request and reads the head of its answer.

        Raises OllamaConnectionError, OllamaTimeoutError, OllamaProtocolError.
        """
        deadlines = Deadlines(timeouts, give_up_at, time.monotonic)
        connection = self._take() or _Connection.connect(self.host, deadlines.connect())
        try:
            connection.send(request, self._headers, deadlines.start())
            incoming = Incoming(self, connection, deadlines)
            incoming.read_head()
        except BaseException:  # a socket is closed, whatever happens to its user
            connection.close()
            raise
        return incoming

    def close(self) -> None:
        """Closes the connections that nobody uses now; those in use are closed after their answer."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def now(self) -> float:
        """The clock that deadlines are on, in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)

    def give_back(self, connection: _Connection) -> None:
        """Keeps a connection for the next exchange."""
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _take(self) -> _Connection | None:
        """A connection that is still good, if one is idle."""
        with self._lock:
            if self._closed:
                raise RuntimeError("this client is closed")
            while self._idle:
                connection = self._idle.pop()
                if connection.is_ready():
                    return connection
                connection.close()
        return None


class Incoming:
    """An answer that is coming in, over a blocking socket."""

    head: Head

    def __init__(self, transport: Transport, connection: _Connection, deadlines: Deadlines) -> None:
        self._transport = transport
        self._connection = connection
        self._deadlines = deadlines
        self._begun = False

    def deadline(self) -> Deadline:
        """By when the next piece must be there: of the start until bytes have come, then of idling."""
        return self._deadlines.idle() if self._begun else self._deadlines.start()

    def read(self, deadline: Deadline) -> bytes:
        """The body's next bytes; `b""` at its end."""
        with translated(self._transport.host):
            while (data := self._connection.exchange.data()) is None:
                self._connection.receive(deadline)
        self._begun = True
        return data

    def read_head(self) -> None:
        """Reads until the head is there."""
        with translated(self._transport.host):
            while (head := self._connection.exchange.head()) is None:
                self._connection.receive(self._deadlines.start())
        self.head = head

    def finish(self) -> None:
        """The answer is whole: keeps the connection, for as long as it may be good."""
        self._transport.give_back(self._connection)

    def close(self) -> None:
        """Ends the exchange at once, from any thread; a server stops answering. May be called twice."""
        self._connection.close()


class _Connection:
    """A blocking socket and the HTTP state of what goes over it."""

    def __init__(self, host: Host, connected: socket.socket) -> None:
        self._host = host
        self._socket = connected
        self._reading = threading.Lock()
        self._closed = False
        self.exchange = Exchange()

    @classmethod
    def connect(cls, host: Host, deadline: Deadline) -> _Connection:
        with translated(host):
            return cls(host, _connect(host, deadline))

    def send(self, request: Request, headers: list[tuple[str, str]], deadline: Deadline) -> None:
        data = self.exchange.send(request, headers)
        with translated(self._host), timing_out(self._host, deadline):
            self._socket.settimeout(seconds_left(deadline))
            self._socket.sendall(data)

    def receive(self, deadline: Deadline) -> None:
        """Feeds the exchange with what comes next, whatever that is."""
        data = b""
        try:
            with self._reading, timing_out(self._host, deadline):
                self._socket.settimeout(seconds_left(deadline))
                data = self._socket.recv(_CHUNK)
        except OSError:
            if not self._closed:
                raise
        finally:
            if self._closed:
                self._socket.close()
        if self._closed:
            raise stopped(self._host)
        self.exchange.feed(data)

    def is_ready(self) -> bool:
        """Whether the last answer has ended, and the server has not closed the connection since."""
        self._socket.settimeout(0)
        try:
            data = self._socket.recv(_CHUNK)
        except OSError as error:
            if not isinstance(error, BlockingIOError) and type(error).__name__ != "SSLWantReadError":
                return False
            return self.exchange.reuse()
        return self.exchange.reuse(data)

    def close(self) -> None:
        """Shuts the socket down, which ends a read in another thread, and frees it once none reads."""
        self._closed = True
        with suppress(OSError):  # the peer was faster
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        if self._reading.acquire(blocking=False):
            self._socket.close()
            self._reading.release()


def _connect(host: Host, deadline: Deadline) -> socket.socket:
    """A connected socket; the addresses of a name are tried in turn, each with its share of the time."""
    if host.unix_path is not None:
        return _connect_to(socket.AF_UNIX, host.unix_path, host, seconds_left(deadline))
    # As bytes, a name needs no IDNA codec, which is slow to import.
    name = host.address.encode() if host.address.isascii() else host.address
    found = socket.getaddrinfo(name, host.port, type=socket.SOCK_STREAM)
    for untried, (family, _, _, _, address) in zip(range(len(found), 0, -1), found, strict=True):
        with timing_out(host, deadline):
            try:
                return _connect_to(family, address, host, seconds_left(deadline) / untried)
            except OSError:
                if untried == 1:
                    raise
    raise socket.gaierror(f"no address for {host.address}")


def _connect_to(family: int, address: Any, host: Host, seconds: float) -> socket.socket:
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.settimeout(seconds)
        connecting.connect(address)
        if host.unix_path is None:
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = tls_context(host)
        if context is not None:
            return context.wrap_socket(connecting, server_hostname=host.address)
    except BaseException:  # a socket is closed, whatever happens to its user
        connecting.close()
        raise
    return connecting
