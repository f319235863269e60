"""What docs show of a run is what benchmarks.json keeps of it."""

from __future__ import annotations

from benchmarks.docs import DRAWING, PAGE, kept
from benchmarks.drawing import drawn
from benchmarks.page import page


def test_the_page_is_that_of_the_run() -> None:
    assert PAGE.read_text("utf-8") == page(kept()), "stale: make docs"


def test_the_drawing_is_that_of_the_run() -> None:
    assert DRAWING.read_text("utf-8") == drawn(kept()), "stale: make docs"
