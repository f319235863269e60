"""How long to wait, and how often to try again: frozen values. This file knows no clock."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from vuhitra.errors import Phase


class Deadline(NamedTuple):
    """When a phase must be over. at: on the clock of whoever waits. seconds: how long it was given."""

    at: float
    phase: Phase
    seconds: float


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds; each is a deadline for its whole phase, however many bytes dribble in.

    connect: to reach the server (look-up, TCP and TLS together).
    start: from the request to the first byte of the answer's body; a cold model loads in it.
    idle: between two pieces of an answer, and a record that says nothing is none; for an answer in one piece, from its
        first byte to its last.
    total: the whole call with all its attempts, waits and a pull within it; None: no such limit.
    """

    connect: float = 5.0
    start: float = 600.0
    idle: float = 120.0
    total: float | None = None

    def __post_init__(self) -> None:
        for phase in ("connect", "start", "idle", "total"):
            seconds = getattr(self, phase)
            if seconds is None and phase == "total":
                continue
            _check_seconds(phase, seconds)

    @classmethod
    def of(cls, value: Timeouts | float) -> Timeouts:
        """`value` itself, or a number `n` as the limit of `start` and of `idle`."""
        if isinstance(value, Timeouts):
            return value
        _check_seconds("timeout", value)
        return cls(start=value, idle=value)

    def at_most(self, seconds: float) -> Timeouts:
        """The same for a short call: no phase takes more than `seconds`, and to go on no more than to begin."""
        return replace(
            self,
            connect=min(self.connect, seconds),
            start=min(self.start, seconds),
            idle=min(self.idle, self.start, seconds),
        )


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a call that may be sent again is sent, and how long to wait in between.

    attempts: how many times it is sent at most, the first one included.
    budget: seconds within which the last attempt must begin, counted from the first failure; of a pull or push
        only the waits count.
    first_wait, factor, max_wait: the n-th wait (from 0) is uniform in
        [0, min(max_wait, first_wait * factor ** n)] seconds.
    """

    attempts: int = 3
    budget: float = 60.0
    first_wait: float = 0.25
    factor: float = 2.0
    max_wait: float = 8.0

    def __post_init__(self) -> None:
        if isinstance(self.attempts, bool) or not isinstance(self.attempts, int):
            raise TypeError(f"attempts is a whole number, not {self.attempts!r}")
        if self.attempts < 1:
            raise ValueError(f"attempts is at least 1, not {self.attempts!r}")
        for field in ("budget", "first_wait", "factor", "max_wait"):
            number = getattr(self, field)
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise TypeError(f"{field} is a number, not {number!r}")
            if not number >= 0:
                raise ValueError(f"{field} is not negative: {number!r}")

    def longest_wait(self, waits: int) -> float:
        """The upper bound, in seconds, of the wait that follows `waits` earlier ones."""
        try:
            growth = float(self.factor) ** waits
        except OverflowError:
            growth = sys.float_info.max
        return float(min(self.max_wait, self.first_wait * growth))


def _check_seconds(name: str, seconds: object) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{name} is a number of seconds, not {seconds!r}")
    if not 0 < seconds < inf:
        raise ValueError(f"{name} is a positive number of seconds, not {seconds!r}")


class Deadlines:
    """The deadlines of one exchange, as its phases begin.

    give_up_at: when the whole call must be over, whichever phase it is in. clock: gives the time.
    """

    def __init__(self, timeouts: Timeouts, give_up_at: float | None, clock: Callable[[], float]) -> None:
        self._timeouts = timeouts
        self._give_up_at = give_up_at
        self._clock = clock
        self._start: Deadline | None = None

    def connect(self) -> Deadline:
        """By when the server must be reached."""
        return self._from_now("connect", self._timeouts.connect)

    def start(self) -> Deadline:
        """By when the answer must begin; counted from the first time it is asked for."""
        if self._start is None:
            self._start = self._from_now("start", self._timeouts.start)
        return self._start

    def idle(self) -> Deadline:
        """By when the next piece must be there."""
        return self._from_now("idle", self._timeouts.idle)

    def _from_now(self, phase: Phase, seconds: float) -> Deadline:
        at = self._clock() + seconds
        if self._give_up_at is not None and self._give_up_at < at:
            return Deadline(self._give_up_at, "total", self._timeouts.total or seconds)
        return Deadline(at, phase, seconds)
