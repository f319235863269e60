"""Flows as both drivers carry them out, step by step, over a script instead of sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from vuhitra import (
    AsyncOllamaClient,
    OllamaClient,
    OllamaConnectionError,
    OllamaError,
    OllamaTimeoutError,
    Retry,
    Timeouts,
    calls,
    resolve_host,
)
from vuhitra.async_driver import AsyncDriver, AsyncRunning
from vuhitra.driver import Driver, Running
from vuhitra.flows import Flow, Next, Report, Run, Send, Share, Terms, Wait, outcome_of
from vuhitra.testing import Answer, AsyncScriptedTransport, ScriptedTransport, answer, document, stream, unreachable

HOST = resolve_host("127.0.0.1")
TERMS = Terms(Timeouts(), Retry(), None, lambda: 1.0)
VERSION = document({"version": "1"})
STEPS = ({"status": "pulling"}, {"status": "success"})
Carry = Callable[..., Any]


def in_a_thread(flow: Flow[Any], *script: Answer | OllamaError) -> Any:
    return Driver(HOST, (), ScriptedTransport(*script)).run(flow)


def in_a_loop(flow: Flow[Any], *script: Answer | OllamaError) -> Any:
    async def run() -> Any:
        return await AsyncDriver(HOST, (), AsyncScriptedTransport(*script)).run(flow)

    return asyncio.run(run())


@pytest.fixture(params=[in_a_thread, in_a_loop], ids=["sync", "async"])
def carry_out(request: pytest.FixtureRequest) -> Carry:
    """Carries out a flow with a driver of either colour."""
    carry: Carry = request.param
    return carry


def test_what_is_sent_is_answered(carry_out: Carry) -> None:
    def flow() -> Flow[object]:
        outcome = yield TERMS.send(calls.version(), whole=True)
        return outcome.result

    assert carry_out(flow(), VERSION) == "1"


def test_an_error_is_an_outcome(carry_out: Carry) -> None:
    def flow() -> Flow[object]:
        failed = yield TERMS.send(calls.version(), whole=True)
        assert isinstance(failed.result, OllamaConnectionError)
        answered = yield TERMS.send(calls.version(), whole=True)
        return answered.result

    assert carry_out(flow(), unreachable(), VERSION) == "1"


def test_the_clock_goes_with_every_outcome(carry_out: Carry) -> None:
    def flow() -> Flow[tuple[float, float]]:
        before = yield Report({})
        after = yield Wait(7.0)
        return before.now, after.now

    assert carry_out(flow()) == (0.0, 7.0)


def test_an_open_answer_is_read_item_by_item(carry_out: Carry) -> None:
    def flow() -> Flow[list[object]]:
        opened = yield Send(calls.pull_model("m", {}), False, TERMS.timeouts)
        items: list[object] = []
        while (item := (yield Next(opened.result)).result) is not None:
            items.append(item)
        return items

    assert carry_out(flow(), stream(*STEPS)) == list(STEPS)


def test_a_function_is_run_and_what_it_raises_is_raised(carry_out: Carry) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    closed: list[bool] = []

    def flow() -> Flow[None]:
        try:
            assert (yield Run(lambda: 4)).result == 4
            yield Run(fail)
        finally:
            closed.append(True)

    with pytest.raises(ZeroDivisionError):
        carry_out(flow())
    assert closed


def test_a_loop_goes_on_while_a_function_is_run() -> None:
    async def run() -> object:
        loop, began, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        def work() -> str:
            loop.call_soon_threadsafe(began.set)
            assert go_on.wait(5.0)
            return threading.current_thread().name

        def flow() -> Flow[object]:
            return (yield Run(work)).result

        running = asyncio.create_task(AsyncDriver(HOST, (), AsyncScriptedTransport()).run(flow()))
        await began.wait()
        go_on.set()
        return await running

    assert asyncio.run(run()) != threading.current_thread().name


def test_what_a_function_would_have_awaited_is_awaited() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 4

    def flow() -> Flow[object]:
        return (yield Run(work)).result

    assert in_a_loop(flow()) == 4


def test_a_function_that_stops_an_iteration_does_not_end_the_flow() -> None:
    def flow() -> Flow[None]:
        yield Run(lambda: next(iter(())))

    with pytest.raises(StopIteration):
        in_a_thread(flow())


def test_what_is_shared_is_carried_out_and_its_error_is_an_outcome(carry_out: Carry) -> None:
    def part() -> Flow[None]:
        yield from outcome_of(TERMS.send(calls.version(), whole=True))

    def flow() -> Flow[list[object]]:
        first = yield Share("key", "the work", part(), TERMS)
        second = yield Share("key", "the work", part(), TERMS)
        return [first.result, second.result]

    failed, done = carry_out(flow(), unreachable(), VERSION)
    assert isinstance(failed, OllamaConnectionError)
    assert done is None


def test_nothing_is_sent_once_the_time_for_all_of_it_is_over(carry_out: Carry) -> None:
    def flow() -> Flow[list[object]]:
        in_time = yield Send(calls.version(), True, Timeouts(total=5), give_up_at=5.0)
        yield Wait(7.0)
        late = yield Send(calls.version(), True, Timeouts(total=5), give_up_at=5.0)
        return [in_time.result, late.result]

    answered, late = carry_out(flow(), VERSION)
    assert answered == "1"
    assert isinstance(late, OllamaTimeoutError)
    assert (late.phase, late.seconds) == ("total", 5)
    assert "127.0.0.1" in str(late)


def test_after_a_tool_that_took_too_long_the_model_is_not_asked_again() -> None:
    transport = ScriptedTransport(answer("", tool_calls=[{"function": {"name": "dawdle", "arguments": {}}}]))

    def dawdle() -> str:
        transport.sleep(6)
        return "done"

    with (
        OllamaClient("127.0.0.1", "m", Timeouts(total=5), transport=transport) as client,
        pytest.raises(OllamaTimeoutError, match="5 s for the whole call") as caught,
    ):
        client.chat([{"role": "user", "content": "?"}], tools=[dawdle], run_tools=True)
    assert caught.value.phase == "total"
    assert len(transport.requests) == 1


def test_the_time_that_whoever_listens_takes_is_not_the_servers() -> None:
    same = {"status": "pulling aa", "digest": "aa", "total": 9, "completed": 3}
    transport = ScriptedTransport(stream(*[same] * 4, {"status": "success"}))
    with OllamaClient("127.0.0.1", transport=transport) as client, client.pull_model("m", stream=True) as steps:
        for _ in steps:
            transport.sleep(200)
    assert len(transport.requests) == 1


def test_the_time_that_whoever_listens_takes_is_not_the_servers_in_a_loop() -> None:
    same = {"status": "pulling aa", "digest": "aa", "total": 9, "completed": 3}
    transport = AsyncScriptedTransport(stream(*[same] * 4, {"status": "success"}))

    async def listen() -> None:
        async with (
            AsyncOllamaClient("127.0.0.1", transport=transport) as client,
            await client.pull_model("m", stream=True) as steps,
        ):
            async for _ in steps:
                await transport.sleep(200)

    asyncio.run(listen())
    assert len(transport.requests) == 1


def reporting() -> Flow[str]:
    yield Wait(1.0)
    yield Report(1)
    yield Report(2)
    return "done"


def test_what_is_reported_is_taken_one_by_one() -> None:
    running = Running(Driver(HOST, (), ScriptedTransport()), reporting())
    assert [running.take() for _ in range(4)] == [1, 2, None, None]
    assert running.result == "done"
    running.close()
    assert running.take() is None


def test_what_is_reported_is_taken_one_by_one_in_a_loop() -> None:
    async def take() -> None:
        running = AsyncRunning(AsyncDriver(HOST, (), AsyncScriptedTransport()), reporting())
        assert [await running.take() for _ in range(4)] == [1, 2, None, None]
        assert running.result == "done"
        await running.aclose()
        assert await running.take() is None

    asyncio.run(take())


def test_reports_that_nobody_listens_to_are_passed_over(carry_out: Carry) -> None:
    assert carry_out(reporting()) == "done"
