"""A child made by fork has connections of its own, and leaves its parent's alone."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.scripted_server import STREAM_END, STREAM_HEAD, Hang, WaitFor, answer, chunk, pieces
from vuhitra import AsyncOllamaClient, OllamaClient, Timeouts, resolve_host
from vuhitra.http import Request, request_headers
from vuhitra.transport.blocking import Transport

HELLO = [{"role": "user", "content": "hello"}]
SOON = 5.0


def in_a_child(body: Callable[[], str]) -> str:
    """What a body gives, or the exception it raises, in a child made by fork."""
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork on this system")
    theirs, ours = socket.socketpair()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of threads, and the tests have some
        child = os.fork()
    if child == 0:
        try:
            said = body()
        except BaseException as error:  # noqa: BLE001  nothing gets past the child
            said = repr(error)
        theirs.sendall(said.encode())
        os._exit(0)
    theirs.close()
    with ours:
        ours.settimeout(SOON)
        said = b"".join(iter(lambda: ours.recv(65536), b"")).decode()
    os.waitpid(child, 0)
    return said


def test_each_has_connections_of_its_own(serve: Serve) -> None:
    server = serve(answer({"models": []}))
    with OllamaClient(server.url) as client:
        client.list_models()
        assert in_a_child(lambda: str(client.list_models() or client.list_models())) == "[]"
        client.list_models()
    assert [request.connection for request in server.requests] == [0, 1, 1, 0]


def test_a_child_that_closes_the_client_takes_nothing_from_its_parent(serve: Serve) -> None:
    server = serve(answer({"models": []}))
    with OllamaClient(server.url) as client:
        client.list_models()
        assert in_a_child(lambda: close(client)) == "closed"
        client.list_models()
    assert [request.connection for request in server.requests] == [0, 0]


def close(client: OllamaClient) -> str:
    client.close()
    return "closed"


def test_a_lock_that_another_thread_held_does_not_hold_up_the_child(serve: Serve) -> None:
    server = serve(answer({"models": []}))
    done = threading.Event()

    def call_again_and_again() -> None:
        while not done.is_set():
            client.list_models()

    with OllamaClient(server.url) as client:
        busy = threading.Thread(target=call_again_and_again)
        busy.start()
        try:
            for _ in range(20):
                assert in_a_child(lambda: str(client.list_models())) == "[]"
        finally:
            done.set()
            busy.join()


def test_a_stream_that_is_open_raises_in_the_child_and_goes_on_in_the_parent(connect: Connect, serve: Serve) -> None:
    go_on = threading.Event()
    one, *rest = (chunk(record) for record in pieces("one", "two"))
    server = serve([STREAM_HEAD + one, WaitFor(go_on), *rest, STREAM_END])
    stream = connect(server.url, "m").chat(HELLO, stream=True)
    assert next(stream) == "one"

    def body() -> str:
        asyncio.set_event_loop(None)
        if hasattr(stream, "_wrapped"):
            return asyncio.run(in_a_loop_of_its_own(stream._wrapped))  # noqa: SLF001  the child has no use for the fixture's loop
        try:
            return str(next(stream))
        except RuntimeError as error:
            stream.close()
            return str(error)

    said = in_a_child(body)
    go_on.set()
    assert "forked" in said
    assert list(stream) == ["two"]
    assert not server.hung_up.is_set()


OPENED = {
    "sync": """
client = vuhitra.OllamaClient(sys.argv[1], "m")
stream = client.generate("hello", stream=True)
""",
    "async": """
async def open_stream():
    return await client.generate("hello", stream=True)
client = vuhitra.AsyncOllamaClient(sys.argv[1], "m")
stream = asyncio.run(open_stream())
""",
}


@pytest.mark.parametrize("opened", OPENED.values(), ids=OPENED.keys())
def test_a_child_that_outlives_its_parent_keeps_no_answer_of_it_open(serve: Serve, opened: str) -> None:
    server = serve([STREAM_HEAD + chunk({"model": "m", "response": "one", "done": False}), Hang()])
    ends = "\nif os.fork() == 0:\n    sys.stdin.read()\nos._exit(0)\n"
    program = f"import asyncio, os, sys, vuhitra\n{opened}{ends}"
    with subprocess.Popen([sys.executable, "-c", program, server.url], stdin=subprocess.PIPE) as parent:
        assert parent.wait(4 * SOON) == 0
        assert server.hung_up.wait(SOON)


async def in_a_loop_of_its_own(stream: object) -> str:
    try:
        return str(await stream.__anext__())  # type: ignore[attr-defined]
    except RuntimeError as error:
        await stream.aclose()  # type: ignore[attr-defined]
        return str(error)


def test_an_answer_that_ends_in_the_child_is_not_the_childs_to_keep(serve: Serve) -> None:
    server = serve(answer({"version": "1"}))
    host = resolve_host(server.url)
    transport = Transport(host)
    asking = Request("GET", "/api/version", request_headers(host, {}))
    incoming = transport.open(asking, Timeouts())
    assert incoming.read(incoming.deadline()) == b'{"version": "1"}'

    def body() -> str:
        end = incoming.read(incoming.deadline())
        incoming.finish()
        another = transport.open(asking, Timeouts())
        said = another.read(another.deadline())
        another.close()
        return f"{end!r} {said!r}"

    assert in_a_child(body) == """b'' b'{"version": "1"}'"""
    incoming.close()
    transport.close()
    assert [request.connection for request in server.requests] == [0, 1]


def test_an_asynchronous_client_works_in_the_childs_own_loop(serve: Serve) -> None:
    server = serve(answer({"models": []}))

    async def main() -> None:
        async with AsyncOllamaClient(server.url) as client:
            await client.list_models()
            said = await asyncio.to_thread(in_a_child, lambda: asyncio.run(call_and_close(client)))
            assert said == "[][]"
            await client.list_models()

    asyncio.run(main())
    assert [request.connection for request in server.requests] == [0, 1, 1, 0]


async def call_and_close(client: AsyncOllamaClient) -> str:
    async with client:
        return f"{await client.list_models()}{await client.list_models()}"


def test_a_second_event_loop_is_told_so(serve: Serve) -> None:
    server = serve(answer({"models": []}))
    client = AsyncOllamaClient(server.url)
    first = asyncio.new_event_loop()
    try:
        first.run_until_complete(client.list_models())
        with pytest.raises(RuntimeError, match="event loop it was first used in"):
            asyncio.run(client.list_models())
        assert first.run_until_complete(client.list_models()) == []
        first.run_until_complete(client.aclose())
    finally:
        first.close()
