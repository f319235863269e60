"""`vuhitra run`: `vuhitra chat`, as it is asked for by those who know `ollama run`."""

from __future__ import annotations

import click

from cli.commands.chat import chat
from cli.commands.chat_flags import AskingCommand, Flag
from cli.commands.command import check_model_names

_OLLAMAS_OWN = ("--insecure",)
"""Flags that mean nothing here: `models pull` is what asks a registry without TLS."""


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


run = AskingCommand(
    name="run",
    callback=chat.callback,
    params=_params(),
    help="""Ask a model, as `ollama run` does.

    \b
    Examples:
      vuhitra run smollm2:135m "What is Python?"
    """,
)
