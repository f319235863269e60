"""A server on loopback that does what its script says: cut, stall, dribble, refuse, lie.

Each request that arrives is given the next script, the last one again and again. A script is a list of
steps: bytes are sent as they are, and the values below do the rest. Nothing here knows HTTP beyond the end
of a request, so that anything can be answered.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self


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


Step = bytes | Dribble | Flood | WaitFor | Hang | Close | Reset


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

    url: its base URL. requests: what arrived, in order; arrived: set by the first.
    answered: set when all of a script was sent. hung_up: set when a client leaves before its answer ends.
    """

    def __init__(self, *scripts: Sequence[Step]) -> None:
        self._scripts = scripts
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.requests: list[Received] = []
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
        with self._lock:
            for connection in self._connections:
                _shut(connection)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, work: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections.append(connection)
                number = len(self._connections) - 1
            self._start(self._serve, connection, number)

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection:
            try:
                while (request := _read_request(connection, number)) is not None:
                    for step in self._next_script(request):
                        self._perform(step, connection)
                    self.answered.set()
            except EOFError:
                return
            except OSError:
                self.hung_up.set()

    def _next_script(self, request: Received) -> Sequence[Step]:
        with self._lock:
            self.requests.append(request)
            self.arrived.set()
            return self._scripts[min(len(self.requests), len(self._scripts)) - 1]

    def _perform(self, step: Step, connection: socket.socket) -> None:
        match step:
            case bytes():
                connection.sendall(step)
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


def _read_request(connection: socket.socket, number: int) -> Received | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        more = connection.recv(65536)
        if not more:
            return None
        body += more
    method, path, _ = first.split(" ")
    return Received(method, path, headers, body, number)


def _wait_for_the_end(connection: socket.socket) -> None:
    with contextlib.suppress(ConnectionError):
        while connection.recv(65536):
            pass


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be gone
        connection.shutdown(socket.SHUT_RDWR)
