"""Reports of runs that never were."""

from __future__ import annotations

from benchmarks.cases import Unit
from benchmarks.comparing import Budget, Round, compare
from benchmarks.report import Report, Row


def row(what: str, *ratios: float, unit: Unit = "s", budget: Budget | None = None, scale: float = 0.01) -> Row:
    budget = budget or Budget(0.5)
    came_to = compare(budget, [Round(ratio * scale, scale) for ratio in ratios])
    return Row(what, what, "the other", unit, budget, came_to)


def report(*rows: Row) -> Report:
    return Report("2026-01-31", "a machine", {"vuhitra": "1.0", "ollama": "0.6"}, list(rows))
