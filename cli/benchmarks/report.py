"""What came of a run: kept as JSON, shown as a table of plain text and one of Markdown. This file measures nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.cases import Case, Unit
from benchmarks.comparing import Budget, Comparison
from cli.terminal.tables import Column, heading_line, row_lines

_HEADINGS = ("WHAT", "VUHITRA", "AGAINST", "", "COMES TO", "QUARTILES", "BUDGET", "VERDICT")
_SCALES = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))


@dataclass(frozen=True)
class Row:
    """A case, and what came of it. against: the name of the other side."""

    key: str
    what: str
    against: str
    unit: Unit
    budget: Budget
    came_to: Comparison

    @classmethod
    def of(cls, case: Case, came_to: Comparison) -> Row:
        """What is kept of a case."""
        return cls(case.key, case.what, case.against.name, case.unit, case.budget, came_to)


@dataclass(frozen=True)
class Report:
    """A run. date: its day, as 2026-01-31. machine: what it ran on, in words. versions: of what was compared."""

    date: str
    machine: str
    versions: dict[str, str]
    rows: list[Row]


def as_text(rows: Sequence[Row]) -> str:
    """The table, to be read where lines are as long as they are."""
    cells = zip(*map(_cells, rows), strict=True)
    columns = [Column(*column) for column in zip(_HEADINGS, cells, strict=True)]
    return "".join(f"{line}\n" for line in (heading_line(columns), *row_lines(columns)))


def as_markdown(rows: Sequence[Row]) -> str:
    """The table, for a page."""
    lines = [[heading.lower() for heading in _HEADINGS], ["---"] * len(_HEADINGS), *map(_cells, rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def written(budget: Budget, figure: float) -> str:
    """A figure in the unit of its budget: `0.35×`, `2 ms`."""
    return f"{_number(figure)}×" if budget.kind == "ratio" else quantity(figure, "s")


def allowed(budget: Budget) -> str:
    """A budget in words."""
    most = f"{'at least' if budget.at_least else 'at most'} {written(budget, budget.limit)}"
    return most if budget.kind == "ratio" else f"{most} more"


def quantity(number: float, unit: Unit) -> str:
    """What was measured: `61.2 ms`, `14.5 µs a piece`, `22.7 MB`, `63.1 tokens/s`."""
    if unit == "tokens/s":
        return f"{_number(number)} tokens/s"
    if unit == "bytes":
        return f"{_number(number / 1e6)} MB"
    name, scale = next((each for each in _SCALES if abs(number) >= each[1]), _SCALES[-1])
    return f"{_number(number / scale)} {name}" + {"s": "", "s/piece": " a piece", "s/byte": " a byte"}[unit]


def _number(number: float) -> str:
    """Three digits that count, and all those before the point."""
    return f"{number:.3g}" if abs(number) < 999.5 else f"{number:.0f}"


def _cells(row: Row) -> list[str]:
    came_to = row.came_to
    return [
        row.what,
        quantity(came_to.ours, row.unit),
        row.against,
        quantity(came_to.against, row.unit),
        written(row.budget, came_to.figure),
        f"{written(row.budget, came_to.low)} – {written(row.budget, came_to.high)}",
        allowed(row.budget),
        came_to.verdict,
    ]
