"""The table of `config show`: what is set, and what set it."""

from __future__ import annotations

from collections.abc import Sequence

from cli.services.setting_list import ShownSetting
from cli.terminal.screen import Screen
from cli.terminal.tables import Column, print_table


def print_settings(screen: Screen, rows: Sequence[ShownSetting]) -> None:
    """Print the settings; at a terminal too narrow for it without their sources."""
    columns = [
        Column("SETTING", [row.name for row in rows]),
        Column("VALUE", [row.value or "" for row in rows]),
        Column("FROM", [row.source or "" for row in rows]),
    ]
    print_table(screen, columns, ("FROM",))
