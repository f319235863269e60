"""`vuhitra models push`: models that the server uploads to their registry."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import click

from cli.commands.command import Command, check_model_names
from cli.commands.invocation import invocation
from cli.commands.model_verbs import MISSING, Items, begun_within, command_line, done, needs_ollama, not_there
from cli.commands.transferring import transfer
from cli.commands.value_types import UNTIL_IT_BEGINS
from cli.services.listing import listed_if_told
from cli.services.servers import Server, connected
from cli.terminal.progress import places
from vuhitra.errors import OllamaModelNotFoundError, OllamaResponseError
from vuhitra.names import near_names, same_model


@click.command(name="push", cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="NAME...", callback=check_model_names)
@click.option("--insecure", is_flag=True, help="Also to a registry without TLS.")
@click.option("--timeout", **UNTIL_IT_BEGINS)
@click.pass_context
def models_push(context: click.Context, names: tuple[str, ...], *, insecure: bool, timeout: float | None) -> None:
    """Upload models to their registry.

    The name says where to: without a registry in it, to ollama.com. What broke off goes on from where it was.

    \b
    Examples:
      vuhitra models push ann/parrot
      vuhitra models push --insecure localhost:5000/ann/parrot
    """
    call = invocation(context)
    needs_ollama(call, "upload models")
    limits = begun_within(timeout)
    with connected(call.settings, call.memory) as server, Items(call, server) as items:
        for name, place in places(names):
            with items.item(name) as result, _missing_told(server, name, command_line(context, MISSING)):
                with call.waiting(f"pushing {name}"):
                    records = server.client.push_model(name, stream=True, insecure=insecure, timeout=limits)
                pushed = transfer(call, name, records, place=place)
                result |= {"size": pushed.size, "seconds": round(pushed.seconds, 3)}
                done(call, "Model pushed successfully: ", name, f"   {pushed.summary}")


@contextmanager
def _missing_told(server: Server, name: str, line: Sequence[str]) -> Generator[None]:
    """Tells of a model that isn't there with near names: of a push, Ollama says that it can't open a file."""
    try:
        yield
    except (OllamaModelNotFoundError, OllamaResponseError) as error:
        listed = listed_if_told(server, None)
        names = [each["name"] for each in listed or ()]
        if listed is None or any(same_model(name, each) for each in names):
            raise
        raise not_there(server, name, near_names(name, names), line) from error
