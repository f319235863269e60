"""How many connections of one client may carry answers at once: who wants one more waits until one is free."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress


class Slot:
    """The right to one connection. It is given back once, whoever does it, and in whichever thread."""

    def __init__(self, give_back: Callable[[], object]) -> None:
        self._left = [give_back]

    def free(self) -> None:
        """From now on somebody else may have it."""
        with suppress(IndexError):
            self._left.pop()()


class Slots:
    """So many of them, for threads; None: there is always one more."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._free = None if self._most is None else threading.Semaphore(self._most)

    def take(self, until: float | None) -> Slot:
        """Waits for one, until that time of the monotonic clock. Raises TimeoutError."""
        if self._process != os.getpid():  # those of the process this one was forked from are its own
            self._begin()
        if self._free is None:
            return always_one_more()
        if not self._free.acquire(timeout=None if until is None else max(0.0, until - time.monotonic())):
            raise TimeoutError
        return Slot(self._free.release)

    def wake(self) -> None:
        """Lets somebody who waits go on, to learn that the client is closed; who leaves then wakes the next."""
        if self._free is not None:
            self._free.release()


def always_one_more() -> Slot:
    """A slot where they aren't counted."""
    return Slot(lambda: None)
