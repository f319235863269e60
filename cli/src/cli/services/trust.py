"""Which folders' `.env` may send what is asked to a server beyond this machine: those that somebody said yes to.

Remembered in the state folder. Forgetting is harmless: it is asked once more.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

from cli.private_files import replace

_FILE = "trusted-folders"


class Trust(NamedTuple):
    """What was said yes to. folder: the state folder."""

    folder: str

    def has(self, directory: str, url: str) -> bool:
        """Whether a folder's `.env` may name this server."""
        return _line(directory, url) in self._lines()

    def add(self, directory: str, url: str) -> None:
        """From now on it may."""
        lines = [*self._lines(), _line(directory, url), b""]
        with suppress(OSError):  # a read-only home: it is asked again
            replace(self._path, b"\n".join(lines))

    def _lines(self) -> list[bytes]:
        try:
            with open(self._path, "rb") as file:
                return file.read().splitlines()
        except OSError:
            return []

    @property
    def _path(self) -> str:
        return os.path.join(self.folder, _FILE)


def _line(directory: str, url: str) -> bytes:
    """A server and a folder by its real path, as one line whatever they are called."""
    line = f"{url} {os.path.realpath(directory)}"
    return line.replace("\n", "\\n").replace("\r", "\\r").encode(errors="surrogateescape")
