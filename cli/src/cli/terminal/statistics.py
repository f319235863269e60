"""What an answer took: a line for each of it, for a person, and the same for a program. This file knows no clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cli.terminal.columns import wrapped
from cli.terminal.numbers import duration

_LABELS = 12


class Taken(NamedTuple):
    """What an answer took: tokens, and seconds.

    read, written: tokens of the prompt and of the answer. total, load, reading, writing: seconds by
    the server's clock, 0 where it doesn't say. first_word: seconds from the question to the first
    word, by our own; None where there was none. rate: tokens written a second.
    """

    read: int
    written: int
    total: float
    load: float
    reading: float
    writing: float
    rate: float
    first_word: float | None

    @property
    def as_object(self) -> dict[str, object]:
        """For `--json`; the names are the server's where it has one, and all times are seconds."""
        return {
            "prompt_eval_count": self.read,
            "eval_count": self.written,
            "total_duration": self.total,
            "load_duration": self.load,
            "prompt_eval_duration": self.reading,
            "eval_duration": self.writing,
            "tokens_per_second": round(self.rate, 3),
            "first_word": None if self.first_word is None else round(self.first_word, 3),
        }


def statistics(taken: Taken, model: str, stopped_by: str | None, width: int) -> list[str]:
    """The lines that tell it, no wider than told; what isn't known is left out."""
    indent = " " * _LABELS if width > 3 * _LABELS else "  "
    return [
        line
        for label, words in _told(taken, model, stopped_by)
        for line in wrapped(f"{label:{_LABELS}}{words}", width, indent)
    ]


def _told(taken: Taken, model: str, stopped_by: str | None) -> Iterator[tuple[str, str]]:
    yield "model", model
    yield "tokens", f"{taken.read:,} read, {taken.written:,} written"
    if taken.rate:
        yield "speed", f"{taken.rate:.1f} tokens a second"
    if taken.load:
        yield "loading", _seconds(taken.load)
    if taken.first_word is not None:
        yield "first word", f"after {_seconds(taken.first_word)}"
    if taken.total:
        yield "in all", _seconds(taken.total)
    if stopped_by:
        yield "stopped by", stopped_by


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if 0.05 <= seconds < 10 else duration(seconds)
