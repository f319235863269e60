"""What docs show of a run is what benchmarks.json keeps of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchmarks.drawing import drawn
from benchmarks.page import page
from benchmarks.report import Report

DOCS = Path(__file__).parents[3] / "docs"
KEPT = msgspec.json.decode(DOCS.joinpath("benchmarks.json").read_bytes(), type=Report)


def test_the_page_is_that_of_the_run() -> None:
    assert DOCS.joinpath("benchmarks.md").read_text("utf-8") == page(KEPT), "stale: make bench"


def test_the_drawing_is_that_of_the_run() -> None:
    assert DOCS.joinpath("benchmarks.svg").read_text("utf-8") == drawn(KEPT), "stale: make bench"
