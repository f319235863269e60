"""The names of models as servers told them last, for whoever has no time to ask.

Forgetting is harmless, so a folder that can't be written to is no error, nor is a file that can't be read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress

from cli.private_files import replace

_FILE = "model-names"
_PLAIN = re.compile(r"\w[\w.:/@+-]*", re.ASCII)
_MOST_SERVERS = 20
_MOST_NAMES = 1000
_LARGEST = 1_000_000


def completable(names: Iterable[str]) -> list[str]:
    """Those that a shell may put on its line: names as models have them, with nothing in them that a shell acts on."""
    return [name for name in names if _PLAIN.fullmatch(name)]


class KnownNames:
    """What is kept in the state folder: a line for each server, with its URL and its models' names."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def of(self, url: str) -> list[str]:
        """The names of a server's models, as it told them last."""
        return next((names for known, names in self._read() if known == url), [])

    def note(self, url: str, names: Sequence[str]) -> None:
        """Remember what a server told."""
        if self.of(url) == list(names):
            return
        lines = [(url, completable(names)[:_MOST_NAMES]), *(each for each in self._read() if each[0] != url)][
            :_MOST_SERVERS
        ]
        text = "".join(f"{' '.join([server, *models])}\n" for server, models in lines)
        with suppress(OSError):
            replace(os.path.join(self._folder, _FILE), text.encode(errors="replace"))

    def _read(self) -> list[tuple[str, list[str]]]:
        try:
            with open(os.path.join(self._folder, _FILE), "rb") as file:
                text = file.read(_LARGEST).decode(errors="replace")
        except OSError:
            return []
        lines = [line.split(" ") for line in text.split("\n") if line]
        return [(url, names) for url, *names in lines]
