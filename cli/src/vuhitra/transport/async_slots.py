"""The slots of a client in an event loop: see `slots`."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from vuhitra.forks import begins_anew_in_children
from vuhitra.transport.slots import Slot, always_one_more


class AsyncSlots:
    """So many of them, for the tasks of an event loop; None: there is always one more."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self.begin_anew()
        begins_anew_in_children(self)

    def begin_anew(self) -> None:
        """All are free: those of the process this one was forked from are its own."""
        self._free = None if self._most is None else asyncio.Semaphore(self._most)

    async def take(self, until: float | None) -> Slot:
        """Waits for one, until that time of the monotonic clock. Raises TimeoutError."""
        free = self._free
        if free is None:
            return always_one_more()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None if until is None else until - time.monotonic()):
            await free.acquire()

        def give_back() -> None:  # by the garbage collector, too: in any thread, and while somebody begins to wait
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                loop.call_soon_threadsafe(free.release)

        return Slot(give_back)

    def wake(self) -> None:
        """Lets one that waits go on, to learn that the client is closed; who leaves then wakes the next."""
        if self._free is not None:
            self._free.release()
