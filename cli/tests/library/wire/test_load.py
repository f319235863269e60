"""Many calls, many threads, many tasks: nothing is left behind, and who leaves is seen to leave at once."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.library.wire.serving import VERSION, read_head, read_request, serving
from tests.scripted_server import STREAM_END, STREAM_HEAD, Hang, answer, chunk, pieces
from vuhitra import AsyncOllamaClient, OllamaClient

CALLS = 10_000
THREADS = 32
TASKS = 200
AT_ONCE = 0.5
"""Seconds within which a server sees that a client has left."""


def asking(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def memory() -> int:
    """Bytes that are resident."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def answering(connection: socket.socket) -> None:
    """Answers one request after the other, and keeps nothing of them."""
    while read_head(connection):
        connection.sendall(VERSION)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
def test_ten_thousand_calls_leave_nothing_behind(connect: Connect) -> None:
    with serving(answering, "http") as url:
        client = connect(url)
        files = used = 0
        for number in range(1, CALLS + 1):
            client.version()
            if number == 100:
                files = open_files()
            if number == CALLS // 10:
                gc.collect()
                used = memory()
        gc.collect()
        assert open_files() == files
        assert memory() < used * 1.05
        client.close()


class Watching:
    """A server that begins to answer, goes on only where it was asked to, and notes when each client leaves.

    left: the time at which the client left, by what it asked.
    """

    def __init__(self) -> None:
        self.left: dict[str, float] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def wait_for(self, asked: str) -> float:
        """When the client left who asked that."""
        patience = time.monotonic() + 10
        while asked not in self.left and time.monotonic() < patience:
            time.sleep(0.005)
        return self.left[asked]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):
            while asked := _asked(connection):
                first, *rest = (chunk(record) for record in pieces(asked, "!"))
                connection.sendall(STREAM_HEAD + first)
                if asked.startswith("all"):
                    connection.sendall(b"".join(rest) + STREAM_END)
                    continue
                with suppress(ConnectionError):
                    while connection.recv(65536):
                        pass
                self.left[asked] = time.monotonic()
                return


def _asked(connection: socket.socket) -> str:
    _, body = read_request(connection)
    return str(json.loads(body)["messages"][0]["content"]) if body else ""


@pytest.fixture
def watching() -> Iterator[Watching]:
    """A server that sees who leaves."""
    server = Watching()
    yield server
    server.close()


def test_threads_share_a_client_and_each_leaves_when_it_likes(watching: Watching) -> None:
    gate = threading.Barrier(THREADS)

    def work(number: int) -> tuple[str, float]:
        gate.wait()
        for time_ in range(3):
            assert client.chat(asking(f"all {number}.{time_}")) == f"all {number}.{time_}!"
        stream = client.chat(asking(f"part {number}"), stream=True)
        assert next(stream) == f"part {number}"
        gate.wait()
        began = time.monotonic()
        stream.close()
        assert client.chat(asking(f"all {number}")) == f"all {number}!"
        return f"part {number}", began

    with OllamaClient(watching.url, "m") as client, ThreadPoolExecutor(THREADS) as threads:
        for asked, began in threads.map(work, range(THREADS)):
            assert watching.wait_for(asked) - began < AT_ONCE


def test_tasks_share_a_client_and_each_is_cancelled_at_once(watching: Watching) -> None:
    async def ask(client: AsyncOllamaClient, number: int, begun: asyncio.Semaphore) -> None:
        assert await client.chat(asking(f"all {number}")) == f"all {number}!"
        async with await client.chat(asking(f"part {number}"), stream=True) as stream:
            async for _ in stream:
                begun.release()

    async def main() -> float:
        begun = asyncio.Semaphore(0)
        async with AsyncOllamaClient(watching.url, "m") as client:
            tasks = [asyncio.create_task(ask(client, number, begun)) for number in range(TASKS)]
            for _ in tasks:
                await begun.acquire()
            began = time.monotonic()
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(result) for result in results} == {asyncio.CancelledError}
            assert await client.chat(asking("all is well")) == "all is well!"
        return began

    began = asyncio.run(main())
    assert max(watching.wait_for(f"part {number}") for number in range(TASKS)) - began < AT_ONCE


def test_a_client_that_is_closed_in_mid_stream_leaves_everywhere(watching: Watching) -> None:
    client = OllamaClient(watching.url, "m")
    streams = [client.chat(asking(f"part {number}"), stream=True) for number in range(THREADS)]
    began = time.monotonic()
    client.close()
    for number, stream in enumerate(streams):
        assert watching.wait_for(f"part {number}") - began < AT_ONCE
        stream.close()


def warned_of(body: Callable[[], Any]) -> list[str]:
    """The ResourceWarnings of a body, and of what it leaves behind."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        body()
        gc.collect()
    return [str(warning.message) for warning in caught if warning.category is ResourceWarning]


def use(url: str, *, closes_client: bool, closes_stream: bool) -> None:
    client = OllamaClient(url, "m")
    stream = client.chat(asking("x"), stream=True)
    next(stream)
    client.version()
    if closes_stream:
        stream.close()
    del stream
    if closes_client:
        client.close()


async def use_in_a_loop(url: str, *, closes_client: bool, closes_stream: bool) -> None:
    client = AsyncOllamaClient(url, "m")
    stream = await client.chat(asking("x"), stream=True)
    await anext(stream)
    await client.version()
    if closes_stream:
        await stream.aclose()
    del stream
    if closes_client:
        await client.aclose()
    del client
    gc.collect()
    await asyncio.sleep(0)  # in which the loop itself lets go


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("closes_client", "closes_stream", "of"), [(True, True, 0), (True, False, 1), (False, True, 1), (False, False, 2)]
)
def test_what_was_not_closed_is_warned_of(
    serve: Serve, is_async: bool, closes_client: bool, closes_stream: bool, of: int
) -> None:
    server = serve([STREAM_HEAD + chunk(pieces("x")[0]), Hang()], answer({"version": "1"}))
    settings = {"closes_client": closes_client, "closes_stream": closes_stream}

    def body() -> None:
        if is_async:
            asyncio.run(use_in_a_loop(server.url, **settings))
        else:
            use(server.url, **settings)

    told = warned_of(body)
    assert len(told) == of
    assert all(server.url in each for each in told)
