"""Groups whose commands stand in a table, so that only the one that is wanted is imported."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import click

from cli.commands.command import Group

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


_UNKNOWN = "cli.unknown"


class Entry(NamedTuple):
    """Where a command is, and what it is for: the first line of its help.

    hidden: it works, but no list names it.
    """

    module: str
    attribute: str
    summary: str
    hidden: bool = False


class LazyGroup(Group):
    """A group with a table of commands.

    aliases: words that work and that no list names, with what they stand for, as in `models list`.
    """

    def __init__(
        self, *args: Any, table: Mapping[str, Entry], aliases: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.table = table
        self.aliases = aliases or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Most used first, as they stand in the table."""
        return [name for name, entry in self.table.items() if not entry.hidden]

    def summaries(self, ctx: click.Context) -> dict[str, str]:
        """What each command is for: by the table, not by the commands, which would be imported."""
        return {name: self.table[name].summary for name in self.list_commands(ctx)}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported; what an alias stands for may be below another group."""
        first, *others = self.aliases.get(cmd_name, cmd_name).split() or [""]
        entry = self.table.get(first)
        if entry is None:
            return None
        found = cast("click.Command", getattr(import_module(entry.module), entry.attribute))
        if not others:
            return found
        return found.get_command(ctx, " ".join(others)) if isinstance(found, click.Group) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the words begin with, under its own name: its help and its hints say that."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is None:  # while a line is completed, which has no errors
            ctx.meta[_UNKNOWN] = True
        return self.aliases.get(name or "", name), command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, by the table too."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries(ctx).items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """The commands, by the table too, and the flags; nothing behind a word that is no command."""
        if _UNKNOWN in ctx.meta:
            return []
        from click.shell_completion import CompletionItem

        found = self.summaries(ctx).items()
        commands = [CompletionItem(name, help=summary) for name, summary in found if name.startswith(incomplete)]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]
