"""`vuhitra models copy`: a second name for a model."""

from __future__ import annotations

import click

from cli.commands.command import Command, check_model_names
from cli.commands.invocation import invocation
from cli.commands.model_verbs import MISSING, command_line, done, near_names_for, needs_ollama, tell_replaced
from cli.failure import Failure
from cli.services.listing import digest_of, listed_if_told
from cli.services.servers import connected
from cli.terminal.escape_filter import harmless_line
from vuhitra.names import same_model


@click.command(name="copy", cls=Command)
@click.argument("source", callback=check_model_names)
@click.argument("destination", callback=check_model_names)
@click.pass_context
def models_copy(context: click.Context, source: str, destination: str) -> None:
    """Give a model a second name.

    The copy takes no room until one of the two is changed. Another model of the second name is replaced.

    \b
    Examples:
      vuhitra models copy smollm2:135m my-model
    """
    call = invocation(context)
    needs_ollama(call, "copy models")
    if same_model(source, destination):
        raise Failure("SOURCE and DESTINATION are the same model")
    with call.waiting(f"copying {source}") as waiting, connected(call.settings, call.memory) as server:
        listed = listed_if_told(server)
        with near_names_for(server, command_line(context, MISSING, destination)):
            server.client.copy_model(source, destination)
        waiting.stop()
        replaced = tell_replaced(call, destination, digest_of(destination, listed), digest_of(source, listed))
        if call.flags.json:
            facts = {"host": server.host.url, "source": source, "destination": destination}
            call.document({**facts, "replaced": replaced})
        done(call, f"Model copied: {harmless_line(source)} is also ", destination)
