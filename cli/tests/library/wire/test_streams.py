"""Streams as objects: opened eagerly, closed early, closed from elsewhere, never drained."""

from __future__ import annotations

import asyncio
import signal
import threading

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.scripted_server import STREAM_END, STREAM_HEAD, Hang, Step, answer, chunk, pieces, unused_url
from vuhitra import AsyncOllamaClient, OllamaClient, OllamaConnectionError, OllamaIncompleteError, Retry

HELLO = [{"role": "user", "content": "hello"}]
TWO_AND_SILENCE = [STREAM_HEAD, b"".join(map(chunk, pieces("one", "two")[:2])), Hang()]
ONE = chunk(pieces("one")[0])
SOON = 5.0


def test_a_refused_connection_is_raised_by_the_call(connect: Connect) -> None:
    with pytest.raises(OllamaConnectionError):
        connect(unused_url(), "m", retry=Retry(attempts=1)).chat(HELLO, stream=True)


def test_leaving_a_stream_early_hangs_up(connect: Connect, serve: Serve) -> None:
    server = serve(TWO_AND_SILENCE)
    with connect(server.url, "m").chat(HELLO, stream=True) as answered:
        assert next(answered) == "one"
    assert server.hung_up.wait(SOON)


def test_closing_twice_is_fine_and_reading_on_is_not(connect: Connect, serve: Serve) -> None:
    answered = connect(serve(TWO_AND_SILENCE).url, "m").chat(HELLO, stream=True)
    assert next(answered) == "one"
    answered.close()
    answered.close()
    with pytest.raises(RuntimeError, match="this stream is closed"):
        next(answered)


def test_a_closed_client_says_so(connect: Connect, serve: Serve) -> None:
    client = connect(serve(TWO_AND_SILENCE).url, "m")
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="this client is closed"):
        client.chat(HELLO)


def test_a_stream_closed_from_another_thread_ends_at_once(serve: Serve) -> None:
    server = serve(TWO_AND_SILENCE)
    heard: list[str] = []
    caught: list[BaseException] = []
    two = threading.Event()

    def read() -> None:
        try:
            for piece in answered:
                heard.append(piece)
                if piece == "two":
                    two.set()
        except OllamaIncompleteError as error:
            caught.append(error)

    with OllamaClient(server.url, "m") as client, client.chat(HELLO, stream=True) as answered:
        reader = threading.Thread(target=read)
        reader.start()
        assert two.wait(SOON)
        answered.close()
        reader.join(SOON)
        assert not reader.is_alive()
    assert heard == ["one", "two"]
    assert isinstance(caught[0], OllamaIncompleteError)
    assert server.hung_up.wait(SOON)


def test_a_cancelled_call_hangs_up(serve: Serve) -> None:
    server = serve([STREAM_HEAD + chunk(pieces("one")[0]), Hang()])

    async def cancel() -> None:
        async with AsyncOllamaClient(server.url, "m") as client:
            call = asyncio.create_task(client.chat(HELLO))
            await asyncio.to_thread(server.arrived.wait, SOON)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    asyncio.run(cancel())
    assert server.hung_up.wait(SOON)


@pytest.mark.parametrize("script", [[Hang()], [STREAM_HEAD, Hang()], [STREAM_HEAD, ONE, Hang()]], ids=len)
def test_an_interrupted_call_hangs_up(serve: Serve, script: list[Step]) -> None:
    server = serve(script)

    def interrupt() -> None:
        assert server.arrived.wait(SOON)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with OllamaClient(server.url, "m") as client:
        interrupting = threading.Thread(target=interrupt)
        interrupting.start()
        with pytest.raises(KeyboardInterrupt):
            client.chat(HELLO)
        assert server.hung_up.wait(SOON)
        interrupting.join()


def test_a_closed_stream_gives_nothing_more(connect: Connect, serve: Serve) -> None:
    at_once = b"".join(map(chunk, pieces("a", "b")))
    answered = connect(serve([STREAM_HEAD + at_once + STREAM_END]).url, "m").chat(HELLO, stream=True)
    assert next(answered) == "a"
    with pytest.raises(RuntimeError, match="isn't whole yet"):
        _ = answered.reply
    answered.close()
    with pytest.raises(RuntimeError, match="this stream is closed"):
        next(answered)


def test_closing_a_client_ends_its_streams(connect: Connect, serve: Serve) -> None:
    server = serve(TWO_AND_SILENCE)
    client = connect(server.url, "m")
    answered = client.chat(HELLO, stream=True)
    assert next(answered) == "one"
    client.close()
    assert server.hung_up.wait(SOON)


def test_an_asynchronous_client_stays_in_its_loop(serve: Serve) -> None:
    server = serve(answer({"models": []}))
    client = AsyncOllamaClient(server.url)

    async def use_and_close() -> None:
        assert await client.list_models() == []
        await client.aclose()

    asyncio.run(use_and_close())
    with pytest.raises(RuntimeError, match="the event loop it was first used in"):
        asyncio.run(use_and_close())
