"""A server on loopback that does what its script says: cut, stall, dribble, refuse, lie.

Each request that arrives is given the next script, the last one again and again. A script is a list of
steps: bytes are sent as they are, and the values below do the rest. Nothing here knows HTTP beyond the end
of a request, so that anything can be answered.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Pause:
    """Sends nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Dribble:
    """Sends bytes one by one, so many seconds apart, until they or the client are gone."""

    data: bytes
    gap: float


@dataclass(frozen=True)
class Flood:
    """Sends the same bytes again and again, until the client is gone."""

    data: bytes


@dataclass(frozen=True)
class WaitFor:
    """Goes on when the test sets the event."""

    event: threading.Event


@dataclass(frozen=True)
class Hang:
    """Says nothing more until the client hangs up, and then sets `ScriptedServer.hung_up`."""


@dataclass(frozen=True)
class Close:
    """Closes the connection cleanly."""


@dataclass(frozen=True)
class Reset:
    """Resets the connection."""


Step = bytes | Pause | Dribble | Flood | WaitFor | Hang | Close | Reset


@dataclass(frozen=True)
class Received:
    """A request that arrived. connection: which one it came over, counted from 0."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


def answer(document: object, status: int = 200) -> list[Step]:
    """A whole JSON answer. bytes are sent as they are, as a body that need not be JSON."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return [head.encode() + body]


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
STREAM_END = b"0\r\n\r\n"


def chunk(data: object) -> bytes:
    """A chunk of a body: a record as a line of NDJSON, or bytes as they are."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode() + b"\n"
    return b"%x\r\n%s\r\n" % (len(body), body)


def stream(records: Iterable[object]) -> list[Step]:
    """A stream of records that ends as it should."""
    return [STREAM_HEAD, *(chunk(record) for record in records), STREAM_END]


def pieces(*texts: str, **last: Any) -> list[dict[str, Any]]:
    """The records of a chat's answer in these pieces. last: more fields of the last record."""
    records: list[dict[str, Any]] = [
        {"model": "m", "message": {"role": "assistant", "content": text}, "done": False} for text in texts
    ]
    end = {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True}
    return [*records, {**end, "done_reason": "stop", **last}]


class ScriptedServer:
    """See the file's docstring.

    url: its base URL. arrived: set by the first request.
    answered: set when all of a script was sent. hung_up: set when a client leaves before its answer ends.
    """

    def __init__(self, *scripts: Sequence[Step]) -> None:
        self._scripts = scripts
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._connections: list[socket.socket] = []
        self._expecting: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._requests: list[Received] = []
        self.arrived = threading.Event()
        self.answered = threading.Event()
        self.hung_up = threading.Event()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        with self._changed:
            for connection in self._connections:
                _shut(connection)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    @property
    def requests(self) -> list[Received]:
        """What arrived, in order; what was sent and waits to be read is waited for."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping.is_set() or not self._has_unread())
            return [*self._requests]

    def _has_unread(self) -> bool:
        polled = select.poll()
        for waiting in (self._listener, *self._expecting):
            polled.register(waiting, select.POLLIN)
        return bool(polled.poll(0))

    def _start(self, work: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            _wait_until_readable(self._listener)
            with self._changed:
                try:
                    connection, _ = self._listener.accept()
                except OSError:
                    return
                self._connections.append(connection)
                self._expecting.add(connection)
                number = len(self._connections) - 1
            self._start(self._serve, connection, number)

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection:
            try:
                while (arrived := self._next_request(connection, number)) is not None:
                    for step in self._script_for(*arrived):
                        self._expect(connection, isinstance(step, bytes))
                        self._perform(step, connection)
                    self.answered.set()
            except EOFError:
                return
            except OSError:
                self.hung_up.set()
            finally:
                self._expect(connection, False)

    def _expect(self, connection: socket.socket, expected: bool) -> None:
        """Whether a request may come over this connection now, and will be read soon if it does."""
        with self._changed:
            (self._expecting.add if expected else self._expecting.discard)(connection)
            self._changed.notify_all()

    def _next_request(self, connection: socket.socket, number: int) -> tuple[Received, int] | None:
        """The next request, and how many there were before; None where the client has hung up.

        It is taken note of in the moment it is read.
        """
        self._expect(connection, True)
        data = b""
        while True:
            _wait_until_readable(connection)
            with self._changed:
                more = connection.recv(65536)
                data += more
                request = _parsed(data, number)
                if request is not None:
                    self._requests.append(request)
                    self._expecting.discard(connection)
                    self.arrived.set()
                self._changed.notify_all()
                before = len(self._requests) - 1
            if request is not None:
                return request, before
            if not more:
                return None

    def _script_for(self, _request: Received, before: int) -> Sequence[Step]:
        return self._scripts[min(before, len(self._scripts) - 1)]

    def _perform(self, step: Step, connection: socket.socket) -> None:
        match step:
            case bytes():
                connection.sendall(step)
            case Pause(seconds):
                self._wait(seconds)
            case Dribble() | Flood():
                self._pour(step, connection)
            case WaitFor(event):
                while not event.is_set():
                    self._wait(0.02)
            case Hang():
                _wait_for_the_end(connection)
                self.hung_up.set()
                raise EOFError
            case Close():
                raise EOFError
            case Reset():
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise EOFError

    def _pour(self, step: Dribble | Flood, connection: socket.socket) -> None:
        if isinstance(step, Flood):
            while not self._stopping.is_set():
                connection.sendall(step.data)
            return
        for byte in step.data:
            connection.sendall(bytes([byte]))
            self._wait(step.gap)

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise EOFError


def unused_url() -> str:
    """The URL of a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _wait_until_readable(waiting: socket.socket) -> None:
    polled = select.poll()
    polled.register(waiting, select.POLLIN)
    polled.poll()


def _parsed(data: bytes, connection: int) -> Received | None:
    """The request in these bytes, once all of it is there."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if len(body) < int(headers.get("content-length", "0")):
        return None
    method, path, _ = first.split(" ")
    return Received(method, path, headers, body, connection)


def _wait_for_the_end(connection: socket.socket) -> None:
    with contextlib.suppress(ConnectionError):
        while connection.recv(65536):
            pass


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be gone
        connection.shutdown(socket.SHUT_RDWR)
