"""What is sent again, how often, and with which waits in between."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.scripted_server import (
    STREAM_END,
    STREAM_HEAD,
    Close,
    Dribble,
    Hang,
    Pause,
    Reset,
    Step,
    answer,
    chunk,
    pieces,
    stream,
    unused_url,
)
from vuhitra import (
    AsyncOllamaClient,
    OllamaBusyError,
    OllamaClient,
    OllamaConnectionError,
    OllamaError,
    OllamaIncompleteError,
    OllamaPullError,
    OllamaResponseError,
    OllamaTimeoutError,
    Retry,
    Timeouts,
    resolve_host,
)
from vuhitra.transport import asynchronous, blocking
from vuhitra.transport.interface import Ending

HELLO = [{"role": "user", "content": "hello"}]
QUICK = Retry(first_wait=0.01)


@pytest.mark.parametrize("fault", [[Close()], [Reset()], [b"HTTP/1.1 200", Close()], [STREAM_HEAD, Close()]], ids=str)
def test_a_call_that_was_not_answered_is_sent_again(connect: Connect, serve: Serve, fault: list[Step]) -> None:
    server = serve(fault, fault, stream(pieces("at last")))
    assert connect(server.url, "m", retry=QUICK).chat(HELLO) == "at last"
    assert len(server.requests) == 3


def test_every_wait_is_logged_with_its_reason(connect: Connect, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    server = serve([Close()], answer({"models": []}))
    connect(server.url, retry=QUICK).list_models()
    (record,) = [record for record in caplog.records if record.name == "vuhitra"]
    assert record.levelno == logging.WARNING
    assert vars(record)["attempt"] == 2
    assert vars(record)["reason"] == "closed"
    assert vars(record)["wait"] <= 0.01


def test_the_waits_are_real(connect: Connect, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    server = serve([Close()], [Close()], answer({"models": []}))
    client = connect(server.url, retry=Retry(first_wait=0.2, factor=1))
    began = monotonic()
    client.list_models()
    waited = sum(vars(record)["wait"] for record in caplog.records if record.name == "vuhitra")
    assert monotonic() - began >= waited > 0


def test_the_last_error_keeps_the_earlier_ones(connect: Connect) -> None:
    with pytest.raises(OllamaConnectionError) as caught:
        connect(unused_url(), "m", retry=QUICK).chat(HELLO)
    assert caught.value.reason == "refused"
    assert [type(error) for error in caught.value.attempts] == [OllamaConnectionError] * 2


def test_attempts_are_all_sends(connect: Connect, serve: Serve) -> None:
    server = serve([Close()])
    with pytest.raises(OllamaConnectionError):
        connect(server.url, "m", retry=Retry(attempts=2, first_wait=0)).chat(HELLO)
    assert len(server.requests) == 2


def test_what_the_server_refused_is_not_sent_again(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"error": "no"}, 400))
    with pytest.raises(OllamaResponseError):
        connect(server.url, "m", retry=QUICK).chat(HELLO)
    assert len(server.requests) == 1


def test_nothing_is_sent_again_after_the_first_record(connect: Connect, serve: Serve) -> None:
    server = serve([STREAM_HEAD, chunk(pieces("he")[0]), Close()], stream(pieces("hello")))
    with pytest.raises(OllamaIncompleteError):
        connect(server.url, "m", retry=QUICK).chat(HELLO)
    assert len(server.requests) == 1


def test_an_unknown_host_is_not_tried_again(connect: Connect) -> None:
    with pytest.raises(OllamaConnectionError) as caught:
        connect("http://nowhere.invalid", "m").chat(HELLO)
    assert caught.value.reason == "dns"
    assert caught.value.attempts == ()


def test_a_late_start_says_whether_the_model_is_loaded(connect: Connect, serve: Serve) -> None:
    server = serve([Hang()], answer({"models": [{"name": "m:latest"}]}))
    with pytest.raises(OllamaTimeoutError, match="the model is loaded by now") as caught:
        connect(server.url, "m", 0.1).chat(HELLO)
    assert (caught.value.phase, caught.value.loaded) == ("start", True)
    assert [request.path for request in server.requests] == ["/api/chat", "/api/ps"]


def test_a_late_start_of_a_server_that_says_nothing_at_all(connect: Connect, serve: Serve) -> None:
    server = serve([Hang()])
    with pytest.raises(OllamaTimeoutError) as caught:
        connect(server.url, "m", 0.1).chat(HELLO)
    assert (caught.value.phase, caught.value.loaded) == ("start", None)


def busy(retry_after: str) -> list[Step]:
    head = f"HTTP/1.1 503 X\r\nRetry-After: {retry_after}\r\nContent-Length: 0\r\n\r\n"
    return [head.encode()]


def test_what_the_server_asks_to_wait_is_waited(connect: Connect, serve: Serve) -> None:
    server = serve(busy("0.3"), answer({"models": []}))
    began = monotonic()
    assert connect(server.url, retry=Retry(first_wait=0)).list_models() == []
    assert monotonic() - began >= 0.3


class Waiting(blocking.Transport):
    """Tells that it waits."""

    def __init__(self, url: str) -> None:
        super().__init__(resolve_host(url))
        self.waits = threading.Event()

    def sleep(self, seconds: float, until: Ending | None = None) -> None:
        self.waits.set()
        super().sleep(seconds, until)


class AsyncWaiting(asynchronous.AsyncTransport):
    """The same in an event loop."""

    def __init__(self, url: str) -> None:
        super().__init__(resolve_host(url))
        self.waits = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.waits.set()
        await super().sleep(seconds)


@pytest.mark.parametrize("headers", [None, {"x-view": "yes"}], ids=["client", "view"])
def test_closing_a_client_ends_what_waits_to_be_sent_again(serve: Serve, headers: dict[str, str] | None) -> None:
    server = serve(busy("30"))
    transport = Waiting(server.url)
    with OllamaClient(server.url, "m", transport=transport) as client, ThreadPoolExecutor() as threads:
        asked = threads.submit(client.with_options(headers=headers).chat, HELLO)
        assert transport.waits.wait(5)
        client.close()
        with pytest.raises(RuntimeError, match="this client is closed"):
            asked.result(timeout=5)
    assert len(server.requests) == 1


@pytest.mark.parametrize("headers", [None, {"x-view": "yes"}], ids=["client", "view"])
def test_closing_a_client_ends_what_waits_in_an_event_loop(serve: Serve, headers: dict[str, str] | None) -> None:
    server = serve(busy("30"))

    async def close() -> None:
        transport = AsyncWaiting(server.url)
        async with AsyncOllamaClient(server.url, "m", transport=transport) as client, asyncio.timeout(5):
            asked = asyncio.ensure_future(client.with_options(headers=headers).chat(HELLO))
            await transport.waits.wait()
            await client.aclose()
            with pytest.raises(RuntimeError, match="this client is closed"):
                await asked

    asyncio.run(close())
    assert len(server.requests) == 1


def test_a_wait_in_an_event_loop_can_be_cancelled(serve: Serve) -> None:
    server = serve(busy("30"))

    async def cancel() -> None:
        transport = AsyncWaiting(server.url)
        async with AsyncOllamaClient(server.url, "m", transport=transport) as client:
            asked = asyncio.ensure_future(client.chat(HELLO))
            await transport.waits.wait()
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked

    asyncio.run(cancel())


def test_a_wait_that_does_not_fit_is_raised_at_once(connect: Connect, serve: Serve) -> None:
    server = serve(busy("61"))
    with pytest.raises(OllamaBusyError) as caught:
        connect(server.url).list_models()
    assert caught.value.retry_after == 61
    assert len(server.requests) == 1


def layer(completed: int) -> bytes:
    return chunk({"status": "pulling aa", "digest": "sha256:aa", "total": 9, "completed": completed})


SUCCESS = chunk({"status": "success"})
IDLING = Timeouts(start=5, idle=0.1)


@pytest.mark.parametrize("end", [Close(), Reset(), Hang(), STREAM_END], ids=["closed", "reset", "silent", "ended"])
@pytest.mark.parametrize("name", ["pull_model", "push_model"])
def test_a_transfer_goes_on_where_it_broke_off(connect: Connect, serve: Serve, name: str, end: Step) -> None:
    scripts: list[list[Step]] = [[STREAM_HEAD, layer(at), end] for at in (1, 3, 2, 5)]
    server = serve(*scripts, [STREAM_HEAD, layer(0), layer(9), SUCCESS, STREAM_END])
    client = connect(server.url, timeout=IDLING, retry=Retry(attempts=2, first_wait=0))
    with getattr(client, name)("me/m", stream=True) as steps:
        assert [step.get("completed") for step in steps] == [1, 3, 3, 5, 5, 9, None]
    assert len(server.requests) == 5
    assert getattr(client, name)("me/m") is None


def test_a_pull_that_comes_no_further_is_given_up(connect: Connect, serve: Serve) -> None:
    server = serve([STREAM_HEAD, layer(5), Close()])
    with pytest.raises(OllamaConnectionError, match="broke off") as caught:
        connect(server.url, retry=Retry(attempts=2, first_wait=0)).pull_model("m")
    assert len(server.requests) == 3
    assert len(caught.value.attempts) == 2


@pytest.mark.parametrize(("name", "kind"), [("pull_model", OllamaPullError), ("push_model", OllamaIncompleteError)])
def test_a_transfer_that_ends_without_success_each_time_is_no_lost_connection(
    connect: Connect, serve: Serve, name: str, kind: type[OllamaError]
) -> None:
    server = serve([STREAM_HEAD, layer(5), STREAM_END])
    with pytest.raises(kind, match='ended without saying that it is done: its last step: "pulling aa", 5 of') as caught:
        getattr(connect(server.url, retry=Retry(attempts=2, first_wait=0)), name)("me/m")
    assert [type(each) for each in caught.value.attempts] == [kind] * 2
    assert len(server.requests) == 3


def test_a_creation_that_ends_without_success_is_not_asked_for_again(connect: Connect, serve: Serve) -> None:
    server = serve([STREAM_HEAD, chunk({"status": "parsing GGUF"}), STREAM_END])
    with pytest.raises(OllamaIncompleteError, match=r"the creation of 'm' .* ended without saying") as caught:
        connect(server.url).create_model("m", from_="n")
    assert (caught.value.reason, caught.value.hint, len(server.requests)) == ("no-end", None, 1)


def test_a_pull_that_tells_the_same_again_and_again_is_asked_for_again(
    connect: Connect, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vuhitra")
    ticking = Dribble(layer(1) * 100, 0.001)
    server = serve([STREAM_HEAD, layer(1), ticking], [STREAM_HEAD, layer(2), SUCCESS, STREAM_END])
    connect(server.url, timeout=Timeouts(idle=0.3), retry=QUICK).pull_model("m")
    assert server.hung_up.wait(5)
    assert len(server.requests) == 2
    waited, noted = [vars(record) for record in caplog.records if record.name == "vuhitra"]
    assert (waited["levelno"], waited["reason"]) == (logging.WARNING, "timeout")
    assert (noted["levelno"], noted["attempts"]) == (logging.INFO, 2)


MISSING = answer({"error": "model 'm' not found"}, 404)
SLOW = [STREAM_HEAD, *(step for at in range(9) for step in (layer(at), Pause(0.03)))]
PULLED = [*SLOW, SUCCESS, STREAM_END]


def test_start_begins_anew_after_a_pull(connect: Connect, serve: Serve) -> None:
    pulled = [STREAM_HEAD, layer(1), Pause(0.6), SUCCESS, STREAM_END]
    late = [Pause(0.6), STREAM_HEAD, *map(chunk, pieces("here")), STREAM_END]
    server = serve(MISSING, pulled, late)
    began = monotonic()
    assert connect(server.url, "m", 1).chat(HELLO) == "here"
    assert monotonic() - began > 1


BUSY = answer({"error": "busy"}, 503)
TALKATIVE: list[Step] = [STREAM_HEAD, *(Dribble(chunk(pieces("he")[0]), 0.01) for _ in range(50))]


@pytest.mark.parametrize(
    "scripts",
    [
        pytest.param([[Close()]], id="attempts and their waits"),
        pytest.param([MISSING, [*SLOW, *SLOW[1:], *SLOW[1:]]], id="a pull within"),
        pytest.param([MISSING, [STREAM_HEAD, layer(1), Close()]], id="a pull that is asked for again"),
        pytest.param([BUSY, MISSING, PULLED, [Hang()]], id="the call after the pull"),
        pytest.param([BUSY, TALKATIVE], id="an answer that goes on and on"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_total_bounds_all_of_a_call(connect: Connect, serve: Serve, scripts: Any, streamed: bool) -> None:
    server = serve(*scripts)
    limits = Timeouts(total=0.45)
    client = connect(server.url, "m", limits, retry=Retry(attempts=10_000, first_wait=0.01))
    began = monotonic()
    with pytest.raises(OllamaConnectionError):
        "".join(client.chat(HELLO, stream=streamed))
    assert monotonic() - began < 5
