"""A file that gets an answer instead of stdout. It takes its name once the answer is over, and not before.

Until then the answer stands in another file beside it, so nobody ever finds a part of one there by chance.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from typing import BinaryIO, cast

from cli.environment import Stream
from cli.exit_status import Verdict
from cli.failure import Failure

STDOUT = 1
"""The descriptor of stdout."""
_DESCRIPTORS = "/dev/fd"
_ITSELF = ".{name:.100}.{random}.part"


class OutputFile:
    """Opened when it is made. Raises Failure where that can't be.

    path: the file; a device, a pipe or an open descriptor is written to as it is. size: the bytes that were written.
    is_cut: whether some could not be.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._aside: str | None = None
        try:
            self._target = os.path.realpath(path)
            self._file = self._open()
        except OSError as error:
            raise self._failure(error) from error
        self.stream = Stream(cast("BinaryIO", self))
        self.size = 0
        self.is_cut = False

    def write(self, data: bytes) -> int | None:
        """Write to it, as the stream does."""
        try:
            written = cast("int | None", self._file.write(data))
        except BrokenPipeError:
            raise
        except OSError as error:
            self.is_cut = True
            raise self._failure(error) from error
        self.size += written or 0
        return written

    def fileno(self) -> int:
        """What is waited for where it takes nothing more for now."""
        return self._file.fileno()

    def flush(self) -> None:
        """Nothing is kept back."""

    def keep(self) -> None:
        """The answer is over: the file takes its name. Raises Failure where it can't."""
        aside, self._aside = self._aside, None
        try:
            self._file.close()
            if aside:
                os.replace(aside, self._target)
        except OSError as error:
            self._aside = aside
            raise self._failure(error) from error

    def discard(self) -> None:
        """Leave all as it was before; harmless once the file is kept."""
        self._file.close()
        if self._aside:
            os.unlink(self._aside)
            self._aside = None

    def _open(self) -> BinaryIO:
        if self._path.endswith(os.sep):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if (opened := descriptor_of(self._path)) is not None:
            os.write(opened, b"")  # raises where it is only read from
            return os.fdopen(os.dup(opened), "wb", buffering=0)
        mode: int | None = None
        with suppress(FileNotFoundError):
            mode = os.stat(self._path).st_mode
        if mode is not None:
            if not stat.S_ISREG(mode):
                return open(self._path, "wb", buffering=0)
            os.close(os.open(self._target, os.O_WRONLY))  # what may not be written to isn't replaced, either
        return self._open_aside(mode)

    def _open_aside(self, mode: int | None) -> BinaryIO:
        """The file beside it; there is none where this fails. mode: that of the file that it replaces."""
        folder, name = os.path.split(self._target)
        aside = os.path.join(folder, _ITSELF.format(name=name, random=secrets.token_hex(4)))
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            if mode is not None:
                with suppress(OSError):  # some file systems keep no permissions
                    os.chmod(aside, stat.S_IMODE(mode))
            file = os.fdopen(descriptor, "wb", buffering=0)
        except BaseException:  # Ctrl-C, too: nobody else knows of the file
            os.close(descriptor)
            os.unlink(aside)
            raise
        self._aside = aside
        return file

    def _failure(self, error: OSError) -> Failure:
        why = error.strerror
        folder = os.path.dirname(self._path) or os.curdir
        if isinstance(error, FileNotFoundError) and not os.path.isdir(folder):
            why = f"there is no folder {folder}"
        return Failure(f"cannot write to {self._path} (--output)", why=why, verdict=Verdict.of_writing(error))


def descriptor_of(path: str) -> int | None:
    """The descriptor of this process that a path leads to, as `/dev/stdout` does; None where it is another file."""
    if not os.path.exists(path):
        return None
    own = os.path.realpath(_DESCRIPTORS)
    while True:
        folder, name = os.path.split(path)
        if name.isdecimal() and os.path.realpath(folder) == own:
            return int(name)
        if not os.path.islink(path):
            return None
        path = os.path.join(folder, os.readlink(path))
