"""`vuhitra models list`: the models that are on the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from cli.commands.command import Command
from cli.commands.invocation import Invocation, invocation
from cli.commands.model_table import print_models, print_names
from cli.logger import get_logger
from cli.services.choosing import Choice, default_model
from cli.services.known_names import KnownNames
from cli.services.listing import LOADED_IS_UNKNOWN, described, listed_models, running_if_told
from cli.services.model_list import ModelRow, model_rows
from cli.services.servers import Server, connected
from cli.terminal.columns import columns
from cli.terminal.errors import tell_hint
from cli.terminal.numbers import counted, size
from vuhitra.errors import OllamaError

_AT_MOST = 2.0
"""Seconds that the server may take to tell which models are loaded."""


@click.command(name="list", cls=Command)
@click.pass_context
def models_list(context: click.Context) -> None:
    """List the models that are on the server.

    With -q their names alone, one a line.

    \b
    Examples:
      vuhitra models list
      vuhitra models list -q
      vuhitra models list --json
    """
    call = invocation(context)
    instead = "vuhitra models list --embedded"
    with call.waiting(call.asking) as waiting, connected(call.settings, call.memory, instead=instead) as server:
        listed = listed_models(server)
        if server.engine == "ollama":  # the built-in engine has another address each time
            KnownNames(call.environment.state_dir).note(server.host.url, [each["name"] for each in listed])
        if call.flags.quiet and not call.flags.json:
            print_names(call.out, (each["name"] for each in listed))
            return
        models = described(listed, server)
        default = default_model(call.settings, models, server)
        rows = model_rows(models, _running(server), default.model if default else None)
        waiting.stop()
        _show(call, server, rows, default)


def _running(server: Server) -> Sequence[Mapping[str, Any]]:
    """The models that are loaded; that they aren't known is told, and the list is shown without."""
    try:
        return running_if_told(server, _AT_MOST) or ()
    except OllamaError as error:
        get_logger("cli").warning(LOADED_IS_UNKNOWN, error.what)
        return ()


def _show(call: Invocation, server: Server, rows: Sequence[ModelRow], default: Choice | None) -> None:
    if call.flags.json:
        facts = {"host": server.host.url, "engine": server.engine}
        call.document({**facts, "models": [asdict(row) for row in rows]})
    elif not rows:
        call.err.sentence(f"No models available at {server.name}.")
        tell_hint(server.command("models", "pull", "smollm2:135m"), call.err)
    else:
        print_models(call.out, rows, call.environment.now())
        call.aside("")
        call.aside(_summary(server, rows, default, call.err.width))


def _summary(server: Server, rows: Sequence[ModelRow], default: Choice | None, width: int) -> str:
    """The last line: as much of it as fits."""
    count = counted(len(rows), "model")
    total = size(sum(row.size or 0 for row in rows))
    summary = f"{count}, {total}, at {server.name}"
    if default is None or not any(row.is_default for row in rows):
        return summary
    legends = (f"   * the default ({default.source})", "   * the default", "")
    return next(line for each in legends if columns(line := summary + each) <= width or not each)
