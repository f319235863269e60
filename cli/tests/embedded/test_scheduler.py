"""Who gets the model and when, with an engine that only pretends."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from cli.services.embedded.engine import Completion, Ending, Load, Piece
from cli.services.embedded.refusals import EngineRefusal, Refusal
from cli.services.embedded.scheduler import Scheduler

ONE = Load(Path("one.gguf"), window=256, slots=1, threads=1, batch=64, mean_pooling=True)
OTHER = Load(Path("other.gguf"), window=256, slots=1, threads=1, batch=64, mean_pooling=True)


class Pretender:
    """An engine that knows whether it is open."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.alive = True
        self.closed = asyncio.Event()

    async def tokenize(self, text: str) -> list[int]:
        return []

    async def detokenize(self, tokens: Sequence[int]) -> str:
        return ""

    async def complete(self, completion: Completion) -> AsyncGenerator[Piece | Ending]:
        yield Piece("")

    async def embed(self, tokens: Sequence[int]) -> list[float]:
        return []

    async def close(self) -> None:
        self.alive = False
        self.closed.set()


class Bench:
    """A scheduler, what it has started, and the requests that use it."""

    def __init__(self, slots: int = 1, queue: int = 9) -> None:
        self.started: list[Pretender] = []
        self.now = 1000.0
        self.scheduler = Scheduler(self._start, slots, queue, clock=lambda: self.now)
        self.entered: list[str] = []
        self.start = self.start_well

    async def _start(self, load: Load) -> Pretender:
        return await self.start(load)

    async def start_well(self, load: Load) -> Pretender:
        await asyncio.sleep(0)
        self.started.append(Pretender(load))
        return self.started[-1]

    def request(self, name: str, load: Load = ONE, keep_alive: float | None = None) -> Request:
        return Request(self, name, load, keep_alive)


class Request:
    """A request that keeps its slot until it is told to leave."""

    def __init__(self, bench: Bench, name: str, load: Load, keep_alive: float | None) -> None:
        self.inside, self._leaving = asyncio.Event(), asyncio.Event()
        self._bench, self._name = bench, name
        self.task = asyncio.create_task(self._run(load, keep_alive))

    async def _run(self, load: Load, keep_alive: float | None) -> None:
        async with self._bench.scheduler.lend(load, keep_alive) as engine:
            assert isinstance(engine, Pretender)
            assert engine.load == load
            self._bench.entered.append(self._name)
            self.inside.set()
            await self._leaving.wait()

    async def leave(self) -> None:
        self._leaving.set()
        await self.task


def played(scene: Callable[[Bench], Awaitable[None]], slots: int = 1, queue: int = 9) -> Bench:
    """Plays a scene, and unloads everything."""

    async def play() -> Bench:
        bench = Bench(slots, queue)
        async with asyncio.timeout(10):
            await scene(bench)
            await bench.scheduler.close()
        assert not any(engine.alive for engine in bench.started)
        return bench

    return asyncio.run(play())


async def settled() -> None:
    """Lets everybody go as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_one_after_the_other_in_the_order_they_came() -> None:
    async def scene(bench: Bench) -> None:
        requests = [bench.request(name) for name in "abc"]
        for request in requests:
            await request.inside.wait()
            await settled()
            await request.leave()

    bench = played(scene)
    assert bench.entered == ["a", "b", "c"]
    assert len(bench.started) == 1


def test_never_more_at_once_than_there_are_slots() -> None:
    async def scene(bench: Bench) -> None:
        requests = [bench.request(name) for name in "abcd"]
        await settled()
        assert bench.entered == ["a", "b"]
        await requests[1].leave()
        await settled()
        assert bench.entered == ["a", "b", "c"]
        for request in (requests[0], requests[2], requests[3]):
            await request.leave()

    played(scene, slots=2)


def test_beyond_the_queue_is_refused_and_those_inside_are_not_disturbed() -> None:
    async def scene(bench: Bench) -> None:
        inside, waiting, refused = (bench.request(name) for name in "abc")
        with pytest.raises(Refusal) as caught:
            await refused.task
        assert caught.value.status == 503
        await inside.leave()
        await waiting.leave()

    played(scene, queue=1)


def test_who_leaves_the_queue_makes_room() -> None:
    async def scene(bench: Bench) -> None:
        inside, waiting = bench.request("a"), bench.request("b")
        await settled()
        waiting.task.cancel()
        await settled()
        late = bench.request("c")
        await inside.leave()
        await late.leave()

    assert played(scene, queue=1).entered == ["a", "c"]


def test_another_load_waits_until_nobody_uses_the_model_and_keeps_its_place() -> None:
    async def scene(bench: Bench) -> None:
        first, second = bench.request("a"), bench.request("b")
        other, late = bench.request("c", OTHER), bench.request("d")
        await settled()
        assert bench.entered == ["a", "b"]
        await first.leave()
        await settled()
        assert bench.entered == ["a", "b"]
        await second.leave()
        await other.inside.wait()
        assert not bench.started[0].alive
        await other.leave()
        await late.leave()

    bench = played(scene, slots=3)
    assert [engine.load for engine in bench.started] == [ONE, OTHER, ONE]


def test_a_dead_engine_is_replaced_for_the_next_request() -> None:
    async def scene(bench: Bench) -> None:
        request = bench.request("a")
        await request.inside.wait()
        bench.started[0].alive = False
        assert bench.scheduler.running() is None
        late = bench.request("b")
        await settled()
        assert bench.entered == ["a"]
        await request.leave()
        await late.leave()

    assert len(played(scene, slots=2).started) == 2


def test_loading_that_fails_or_is_left_does_not_block_the_next() -> None:
    async def scene(bench: Bench) -> None:
        async def failing(load: Load) -> Pretender:
            raise EngineRefusal(500, "no")

        async def endless(load: Load) -> Pretender:
            return await asyncio.Future()

        for start in (failing, endless):
            bench.start = start
            request = bench.request("x")
            await settled()
            request.task.cancel()
            await asyncio.wait([request.task])
        bench.start = bench.start_well
        await bench.request("a").leave()

    assert played(scene).entered == ["a"]


def test_an_idle_model_is_unloaded_when_its_time_is_up() -> None:
    async def scene(bench: Bench) -> None:
        await bench.request("a", keep_alive=0.01).leave()
        assert bench.scheduler.running() is not None
        await bench.started[0].closed.wait()
        await settled()
        assert bench.scheduler.running() is None

    played(scene)


def test_a_model_in_use_stays_and_its_time_begins_when_it_is_free() -> None:
    async def scene(bench: Bench) -> None:
        await bench.request("a", keep_alive=0).leave()
        request = bench.request("b", keep_alive=60)
        await request.inside.wait()
        await settled()
        bench.now += 100
        running = bench.scheduler.running()
        assert running is not None
        assert running.expires_at == bench.now + 60
        await request.leave()
        bench.now += 10
        running = bench.scheduler.running()
        assert running is not None
        assert running.expires_at == bench.now + 50

    played(scene)


def test_for_ever_is_for_ever() -> None:
    async def scene(bench: Bench) -> None:
        await bench.request("a", keep_alive=math.inf).leave()
        await bench.request("b").leave()
        running = bench.scheduler.running()
        assert running is not None
        assert running.expires_at is None

    played(scene)


def test_unloading_waits_for_the_answers_that_are_given() -> None:
    async def scene(bench: Bench) -> None:
        request = bench.request("a")
        await request.inside.wait()
        await bench.scheduler.unload(OTHER.model)
        await bench.scheduler.unload(ONE.model)
        assert bench.started[0].alive
        await request.leave()
        await bench.started[0].closed.wait()

    played(scene)
