"""Files that are for nobody else to read, in folders that are not either: written whole, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress


def create(path: str, content: bytes) -> None:
    """Make a file that isn't there yet, with its folder. Raises OSError where it can't be, or is there."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)


def replace(path: str, content: bytes) -> None:
    """Write a file anew, with its folder; where it is a link, what it leads to. Raises OSError where it can't be."""
    target = os.path.realpath(path)
    aside = f"{target}.{os.getpid()}"
    try:
        with suppress(FileNotFoundError):  # as another process of that number may have left it
            os.unlink(aside)
        create(aside, content)
        os.replace(aside, target)
    except OSError:
        with suppress(OSError):
            os.unlink(aside)
        raise
