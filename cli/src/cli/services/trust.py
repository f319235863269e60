"""Which folders' `.env` may send what is asked to a server beyond this machine: those that somebody said yes to.

Remembered in the state folder. Forgetting is harmless: it is asked once more.
"""

from __future__ import annotations

import os
from typing import NamedTuple

_FILE = "trusted-folders"


class Trust(NamedTuple):
    """What was said yes to. folder: the state folder."""

    folder: str

    def has(self, directory: str, url: str) -> bool:
        """Whether a folder's `.env` may name this server."""
        try:
            with open(self._path, encoding="utf-8") as file:
                return _line(directory, url) in file.read().split("\n")
        except (OSError, UnicodeDecodeError):
            return False

    def add(self, directory: str, url: str) -> None:
        """From now on it may."""
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            with open(
                self._path, "a", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)
            ) as file:
                file.write(_line(directory, url) + "\n")
        except OSError:  # a read-only home: it is asked again
            return

    @property
    def _path(self) -> str:
        return os.path.join(self.folder, _FILE)


def _line(directory: str, url: str) -> str:
    """A server and a folder by its real path, as one line whatever they are called."""
    return f"{url} {os.path.realpath(directory)}".replace("\n", "\\n")
