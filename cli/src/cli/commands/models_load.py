"""`vuhitra models load` and `unload`: which models are in a server's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.commands.command import Command, check_model_names
from cli.commands.invocation import invocation
from cli.commands.model_verbs import MISSING, Items, command_line, done, near_names_for, needs_ollama
from cli.commands.showing import awaited
from cli.commands.value_types import TIMEOUT, KeepAlive
from cli.services.servers import connected
from cli.services.watching import Watch
from cli.terminal.numbers import duration

if TYPE_CHECKING:
    from vuhitra.types import TimeoutOption


@click.command(name="load", cls=Command)
@click.argument("name", callback=check_model_names)
@click.option(
    "--keep-alive",
    "--keepalive",
    metavar="TIME",
    type=KeepAlive(),
    help="How long it stays: 10m, 1h30m, seconds, or -1 for ever.",
)
@click.option("--timeout", **TIMEOUT)
@click.pass_context
def models_load(context: click.Context, name: str, *, keep_alive: float | str | None, timeout: float | None) -> None:
    """Load a model, so that its next answer begins at once.

    \b
    Examples:
      vuhitra models load smollm2:135m
      vuhitra models load smollm2:135m --keep-alive 1h
    """
    call = invocation(context, timeout=timeout)
    needs_ollama(call, "keep models loaded")
    clock = call.environment.monotonic
    with call.waiting(f"loading {name}") as waiting, connected(call.settings, call.memory) as server:
        watch = Watch(server, name, call.memory, clock)
        waiting.look = lambda: awaited(watch)
        began = clock()
        with near_names_for(server, command_line(context, MISSING)):
            if keep_alive is None:
                server.client.load_model(name)
            else:
                server.client.load_model(name, keep_alive=keep_alive)
        seconds = clock() - began
        waiting.stop()
        call.memory.note_load(server.host.url, name, seconds)
        if call.flags.json:
            call.document({"host": server.host.url, "name": name, "seconds": round(seconds, 3)})
        done(call, "Model loaded: ", name, f"   in {duration(seconds)}")


@click.command(name="unload", cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="NAME...", callback=check_model_names)
@click.option("--timeout", **TIMEOUT)
@click.pass_context
def models_unload(context: click.Context, names: tuple[str, ...], *, timeout: float | None) -> None:
    """Unload models, to free their memory.

    Without --timeout, each has 30 seconds.

    \b
    Examples:
      vuhitra models unload smollm2:135m
    """
    call = invocation(context)
    needs_ollama(call, "unload models: none stays loaded")
    limit: TimeoutOption = {} if timeout is None else {"timeout": timeout}
    with connected(call.settings, call.memory) as server, Items(call, server) as items:
        for name in names:
            with items.item(name) as result, near_names_for(server, command_line(context, MISSING)):
                with call.waiting(f"unloading {name}"):
                    server.client.unload_model(name, **limit)
                result["unloaded"] = True
                done(call, "Model unloaded: ", name)
