"""One pull for all who need the same model at once; whoever gives up leaves it to the others."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from tests.library.wire.conftest import AskedServer, ServeBy
from tests.scripted_server import STREAM_HEAD, Hang, Received, Step, answer, chunk, pieces, stream
from vuhitra import (
    AsyncOllamaClient,
    OllamaClient,
    OllamaError,
    OllamaPullError,
    OllamaTimeoutError,
    Reply,
    Retry,
    Timeouts,
)
from vuhitra.sharing import Turn, Turns

HELLO = [{"role": "user", "content": "hello"}]
HERE = stream(pieces("here"))
MISSING = answer({"error": "model 'm' not found"}, 404)
MANIFEST = {"status": "pulling manifest"}
PULLED = stream([MANIFEST, {"status": "success"}])
FAILED = stream([MANIFEST, {"error": "no space left on device"}])
SILENT: list[Step] = [STREAM_HEAD, chunk(MANIFEST), Hang()]
SOON = 5.0


class Joined:
    """How many have joined a pull, as leader or follower."""

    def __init__(self) -> None:
        self._number = 0
        self._changed = threading.Condition()

    def one_more(self) -> None:
        with self._changed:
            self._number += 1
            self._changed.notify_all()

    def wait_for(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._number >= number, SOON)


class Hub:
    """A server that has a model once it has pulled it.

    pulls: how its pulls go, one after the other; none that succeeds or fails ends before so many need the model.
    """

    def __init__(self, serve_by: ServeBy, joined: Joined, needed_by: int, *pulls: list[Step]) -> None:
        self.joined = joined
        self._needed_by = needed_by
        self._pulls = list(pulls)
        self._lock = threading.Lock()
        self._is_there = False
        self.pulling = threading.Event()
        self.server: AskedServer = serve_by(self._answer)

    @property
    def pulled(self) -> int:
        """How many pulls were asked for."""
        return [request.path for request in self.server.requests].count("/api/pull")

    def may_pull(self, model: str) -> bool:
        """What a client asks before it needs a pull."""
        assert model == "m"
        return True

    def wait_for_all(self) -> None:
        """Until all who need the model have joined its pull."""
        self.joined.wait_for(self._needed_by)

    def _answer(self, request: Received) -> Sequence[Step]:
        if request.path == "/api/chat":
            return HERE if self._is_there else MISSING
        assert request.path == "/api/pull"
        with self._lock:
            script = self._pulls.pop(0)
        self.pulling.set()
        if script is not SILENT:
            self.wait_for_all()
            self._is_there = script is PULLED
        return script


OpenHub = Callable[..., Hub]


@pytest.fixture
def open_hub(serve_by: ServeBy, monkeypatch: pytest.MonkeyPatch) -> OpenHub:
    """Opens a hub that knows who has joined a pull."""
    joined, join = Joined(), Turns.join

    @contextmanager
    def noted(turns: Turns[Any], key: Hashable, manner: Hashable) -> Generator[tuple[Turn[Any], bool]]:
        with join(turns, key, manner) as turn:
            joined.one_more()
            yield turn

    monkeypatch.setattr(Turns, "join", noted)
    return partial(Hub, serve_by, joined)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def views(client: OllamaClient, number: int) -> list[OllamaClient]:
    """The client and views of it, which share its pulls whatever else they are set to."""
    return [client.with_options(headers={"X-Number": str(index)}) if index % 2 else client for index in range(number)]


def test_threads_share_one_pull(open_hub: OpenHub, pool: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture) -> None:
    hub = open_hub(8, PULLED)
    with OllamaClient(hub.server.url, "m", auto_pull=hub.may_pull) as client:
        replies = list(pool.map(lambda view: view.chat(HELLO), views(client, 8)))
    assert replies == ["here"] * 8
    assert hub.pulled == 1
    assert len([record for record in caplog.records if "pulling" in vars(record)]) == 1


def test_one_with_more_time_than_threads_can_wait_shares_it_too(open_hub: OpenHub, pool: ThreadPoolExecutor) -> None:
    hub = open_hub(2, PULLED)
    with OllamaClient(hub.server.url, "m") as client:
        patient = client.with_options(timeouts=Timeouts(total=10 * threading.TIMEOUT_MAX))
        pulling = pool.submit(client.pull_model, "m")
        assert hub.pulling.wait(SOON)
        patient.pull_model("m")
        assert pulling.result(SOON) is None
    assert hub.pulled == 1


def test_tasks_share_one_pull(open_hub: OpenHub) -> None:
    hub = open_hub(20, PULLED)

    async def ask() -> list[Reply]:
        async with AsyncOllamaClient(hub.server.url, "m", auto_pull=hub.may_pull) as client:
            other = client.with_options(headers={"X-Number": "1"})
            return await asyncio.gather(*((client, other)[index % 2].chat(HELLO) for index in range(20)))

    assert asyncio.run(ask()) == ["here"] * 20
    assert hub.pulled == 1


def test_a_pull_that_was_asked_for_is_shared_too(open_hub: OpenHub, pool: ThreadPoolExecutor) -> None:
    hub = open_hub(2, PULLED)
    with OllamaClient(hub.server.url, "m", auto_pull=hub.may_pull) as client:
        pulling = pool.submit(client.pull_model, "M:latest")
        assert hub.pulling.wait(SOON)
        assert client.chat(HELLO) == "here"
        assert pulling.result(SOON) is None
    assert hub.pulled == 1


KEYS = [{"headers": {"Authorization": f"Bearer {key}"}} for key in ("good", "bad")]
MANNERS = {"credentials": KEYS, "attempts": [{"retry": Retry(attempts=most)} for most in (3, 1)]}
NO = answer({"error": "unauthorized"}, 401)


@pytest.mark.parametrize("manners", MANNERS.values(), ids=MANNERS)
def test_a_no_to_one_is_none_to_a_thread_that_asks_in_another_manner(
    open_hub: OpenHub, pool: ThreadPoolExecutor, manners: list[dict[str, Any]]
) -> None:
    hub = open_hub(2, NO, PULLED)
    with OllamaClient(hub.server.url, "m") as client:
        good, bad = (client.with_options(**each) for each in manners)
        refused = pool.submit(bad.pull_model, "m")
        assert hub.pulling.wait(SOON)
        good.pull_model("m")
        with pytest.raises(OllamaError):
            refused.result(SOON)
    assert hub.pulled == 2


@pytest.mark.parametrize("manners", MANNERS.values(), ids=MANNERS)
def test_a_no_to_one_is_none_to_a_task_that_asks_in_another_manner(
    open_hub: OpenHub, manners: list[dict[str, Any]]
) -> None:
    hub = open_hub(2, NO, PULLED)

    async def ask() -> None:
        async with AsyncOllamaClient(hub.server.url, "m") as client:
            good, bad = (client.with_options(**each) for each in manners)
            refused = asyncio.create_task(bad.pull_model("m"))
            await asyncio.to_thread(hub.pulling.wait, SOON)
            await good.pull_model("m")
            with pytest.raises(OllamaError):
                await refused

    asyncio.run(ask())
    assert hub.pulled == 2


def test_the_servers_no_is_told_to_all_threads(open_hub: OpenHub, pool: ThreadPoolExecutor) -> None:
    hub = open_hub(8, FAILED)

    def ask(view: OllamaClient) -> OllamaError:
        with pytest.raises(OllamaPullError, match="no space left on device") as caught:
            view.chat(HELLO)
        return caught.value

    with OllamaClient(hub.server.url, "m", auto_pull=hub.may_pull) as client:
        errors = list(pool.map(ask, views(client, 8)))
    assert len({id(error) for error in errors}) == 8
    assert hub.pulled == 1


def test_the_servers_no_is_told_to_all_tasks(open_hub: OpenHub) -> None:
    hub = open_hub(20, FAILED)

    async def ask() -> list[Reply | BaseException]:
        async with AsyncOllamaClient(hub.server.url, "m", auto_pull=hub.may_pull) as client:
            return await asyncio.gather(*(client.chat(HELLO) for _ in range(20)), return_exceptions=True)

    assert [type(error) for error in asyncio.run(ask())] == [OllamaPullError] * 20
    assert hub.pulled == 1


def test_one_whose_time_is_over_leaves_the_pull_to_another_thread(open_hub: OpenHub, pool: ThreadPoolExecutor) -> None:
    hub = open_hub(2, SILENT, PULLED)
    with OllamaClient(hub.server.url, "m", auto_pull=hub.may_pull) as client:
        leading: Future[Reply] = pool.submit(client.with_options(timeouts=Timeouts(total=0.5)).chat, HELLO)
        assert hub.pulling.wait(SOON)
        following: Future[Reply] = pool.submit(client.chat, HELLO)
        with pytest.raises(OllamaTimeoutError) as caught:
            leading.result(SOON)
        assert following.result(SOON) == "here"
    assert (caught.value.phase, caught.value.seconds) == ("total", 0.5)
    assert hub.pulled == 2


def test_one_that_is_interrupted_leaves_the_pull_to_another_thread(open_hub: OpenHub, pool: ThreadPoolExecutor) -> None:
    hub = open_hub(2, SILENT, PULLED)

    def follow_and_interrupt() -> Future[Reply]:
        assert hub.pulling.wait(SOON)
        following = pool.submit(client.chat, HELLO)
        hub.wait_for_all()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return following

    with OllamaClient(hub.server.url, "m", auto_pull=hub.may_pull) as client:
        interrupting = pool.submit(follow_and_interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.chat(HELLO)
        assert interrupting.result(SOON).result(SOON) == "here"
        assert hub.server.hung_up.wait(SOON)
    assert hub.pulled == 2


def test_one_that_is_cancelled_leaves_the_pull_to_another_task(open_hub: OpenHub) -> None:
    hub = open_hub(3, SILENT, PULLED)

    async def ask() -> None:
        async with AsyncOllamaClient(hub.server.url, "m", auto_pull=hub.may_pull) as client:
            leading = asyncio.create_task(client.chat(HELLO))
            await asyncio.to_thread(hub.pulling.wait, SOON)
            following = [asyncio.create_task(client.chat(HELLO)) for _ in range(2)]
            await asyncio.to_thread(hub.wait_for_all)
            leading.cancel()
            assert await asyncio.gather(*following) == ["here"] * 2
            with pytest.raises(asyncio.CancelledError):
                await leading

    asyncio.run(ask())
    assert hub.server.hung_up.wait(SOON)
    assert hub.pulled == 2


def test_one_that_is_cancelled_while_it_waits_disturbs_nobody(open_hub: OpenHub) -> None:
    hub = open_hub(4, PULLED)

    async def ask() -> None:
        async with AsyncOllamaClient(hub.server.url, "m", auto_pull=hub.may_pull) as client:
            leading = asyncio.create_task(client.chat(HELLO))
            await asyncio.to_thread(hub.pulling.wait, SOON)
            impatient, patient = (asyncio.create_task(client.chat(HELLO)) for _ in range(2))
            await asyncio.to_thread(hub.joined.wait_for, 3)
            impatient.cancel()
            with pytest.raises(asyncio.CancelledError):
                await impatient
            assert await asyncio.gather(*[leading, patient, asyncio.create_task(client.chat(HELLO))]) == ["here"] * 3

    asyncio.run(ask())
    assert hub.pulled == 1


def test_one_that_waits_does_so_for_no_longer_than_it_has(open_hub: OpenHub, pool: ThreadPoolExecutor) -> None:
    hub = open_hub(3, PULLED)
    with OllamaClient(hub.server.url, "m", auto_pull=hub.may_pull) as client:
        leading: Future[Reply] = pool.submit(client.chat, HELLO)
        assert hub.pulling.wait(SOON)
        with pytest.raises(OllamaTimeoutError, match=r"within 0\.2 s") as caught:
            client.with_options(timeouts=Timeouts(total=0.2)).chat(HELLO)
        assert client.chat(HELLO) == "here"
        assert leading.result(SOON) == "here"
    assert (caught.value.phase, caught.value.seconds) == ("total", 0.2)
    assert hub.pulled == 1


def test_a_task_that_waits_does_so_for_no_longer_than_it_has(open_hub: OpenHub) -> None:
    hub = open_hub(3, PULLED)

    async def ask() -> None:
        async with AsyncOllamaClient(hub.server.url, "m", auto_pull=hub.may_pull) as client:
            leading = asyncio.create_task(client.chat(HELLO))
            await asyncio.to_thread(hub.pulling.wait, SOON)
            with pytest.raises(OllamaTimeoutError, match=r"within 0\.2 s"):
                await client.with_options(timeouts=Timeouts(total=0.2)).chat(HELLO)
            assert await asyncio.gather(*[client.chat(HELLO), leading]) == ["here"] * 2

    asyncio.run(ask())
    assert hub.pulled == 1
