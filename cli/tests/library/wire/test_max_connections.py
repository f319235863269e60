"""`max_connections`: no more at once than that, and whoever waits for one gets it, whatever became of its last user."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from tests.library.wire.conftest import Connect, Serve, ServeBy
from tests.library.wire.test_forks import in_a_child
from tests.scripted_server import (
    STREAM_HEAD,
    Close,
    Hang,
    Received,
    Reset,
    Step,
    WaitFor,
    answer,
    chunk,
    pieces,
    stream,
)
from vuhitra import (
    AsyncOllamaClient,
    OllamaClient,
    OllamaError,
    OllamaModelNotFoundError,
    OllamaTimeoutError,
    Retry,
    Timeouts,
)

OPEN: list[Step] = [STREAM_HEAD, chunk(pieces("a")[0]), Hang()]
"""An answer that begins and does not end."""
HELLO = [{"role": "user", "content": "hello"}]
VERSION = answer({"version": "1"})
MOST = 3
CALLS = 12
SOON = 5.0


class Gate:
    """Answers as many calls at once as are let in, and no call before it knows that there are no more of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._barrier = threading.Barrier(MOST)
        self._inside = 0
        self.most = 0

    def answer(self, _: Received) -> Sequence[Step]:
        """The answer to a request, once as many are here as may be."""
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        self._barrier.wait(SOON)
        with self._lock:
            self._inside -= 1
        self._barrier.wait(SOON)
        return VERSION


def test_threads_have_no_more_at_once(serve_by: ServeBy) -> None:
    gate = Gate()
    server = serve_by(gate.answer)
    with OllamaClient(server.url, max_connections=MOST) as client, ThreadPoolExecutor(CALLS) as threads:
        calls = [threads.submit(client.version) for _ in range(CALLS)]
        assert [call.result(SOON) for call in calls] == ["1"] * CALLS
    assert gate.most == MOST
    assert len({request.connection for request in server.requests}) == MOST


def test_tasks_have_no_more_at_once(serve_by: ServeBy) -> None:
    gate = Gate()
    server = serve_by(gate.answer)

    async def ask() -> list[str]:
        async with AsyncOllamaClient(server.url, max_connections=MOST) as client:
            return await asyncio.gather(*(client.version() for _ in range(CALLS)))

    assert asyncio.run(ask()) == ["1"] * CALLS
    assert gate.most == MOST
    assert len({request.connection for request in server.requests}) == MOST


def test_a_view_counts_with_its_client(connect: Connect, serve: Serve) -> None:
    client = connect(serve(OPEN).url, "m", max_connections=1)
    with client.chat(HELLO, stream=True):
        with pytest.raises(
            OllamaTimeoutError, match=r"no connection to Ollama at .+ became free within 0\.2 s"
        ) as raised:
            client.with_options(timeouts=Timeouts(total=0.2)).version()
        assert (raised.value.phase, raised.value.seconds) == ("total", 0.2)


CUT: list[Step] = [STREAM_HEAD, chunk(pieces("a")[0]), Close()]
LAST_USERS: dict[str, tuple[list[list[Step]], Callable[[Any], object]]] = {
    "a stream that was closed": (
        [OPEN],
        lambda client: client.chat(HELLO, stream=True).close(),
    ),
    "a stream to its end": ([stream(pieces("a"))], lambda client: list(client.chat(HELLO, stream=True))),
    "a stream that broke off": ([CUT], lambda client: list(client.chat(HELLO, stream=True))),
    "a whole answer that broke off": ([CUT], lambda client: client.chat(HELLO)),
    "an error": ([answer({"error": "no"}, 500)], lambda client: client.version()),
    "resets, tried again": ([[Reset()], [Reset()], [Reset()]], lambda client: client.version()),
    "silence": ([[Hang()]], lambda client: client.with_options(timeouts=Timeouts(start=0.1)).version()),
    "a name that is none": (
        [answer({"error": "model 'm' not found"}, 404), answer({"models": [{"name": "mm"}]})],
        lambda client: client.with_options(auto_pull=False).chat(HELLO),
    ),
    "a model that is fetched": (
        [answer({"error": "model 'm' not found"}, 404), stream([{"status": "success"}]), stream(pieces("a"))],
        lambda client: client.chat(HELLO),
    ),
}


@pytest.mark.parametrize("name", LAST_USERS)
def test_the_only_one_is_free_after(connect: Connect, serve: Serve, name: str) -> None:
    scripts, use = LAST_USERS[name]
    client = connect(serve(*scripts, VERSION).url, "m", timeout=Timeouts(total=SOON), max_connections=1)
    with suppress(OllamaError):
        use(client)
    assert client.version() == "1"


def test_near_names_are_asked_for_over_the_only_one(connect: Connect, serve: Serve) -> None:
    missing = answer({"error": "model 'smolm' not found"}, 404)
    server = serve(missing, answer({"models": [{"name": "smollm:latest"}]}))
    client = connect(server.url, "smolm", auto_pull=False, max_connections=1)
    with pytest.raises(OllamaModelNotFoundError) as raised:
        client.chat(HELLO)
    assert raised.value.suggestions == ("smollm:latest",)


def test_closing_the_client_ends_the_waiting(serve: Serve) -> None:
    with (
        OllamaClient(serve(OPEN).url, "m", max_connections=1) as client,
        ThreadPoolExecutor(2) as threads,
    ):
        held = client.chat(HELLO, stream=True)
        waiting = [threads.submit(client.version) for _ in range(2)]
        client.close()
        for each in waiting:
            with pytest.raises(RuntimeError, match="this client is closed"):
                each.result(SOON)
        held.close()


def test_closing_an_asynchronous_client_ends_the_waiting(serve: Serve) -> None:
    server = serve(OPEN)

    async def ask() -> list[object]:
        client = AsyncOllamaClient(server.url, "m", max_connections=1)
        held = await client.chat(HELLO, stream=True)
        waiting = [asyncio.ensure_future(client.version()) for _ in range(2)]
        await asyncio.sleep(0)
        await client.aclose()
        await held.aclose()
        return [type(each) for each in await asyncio.gather(*waiting, return_exceptions=True)]

    assert asyncio.run(asyncio.wait_for(ask(), SOON)) == [RuntimeError, RuntimeError]


def test_who_is_cancelled_while_waiting_takes_none(serve: Serve) -> None:
    server = serve(OPEN, VERSION)

    async def ask() -> str:
        async with AsyncOllamaClient(server.url, "m", max_connections=1) as client:
            one = await client.chat(HELLO, stream=True)
            waiting = asyncio.ensure_future(client.version())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await one.aclose()
            return await client.version()

    assert asyncio.run(asyncio.wait_for(ask(), SOON)) == "1"


def test_closing_a_transfer_ends_its_waiting(serve_by: ServeBy) -> None:
    may_break = threading.Event()
    broken: list[Step] = [STREAM_HEAD, chunk({"status": "pulling manifest"}), WaitFor(may_break), Close()]
    server = serve_by(lambda request: broken if request.path == "/api/pull" else OPEN)
    again = Retry(attempts=10_000, first_wait=0)
    with (
        OllamaClient(server.url, "m", retry=again, max_connections=1) as client,
        client.pull_model("m", stream=True) as steps,
        ThreadPoolExecutor(2) as threads,
    ):
        next(steps)
        opening = threads.submit(client.chat, HELLO, stream=True)
        reading = threads.submit(next, steps)
        may_break.set()
        with opening.result(SOON):
            steps.close()
            with pytest.raises(RuntimeError, match="this stream is closed"):
                reading.result(SOON)


def test_an_error_is_not_held_up_by_a_question_beside_the_point(serve: Serve) -> None:
    may_answer = threading.Event()
    server = serve([WaitFor(may_answer), *answer({"error": "model 'm' not found"}, 404)], OPEN)

    async def ask() -> OllamaModelNotFoundError:
        async with AsyncOllamaClient(server.url, "m", auto_pull=False, max_connections=1) as client:
            asking = asyncio.ensure_future(client.chat(HELLO))
            assert await asyncio.to_thread(server.arrived.wait, SOON)
            next_one = asyncio.ensure_future(client.chat(HELLO, stream=True))
            await asyncio.sleep(0)  # it waits from here on
            may_answer.set()
            with pytest.raises(OllamaModelNotFoundError) as raised:
                await asyncio.wait_for(asking, SOON)
            await (await next_one).aclose()
            return raised.value

    assert asyncio.run(ask()).suggestions == ()


def test_a_child_made_by_fork_has_its_own(serve: Serve) -> None:
    server = serve(OPEN, VERSION)
    with (
        OllamaClient(server.url, "m", timeout=Timeouts(total=SOON), max_connections=1) as client,
        client.chat(HELLO, stream=True),
    ):
        assert in_a_child(client.version) == "1"


@pytest.mark.parametrize(("most", "kind"), [(0, ValueError), (-1, ValueError), (True, TypeError), (1.5, TypeError)])
def test_a_bound_that_can_not_be_is_refused(most: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="max_connections is "):
        OllamaClient(max_connections=most)
