"""What each exit code means, and how a failure may end: an exit code, with the word for it that `--json` carries."""

from __future__ import annotations

import errno
from enum import Enum, IntEnum

_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What fails wherever on a disk a file is to be."""


class ExitStatus(IntEnum):
    """The exit codes; scripts may rely on them."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    NOT_REACHED = 3
    NOT_ALLOWED = 4
    NO_SUCH_MODEL = 5
    TIMED_OUT = 6
    BROKE_OFF = 7
    TOO_LONG = 8
    MISFIT = 9
    SERVER_FAILED = 10
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class Verdict(Enum):
    """How a failure ends: the exit code, and the word that stands for it in JSON."""

    UNEXPECTED = ExitStatus.UNEXPECTED, "unexpected"
    USAGE = ExitStatus.USAGE, "usage"
    BROKEN_CONFIG = ExitStatus.USAGE, "broken-config"
    REFUSED = ExitStatus.USAGE, "refused"
    PAGE_REFUSED = ExitStatus.USAGE, "not-fetched"
    PAGE_NOT_REACHED = ExitStatus.NOT_REACHED, "not-fetched"
    PAGE_FAILED = ExitStatus.SERVER_FAILED, "not-fetched"
    NOT_REACHED = ExitStatus.NOT_REACHED, "not-reached"
    NOT_INSTALLED = ExitStatus.NOT_REACHED, "not-installed"
    NOT_ALLOWED = ExitStatus.NOT_ALLOWED, "not-allowed"
    NEEDS_YES = ExitStatus.NOT_ALLOWED, "needs-yes"
    NO_KEY = ExitStatus.NOT_ALLOWED, "no-key"
    NOT_TRUSTED = ExitStatus.NOT_ALLOWED, "not-trusted"
    NO_SUCH_MODEL = ExitStatus.NO_SUCH_MODEL, "no-such-model"
    NOT_CAPABLE = ExitStatus.NO_SUCH_MODEL, "not-capable"
    MODEL = ExitStatus.NO_SUCH_MODEL, "model"
    TIMED_OUT = ExitStatus.TIMED_OUT, "timed-out"
    BROKE_OFF = ExitStatus.BROKE_OFF, "broke-off"
    TOO_LONG = ExitStatus.TOO_LONG, "too-long"
    MISFIT = ExitStatus.MISFIT, "misfit"
    BUSY = ExitStatus.SERVER_FAILED, "busy"
    PULL_FAILED = ExitStatus.SERVER_FAILED, "pull-failed"
    NOT_OLLAMA = ExitStatus.SERVER_FAILED, "not-ollama"
    SERVER_FAILED = ExitStatus.SERVER_FAILED, "server-failed"
    NO_ROOM = ExitStatus.SERVER_FAILED, "no-room"
    HUNG_UP = ExitStatus.HUNG_UP, "interrupted"
    INTERRUPTED = ExitStatus.INTERRUPTED, "interrupted"
    TERMINATED = ExitStatus.TERMINATED, "interrupted"

    def __init__(self, status: ExitStatus, code: str) -> None:
        self.status = status
        self.code = code

    @classmethod
    def of_writing(cls, error: OSError) -> Verdict:
        """How a failed write ends: another was in the way, or the fault is the disk's, or lies in the place named."""
        if isinstance(error, TimeoutError):
            return cls.TIMED_OUT
        return cls.UNEXPECTED if error.errno in _OF_THE_DISK else cls.USAGE
