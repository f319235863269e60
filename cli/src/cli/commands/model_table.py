"""The table of `vuhitra models list`: which columns there are, and how their cells are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cli.services.model_list import ModelRow
from cli.terminal.numbers import ago, size, time_left, tokens
from cli.terminal.screen import BOLD, DIM, GREEN, Screen
from cli.terminal.tables import Column, print_table

_DROPPED_FIRST = ("QUANT", "CHANGED", "CAN", "SIZE", "WINDOW", "LOADED")
_LATEST = ":latest"
_MARK = "* "
"""What stands before the default model's name."""


def print_models(screen: Screen, rows: Sequence[ModelRow], now: float) -> None:
    """Print the models that are on a server."""
    print_table(screen, _columns(screen, rows, now), _DROPPED_FIRST)


def print_names(screen: Screen, names: Iterable[str]) -> None:
    """Print the names of models alone, for a loop in a script."""
    for name in names:
        screen.line(screen.safe(name))


def _columns(screen: Screen, rows: Sequence[ModelRow], now: float) -> list[Column]:
    def painted(number: int, cell: str) -> str:
        mark, name = cell[: len(_MARK)], cell[len(_MARK) :]
        stem = name.removesuffix(_LATEST)
        tag = screen.paint(name[len(stem) :], DIM)
        return mark + (screen.paint(stem, BOLD) if rows[number].is_default else stem) + tag

    blank = " " * len(_MARK)
    names = [(_MARK if row.is_default else blank) + row.name for row in rows]
    return [
        Column(f"{blank}NAME", names, paint=painted),
        Column("SIZE", ["" if row.size is None else size(row.size) for row in rows], right=True),
        Column("QUANT", [row.quantization for row in rows]),
        Column("WINDOW", [_window(row) for row in rows]),
        Column("CAN", [", ".join(row.can) for row in rows]),
        Column("CHANGED", ["" if row.changed is None else ago(now - row.changed) for row in rows]),
        Column("LOADED", [_loaded(row, now) for row in rows], paint=lambda _, cell: screen.paint(cell, GREEN)),
    ]


def _window(row: ModelRow) -> str:
    """What it is loaded with, and the most it can: `4k/128k`."""
    windows = (row.window_loaded, row.window)
    return "/".join(dict.fromkeys(tokens(each) for each in windows if each))


def _loaded(row: ModelRow, now: float) -> str:
    if not row.is_loaded:
        return ""
    return "yes" if row.expires is None else time_left(row.expires - now)
