"""Which model is loaded, who may use it, and when it is unloaded: one model at a time.

Requests are served in the order they came. There are never more of them in the engine than it has
slots; so many may wait, and those beyond are refused.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.services.embedded.engine import Engine, Load
from cli.services.embedded.refusals import BUSY, Refusal

DEFAULT_KEEP_ALIVE = 300.0
DEFAULT_QUEUE = 512


@dataclass(slots=True)
class _Loaded:
    """A model in memory. keep_alive: seconds after its last use, `math.inf` for ever."""

    load: Load
    engine: Engine
    keep_alive: float = DEFAULT_KEEP_ALIVE
    users: int = 0
    idle_since: float = 0.0


@dataclass(frozen=True, slots=True)
class Running:
    """What is loaded, and when that ends (seconds since the epoch, None for never)."""

    load: Load
    expires_at: float | None


class Scheduler:
    """Lends a loaded model to one request after the other.

    start: loads a model. slots: how many requests use it at once. queue: how many more may wait.
    """

    def __init__(
        self,
        start: Callable[[Load], Awaitable[Engine]],
        slots: int = 1,
        queue: int = DEFAULT_QUEUE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._start = start
        self._slots = slots
        self._queue = queue
        self._clock = clock
        self._inside = 0
        self._door = asyncio.Lock()  # held by whoever is next
        self._freed = asyncio.Event()
        self._loaded: _Loaded | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._expiring: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def lend(self, load: Load, keep_alive: float | None) -> AsyncGenerator[Engine]:
        """The model, loaded like this, as soon as it is this request's turn.

        keep_alive: seconds, None to leave it as it is. Raises Refusal when too many wait already,
        and what loading raises.
        """
        if self._inside >= self._slots + self._queue:
            raise Refusal(503, BUSY)
        self._inside += 1
        try:
            async with self._door:
                loaded = await self._ready(load)
                loaded.users += 1
            self._stop_timer()
            if keep_alive is not None:
                loaded.keep_alive = keep_alive
            try:
                yield loaded.engine
            finally:
                loaded.users -= 1
                loaded.idle_since = self._clock()
                self._freed.set()
                self._start_timer()
        finally:
            self._inside -= 1

    async def unload(self, model: Path) -> None:
        """Unloads a model: now, or after the answers that it is giving."""
        if self._loaded is not None and self._loaded.load.model == model:
            self._loaded.keep_alive = 0.0
            self._stop_timer()
            await self._expire()

    def running(self) -> Running | None:
        """What is loaded now."""
        loaded = self._loaded
        if loaded is None or not loaded.engine.alive:
            return None
        since = self._clock() if loaded.users else loaded.idle_since
        never = math.isinf(loaded.keep_alive)
        return Running(loaded.load, None if never else since + loaded.keep_alive)

    async def close(self) -> None:
        """Unloads what is loaded, whoever uses it."""
        self._stop_timer()
        if self._expiring is not None:
            await self._expiring
        await self._drop()

    async def _ready(self, load: Load) -> _Loaded:
        """The model with a slot free. Only whoever holds the door asks."""
        while True:
            loaded = self._loaded
            fits = loaded is not None and loaded.load == load and loaded.engine.alive
            if loaded is not None and fits and loaded.users < self._slots:
                return loaded
            if loaded is None or (not fits and not loaded.users):
                await self._drop()
                self._loaded = _Loaded(load, await self._start(load))
                return self._loaded
            self._freed.clear()
            await self._freed.wait()

    async def _drop(self) -> None:
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            await loaded.engine.close()

    def _start_timer(self) -> None:
        """Counts down to unloading, if nobody uses the model."""
        self._stop_timer()
        loaded = self._loaded
        if loaded is not None and not loaded.users and not math.isinf(loaded.keep_alive):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(loaded.keep_alive, self._time_is_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_up(self) -> None:
        self._timer = None
        self._expiring = asyncio.create_task(self._expire())

    async def _expire(self) -> None:
        """Unloads the model, unless it was lent again since its time was up."""
        async with self._door:
            loaded = self._loaded
            if loaded is not None and not loaded.users and self._timer is None:
                await self._drop()
