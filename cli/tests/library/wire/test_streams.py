"""Streams as objects: opened eagerly, closed early, closed from elsewhere, never drained."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice
from types import FrameType
from typing import Any

import pytest

from tests.library.wire.conftest import AskedServer, Connect, Serve, ServeBy
from tests.scripted_server import (
    STREAM_END,
    STREAM_HEAD,
    Close,
    Hang,
    Received,
    Step,
    WaitFor,
    answer,
    chunk,
    pieces,
    unused_url,
)
from vuhitra import (
    AsyncOllamaClient,
    OllamaClient,
    OllamaConnectionError,
    OllamaError,
    OllamaIncompleteError,
    OllamaProtocolError,
    OllamaPullError,
    Retry,
    Timeouts,
)
from vuhitra import stream as stream_module

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


def test_pieces_and_an_error_in_one_packet_are_all_heard(connect: Connect, serve: Serve) -> None:
    records = [*pieces("he", "llo")[:2], {"error": "out of memory"}]
    answered = connect(serve([STREAM_HEAD + b"".join(map(chunk, records))]).url, "m").chat(HELLO, stream=True)
    assert [next(answered), next(answered)] == ["he", "llo"]
    with pytest.raises(OllamaIncompleteError, match="out of memory"):
        next(answered)
    with pytest.raises(RuntimeError, match="closed"):
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
    caught: list[str] = []
    two = threading.Event()

    def read() -> None:
        try:
            for piece in answered:
                heard.append(piece)
                if piece == "two":
                    two.set()
        except OllamaConnectionError as error:
            caught.append(error.reason)

    with OllamaClient(server.url, "m") as client, client.chat(HELLO, stream=True) as answered:
        reader = threading.Thread(target=read)
        reader.start()
        assert two.wait(SOON)
        answered.close()
        reader.join(SOON)
        assert not reader.is_alive()
    assert heard == ["one", "two"]
    assert caught == ["stopped"]
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


STEP = chunk({"status": "pulling aa", "digest": "sha256:aa", "total": 9, "completed": 1})
SUCCESS = chunk({"status": "success"})
PROGRESS = ["pull_model", "push_model", "create_model"]
FROM = {"pull_model": {}, "push_model": {}, "create_model": {"from_": "n"}}


@pytest.mark.parametrize("name", PROGRESS)
def test_leaving_a_transfer_early_hangs_up(connect: Connect, serve: Serve, name: str) -> None:
    server = serve([STREAM_HEAD, STEP, Hang()])
    with getattr(connect(server.url), name)("m", stream=True, **FROM[name]) as steps:
        assert next(steps)["completed"] == 1
    assert server.hung_up.wait(SOON)


@pytest.mark.parametrize("taken", [0, 1])
def test_a_closed_transfer_says_so(connect: Connect, serve: Serve, taken: int) -> None:
    steps = connect(serve([STREAM_HEAD, STEP, Hang()]).url).pull_model("m", stream=True)
    for _ in range(taken):
        next(steps)
    steps.close()
    steps.close()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="this stream is closed"):
            next(steps)


def test_a_transfer_that_has_ended_stays_ended(connect: Connect, serve: Serve) -> None:
    steps = connect(serve([STREAM_HEAD, STEP, SUCCESS, STREAM_END]).url).pull_model("m", stream=True)
    assert len(list(steps)) == 2
    steps.close()
    assert list(steps) == []


def test_a_transfer_that_failed_is_closed(connect: Connect, serve: Serve) -> None:
    server = serve([STREAM_HEAD, STEP, chunk({"error": "disk full"}), STREAM_END])
    steps = connect(server.url).pull_model("m", stream=True)
    next(steps)
    with pytest.raises(OllamaPullError, match="disk full"):
        next(steps)
    with pytest.raises(RuntimeError, match="this stream is closed"):
        next(steps)


def test_a_refused_transfer_is_raised_by_the_call(connect: Connect) -> None:
    with pytest.raises(OllamaConnectionError):
        connect(unused_url(), retry=Retry(attempts=1)).pull_model("m", stream=True)


WAITING: dict[str, list[Step]] = {
    "between two steps": [],
    "for the head of the second answer": [Hang()],
    "for the first step of the second answer": [STREAM_HEAD, Hang()],
    "to ask again": [b"HTTP/1.1 503 X\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n"],
}
"""What a server says when it is asked for the second time, by what the client then waits for."""


class Waiting:
    """A server whose client waits, and what tells that it does."""

    def __init__(self, serve_by: ServeBy, phase: str) -> None:
        self._second = WAITING[phase]
        self.begun = threading.Event()
        self.server: AskedServer = serve_by(self._answer)

    def _answer(self, _request: Received) -> Sequence[Step]:
        if len(self.server.requests) == 1:
            if not self._second:
                self.begun.set()
            return [STREAM_HEAD, STEP, Close() if self._second else Hang()]
        self.begun.set()
        return self._second

    def check(self) -> None:
        """The client has left, and asks for nothing more."""
        asked = len(self.server.requests)
        if asked == 1 or Hang() in self._second:
            assert self.server.hung_up.wait(SOON)
        assert len(self.server.requests) == asked <= 2
        gc.collect()  # what was leaked warns now


EAGER = Retry(first_wait=0)


@pytest.mark.parametrize("phase", WAITING)
def test_a_transfer_closed_from_another_thread_ends_whatever_it_waits_for(serve_by: ServeBy, phase: str) -> None:
    waiting = Waiting(serve_by, phase)
    caught: list[BaseException] = []

    def read() -> None:
        try:
            next(steps)
        except RuntimeError as error:
            caught.append(error)

    with OllamaClient(waiting.server.url, retry=EAGER) as client, client.pull_model("m", stream=True) as steps:
        next(steps)
        reader = threading.Thread(target=read)
        reader.start()
        assert waiting.begun.wait(SOON)
        reader.join(0.05)
        assert reader.is_alive()
        steps.close()
        reader.join(1.0)
        assert not reader.is_alive()
        waiting.check()
    assert [str(error) for error in caught] == ["this stream is closed"]


@pytest.mark.parametrize("phase", WAITING)
@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError], ids=["closed", "cancelled"])
def test_a_transfer_ended_by_another_task_ends_whatever_it_waits_for(
    serve_by: ServeBy, phase: str, error: type[BaseException]
) -> None:
    waiting = Waiting(serve_by, phase)

    async def read() -> None:
        async with AsyncOllamaClient(waiting.server.url, retry=EAGER) as client:
            steps = await client.pull_model("m", stream=True)
            await anext(steps)
            reader = asyncio.ensure_future(anext(steps))
            assert await asyncio.to_thread(waiting.begun.wait, SOON)
            await asyncio.wait([reader], timeout=0.05)
            assert not reader.done()
            if error is RuntimeError:
                await steps.aclose()
            else:
                reader.cancel()
            with pytest.raises(error):
                await reader
            with pytest.raises(RuntimeError, match="this stream is closed"):
                await anext(steps)
            await asyncio.to_thread(waiting.check)

    asyncio.run(read())


def test_time_that_runs_out_around_a_step_ends_the_transfer(serve: Serve) -> None:
    server = serve([STREAM_HEAD, STEP, Hang()])

    async def read() -> None:
        async with AsyncOllamaClient(server.url) as client, await client.pull_model("m", stream=True) as steps:
            await anext(steps)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await anext(steps)
            with pytest.raises(RuntimeError, match="this stream is closed"):
                await anext(steps)

    asyncio.run(read())
    assert server.hung_up.wait(SOON)


def test_an_interrupted_transfer_hangs_up(serve: Serve) -> None:
    server = serve([STREAM_HEAD, STEP, Hang()])

    def interrupt() -> None:
        assert server.arrived.wait(SOON)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with OllamaClient(server.url) as client:
        interrupting = threading.Thread(target=interrupt)
        interrupting.start()
        with pytest.raises(KeyboardInterrupt), client.pull_model("m", stream=True) as steps:
            list(steps)
        assert server.hung_up.wait(SOON)
        interrupting.join()


def test_a_second_task_that_reads_harms_nobody(serve: Serve) -> None:
    may_go_on = threading.Event()
    one, two, end = map(chunk, pieces("one", "two"))
    server = serve([STREAM_HEAD + one, WaitFor(may_go_on), two + end + STREAM_END])

    async def ask() -> str:
        async with AsyncOllamaClient(server.url, "m") as client:
            stream = await client.chat(HELLO, stream=True)
            await anext(stream)
            reading = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)  # it waits from here on
            with pytest.raises(RuntimeError, match="another task waits for this answer already"):
                await anext(stream)
            may_go_on.set()
            return await reading

    assert asyncio.run(ask()) == "two"


def test_a_second_task_that_follows_a_transfer_harms_nobody(serve: Serve) -> None:
    may_go_on = threading.Event()
    server = serve([STREAM_HEAD + STEP, WaitFor(may_go_on), chunk({"error": "no space left"}) + STREAM_END])

    async def ask() -> None:
        async with AsyncOllamaClient(server.url) as client, await client.pull_model("m", stream=True) as steps:
            await anext(steps)
            following = asyncio.ensure_future(anext(steps))
            await asyncio.sleep(0)  # it waits from here on
            with pytest.raises(RuntimeError, match="another task waits for this stream already"):
                await anext(steps)
            may_go_on.set()
            with pytest.raises(OllamaPullError):
                await following

    asyncio.run(ask())


@pytest.mark.parametrize("moments", range(5))
def test_a_transfer_that_is_being_left_is_not_done(serve: Serve, moments: int) -> None:
    server = serve([STREAM_HEAD + STEP, Hang()])

    async def ask() -> None:
        async with AsyncOllamaClient(server.url) as client, await client.pull_model("m", stream=True) as steps:
            await anext(steps)
            following = asyncio.ensure_future(anext(steps))
            await asyncio.sleep(0)  # it waits from here on
            following.cancel()
            for _ in range(moments):
                await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match=r"this stream is closed|another task waits for this stream already"):
                await anext(steps)
            with pytest.raises(asyncio.CancelledError):
                await following

    asyncio.run(ask())


def _read_by_two_at(number: int, pieces_taken: int, client: OllamaClient, may_go_on: threading.Event) -> bool:
    """Takes what is left after a piece, while another reader takes so many pieces at the so many-th line of that.

    Whether there are so many lines.
    """
    lines, taken = 0, list[str]()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal lines
        if event == "line" and frame.f_code.co_filename == stream_module.__file__:
            lines += 1
            if lines == number:
                with suppress(RuntimeError):  # two of them would wait
                    taken.extend(islice(stream, pieces_taken))
        return trace

    may_go_on.clear()
    with client.chat(HELLO, stream=True) as stream:
        assert next(stream) == "one"
        may_go_on.set()
        sys.settrace(trace)
        try:
            taken.extend(stream)
        finally:
            sys.settrace(None)
        assert taken == ["two"]
        assert stream.reply == "onetwo"
    return lines >= number


@pytest.mark.parametrize("pieces_taken", [1, 2])
def test_another_reader_may_come_at_any_line(serve: Serve, pieces_taken: int) -> None:
    may_go_on = threading.Event()
    one, two, end = map(chunk, pieces("one", "two"))
    server = serve([STREAM_HEAD + one, WaitFor(may_go_on), two + end + STREAM_END])
    number = 1
    with OllamaClient(server.url, "m", timeout=Timeouts(idle=SOON)) as client:
        while _read_by_two_at(number, pieces_taken, client, may_go_on):
            number += 1
    assert number > 20


SECOND_READERS: dict[str, tuple[Callable[[OllamaClient], Any], bytes]] = {
    "an answer": (lambda client: client.chat(HELLO, stream=True), chunk(pieces("one")[0])),
    "a transfer": (lambda client: client.pull_model("m", stream=True), STEP),
}


@pytest.mark.parametrize(("ask", "first"), SECOND_READERS.values(), ids=SECOND_READERS)
def test_a_second_thread_that_reads_harms_nobody(
    serve: Serve, ask: Callable[[OllamaClient], Any], first: bytes
) -> None:
    may_go_on = threading.Event()
    server = serve([STREAM_HEAD + first, WaitFor(may_go_on), chunk({"error": "no space left"}) + STREAM_END])
    with OllamaClient(server.url, "m") as client, ask(client) as stream, ThreadPoolExecutor(2) as threads:
        next(stream)
        reading = [threads.submit(next, stream) for _ in range(2)]
        (refused,), (waiting,) = wait(reading, SOON, FIRST_COMPLETED)
        assert "another thread waits for this" in str(refused.exception())
        may_go_on.set()
        with pytest.raises(OllamaError):
            waiting.result(SOON)


def test_an_answer_without_content_is_none_and_is_not_asked_for_again(connect: Connect, serve: Serve) -> None:
    server = serve([b"HTTP/1.1 204 No Content\r\n\r\n"])
    with pytest.raises(OllamaProtocolError):
        connect(server.url, "m").chat(HELLO)
    assert len(server.requests) == 1
