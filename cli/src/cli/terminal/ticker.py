"""A thread that looks at the clock for those who draw. It stops at once, whatever it is doing."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock, Thread

INTERVAL = 0.2
"""Seconds between two looks: nothing on a screen changes more than five times a second."""


class Ticker:
    """Calls `tick` every `INTERVAL` seconds until it is stopped; never after."""

    def __init__(self, tick: Callable[[], None]) -> None:
        self._tick = tick
        self._stopped = Event()
        self._lock = Lock()

    def start(self) -> None:
        """Begin. The thread ends with the process, if nobody stops it before."""
        Thread(target=self._run, name="ticker", daemon=True).start()

    def stop(self) -> None:
        """End; once this has returned, `tick` isn't running and won't be called again."""
        with self._lock:
            self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL):
            with self._lock:
                if not self._stopped.is_set():
                    self._tick()
