"""The table of commands, and `run()`, which every start of the program goes through.

A command's module is imported once the command is wanted, so the help imports none of them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import NamedTuple, cast

import click

from cli import __version__
from cli.commands.command import Group, screens_of
from cli.environment import Environment
from cli.exit_status import ExitStatus
from cli.failure import Terminated


class Entry(NamedTuple):
    """Where a command is, and what it is for: the first line of its help."""

    module: str
    attribute: str
    summary: str


COMMANDS = {
    "chat": Entry("cli.commands.chat", "chat", "Ask a model: one prompt, one answer."),
    "models": Entry("cli.commands.models", "models_group", "List, fetch and check models."),
}

KNOWN_ELSEWHERE = {
    "run": "chat -m",
    "health": "models health",
    "pull": "models pull",
    "list": "models list",
    "ls": "models list",
}
"""Commands that other programs have, Ollama's before all, and what they are here."""

EXAMPLES = (
    'vuhitra chat "Why is the sky blue?"',
    'echo "2 + 2" | vuhitra chat "What does this make?"',
    "vuhitra models list",
)


class Program(Group):
    """The whole program as a group, whose commands are imported when they are wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Most used first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        return cast("click.Command", getattr(import_module(entry.module), entry.attribute))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, by the table and not by themselves: that would import them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def hint_for(self, ctx: click.Context, words: Sequence[str], near: Sequence[str]) -> str:
        """Other words for the same, or a prompt, where somebody forgot `chat`."""
        from itertools import takewhile
        from shlex import join

        first, *others = words
        if first == "help":
            return join(["vuhitra", *others, "--help"])
        if first in KNOWN_ELSEWHERE:
            return join(["vuhitra", *KNOWN_ELSEWHERE[first].split(), *others])
        if " " in first or (others and not near):
            said = list(takewhile(lambda word: not word.startswith("-"), words))
            return join(["vuhitra", "chat", " ".join(said), *words[len(said) :]])
        return super().hint_for(ctx, words, near)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Three examples, before anything is explained."""
        formatter.write("\n")
        formatter.write("".join(f"  {example}\n" for example in EXAMPLES))


def _show_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        out, _err = screens_of(context)
        out.line(f"vuhitra {__version__}")
        context.exit()


@click.group(name="vuhitra", cls=Program, invoke_without_command=True)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version, and exit.",
)
@click.pass_context
def cli(context: click.Context) -> None:
    """Talk to language models on an Ollama server."""
    if context.invoked_subcommand is None:
        out, _ = screens_of(context)
        out.write(overview())


def overview() -> str:
    """What `vuhitra` alone says: enough to begin with."""
    width = max(map(len, COMMANDS))
    examples = "".join(f"  {example}\n" for example in EXAMPLES)
    commands = "".join(f"  {name:{width}}  {entry.summary}\n" for name, entry in COMMANDS.items())
    return f"{examples}\nCommands:\n{commands}\nFlags and more: vuhitra --help\n"


def run() -> None:
    """Run the program, and end the process."""
    environment = Environment.of_this_process()._replace(hear_signals=_hear_signals)
    cli.main(sys.argv[1:], "vuhitra", obj={"environment": environment})


def _hear_signals() -> None:
    import signal

    for name, status in (("SIGTERM", ExitStatus.TERMINATED), ("SIGHUP", ExitStatus.HUNG_UP)):
        number = getattr(signal, name, None)  # Windows has only one of them
        # A process that was started to ignore one, as by nohup, goes on ignoring it.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, partial(_stop, status))


def _stop(status: ExitStatus, *_: object) -> None:
    raise Terminated(status)
