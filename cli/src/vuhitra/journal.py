"""What the log says of a call: one INFO record at its end, and a WARNING for every wait. Never what was said."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from vuhitra.reply import Reply

if TYPE_CHECKING:
    from vuhitra.calls import Call
    from vuhitra.errors import OllamaError

_COUNTS = (
    "prompt_eval_count",
    "eval_count",
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
)

_logger = logging.getLogger("vuhitra")


def answered(call: Call[Any], attempts: int, result: object) -> None:
    """Notes a call whose answer is whole, with the server's counts and seconds."""
    if not _logger.isEnabledFor(logging.INFO):
        return
    extra = _extra(call, attempts)
    if isinstance(result, Reply):
        extra["done_reason"] = result.done_reason
        extra |= {name: getattr(result.stats, name) for name in _COUNTS}
    _logger.info("%s answered", _called(call), extra=extra)


def failed(call: Call[Any], attempts: int, error: OllamaError) -> None:
    """Notes a call that ended in an error."""
    kind = type(error).__name__
    _logger.info("%s failed: %s", _called(call), kind, extra={**_extra(call, attempts), "error": kind})


def left(call: Call[Any], attempts: int) -> None:
    """Notes a call whose answer nobody wanted to the end."""
    _logger.info("%s left before its end", _called(call), extra=_extra(call, attempts))


def waiting(call: Call[Any], attempt: int, attempts: int, error: OllamaError, seconds: float) -> None:
    """Notes a wait before an attempt. attempts: how many there may be."""
    reason = getattr(error, "reason", None) or str(getattr(error, "status", type(error).__name__))
    _logger.warning(
        "%s: %s; attempt %d of %d in %.2f s",
        _called(call),
        error,
        attempt,
        attempts,
        seconds,
        extra={**_extra(call, attempts), "attempt": attempt, "reason": reason, "wait": seconds},
    )


def pulling(model: str) -> None:
    """Notes a pull that nobody asked for."""
    _logger.warning("pulling %s, which is not there", model, extra={"pulling": model})


def _called(call: Call[Any]) -> str:
    return f"{call.method} {call.path} {call.model}".rstrip()


def _extra(call: Call[Any], attempts: int) -> dict[str, Any]:
    return {"path": call.path, "model": call.model, "attempts": attempts}
