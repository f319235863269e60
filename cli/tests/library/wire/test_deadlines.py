"""Limits by phase: each is a deadline that no dribbling server outwits. Elapsed times are bounded loosely."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Mapping

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.scripted_server import (
    STREAM_END,
    STREAM_HEAD,
    Dribble,
    Flood,
    Hang,
    Pause,
    Step,
    WaitFor,
    answer,
    chunk,
    pieces,
    unused_url,
)
from vuhitra import (
    AsyncOllamaClient,
    OllamaConnectionError,
    OllamaProtocolError,
    OllamaTimeoutError,
    Retry,
    Timeouts,
    resolve_host,
)
from vuhitra.transport.blocking import Transport

HELLO = [{"role": "user", "content": "hello"}]
LIMIT = 0.3
ONE = chunk(pieces("one")[0])


def now_and_then(record: Mapping[str, object], times: int = 60, pause: float = 0.05) -> list[Step]:
    """The same record so many times, with a pause after each."""
    return [chunk(record), Pause(pause)] * times


BEFORE: dict[str, list[Step]] = {
    "silence": [Hang()],
    "a header byte now and then": [Dribble(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200, 0.05)],
    "a head and then silence": [STREAM_HEAD, Hang()],
}
AFTER: dict[str, list[Step]] = {
    "silence": [STREAM_HEAD + ONE, Hang()],
    "a body byte now and then": [STREAM_HEAD + ONE, Dribble(b"fff\r\n" + b" " * 200, 0.05)],
    "a record that says nothing now and then": [STREAM_HEAD + ONE, *now_and_then(pieces("")[0])],
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("script", BEFORE.values(), ids=BEFORE)
def test_start_ends_the_wait_for_an_answer(connect: Connect, serve: Serve, script: list[Step], streamed: bool) -> None:
    client = connect(serve(script).url, "m", Timeouts(start=LIMIT, idle=60))
    began = time.monotonic()
    with pytest.raises(OllamaTimeoutError) as caught:
        client.chat(HELLO, stream=streamed)
    assert LIMIT <= time.monotonic() - began < 10 * LIMIT
    assert (caught.value.phase, caught.value.seconds, caught.value.partial) == ("start", LIMIT, None)
    assert "0.3 s" in str(caught.value)


@pytest.mark.parametrize("script", AFTER.values(), ids=AFTER)
def test_idle_ends_the_wait_between_two_pieces(connect: Connect, serve: Serve, script: list[Step]) -> None:
    client = connect(serve(script).url, "m", Timeouts(start=60, idle=LIMIT))
    began = time.monotonic()
    with pytest.raises(OllamaTimeoutError) as caught:
        client.chat(HELLO)
    assert LIMIT <= time.monotonic() - began < 10 * LIMIT
    assert caught.value.phase == "idle"
    assert caught.value.partial == "one"


def test_an_answer_longer_than_idle_is_no_time_out(connect: Connect, serve: Serve) -> None:
    records: list[Step] = [step for record in pieces("a", "b", "c", "d") for step in (chunk(record), Pause(0.3))]
    began = time.monotonic()
    reply = connect(serve([STREAM_HEAD, *records, STREAM_END]).url, "m", Timeouts(start=5, idle=1)).chat(HELLO)
    assert reply == "abcd"
    assert time.monotonic() - began > 1


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_idle_ends_a_prompt_s_answer_that_says_nothing_without_end(
    connect: Connect, serve: Serve, streamed: bool
) -> None:
    silent = {"model": "m", "created_at": "2026-01-31T09:30:00Z", "response": "", "done": False}
    script = [STREAM_HEAD, *now_and_then(silent)]
    client = connect(serve(script).url, "m", Timeouts(start=60, idle=LIMIT))
    began = time.monotonic()
    with pytest.raises(OllamaTimeoutError) as caught:
        client.generate("hello", stream=streamed)
    assert time.monotonic() - began < 5 * LIMIT
    assert (caught.value.phase, caught.value.partial) == ("idle", "")


@pytest.mark.parametrize(
    "said",
    [
        {"message": {"role": "assistant", "content": "", "thinking": "hm"}},
        {"message": {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "add"}}]}},
        {"message": {"role": "assistant", "content": ""}, "logprobs": [{"token": "a", "logprob": -0.5}]},
        {"message": {"role": "assistant", "content": ""}, "completed": 1, "total": 9},
    ],
    ids=["thinking", "a tool call", "logprobs", "what is not known"],
)
def test_what_says_something_is_a_piece_be_it_no_text(connect: Connect, serve: Serve, said: dict[str, object]) -> None:
    script = [STREAM_HEAD, *now_and_then({**said, "done": False}, 4, 0.3), chunk(pieces()[0]), STREAM_END]
    began = time.monotonic()
    assert connect(serve(script).url, "m", Timeouts(start=5, idle=1)).chat(HELLO) == ""
    assert time.monotonic() - began > 1


@pytest.mark.parametrize("script", [*BEFORE.values(), *AFTER.values()], ids=str)
def test_total_bounds_the_whole_call(connect: Connect, serve: Serve, script: list[Step]) -> None:
    client = connect(serve(script).url, "m", Timeouts(start=60, idle=60, total=LIMIT))
    began = time.monotonic()
    with pytest.raises(OllamaTimeoutError) as caught:
        client.chat(HELLO)
    assert time.monotonic() - began < 10 * LIMIT
    assert (caught.value.phase, caught.value.seconds) == ("total", LIMIT)


def test_total_bounds_the_attempts_and_their_waits(connect: Connect) -> None:
    patient = Retry(attempts=100, first_wait=0.05, factor=1)
    client = connect(unused_url(), "m", Timeouts(total=LIMIT), retry=patient)
    began = time.monotonic()
    with pytest.raises(OllamaConnectionError):
        client.chat(HELLO)
    assert time.monotonic() - began < 10 * LIMIT


def test_interim_answers_without_end_outwit_no_limit(connect: Connect, serve: Serve) -> None:
    server = serve([Flood(b"HTTP/1.1 102 Processing\r\n\r\n" * 50)])
    with pytest.raises(OllamaProtocolError, match="interim"):
        connect(server.url, "m", 60).chat(HELLO)
    assert connect(server.url).health_check() is False


def test_a_number_is_the_limit_of_start_and_idle(connect: Connect, serve: Serve) -> None:
    with pytest.raises(OllamaTimeoutError) as caught:
        connect(serve([Hang()]).url, "m", LIMIT).list_models()
    assert caught.value.phase == "start"


def test_a_call_has_its_own_timeout(connect: Connect, serve: Serve) -> None:
    with pytest.raises(OllamaTimeoutError) as caught:
        connect(serve([Hang()]).url, "m", 60).chat(HELLO, timeout=LIMIT)
    assert caught.value.seconds == LIMIT


def test_idle_holds_for_the_first_piece_where_total_ends_before_start(connect: Connect, serve: Serve) -> None:
    client = connect(serve([STREAM_HEAD + b"20\r\n{", Hang()]).url, "m", Timeouts(start=60, idle=LIMIT, total=20))
    with pytest.raises(OllamaTimeoutError) as caught:
        client.chat(HELLO)
    assert caught.value.phase == "idle"


@pytest.mark.parametrize("seconds", [1e10, 1e300])
def test_a_limit_may_be_as_long_as_you_like(connect: Connect, serve: Serve, seconds: float) -> None:
    assert connect(serve(answer({"models": []})).url, timeout=seconds).list_models() == []


def test_health_is_told_within_five_seconds(connect: Connect, serve: Serve) -> None:
    script: list[Step] = [Dribble(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 4000, 0.1)]
    began = time.monotonic()
    assert connect(serve(script).url).health_check() is False
    assert time.monotonic() - began < 7


def test_health_gives_up_on_a_silent_server(connect: Connect, serve: Serve) -> None:
    assert connect(serve([Hang()]).url, timeout=LIMIT).health_check() is False


def test_a_time_out_is_a_connection_error_and_not_sent_again(connect: Connect, serve: Serve) -> None:
    server = serve([Hang()], answer({"models": []}))
    with pytest.raises(OllamaConnectionError):
        connect(server.url, timeout=LIMIT).list_models()
    assert len(server.requests) == 1


def test_what_came_while_the_event_loop_was_busy_is_not_late(serve: Serve) -> None:
    may_go_on = threading.Event()
    one, two, end = map(chunk, pieces("one", "two"))
    server = serve([STREAM_HEAD + one, WaitFor(may_go_on), two + end + STREAM_END])

    async def ask() -> list[str]:
        async with AsyncOllamaClient(server.url, "m", Timeouts(idle=0.2)) as client:
            stream = await client.chat(HELLO, stream=True)
            heard = [await anext(stream)]
            reading = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)  # it waits from here on
            may_go_on.set()
            assert server.answered.wait(5)
            time.sleep(0.3)  # noqa: ASYNC251  this is what the test is about
            return [*heard, await reading]

    assert asyncio.run(ask()) == ["one", "two"]


LOOK_UP_THAT_HANGS = """
import asyncio, socket, threading
socket.getaddrinfo = lambda *_, **__: threading.Event().wait(60)
from vuhitra import AsyncOllamaClient, OllamaClient, OllamaTimeoutError, Retry, Timeouts
settings = {"timeout": Timeouts(connect=0.2), "retry": Retry(attempts=1), "proxy": ""}

def blocking():
    with OllamaClient("http://far.example", **settings) as client:
        client.version()

async def asynchronous():
    async with AsyncOllamaClient("http://far.example", **settings) as client:
        await client.version()

for ask in (blocking, lambda: asyncio.run(asynchronous())):
    try:
        ask()
    except OllamaTimeoutError as error:
        print(error.phase)
"""


def test_a_look_up_that_hangs_holds_nothing_up() -> None:
    command = [sys.executable, "-c", LOOK_UP_THAT_HANGS]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert (ran.stdout.split(), ran.stderr) == (["connect", "connect"], "")


def test_a_wait_may_be_as_long_as_you_like() -> None:
    awake = threading.Event()
    threading.Timer(0.05, awake.set).start()
    Transport(resolve_host("gpu")).sleep(1e12, awake)
    assert awake.is_set()
