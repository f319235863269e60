"""The table of `config show`: what is set, and what set it."""

from __future__ import annotations

from collections.abc import Sequence

from cli.services.setting_list import ShownSetting
from cli.terminal.escape_filter import shown_in_line
from cli.terminal.screen import DIM, Screen
from cli.terminal.tables import Column, fitting, heading_line, row_lines


def print_settings(screen: Screen, rows: Sequence[ShownSetting]) -> None:
    """Print the settings; at a terminal too narrow for it without their sources."""
    values = [shown_in_line(row.value or "") for row in rows]
    columns = [
        Column("SETTING", [row.name for row in rows]),
        Column("VALUE", values),
        Column("FROM", [shown_in_line(row.source or "") for row in rows]),
    ]
    columns = fitting(columns, screen.width if screen.is_terminal else None, ("FROM",))
    screen.line(heading_line(columns), DIM)
    for line in row_lines(columns):
        screen.line(line)
