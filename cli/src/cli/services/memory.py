"""What the program remembers of this machine between two runs: small files in the state folder.

Forgetting is harmless, so a folder that can't be written to is no error, nor is a file that can't be read.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

from cli.private_files import create, replace
from vuhitra.names import same_model

SERVER_ANSWERED = "server-answered"
"""A server has answered at the default address: if it doesn't now, that is worth an error."""

BUILT_IN_INTRODUCED = "built-in-introduced"
"""The built-in model has been introduced, with its weaknesses, to whoever sits here."""

_LOADS = "last-loads"
_LOADS_KEPT = 50
_A_LOAD = 1.0
"""Seconds from which on a load is worth remembering."""
_LARGEST = 100_000
_A_DAY = 86_400


class Load(NamedTuple):
    """How many seconds a model took to load on a server, which is named by its URL."""

    host_url: str
    model: str
    seconds: float

    def is_of(self, host_url: str, model: str) -> bool:
        """Whether it was this model on this server."""
        return self.host_url == host_url and same_model(self.model, model)


class Memory:
    """Facts about this machine, each of which becomes true once and stays so, and how long models load."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def knows(self, fact: str) -> bool:
        """Whether it was remembered."""
        return os.path.exists(self._path(fact))

    def remember(self, fact: str) -> None:
        """From now on it is known."""
        if self.knows(fact):
            return
        with suppress(OSError):  # a read-only home, a full disk, or another process that was faster
            create(self._path(fact), b"")

    def last_load(self, host_url: str, model: str) -> float | None:
        """The seconds that a model took to load there the last time; None where that isn't known."""
        return next((load.seconds for load in self._loads() if load.is_of(host_url, model)), None)

    def note_load(self, host_url: str, model: str, seconds: float) -> None:
        """Remember how long a model took to load, where it was long enough to be waited for.

        Only the latest few dozen are kept.
        """
        if seconds < _A_LOAD:
            return
        others = [each for each in self._loads() if not each.is_of(host_url, model)]
        loads = [Load(host_url, model, seconds), *others][:_LOADS_KEPT]
        text = "".join(f"{load.seconds:.1f} {load.host_url} {load.model}\n" for load in loads)
        with suppress(OSError):
            replace(self._path(_LOADS), text.encode(errors="replace"))

    def _loads(self) -> list[Load]:
        """The loads that are remembered, latest first; a line that isn't one is forgotten."""
        try:
            with open(self._path(_LOADS), "rb") as file:
                text = file.read(_LARGEST).decode(errors="replace")
        except OSError:
            return []
        return [load for line in text.split("\n") if (load := _load_in(line))]

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)


def _load_in(line: str) -> Load | None:
    try:
        written, host_url, model = line.split(" ", 2)
        seconds = float(written)
    except ValueError:
        return None
    return Load(host_url, model, seconds) if 0 <= seconds < _A_DAY else None
