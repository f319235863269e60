"""Logging: `get_logger()` for every file, `configure_logging()` for `main` alone; always on stderr.

Prompts, answers and secrets are never logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_NARRATED = ("attempt", "pulling")
"""Fields of the library's records whose news a command tells in its own way."""


def get_logger(name: str) -> logging.Logger:
    """The logger of that name."""
    return logging.getLogger(name)


def configure_logging(
    write: Callable[[str], object], *, level: str = "WARNING", form: str = "text", everything: bool = False
) -> None:
    """Log to `write`, as text for people or, with `form` as json, an object a line.

    everything: also what the commands narrate themselves, like attempts.
    """
    handler = _Lines(write)
    handler.setFormatter(_JsonFormatter() if form == "json" else _TextFormatter())
    handler.addFilter(_in_our_words)
    if not everything:
        handler.addFilter(_is_not_narrated)
    root = logging.getLogger()
    for earlier in [each for each in root.handlers if isinstance(each, _Lines)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level)


@contextmanager
def attempts_heard(tell: Callable[[str], None]) -> Generator[None]:
    """While this lasts, `tell` hears of each wait before another attempt: `2 of 3: refused`."""
    listener = _Attempts(tell)
    logger = logging.getLogger("vuhitra")
    logger.addHandler(listener)
    try:
        yield
    finally:
        logger.removeHandler(listener)


class _Lines(logging.Handler):
    def __init__(self, write: Callable[[str], object]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        self._write(self.format(record) + "\n")


class _Attempts(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        fields = vars(record)
        if "attempt" in fields:
            self._tell(f"{fields['attempt']} of {fields.get('attempts', '?')}: {fields.get('reason', 'failed')}")


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = f"{record.levelname.lower()}: {record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        import json

        shown: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        shown |= {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
        if record.exc_info:
            shown["traceback"] = self.formatException(record.exc_info)
        return json.dumps(shown, default=str, ensure_ascii=False)


def _in_our_words(record: logging.LogRecord) -> bool:
    """What python-dotenv says of a line that it can't read, as it is said here."""
    if record.name == "dotenv.main" and record.args:
        record.msg = "./.env, line %s: not understood"
    return True


def _is_not_narrated(record: logging.LogRecord) -> bool:
    return not any(name in vars(record) for name in _NARRATED)
