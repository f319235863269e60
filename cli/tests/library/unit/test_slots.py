"""Slots go to whoever waits longest, and come back at any moment: the garbage collector and signals give them back."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType
from typing import Any

import pytest

from vuhitra.transport import async_slots as async_slots_module
from vuhitra.transport import slots as slots_module
from vuhitra.transport.async_slots import AsyncSlots
from vuhitra.transport.interface import Closing
from vuhitra.transport.slots import Slot, Slots, Waiting, WaitingClosed

SOON = 5.0


class Held:
    """What a `Slots` tells who may end the waiting. told: set when somebody waits."""

    def __init__(self) -> None:
        self.told = threading.Event()

    def hold(self, held: Closing) -> None:
        self.waiting = held
        self.told.set()


def soon() -> float:
    return time.monotonic() + SOON


def taking(slots: Slots, threads: ThreadPoolExecutor) -> tuple[Future[Slot], Held]:
    """Somebody who takes a slot in a thread, and waits for it by now."""
    held = Held()
    taken = threads.submit(slots.take, soon(), held)
    assert held.told.wait(SOON)
    return taken, held


def test_whoever_waits_is_before_whoever_comes_later() -> None:
    slots = Slots(1)
    first = slots.take(None)
    with ThreadPoolExecutor(1) as threads:
        waiting, _ = taking(slots, threads)
        first.free()
        with pytest.raises(TimeoutError):
            slots.take(0.0)
        waiting.result(SOON).free()
    slots.take(0.0)


def test_whoever_waits_longest_is_next() -> None:
    slots = Slots(1)
    slot = slots.take(None)
    with ThreadPoolExecutor(4) as threads:
        waiting = [taking(slots, threads)[0] for _ in range(4)]
        while waiting:
            slot.free()
            slot = waiting.pop(0).result(SOON)
            assert not any(later.done() for later in waiting)
        slot.free()


def test_who_waits_is_let_go_by_closing() -> None:
    slots = Slots(1)
    slot = slots.take(None)
    with ThreadPoolExecutor(1) as threads:
        waiting, held = taking(slots, threads)
        held.waiting.close()
        held.waiting.close()
        with pytest.raises(WaitingClosed):
            waiting.result(SOON)
    slot.free()
    slots.take(0.0)


def test_a_slot_goes_past_those_who_wait_no_more() -> None:
    slots = Slots(1)
    slot = slots.take(None)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            slots.take(0.0)
    with ThreadPoolExecutor(1) as threads:
        waiting, _ = taking(slots, threads)
        slot.free()
        waiting.result(SOON)


@pytest.mark.parametrize("endings", [("given", "closed"), ("closed", "given"), ("given", "withdrawn")], ids=" ".join)
def test_the_first_ending_counts(endings: tuple[str, str]) -> None:
    waiting = Waiting()
    said: dict[str, Callable[[], object]] = {
        "given": waiting.give,
        "closed": waiting.close,
        "withdrawn": waiting.withdraw,
    }
    first, second = (said[each]() for each in endings)
    assert (first, second) == {"given closed": (True, None), "closed given": (None, False)}.get(
        " ".join(endings), (True, True)
    )


def _freed_at(number: int) -> bool:
    """Takes a slot while the one before is freed at the so many-th line of that, or at last where it blocks.

    Whether there are so many lines before that.
    """
    slots = Slots(1)
    before = slots.take(None)
    lines, blocking = 0, 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal lines, blocking
        if event == "line" and frame.f_code.co_filename == slots_module.__file__:
            blocking += frame.f_code is Waiting.wait.__code__
            lines += blocking < _LINES_TO_THE_BLOCKING_ONE
            if lines == number or blocking == _LINES_TO_THE_BLOCKING_ONE:
                before.free()
        return trace

    def take() -> None:
        sys.settrace(trace)
        try:
            slots.take(soon()).free()
        finally:
            sys.settrace(None)

    taker = threading.Thread(target=take, daemon=True)
    taker.start()
    taker.join(SOON)
    assert not taker.is_alive(), f"it waits for ever, from line {number} on"
    slots.take(0.0)
    return lines >= number


_LINES_TO_THE_BLOCKING_ONE = 2
"""Lines of `Waiting.wait`."""


def test_a_slot_may_come_back_at_any_line() -> None:
    number = 1
    while _freed_at(number):
        number += 1
    assert number > 10


class QueuedSlots(Slots):
    """Slots where somebody may wait no more who is still in the queue, as between two steps of its thread."""

    def queue_somebody_gone(self) -> None:
        gone = Waiting()
        gone.close()
        self._waiting.append(gone)


def _asked_for_at(number: int, threads: ThreadPoolExecutor) -> bool:
    """Frees a slot that another thread begins to wait for at the so many-th line of that; whether there are so many."""
    slots = QueuedSlots(1)
    before = slots.take(None)
    slots.queue_somebody_gone()
    lines, taken = 0, list[Future[Slot]]()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal lines
        if event == "line" and frame.f_code.co_filename == slots_module.__file__:
            lines += 1
            if lines == number:
                taken.append(taking(slots, threads)[0])
        return trace

    sys.settrace(trace)
    try:
        before.free()
    finally:
        sys.settrace(None)
    for each in taken:
        each.result(SOON)
    return bool(taken)


def test_a_slot_may_be_asked_for_at_any_line() -> None:
    number = 1
    with ThreadPoolExecutor(1) as threads:
        while _asked_for_at(number, threads):
            number += 1
    assert number > 5


async def _freed_in_a_loop_at(number: int) -> bool:
    """Takes a slot while the one before is freed at the so many-th line of that; whether there are so many."""
    slots = AsyncSlots(1)
    before = await slots.take(None)
    lines = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal lines
        if event == "line" and frame.f_code.co_filename in (async_slots_module.__file__, asyncio.locks.__file__):
            lines += 1
            if lines == number:
                before.free()
        return trace

    sys.settrace(trace)
    try:
        taking = asyncio.ensure_future(slots.take(soon()))
        await asyncio.sleep(0)  # it waits from here on
    finally:
        sys.settrace(None)
    before.free()
    (await taking).free()
    return lines >= number


def test_a_slot_of_a_loop_may_come_back_at_any_line() -> None:
    number = 1
    while asyncio.run(_freed_in_a_loop_at(number)):
        number += 1
    assert number > 10


def test_many_threads_never_have_more_than_there_are() -> None:
    slots, inside, most = Slots(3), [0], [0]

    def work() -> None:
        for _ in range(200):
            slot = slots.take(soon())
            inside.append(1)
            most.append(len(inside) - 1)
            inside.pop()
            slot.free()

    with ThreadPoolExecutor(12) as threads:
        for each in [threads.submit(work) for _ in range(12)]:
            each.result(4 * SOON)
    assert 1 <= max(most) <= 3
    for _ in range(3):
        slots.take(0.0)
    with pytest.raises(TimeoutError):
        slots.take(0.0)
