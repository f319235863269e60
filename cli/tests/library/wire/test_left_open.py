"""Connections that nobody closed: they are hung up and warned of, whichever thread finds them."""

from __future__ import annotations

import asyncio
import gc
import sys
import warnings
from typing import Any

import pytest

from tests.library.wire.conftest import Serve
from tests.scripted_server import STREAM_HEAD, Hang, ScriptedServer, chunk, pieces
from vuhitra import AsyncOllamaClient, OllamaClient
from vuhitra.transport import asynchronous, blocking

HELLO = [{"role": "user", "content": "hello"}]
SOON = 5.0


def hanging(serve: Serve) -> ScriptedServer:
    """A server that begins an answer, and no more."""
    return serve([STREAM_HEAD + chunk(pieces("x")[0]), Hang()])


async def opened(server: ScriptedServer) -> list[Any]:
    """A client and its stream, for which there is no other reference."""
    client = AsyncOllamaClient(server.url, "m")
    stream = await client.chat(HELLO, stream=True)
    await anext(stream)
    return [client, stream]


def let_go(held: list[Any]) -> None:
    held.clear()
    gc.collect()


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
def test_another_thread_leaves_it_to_the_event_loop_to_hang_up(serve: Serve, debug: bool) -> None:
    server = hanging(serve)
    complaints: list[dict[str, Any]] = []

    async def lose() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        held = await opened(server)
        await asyncio.to_thread(let_go, held)
        assert await asyncio.to_thread(server.hung_up.wait, SOON)

    with pytest.warns(ResourceWarning, match=server.url):
        asyncio.run(lose(), debug=debug)
    assert not complaints


def test_the_event_loop_may_be_closed_by_then(serve: Serve) -> None:
    server = hanging(serve)
    loop = asyncio.new_event_loop()
    held = loop.run_until_complete(opened(server))
    loop.close()
    with pytest.warns(ResourceWarning, match="unclosed connection to Ollama"):
        let_go(held)
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):  # asyncio's own, of the same
        gc.collect()  # our warning held on to it
    assert server.hung_up.wait(SOON)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_it_is_hung_up_where_warnings_are_errors(serve: Serve, is_async: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    server = hanging(serve)
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: told.append(what.exc_value))

    def lose() -> None:
        stream = OllamaClient(server.url, "m").chat(HELLO, stream=True)
        next(stream)

    async def lose_in_a_loop() -> None:
        let_go(await opened(server))
        assert await asyncio.to_thread(server.hung_up.wait, SOON)

    if is_async:
        asyncio.run(lose_in_a_loop())
    else:
        lose()
        gc.collect()
    assert server.hung_up.wait(SOON)
    assert [type(each) for each in told] == [ResourceWarning]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # Python's own, of what is under it
def test_a_connection_interrupted_while_it_is_made_says_nothing(
    serve: Serve, is_async: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([Hang()])
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: told.append(what.exc_value))
    module = asynchronous if is_async else blocking

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "Exchange", interrupt)

    async def ask() -> None:
        async with AsyncOllamaClient(server.url) as client:
            await client.version()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(ask()) if is_async else OllamaClient(server.url).version()
    gc.collect()
    assert told == []
