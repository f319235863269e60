"""What each exit code means, and which error gets which, with the word for it that `--json` carries."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


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


class Verdict(NamedTuple):
    """How a command ends: the exit code, and the word that stands for the error in JSON."""

    status: ExitStatus
    code: str


_BY_CLASS = {
    # The first class that fits counts, so each stands before its parent.
    "OllamaTimeoutError": Verdict(ExitStatus.TIMED_OUT, "timed-out"),
    "OllamaConnectionError": Verdict(ExitStatus.NOT_REACHED, "not-reached"),
    "OllamaAuthenticationError": Verdict(ExitStatus.NOT_ALLOWED, "not-allowed"),
    "OllamaModelNotFoundError": Verdict(ExitStatus.NO_SUCH_MODEL, "no-such-model"),
    "OllamaCapabilityError": Verdict(ExitStatus.NO_SUCH_MODEL, "not-capable"),
    "OllamaPullError": Verdict(ExitStatus.SERVER_FAILED, "pull-failed"),
    "OllamaModelError": Verdict(ExitStatus.NO_SUCH_MODEL, "model"),
    "OllamaContextError": Verdict(ExitStatus.TOO_LONG, "too-long"),
    "OllamaIncompleteError": Verdict(ExitStatus.BROKE_OFF, "broke-off"),
    "OllamaOutputError": Verdict(ExitStatus.MISFIT, "misfit"),
    "OllamaBusyError": Verdict(ExitStatus.SERVER_FAILED, "busy"),
    "OllamaProtocolError": Verdict(ExitStatus.SERVER_FAILED, "not-ollama"),
}


def verdict(error: BaseException) -> Verdict:
    """The exit code and the word for an error of the library or of the command line."""
    from cli.failure import Failure
    from vuhitra import errors

    if isinstance(error, Failure):
        return error.verdict
    if isinstance(error, errors.OllamaPullError) and error.missing:
        return Verdict(ExitStatus.NO_SUCH_MODEL, "no-such-model")
    for name, found in _BY_CLASS.items():
        if isinstance(error, getattr(errors, name)):
            return found
    if isinstance(error, errors.OllamaResponseError):
        if 400 <= error.status < 500:
            return Verdict(ExitStatus.USAGE, "refused")
        return Verdict(ExitStatus.SERVER_FAILED, "server-failed")
    return Verdict(ExitStatus.UNEXPECTED, "unexpected")
