"""Who reads slowly loses nothing, and has no more in memory than a little."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.library.wire.serving import AUTHORITY, read_request, serving
from tests.scripted_server import STREAM_END, STREAM_HEAD, chunk, pieces
from vuhitra import AsyncOllamaClient, OllamaClient, OllamaIncompleteError

HELLO = [{"role": "user", "content": "hello"}]
SOON = 5.0
TEXT = "x" * 50_000
TIMES = 1000
"""How often the text comes: far more than the buffers of both sides take."""
STALLED = 0.5
"""Seconds without any room in them after which a server's buffers are full."""


class Resetting:
    """Answers with one record, with two more once it may go on, and with a reset. gone: set when that was sent."""

    def __init__(self) -> None:
        self.begun, self.may_go_on, self.gone = (threading.Event() for _ in range(3))

    def __call__(self, connection: socket.socket) -> None:
        one, *rest = (chunk(record) for record in pieces("one", "two", "three")[:3])
        read_request(connection)
        connection.sendall(STREAM_HEAD + one)
        self.begun.set()
        self.may_go_on.wait(SOON)
        connection.sendall(b"".join(rest))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        self.gone.set()


def streamed(url: str, server: Resetting, heard: list[str]) -> None:
    with OllamaClient(url, "m") as client, client.chat(HELLO, stream=True) as stream:
        server.may_go_on.set()
        assert server.gone.wait(SOON)
        heard.extend(iter(stream.__next__, None))


def whole(url: str, server: Resetting, heard: list[str]) -> None:
    with OllamaClient(url, "m") as client:
        server.may_go_on.set()
        client.chat(HELLO)


async def streamed_in_a_loop(url: str, server: Resetting, heard: list[str]) -> None:
    async with AsyncOllamaClient(url, "m") as client, await client.chat(HELLO, stream=True) as stream:
        server.may_go_on.set()
        assert await asyncio.to_thread(server.gone.wait, SOON)
        for _ in range(20):  # in which the loop hears all of it
            await asyncio.sleep(0)
        async for text in stream:
            heard += [text]


async def whole_in_a_loop(url: str, server: Resetting, heard: list[str]) -> None:
    async with AsyncOllamaClient(url, "m") as client:
        asking = asyncio.create_task(client.chat(HELLO))
        assert await asyncio.to_thread(server.begun.wait, SOON)
        server.may_go_on.set()
        assert server.gone.wait(SOON)  # and holds up the loop, as others do who compute
        await asking


def wait_for(coming: object) -> None:
    if asyncio.iscoroutine(coming):
        asyncio.run(coming)


@pytest.mark.parametrize("use", [streamed, whole, streamed_in_a_loop, whole_in_a_loop])
def test_what_came_before_a_reset_is_heard_however_late(use: Callable[[str, Resetting, list[str]], object]) -> None:
    heard: list[str] = []
    server = Resetting()
    with serving(server, "http") as url, pytest.raises(OllamaIncompleteError) as caught:
        wait_for(use(url, server, heard))
    assert caught.value.partial == "onetwothree"
    assert caught.value.reason == "cut"
    if "streamed" in use.__name__:
        assert heard == ["one", "two", "three"]


class Pushing:
    """Answers with more than fits anywhere, and notes how much it has sent when nobody takes any more."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self.sent = 0
        self.stalled = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        if self._context is None:
            self._push(connection)
        else:
            with self._context.wrap_socket(connection, server_side=True) as secured, suppress(OSError):
                self._push(secured)

    def _push(self, connection: socket.socket) -> None:
        read_request(connection)
        record = chunk(pieces(TEXT)[0])
        left = memoryview(STREAM_HEAD + record * TIMES + chunk(pieces()[0]) + STREAM_END)
        connection.settimeout(STALLED)
        while left:
            try:
                size = connection.send(left[:16384])
            except TimeoutError:
                self.stalled.set()
                connection.settimeout(SOON)
                continue
            left = left[size:]
            self.sent += 0 if self.stalled.is_set() else size
        self.stalled.set()


async def texts_of(stream: AsyncIterator[str]) -> int:
    return sum([len(text) async for text in stream])


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_nobody_reads_is_not_taken_from_the_server(scheme: str, tmp_path: Path) -> None:
    AUTHORITY.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = None
    if scheme == "https":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        AUTHORITY.issue_cert("localhost").configure_cert(context)
    server = Pushing(context)

    async def main(url: str) -> None:
        async with AsyncOllamaClient(url, "m", verify=str(tmp_path / "ca.pem")) as client:
            stream = await client.chat(HELLO, stream=True)
            assert await asyncio.to_thread(server.stalled.wait, 4 * SOON)
            assert server.sent < 10_000_000
            assert await texts_of(stream) == len(TEXT) * TIMES

    with serving(server, scheme) as url:
        asyncio.run(main(url))


def test_two_tasks_do_not_wait_for_one_answer() -> None:
    server = Resetting()

    async def main(url: str) -> None:
        async with AsyncOllamaClient(url, "m") as client, await client.chat(HELLO, stream=True) as stream:
            assert await anext(stream) == "one"
            first = asyncio.create_task(anext(stream))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="another task"):
                await anext(stream)
            server.may_go_on.set()
            await asyncio.gather(first, return_exceptions=True)

    with serving(server, "http") as url:
        asyncio.run(main(url))
