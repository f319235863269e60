"""Files that are for nobody else to read, in folders that are not either: written whole, or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

_ATTEMPTS, _PAUSE = 200, 0.05
"""How often it is tried to have a file alone, and the seconds in between: 5 in all."""


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


@contextmanager
def alone_with(path: str) -> Generator[None]:
    """Have a file to oneself, to read and then to write it, among all that ask for it here; it need not exist.

    What is locked is its folder, which is made, so that nothing is left lying beside the file. Raises OSError where
    that can't be, and TimeoutError where another has it for seconds.
    """
    folder = os.path.dirname(os.path.realpath(path))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if os.name == "nt":  # where no folder can be locked
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    import errno
    import fcntl

    for _ in range(_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE)
        except OSError:  # a file system without locks
            return
        else:
            return
    raise TimeoutError(errno.ETIMEDOUT, f"another program has kept its folder for {_ATTEMPTS * _PAUSE:g} s")
