"""What the log says of a call: one INFO record at its end, and a WARNING for every wait. Never what was said.

logging is slow to import, and who hasn't imported it can't be listening: this file leaves it to others.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vuhitra.reply import Reply

if TYPE_CHECKING:
    from vuhitra.calls import Call
    from vuhitra.errors import OllamaError
    from vuhitra.reply import Stats

_COUNTS = (
    "prompt_eval_count",
    "eval_count",
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
)

_INFO, _WARNING = 20, 30
"""As logging has them."""


def answered(call: Call[Any], attempts: int, result: object, stats: Stats | None = None) -> None:
    """Notes a call whose answer is whole, with the server's counts and seconds. stats: those that no reply has."""
    extra = _extra(call, attempts)
    if isinstance(result, Reply):
        extra["done_reason"], stats = result.done_reason, result.stats
    if stats is not None:
        extra |= {name: getattr(stats, name) for name in _COUNTS}
    _log(_INFO, "%s answered", _called(call), extra=extra)


def failed(call: Call[Any], attempts: int, error: OllamaError) -> None:
    """Notes a call that ended in an error."""
    kind = type(error).__name__
    _log(_INFO, "%s failed: %s", _called(call), kind, extra={**_extra(call, attempts), "error": kind})


def left(call: Call[Any], attempts: int) -> None:
    """Notes a call whose answer nobody wanted to the end."""
    _log(_INFO, "%s left before its end", _called(call), extra=_extra(call, attempts))


def waiting(call: Call[Any], attempt: int, attempts: int, error: OllamaError, seconds: float) -> None:
    """Notes a wait before an attempt. attempts: how many there may be. A server's words may quote the prompt."""
    reason = getattr(error, "reason", None) or str(getattr(error, "status", type(error).__name__))
    _log(
        _WARNING,
        "%s: %s; attempt %d of %d in %.2f s",
        _called(call),
        error.what,
        attempt,
        attempts,
        seconds,
        extra={**_extra(call, attempts), "attempt": attempt, "reason": reason, "wait": seconds},
    )


def pulling(model: str) -> None:
    """Notes a pull that nobody asked for."""
    warning("pulling %s, which is not there", model, pulling=model)


def warning(says: str, *details: object, **extra: object) -> None:
    """Notes what a user should know of, though nothing failed. details: for the %s in it."""
    _log(_WARNING, says, *details, extra=extra)


def _log(level: int, says: str, *details: object, extra: Mapping[str, object]) -> None:
    logging = sys.modules.get("logging")
    if logging is None:
        return
    logger = logging.getLogger("vuhitra")
    if not logger.handlers:  # or else warnings would be printed in programs that set no logging up
        logger.addHandler(logging.NullHandler())
    logger.log(level, says, *details, extra=extra)


def _called(call: Call[Any]) -> str:
    return f"{call.method} {call.path} {call.model}".rstrip()


def _extra(call: Call[Any], attempts: int) -> dict[str, Any]:
    return {"path": call.path, "model": call.model, "attempts": attempts}
