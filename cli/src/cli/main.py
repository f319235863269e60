"""The table of commands, and `run()`, which every start of the program goes through.

The table says where each command is, so that only the one that is wanted is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from cli import __version__
from cli.commands.command import environment_of, flags_of, screens_of
from cli.commands.lazy_groups import Entry, LazyGroup
from cli.environment import Environment
from cli.terminal.columns import fitted

COMMANDS = {
    "chat": Entry("cli.commands.chat", "chat", "Ask a model: one prompt, one answer."),
    "models": Entry("cli.commands.models", "models_group", "List, fetch and look after models."),
    "doctor": Entry("cli.commands.doctor", "doctor", "Find out what is wrong: settings, network, server, model."),
    "config": Entry("cli.commands.config", "config_group", "Show and change settings."),
    "completion": Entry("cli.commands.completion", "completion", "Print what makes a shell complete commands."),
    "run": Entry("cli.commands.run", "run", "Ask a model, as `ollama run` does.", hidden=True),
}

OLLAMAS_NAMES = {
    "list": "models list",
    "ls": "models list",
    "ps": "models running",
    "pull": "models pull",
    "push": "models push",
    "show": "models show",
    "cp": "models copy",
    "rm": "models remove",
    "stop": "models unload",
    "create": "models create",
}
"""What Ollama's own commands are called here; they work as they are."""

KNOWN_ELSEWHERE = {"health": "models health"}
"""Commands that other programs have, and what they are here."""

COMPLETE = "_VUHITRA_COMPLETE"
"""The variable by which a shell asks what a line may go on with."""

EXAMPLES = (
    'vuhitra chat "Why is the sky blue?"',
    'echo "2 + 2" | vuhitra chat "What does this make?"',
    "vuhitra models list",
)


class Program(LazyGroup):
    """The whole program as a group."""

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

    def overview(self, ctx: click.Context) -> str:
        """What `vuhitra` alone says: enough to begin with."""
        shown = self.summaries(ctx)
        width = max(map(len, shown))
        examples = "".join(f"  {example}\n" for example in EXAMPLES)
        commands = "".join(f"  {name:{width}}  {summary}\n" for name, summary in shown.items())
        text = f"{examples}\nCommands:\n{commands}\nFlags and more: vuhitra --help"
        return fitted(text, environment_of(ctx).width)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Three examples, before anything is explained."""
        formatter.write("\n")
        formatter.write("".join(f"  {example}\n" for example in EXAMPLES))


@click.group(name="vuhitra", cls=Program, table=COMMANDS, aliases=OLLAMAS_NAMES, invoke_without_command=True)
@click.option("-V", "--version", is_flag=True, help="Show the version, and exit.")
@click.pass_context
def cli(context: click.Context, *, version: bool) -> None:
    """Talk to language models on an Ollama server."""
    if version:
        _show_version(context)
        context.exit()
    if context.invoked_subcommand is None:
        cli.tell(context)


def _show_version(context: click.Context) -> None:
    (out, _), flags = screens_of(context), flags_of(context)
    if not flags.json:
        out.line(f"vuhitra {__version__}")
        return
    from cli.terminal import documents

    documents.whole(out, {"vuhitra": __version__}, stream=flags.stream)


def run() -> None:
    """Run the program, and end the process."""
    from cli.signals import end_at_once, end_in_order

    environment = Environment.of_this_process()._replace(hear_signals=end_in_order)
    try:
        if COMPLETE in environment.variables:
            from cli.commands.completion import complete

            complete(cli, environment, environment.variables[COMPLETE])
            return
        cli.main(sys.argv[1:], "vuhitra", obj={"environment": environment})
    finally:
        end_at_once()
