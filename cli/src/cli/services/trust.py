"""What a folder's `.env` may have done: send what is asked to a server beyond this machine, have a model fetched.

The first it may where somebody said yes to it.

Remembered in the state folder. Forgetting is harmless: it is asked once more.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

from cli.config import Settings
from cli.private_files import replace
from vuhitra.names import DEFAULT_NAMESPACE, DEFAULT_REGISTRY, parse

_FILE = "trusted-folders"


def may_be_fetched(settings: Settings) -> bool:
    """Whether a model that is missing may be fetched unasked.

    Not one that a folder's `.env` names from elsewhere than Ollama's own library: the user named no such place.
    """
    if settings.model is None:
        return True
    parts = parse(settings.model)
    return (parts.registry, parts.namespace) == (DEFAULT_REGISTRY, DEFAULT_NAMESPACE)


def may_be_asked_by_a_key(settings: Settings) -> bool:
    """Whether the server may be asked because somebody pressed a key to complete a line.

    Not one beyond this machine that a folder's `.env` names, and not one whose key a program would have to print.
    """
    from cli.services.servers import configured_host

    if settings.profile is not None and settings.profile.key_command:
        return False
    return settings.origin != "dotenv" or configured_host(settings).is_loopback


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
