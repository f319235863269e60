"""docs/commands.md holds the help of every command. As a program (`make docs`) this file writes it."""

from collections.abc import Iterator
from pathlib import Path

import click

from cli.main import cli

REFERENCE = Path(__file__).parents[3] / "docs/commands.md"
OPENING = """\
# Commands

What `--help` prints for each command; written by `make docs`.
"""


def sections(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    """A section for the command, and one for each command below it."""
    context = command.make_context(name, [], parent, resilient_parsing=True, terminal_width=79)
    yield f"\n## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            child = command.get_command(context, below)
            if child and not child.hidden:
                yield from sections(child, below, context)


def reference() -> str:
    return OPENING + "".join(sections(cli, "vuhitra", None))


def test_the_reference_is_what_the_commands_print() -> None:
    assert REFERENCE.read_text("utf-8") == reference(), "stale: make docs"


if __name__ == "__main__":
    REFERENCE.write_text(reference(), "utf-8")
