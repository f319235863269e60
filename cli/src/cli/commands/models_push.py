"""`vuhitra models push`: models that the server uploads to their registry."""

from __future__ import annotations

import click

from cli.commands.command import Command, check_model_names
from cli.commands.invocation import invocation
from cli.commands.model_verbs import Items, command_line, done, near_names_for, needs_ollama
from cli.commands.pulling import pull
from cli.services.servers import connected
from cli.services.watching import CONNECTING
from cli.terminal.progress import Place


@click.command(name="push", cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="NAME...", callback=check_model_names)
@click.option("--insecure", is_flag=True, help="Also to a registry without TLS.")
@click.pass_context
def models_push(context: click.Context, names: tuple[str, ...], *, insecure: bool) -> None:
    """Upload models to their registry.

    The name says where to: without a registry in it, to ollama.com. What broke off goes on from where it was.

    \b
    Examples:
      vuhitra models push ann/parrot
      vuhitra models push --insecure localhost:5000/ann/parrot
    """
    call = invocation(context)
    needs_ollama(call, "upload models")
    with connected(call.settings, call.memory) as server, Items(call, server) as items:
        for number, name in enumerate(names, 1):
            with items.item(name) as result, near_names_for(server, command_line(context, name)):
                with call.waiting(CONNECTING):
                    records = server.client.push_model(name, stream=True, insecure=insecure)
                pushed = pull(call, name, records, place=Place(number, len(names)))
                result |= {"size": pushed.size, "seconds": round(pushed.seconds, 3)}
                done(call, "Model pushed successfully: ", name, f"   {pushed.summary}")
