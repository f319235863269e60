"""`vuhitra run`: `vuhitra chat`, as it is asked for by those who know `ollama run`."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import join
from typing import Any

import click

from cli.command_line import first_plain
from cli.commands.chat import chat
from cli.commands.chat_flags import AskingCommand, Flag
from cli.commands.command import NoModelName, check_model_names, typed_words
from cli.commands.invocation import invocation
from cli.failure import Failure
from cli.misuse import repeated

_OLLAMAS_OWN = ("--insecure",)
"""Flags that mean nothing here: `models pull` is what asks a registry without TLS."""


class RunCommand(AskingCommand):
    """A command whose first word is a model; what it tells to try names one there, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse. Raises Failure for a question where the model should be."""
        try:
            return super().parse_args(ctx, args)
        except NoModelName as error:
            if " " not in error.name.strip():
                raise
            hint = _as_chat(ctx)
            raise Failure(f"no model is named, and {error.name!r} is no name of one", hint=hint) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run. Where another model could answer, what is told to try has it in the place of this one."""
        try:
            return super().invoke(ctx)
        except Failure as error:
            if error.instead:
                line = _with_model(ctx, error.instead) or _with_model_alone(ctx, error.instead)
                error.hint, error.instead = f"{line}, {error.hint}" if error.hint else line, None
            raise


def _as_chat(context: click.Context) -> str | None:
    """The command line as one of `chat`; None where it can't be repeated."""
    words = typed_words(context)
    words[_name_at(context, words)] = "chat"
    return repeated(words)


def _with_model(context: click.Context, model: str) -> str | None:
    """The command line with another model; None where it can't be repeated."""
    words = typed_words(context)
    behind = _name_at(context, words) + 1
    words[behind + (first_plain(context.command, words[behind:]) or 0)] = model
    return repeated(words)


def _with_model_alone(context: click.Context, model: str) -> str:
    """The command for another model on the same server, for a line that can't be repeated."""
    flags = invocation(context, sends=False).settings.host_flags
    return f"{join(['vuhitra', 'run', model, *flags])} …"


def _name_at(context: click.Context, words: Sequence[str]) -> int:
    """Where the name of the command stands."""
    return first_plain(context.find_root().command, words) or 0


def _params() -> list[click.Parameter]:
    """Those of chat, with the model as the first word; its common flags every command has by itself."""
    own = [each for each in chat.params if isinstance(each, Flag) and each.name != "model"]
    known = {name for each in own for name in each.opts}
    ignored = [name for name in _OLLAMAS_OWN if name not in known]
    return [
        click.Argument(["model"], callback=check_model_names),
        click.Argument(["prompt"], nargs=-1),
        *own,
        *(click.Option([name], is_flag=True, expose_value=False, hidden=True) for name in ignored),
    ]


run = RunCommand(
    name="run",
    callback=chat.callback,
    params=_params(),
    help="""Ask a model, as `ollama run` does.

    \b
    Examples:
      vuhitra run smollm2:135m "What is Python?"
    """,
)
