"""Tables that lose columns where there is no room for them, and never wrap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from cli.terminal.columns import columns as columns_of
from cli.terminal.screen import DIM, Screen

GAP = "  "


@dataclass(frozen=True)
class Column:
    """A column: its heading, and a cell a row.

    right: whether the cells line up at their end, as numbers do.
    paint: gives a cell its colours; it is told the row, and the cell as it is shown.
    limit: a cell wider than this counts for nobody else; it stands alone in its row.
    """

    heading: str
    cells: Sequence[str]
    right: bool = False
    paint: Callable[[int, str], str] | None = None
    limit: int | None = None

    @cached_property
    def width(self) -> int:
        """The columns on the screen that it takes."""
        widths = [columns_of(each) for each in self.cells]
        return max(columns_of(self.heading), *(each for each in widths if self.limit is None or each <= self.limit))

    def cell(self, row: int) -> tuple[str, str]:
        """A cell, plain and painted."""
        text = self.cells[row]
        return text, self.paint(row, text) if self.paint else text


def print_table(screen: Screen, columns: Sequence[Column], dropped_first: Sequence[str]) -> None:
    """Print a table; at a terminal without the columns that it is too narrow for, which go in this order."""
    safe = [replace(column, cells=[screen.safe(cell) for cell in column.cells]) for column in columns]
    fitted = fitting(safe, screen.width if screen.is_terminal else None, dropped_first)
    screen.line(heading_line(fitted), DIM)
    for line in row_lines(fitted):
        screen.line(line)


def fitting(columns: Sequence[Column], width: int | None, droppable: Sequence[str]) -> list[Column]:
    """The columns there is room for; what goes first stands first in `droppable`. None: all.

    Reckoned for the rows whose first cell leaves a third of the line to the others, where there are any.
    """
    kept = list(columns)
    if width is not None and kept:
        limit = width * 2 // 3
        if any(columns_of(cell) <= limit for cell in kept[0].cells):
            kept[0] = replace(kept[0], limit=limit)
    for heading in droppable:
        if width is None or _total(kept) <= width:
            break
        kept = [column for column in kept if column.heading != heading]
    return kept


def heading_line(columns: Sequence[Column]) -> str:
    """The line of headings."""
    return _line(columns, [(column.heading, column.heading) for column in columns])


def row_lines(columns: Sequence[Column]) -> list[str]:
    """A line a row, with no blanks at its end."""
    rows = range(len(columns[0].cells))
    return [_line(columns, [column.cell(row) for column in columns]) for row in rows]


def _line(columns: Sequence[Column], cells: Sequence[tuple[str, str]]) -> str:
    line = ""
    blanks = ""
    for column, (text, painted) in zip(columns, cells, strict=True):
        if columns_of(text) > column.width:
            return line + painted
        padding = " " * (column.width - columns_of(text))
        if text:  # blanks are written only once something follows them
            line += blanks + (padding + painted if column.right else painted)
            blanks = GAP if column.right else padding + GAP
        else:
            blanks += padding + GAP
    return line


def _total(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)
