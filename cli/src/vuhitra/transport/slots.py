"""How many connections of one client may carry answers at once: who wants one more waits until one is free."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from vuhitra.forks import begins_anew_in_children

if TYPE_CHECKING:
    from vuhitra.transport.interface import Holder


class Slot:
    """The right to one connection. It is given back once, whoever does it, and in whichever thread."""

    def __init__(self, give_back: Callable[[], object]) -> None:
        self._left = [give_back]

    def free(self) -> None:
        """From now on somebody else may have it."""
        with suppress(IndexError):
            self._left.pop()()


class Slots:
    """So many of them, for threads, in the order in which they ask; None: there is always one more.

    The garbage collector and signals give slots back too, at any moment and in any thread, so that no lock can be held
    here: what is free and who waits are in deques, each of whose methods is one step for all threads.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self.begin_anew()
        begins_anew_in_children(self)

    def begin_anew(self) -> None:
        """All are free: those of the process this one was forked from are its own."""
        self._free: deque[None] = deque([None] * (self._most or 0))
        self._waiting: deque[Waiting] = deque()

    def take(self, until: float | None, holder: Holder | None = None) -> Slot:
        """Waits for one, until that time of the monotonic clock. Raises TimeoutError, and WaitingClosed.

        holder: may end the waiting.
        """
        if self._most is None:
            return always_one_more()
        waiting = Waiting()
        try:
            self._waiting.append(waiting)
            self._hand_out()
            if holder is not None:
                holder.hold(waiting)
            waiting.wait(until)
        except BaseException:  # Ctrl-C, too
            if waiting.withdraw():
                self._give_back()
            with suppress(ValueError):
                self._waiting.remove(waiting)
            raise
        return Slot(self._give_back)

    def wake(self) -> None:
        """Lets somebody who waits go on, to learn that the client is closed; who leaves then wakes the next."""
        self._give_back()

    def _give_back(self) -> None:
        self._free.append(None)
        self._hand_out()

    def _hand_out(self) -> None:
        """Gives what is free to those who wait longest; whoever adds to either calls this afterwards."""
        while self._free and self._waiting:
            try:
                self._free.pop()
            except IndexError:  # another thread was faster
                return
            if not self._given():
                self._free.append(None)

    def _given(self) -> bool:
        """Whether somebody took the slot that was got hold of."""
        while True:
            try:
                waiting = self._waiting.popleft()
            except IndexError:
                return False
            if waiting.give():
                return True


class WaitingClosed(Exception):
    """Somebody closed what waited for a slot."""


class Waiting:
    """Somebody who waits for a slot, until that is given, closed or withdrawn: what comes first, counts."""

    def __init__(self) -> None:
        self._ends: list[str] = []
        self._over = threading.Lock()
        self._over.acquire()

    def wait(self, until: float | None) -> None:
        """Waits for a slot. Raises TimeoutError, and WaitingClosed."""
        seconds = -1.0 if until is None else min(max(0.0, until - time.monotonic()), threading.TIMEOUT_MAX)
        if not self._over.acquire(timeout=seconds):
            raise TimeoutError
        if self._ends[0] != "given":
            raise WaitingClosed

    def give(self) -> bool:
        """Gives it a slot; False where it waits no more."""
        return self._end("given") == "given"

    def close(self) -> None:
        """Ends it, from any thread. May be called twice."""
        self._end("closed")

    def withdraw(self) -> bool:
        """Ends it; True where a slot was given before."""
        return self._end("withdrawn") == "given"

    def _end(self, how: str) -> str:
        self._ends.append(how)
        with suppress(RuntimeError):  # it was over already
            self._over.release()
        return self._ends[0]


def always_one_more() -> Slot:
    """A slot where they aren't counted."""
    return Slot(lambda: None)
