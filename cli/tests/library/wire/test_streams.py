"""Streams as objects: opened eagerly, closed early, closed from elsewhere, never drained."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.scripted_server import STREAM_HEAD, Hang, chunk, pieces, unused_url
from vuhitra import AsyncOllamaClient, OllamaClient, OllamaConnectionError, OllamaIncompleteError, Retry

HELLO = [{"role": "user", "content": "hello"}]
TWO_AND_SILENCE = [STREAM_HEAD, b"".join(map(chunk, pieces("one", "two")[:2])), Hang()]
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


def test_an_interrupted_call_hangs_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve([STREAM_HEAD + chunk(pieces("one")[0]), Hang()])
    with OllamaClient(server.url, "m") as client:
        answered = client.chat(HELLO, stream=True)
        incoming = vars(answered)["_incoming"]

        def interrupt(_: object) -> bytes:
            raise KeyboardInterrupt

        monkeypatch.setattr(incoming, "read", interrupt)
        assert next(answered) == "one"
        with pytest.raises(KeyboardInterrupt):
            next(answered)
    assert server.hung_up.wait(SOON)
