"""What docs keep of the last whole run: its numbers, and the page and the drawing that are made of them.

As a program (`make docs`) this file makes both anew of the numbers, without measuring.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchmarks.drawing import drawn
from benchmarks.page import page
from benchmarks.report import Report

_DOCS = Path(__file__).parents[2] / "docs"
_NUMBERS = _DOCS / "benchmarks.json"
PAGE = _DOCS / "benchmarks.md"
DRAWING = _DOCS / "benchmarks.svg"


def keep(report: Report) -> None:
    """Keep a run in the place of the one before."""
    _NUMBERS.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    show(report)


def kept() -> Report:
    """The run that was kept last."""
    return msgspec.json.decode(_NUMBERS.read_bytes(), type=Report)


def show(report: Report) -> None:
    """Write the page and the drawing."""
    PAGE.write_text(page(report), "utf-8")
    DRAWING.write_text(drawn(report), "utf-8")


if __name__ == "__main__":
    show(kept())
