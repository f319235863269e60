"""The connections of one client: those that are idle, the last used first, and those that carry an answer."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar
from weakref import WeakSet

from vuhitra.forks import begins_anew_in_children

_KEPT_FOR = 60.0
"""Seconds that an idle connection is kept; servers close theirs sooner or later, too."""

_CLOSED = "this client is closed"


class Connection(Protocol):
    """What a pool keeps."""

    def close(self) -> None:
        """Hangs up."""
        ...

    def forget(self) -> None:
        """Frees what is here of a connection that belongs to the process this one was forked from."""
        ...


C = TypeVar("C", bound=Connection)


class Pool(Generic[C]):
    """Keeps connections from one exchange to the next; threads may share it. clock: gives the time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._closed = False
        self._begin()
        begins_anew_in_children(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._idle: deque[tuple[float, C]] = deque()
        self._used: WeakSet[C] = WeakSet()

    def take(self) -> C | None:
        """An idle connection, which may have gone bad meanwhile. Raises RuntimeError in a closed pool."""
        with self._lock:
            if self._closed:
                raise RuntimeError(_CLOSED)
            while self._idle and self._idle[0][0] < self._clock() - _KEPT_FOR:
                self._idle.popleft()[1].close()
            return self._idle.pop()[1] if self._idle else None

    def drop_idle(self) -> None:
        """Hangs up on all that are idle."""
        with self._lock:
            idle = [connection for _, connection in self._idle]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def use(self, connection: C) -> None:
        """Notes that a connection carries an answer from now on. Raises RuntimeError in a closed pool."""
        with self._lock:
            if self._closed:
                raise RuntimeError(_CLOSED)
            self._used.add(connection)

    def give_back(self, connection: C) -> None:
        """Keeps a connection for the next exchange."""
        with self._lock:
            self._used.discard(connection)
            if not self._closed:
                self._idle.append((self._clock(), connection))
                return
        connection.close()

    def close(self) -> list[C]:
        """Hangs up on all connections, those that carry an answer too, and gives them."""
        with self._lock:
            self._closed = True
            connections = [*(connection for _, connection in self._idle), *self._used]
            self._idle.clear()
            self._used.clear()
        for connection in connections:
            connection.close()
        return connections

    def begin_anew(self) -> None:
        """Leaves the connections to the process that made them, and the lock to whichever thread holds it there."""
        connections = [*(connection for _, connection in self._idle), *self._used]
        self._begin()
        for connection in connections:
            connection.forget()
