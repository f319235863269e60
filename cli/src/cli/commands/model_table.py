"""The tables of `vuhitra models`: which columns there are, and how their cells are written."""

from __future__ import annotations

from collections.abc import Sequence

from cli.services.model_list import ModelRow
from cli.terminal.escape_filter import shown_in_line
from cli.terminal.numbers import ago, size, time_left, tokens
from cli.terminal.screen import BOLD, DIM, GREEN, Screen
from cli.terminal.tables import Column, fitting, heading_line, row_lines

_DROPPED_FIRST = ("QUANT", "CHANGED", "CAN", "SIZE", "WINDOW", "LOADED")
_LATEST = ":latest"


def print_table(screen: Screen, rows: Sequence[ModelRow], now: float) -> None:
    """Print the models that are on a server."""
    print_columns(screen, _columns(screen, rows, now), _DROPPED_FIRST)


def print_columns(screen: Screen, columns: Sequence[Column], dropped_first: Sequence[str]) -> None:
    """Print a table; at a terminal without the columns that it is too narrow for."""
    width = screen.width if screen.is_terminal else None
    fitted = fitting(columns, width, dropped_first)
    screen.line(heading_line(fitted), DIM)
    for line in row_lines(fitted):
        screen.line(line)


def print_names(screen: Screen, rows: Sequence[ModelRow]) -> None:
    """Print the names alone, for a loop in a script."""
    for row in rows:
        screen.line(shown_in_line(row.name) if screen.is_terminal else row.name)


def _columns(screen: Screen, rows: Sequence[ModelRow], now: float) -> list[Column]:
    names = [shown_in_line(row.name) if screen.is_terminal else row.name for row in rows]
    marks = ["* " if row.is_default else "  " for row in rows]
    loaded = [_loaded(row, now) for row in rows]
    return [
        Column(
            "  NAME",
            [mark + name for mark, name in zip(marks, names, strict=True)],
            painted=[
                mark + _painted_name(screen, name, row) for mark, name, row in zip(marks, names, rows, strict=True)
            ],
        ),
        Column("SIZE", ["" if row.size is None else size(row.size) for row in rows], right=True),
        Column("QUANT", [row.quantization for row in rows]),
        Column("WINDOW", [_window(row) for row in rows]),
        Column("CAN", [", ".join(row.can) for row in rows]),
        Column("CHANGED", ["" if row.changed is None else ago(now - row.changed) for row in rows]),
        Column("LOADED", loaded, painted=[screen.paint(cell, GREEN) for cell in loaded]),
    ]


def _painted_name(screen: Screen, name: str, row: ModelRow) -> str:
    stem = name.removesuffix(_LATEST)
    tag = screen.paint(name[len(stem) :], DIM)
    return (screen.paint(stem, BOLD) if row.is_default else stem) + tag


def _window(row: ModelRow) -> str:
    """What it is loaded with, and the most it can: `4k/128k`."""
    windows = (row.window_loaded, row.window)
    return "/".join(dict.fromkeys(tokens(each) for each in windows if each))


def _loaded(row: ModelRow, now: float) -> str:
    if not row.is_loaded:
        return ""
    return "yes" if row.expires is None else time_left(row.expires - now)
