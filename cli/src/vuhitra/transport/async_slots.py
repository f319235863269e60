"""The slots of a client in an event loop: see `slots`."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress

from vuhitra.transport.slots import Slot, always_one_more


class AsyncSlots:
    """So many of them, for the tasks of an event loop; None: there is always one more."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._free = None if self._most is None else asyncio.Semaphore(self._most)

    async def take(self, until: float | None) -> Slot:
        """Waits for one, until that time of the monotonic clock. Raises TimeoutError."""
        if self._process != os.getpid():
            self._begin()
        free = self._free
        if free is None:
            return always_one_more()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None if until is None else until - time.monotonic()):
            await free.acquire()

        def give_back() -> None:
            if _is_here(loop):
                free.release()
            else:  # the garbage collector runs in whatever thread it likes
                with suppress(RuntimeError):  # the loop is closed, and nobody waits
                    loop.call_soon_threadsafe(free.release)

        return Slot(give_back)

    def wake(self) -> None:
        """Lets one that waits go on, to learn that the client is closed; who leaves then wakes the next."""
        if self._free is not None:
            self._free.release()


def _is_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
