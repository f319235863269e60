"""`vuhitra run`: `vuhitra chat`, as it is asked for by those who know `ollama run`."""

from __future__ import annotations

from typing import Any

import click

from cli.commands.chat import chat
from cli.commands.chat_flags import AskingCommand, Flag
from cli.commands.command import NoModelName, check_model_names, words_of
from cli.failure import Failure

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
            hint = _line(ctx, ctx.info_name, "chat")
            raise Failure(f"no model is named, and {error.name!r} is no name of one", hint=hint) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run. Where another model could answer, what is told to try has it in the place of this one."""
        try:
            return super().invoke(ctx)
        except Failure as error:
            flag, _, rest = (error.hint or "").partition(" ")
            other = rest.split(" ")[0].rstrip(",;")
            if flag == "-m" and (line := _line(ctx, ctx.params["model"], other)):
                error.hint = line + rest.removeprefix(other)
            raise


def _line(context: click.Context, word: str | None, other: str) -> str | None:
    """The command line with a word of it replaced by another; None where it has no such word."""
    from cli.misuse import repeated

    words = words_of(context)
    if word not in words:
        return None
    words[words.index(word)] = other
    return repeated(words)


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
