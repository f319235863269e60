"""`vuhitra models pull`: models that the server fetches."""

from __future__ import annotations

import click

from cli.commands.command import Command, check_model_names
from cli.commands.invocation import invocation
from cli.commands.model_verbs import Items, begun_within, done, needs_ollama
from cli.commands.transferring import transfer
from cli.commands.value_types import UNTIL_IT_BEGINS
from cli.services.servers import connected
from cli.terminal.progress import places


@click.command(name="pull", cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="NAME...", callback=check_model_names)
@click.option("--insecure", is_flag=True, help="Also from a registry without TLS.")
@click.option("--timeout", **UNTIL_IT_BEGINS)
@click.pass_context
def models_pull(context: click.Context, names: tuple[str, ...], *, insecure: bool, timeout: float | None) -> None:
    """Fetch models, one after the other.

    What broke off goes on from where it was.

    \b
    Examples:
      vuhitra models pull smollm2:135m
      vuhitra models pull llama3.2 all-minilm
    """
    call = invocation(context)
    needs_ollama(call, "fetch models")
    limits = begun_within(timeout)
    with connected(call.settings, call.memory) as server, Items(call, server) as items:
        for name, place in places(names):
            with items.item(name) as result:
                with call.waiting(f"looking for {name}"):
                    records = server.client.pull_model(name, stream=True, insecure=insecure, timeout=limits)
                pulled = transfer(call, name, records, place=place)
                result |= {"size": pulled.size, "seconds": round(pulled.seconds, 3)}
                done(call, "Model pulled successfully: ", name, f"   {pulled.summary}")
