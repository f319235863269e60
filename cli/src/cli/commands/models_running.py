"""`vuhitra models running`: the models that are loaded, and what they take."""

from __future__ import annotations

from collections.abc import Sequence

import click

from cli.commands.command import Command
from cli.commands.invocation import Invocation, invocation
from cli.commands.model_table import print_names
from cli.services.running import RunningRow, running_rows
from cli.services.servers import Server, connected
from cli.terminal.numbers import size, time_left, tokens
from cli.terminal.tables import Column, print_table

_DROPPED_FIRST = ("WINDOW", "GPU", "SIZE", "LEFT")


@click.command(name="running", cls=Command)
@click.pass_context
def models_running(context: click.Context) -> None:
    """List the models that are loaded.

    SIZE is what they take in memory, GPU the share of it that is on one, LEFT how long they stay if nobody asks them.

    \b
    Examples:
      vuhitra models running
      vuhitra models running --json
    """
    call = invocation(context)
    with call.waiting(call.asking) as waiting, connected(call.settings, call.memory) as server:
        rows = running_rows(server.client.running_models(), call.environment.now())
        waiting.stop()
        _show(call, server, rows)


def _show(call: Invocation, server: Server, rows: Sequence[RunningRow]) -> None:
    if call.flags.json:
        facts = {"host": server.host.url, "engine": server.engine}
        call.document({**facts, "models": [row._asdict() for row in rows]})
        return
    if call.flags.quiet:
        print_names(call.out, [row.name for row in rows])
    elif not rows:
        call.err.sentence(f"No model is loaded at {server.name}.")
    else:
        columns = [
            Column("NAME", [row.name for row in rows]),
            Column("SIZE", ["" if row.size is None else size(row.size) for row in rows], right=True),
            Column("GPU", ["" if row.gpu is None else f"{row.gpu:.0%}" for row in rows], right=True),
            Column("WINDOW", [tokens(row.window) if row.window else "" for row in rows]),
            Column("LEFT", ["" if row.seconds_left is None else time_left(row.seconds_left) for row in rows]),
        ]
        print_table(call.out, columns, _DROPPED_FIRST)
