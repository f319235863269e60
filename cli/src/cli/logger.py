"""Logging: `get_logger()` for every file, `configure_logging()` for `main` alone; always on stderr.

Prompts, answers and secrets are never logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from cli.narration import is_look, is_narrated

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SAID = ("path", "model", "error")
"""Fields of the library's records that stand in their messages, too."""


def get_logger(name: str) -> logging.Logger:
    """The logger of that name."""
    return logging.getLogger(name)


def configure_logging(
    tell: Callable[[str], object], *, level: str = "WARNING", form: str = "text", everything: bool = False
) -> None:
    """Log as text for people or, with `form` as json, an object a line.

    tell: is given each line, without its end. everything: also what the commands narrate themselves, like attempts.
    """
    handler = _Lines(tell)
    handler.setLevel(level)
    handler.setFormatter(_JsonFormatter() if form == "json" else _TextFormatter())
    handler.addFilter(_in_our_words)
    if not everything:
        handler.addFilter(lambda record: not is_narrated(record))
    if level != "DEBUG":
        handler.addFilter(lambda record: not is_look(record))
    root = logging.getLogger()
    for earlier in [each for each in root.handlers if isinstance(each, _Lines)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level)


@contextmanager
def ending_logged(command: str, clock: Callable[[], float]) -> Generator[None]:
    """Note at DEBUG how a command ended, and after how many seconds."""
    log, began, ended = get_logger("cli"), clock(), "done"
    try:
        yield
    except BaseException as error:  # Ctrl-C, too, is an ending
        ended = type(error).__name__
        raise
    finally:
        log.debug("%s: %s", command, ended, extra={"seconds": round(clock() - began, 3)})


class _Lines(logging.Handler):
    def __init__(self, tell: Callable[[str], object]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        for line in self.format(record).split("\n"):
            self._tell(line)


class _TextFormatter(logging.Formatter):
    """For people: the message, and below WARNING the facts that it doesn't tell itself."""

    def format(self, record: logging.LogRecord) -> str:
        text = f"{record.levelname.lower()}: {record.getMessage()}"
        if record.levelno < logging.WARNING:
            facts = {name: value for name, value in _facts(record).items() if name not in _SAID and value is not None}
            shown = ", ".join(f"{name} {_short(value)}" for name, value in facts.items())
            text += f" ({shown})" if shown else ""
        text = text.replace("\n", " ")  # a line of a log is one record's, whatever is in it
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
        shown |= _facts(record)
        if record.exc_info:
            shown["traceback"] = self.formatException(record.exc_info)
        return json.dumps(shown, default=str)  # in ASCII, which no terminal obeys


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    """What a record says besides its message."""
    return {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _in_our_words(record: logging.LogRecord) -> bool:
    """What python-dotenv says of a line that it can't read, as it is said here."""
    if record.name == "dotenv.main" and record.args:
        record.msg = "./.env, line %s: not understood"
    return True
