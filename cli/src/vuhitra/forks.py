"""What begins anew in a child made by fork, where what was shared with other threads is in nobody's hands."""

from __future__ import annotations

import os
from functools import cache
from typing import Protocol
from weakref import WeakSet


class Shared(Protocol):
    """What threads share, and processes don't."""

    def begin_anew(self) -> None:
        """Forgets what the other process's threads are at. Called in a child before anything else runs there."""
        ...


_shared: WeakSet[Shared] = WeakSet()


def begins_anew_in_children(shared: Shared) -> None:
    """Sees to it, for as long as it is there."""
    _watch_for_forks()
    _shared.add(shared)


@cache
def _watch_for_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_begin_anew)


def _begin_anew() -> None:
    for shared in list(_shared):
        shared.begin_anew()
