"""What commands tell in their own way of what the library logs: attempts, pulls, and looks beside a call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager

LOOKING = "look"
"""The name of threads that ask a server what it is doing."""

_NARRATED = ("attempt", "pulling")
"""Fields of the library's records whose news a command tells in its own way."""

HearOfAttempt = Callable[[str, float], None]

_IN_WORDS = {"429": "busy", "500": "still loading", "502": "bad gateway", "503": "busy", "504": "gateway timed out"}
"""What a status means, where it is a reason to try again."""


@contextmanager
def attempts_heard(tell: HearOfAttempt) -> Generator[None]:
    """While this lasts, `tell` hears of each wait before another attempt: `2 of 3: refused`, and its seconds.

    It hears of them whatever the log shows, whose handler has a level of its own.
    """
    listener = _Attempts(tell)
    logger = logging.getLogger("vuhitra")
    level = logger.level
    logger.addHandler(listener)
    logger.setLevel(min(logger.getEffectiveLevel(), logging.WARNING))
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(listener)


def is_narrated(record: logging.LogRecord) -> bool:
    """Whether a command tells of it."""
    return any(name in vars(record) for name in _NARRATED)


def is_look(record: logging.LogRecord) -> bool:
    """Whether it was asked beside a call, once a second while that is awaited: news for nobody but a debugger."""
    return record.threadName == LOOKING


class _Attempts(logging.Handler):
    def __init__(self, tell: HearOfAttempt) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        fields = vars(record)
        if "attempt" in fields:
            reason = str(fields.get("reason", "failed"))
            which = f"{fields['attempt']} of {fields.get('attempts', '?')}: {_IN_WORDS.get(reason, reason)}"
            self._tell(which, float(fields.get("wait", 0.0)))
