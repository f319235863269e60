"""How long to wait and how often to try again: values that can't be wrong, and deadlines on a given clock."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, astuple, fields, replace
from math import inf, nan
from typing import Any

import pytest

from vuhitra import Retry, Timeouts
from vuhitra.limits import Deadline, Deadlines

LONG = Timeouts(connect=5, start=600, idle=120)


def test_the_defaults_are_the_documented_ones() -> None:
    assert astuple(Timeouts()) == (5, 600, 120, None)
    assert astuple(Retry()) == (3, 60, 0.25, 2, 8)


@pytest.mark.parametrize("phase", ["connect", "start", "idle", "total"])
@pytest.mark.parametrize("seconds", [0, -1, -0.5, nan, inf])
def test_a_limit_is_a_positive_number(phase: str, seconds: float) -> None:
    with pytest.raises(ValueError, match=f"^{phase} is a positive number of seconds"):
        replace(Timeouts(), **{phase: seconds})


@pytest.mark.parametrize("phase", ["connect", "start", "idle", "total"])
@pytest.mark.parametrize("seconds", ["5", True, [5]])
def test_a_limit_of_another_type_is_a_type_error(phase: str, seconds: Any) -> None:
    with pytest.raises(TypeError, match=f"^{phase} is a number of seconds"):
        replace(Timeouts(), **{phase: seconds})


@pytest.mark.parametrize("phase", ["connect", "start", "idle"])
def test_only_the_total_may_be_none(phase: str) -> None:
    assert Timeouts(total=None).total is None
    nothing: dict[str, Any] = {phase: None}
    with pytest.raises(TypeError, match=f"^{phase} is a number of seconds, not None"):
        replace(Timeouts(), **nothing)


def test_a_number_is_the_limit_of_start_and_idle() -> None:
    assert Timeouts.of(7) == Timeouts(start=7, idle=7)
    assert Timeouts.of(0.5) == Timeouts(start=0.5, idle=0.5)
    assert Timeouts.of(LONG) is LONG


@pytest.mark.parametrize("value", [0, -1, nan])
def test_a_number_that_is_no_limit_raises(value: float) -> None:
    with pytest.raises(ValueError, match="positive number of seconds"):
        Timeouts.of(value)


def test_short_calls_have_at_most_so_long_in_each_phase_and_the_same_total() -> None:
    assert Timeouts(5, 600, 120, 900).at_most(30) == Timeouts(5, 30, 30, 900)
    assert Timeouts(5, 10, 120).at_most(30) == Timeouts(5, 10, 10)
    assert Timeouts(5, 10, 2).at_most(30) == Timeouts(5, 10, 2)
    assert Timeouts(50, 60, 70).at_most(3) == Timeouts(3, 3, 3)


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("attempts", 0, ValueError),
        ("attempts", -1, ValueError),
        ("attempts", 2.0, TypeError),
        ("attempts", True, TypeError),
        ("budget", -1, ValueError),
        ("budget", nan, ValueError),
        ("first_wait", -0.1, ValueError),
        ("factor", -2, ValueError),
        ("max_wait", -1, ValueError),
        ("max_wait", "8", TypeError),
    ],
)
def test_a_retry_that_can_not_be_right_raises(field: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        replace(Retry(), **{field: value})


@pytest.mark.parametrize("value", [Timeouts(1, 2, 3, 4), Retry(5, 6, 7, 8, 9)])
def test_limits_are_values(value: Timeouts | Retry) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
    assert hash(replace(value)) == hash(value)
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, 1)


@pytest.mark.parametrize(
    ("waits", "longest"), [(0, 0.25), (1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 8), (100, 8), (100_000, 8)]
)
def test_waits_grow_up_to_the_longest(waits: int, longest: float) -> None:
    assert Retry().longest_wait(waits) == longest


def test_without_a_first_wait_there_is_never_one() -> None:
    assert {Retry(first_wait=0).longest_wait(waits) for waits in (0, 1, 100_000)} == {0}


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def test_a_deadline_names_its_phase_and_how_long_it_was() -> None:
    deadlines = Deadlines(LONG, None, Clock())
    assert deadlines.connect() == Deadline(1005, "connect", 5)
    assert deadlines.start() == Deadline(1600, "start", 600)
    assert deadlines.idle() == Deadline(1120, "idle", 120)


def test_idling_is_counted_anew_and_starting_is_not() -> None:
    clock = Clock()
    deadlines = Deadlines(LONG, None, clock)
    deadlines.start()
    clock.time += 50
    assert deadlines.start().at == 1600
    assert deadlines.idle().at == 1170
    clock.time += 50
    assert deadlines.idle().at == 1220


def test_the_start_is_counted_from_when_it_is_first_asked_for() -> None:
    clock = Clock()
    deadlines = Deadlines(LONG, None, clock)
    deadlines.connect()
    clock.time += 4
    assert deadlines.start().at == 1604


def test_no_phase_outlasts_the_whole_call() -> None:
    clock = Clock()
    deadlines = Deadlines(replace(LONG, total=100), clock.time + 100, clock)
    assert deadlines.connect() == Deadline(1005, "connect", 5)
    assert deadlines.start() == Deadline(1100, "total", 100)
    clock.time += 97
    assert deadlines.connect() == Deadline(1100, "total", 100)
    assert deadlines.idle() == Deadline(1100, "total", 100)


def test_a_phase_that_ends_before_the_whole_call_keeps_its_name() -> None:
    assert Deadlines(replace(LONG, total=500), 1500, Clock()).idle() == Deadline(1120, "idle", 120)


@pytest.mark.parametrize(("value", "error"), [(-1, ValueError), (None, TypeError), ("5", TypeError), (True, TypeError)])
def test_a_number_that_is_no_limit_is_called_as_the_setting_is(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^timeout is a "):
        Timeouts.of(value)


@pytest.mark.parametrize("field", ["budget", "first_wait", "factor", "max_wait"])
@pytest.mark.parametrize("value", ["5", None, True])
def test_what_is_no_number_of_a_retry_is_named(field: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{field} is a number, not "):
        replace(Retry(), **{field: value})
