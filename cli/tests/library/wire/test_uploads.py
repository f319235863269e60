"""Files as bodies: piece by piece, with a limit for each, and with an ear for a server that has heard enough."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vuhitra import OllamaConnectionError, OllamaTimeoutError, resolve_host
from vuhitra.http import Request, Upload, request_headers
from vuhitra.limits import Timeouts
from vuhitra.transport.asynchronous import AsyncTransport
from vuhitra.transport.blocking import Transport

SIZE = 40_000_000
"""More than the buffers of both sides take."""
OK = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"
Deliver = Callable[..., tuple[int, bytes]]


def deliver(url: str, body: Upload | bytes, timeouts: Timeouts = Timeouts()) -> tuple[int, bytes]:
    host = resolve_host(url)
    transport = Transport(host)
    try:
        incoming = transport.open(Request("POST", "/api/blobs/x", request_headers(host, {}), body), timeouts)
        read = incoming.read(incoming.deadline())
        incoming.close()
        return incoming.head.status, read
    finally:
        transport.close()


async def deliver_in_a_loop(url: str, body: Upload | bytes, timeouts: Timeouts = Timeouts()) -> tuple[int, bytes]:
    host = resolve_host(url)
    transport = AsyncTransport(host)
    try:
        incoming = await transport.open(Request("POST", "/api/blobs/x", request_headers(host, {}), body), timeouts)
        read = await incoming.read(incoming.deadline())
        await incoming.aclose()
        return incoming.head.status, read
    finally:
        await transport.aclose()


@pytest.fixture(params=["sync", "async"], name="send")
def send_(request: pytest.FixtureRequest) -> Deliver:
    """Sends a request over either transport and gives the status and the start of the body."""
    if request.param == "sync":
        return deliver
    return lambda *a: asyncio.run(deliver_in_a_loop(*a))


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    """A large file."""
    path = tmp_path / "model.gguf"
    path.write_bytes(bytes(range(250)) * (SIZE // 250))
    return Upload(path, SIZE)


@contextmanager
def serving(behave: Callable[[socket.socket], None]) -> Generator[str]:
    """A server for one connection; gives its URL."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            behave(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def read_head(connection: socket.socket) -> bytes:
    """Reads until the head is there; gives the head, and what came of the body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    return data


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def drain(connection: socket.socket) -> None:
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass


def test_a_file_arrives_as_it_is(send: Deliver, upload: Upload) -> None:
    heard: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        head, _, start = read_head(connection).partition(b"\r\n\r\n")
        heard.append(head)
        digest, size = hashlib.sha256(start), len(start)
        while size < SIZE:
            data = connection.recv(65536)
            digest.update(data)
            size += len(data)
        heard.append(digest.hexdigest().encode())
        connection.sendall(OK)

    with serving(behave) as url:
        assert send(url, upload) == (201, b"{}")
    assert b"Content-Length: 40000000" in heard[0]
    assert heard[1].decode() == hashlib.sha256(upload.path.read_bytes()).hexdigest()


@pytest.mark.parametrize("said", [b"100 Continue", b"103 Early hints\r\nLink: </>"], ids=["100", "103"])
@pytest.mark.parametrize("is_file", [True, False], ids=["a file", "bytes"])
def test_what_is_said_in_between_is_no_answer(send: Deliver, upload: Upload, is_file: bool, said: bytes) -> None:
    def behave(connection: socket.socket) -> None:
        came = len(read_head(connection).partition(b"\r\n\r\n")[2])
        connection.sendall(b"HTTP/1.1 %s\r\n\r\n" % said)
        while came < SIZE:
            came += len(connection.recv(65536))
        connection.sendall(OK)

    body = upload if is_file else upload.path.read_bytes()
    with serving(behave) as url:
        assert send(url, body, Timeouts(start=20, idle=20)) == (201, b"{}")


@pytest.mark.parametrize("is_file", [True, False], ids=["a file", "bytes"])
def test_a_reset_in_the_middle_is_told_as_one(send: Deliver, upload: Upload, is_file: bool) -> None:
    def behave(connection: socket.socket) -> None:
        read_head(connection)
        reset(connection)

    body = upload if is_file else upload.path.read_bytes()
    with serving(behave) as url, pytest.raises(OllamaConnectionError) as caught:
        send(url, body)
    assert caught.value.reason == "reset"


@pytest.mark.parametrize("leaves", [False, True], ids=["and stays", "and leaves"])
@pytest.mark.parametrize("is_file", [True, False], ids=["a file", "bytes"])
def test_a_server_that_answers_before_it_has_it_all_is_heard(
    send: Deliver, upload: Upload, is_file: bool, leaves: bool
) -> None:
    left = threading.Event()

    def behave(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 413 Too large\r\nContent-Length: 2\r\n\r\n{}")
        if leaves:
            connection.shutdown(socket.SHUT_WR)
            drain(connection)
        else:  # and reads nothing more
            left.wait(10)

    body = upload if is_file else upload.path.read_bytes()
    with serving(behave) as url:
        began = time.monotonic()
        assert send(url, body, Timeouts(start=8, idle=8)) == (413, b"{}")
        assert time.monotonic() - began < 4
        left.set()


def test_a_server_that_stops_taking_the_file_is_idle(send: Deliver, upload: Upload) -> None:
    left = threading.Event()

    def behave(connection: socket.socket) -> None:
        read_head(connection)
        left.wait(10)

    with serving(behave) as url:
        began = time.monotonic()
        with pytest.raises(OllamaTimeoutError, match="did not take") as caught:
            send(url, upload, Timeouts(start=60, idle=0.4))
        assert 0.4 <= time.monotonic() - began < 4
        left.set()
    assert caught.value.phase == "idle"


def test_start_begins_when_all_is_sent(send: Deliver, upload: Upload) -> None:
    def behave(connection: socket.socket) -> None:
        size = len(read_head(connection).partition(b"\r\n\r\n")[2])
        while size < SIZE:
            size += len(connection.recv(1_000_000))
            time.sleep(0.008)  # so that all of it takes longer than `start`
        time.sleep(0.3)
        connection.sendall(OK)

    with serving(behave) as url:
        assert send(url, upload, Timeouts(start=0.6, idle=5)) == (201, b"{}")


def test_a_file_that_can_not_be_read_is_no_fault_of_the_server(send: Deliver, upload: Upload) -> None:
    with serving(drain) as url, pytest.raises(FileNotFoundError):
        send(url, upload._replace(path=upload.path.with_name("gone")))
    with serving(drain) as url, pytest.raises(ValueError, match="shorter"):
        send(url, upload._replace(size=SIZE + 1))


def test_cancelling_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    disk = tmp_path / "slow"
    os.mkfifo(disk)  # which is opened once somebody writes to it
    begun = threading.Event()

    def behave(connection: socket.socket) -> None:
        read_head(connection)
        begun.set()
        drain(connection)

    async def main(url: str) -> None:
        task = asyncio.create_task(deliver_in_a_loop(url, Upload(disk, 5)))
        assert await asyncio.to_thread(begun.wait, 5)
        task.cancel()
        [error] = await asyncio.gather(task, return_exceptions=True)
        written = os.open(disk, os.O_RDWR)  # which waits for no reader: there may be none yet
        os.write(written, b"hello")
        os.close(written)
        assert isinstance(error, asyncio.CancelledError)

    with serving(behave) as url:
        asyncio.run(main(url))
