"""`vuhitra models remove`: models that are deleted from the server, once somebody has said yes."""

from __future__ import annotations

from collections.abc import Sequence

import click

from cli.commands.command import Command, check_model_names
from cli.commands.invocation import invocation
from cli.commands.model_verbs import Items, done, near_names_for, needs_ollama
from cli.exit_status import ExitStatus
from cli.failure import AlreadyTold
from cli.services.choosing import named_model
from cli.services.listing import listed_models
from cli.services.model_list import size_of
from cli.services.servers import Server, connected
from cli.terminal.escape_filter import harmless_line
from cli.terminal.numbers import size
from vuhitra.names import same_model

_TO_SEE_THEM = ("models", "list")
"""What to try where a model isn't there: never a removal, which would be that of another."""


@click.command(name="remove", cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="NAME...", callback=check_model_names)
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@click.pass_context
def models_remove(context: click.Context, names: tuple[str, ...], *, yes: bool) -> None:
    """Remove models from the server.

    Asks before it does; where nobody can be asked, --yes says it.

    \b
    Examples:
      vuhitra models remove my-model --yes
    """
    call = invocation(context)
    needs_ollama(call, "remove models")
    with connected(call.settings, call.memory) as server:
        with call.waiting(call.asking):
            listed = {each["name"]: size_of(each) for each in listed_models(server)}
        there = [name for name in names if _found(name, listed)]
        if there and not yes and not call.confirm(_question(server, there, listed)):
            call.note("nothing was removed")
            raise AlreadyTold(ExitStatus.NOT_ALLOWED)
        default = named_model(call.settings)
        with Items(call, server) as items:
            for name in names:
                with items.item(name) as result, near_names_for(server, _TO_SEE_THEM):
                    with call.waiting(f"removing {name}"):
                        server.client.delete_model(name)
                    result["removed"] = True
                    done(call, "Model removed: ", name)
                    if default and same_model(default.model, name):
                        call.note(harmless_line(f"it was the default ({default.source})"))


def _found(name: str, listed: dict[str, int | None]) -> str | None:
    return next((each for each in listed if same_model(name, each)), None)


def _question(server: Server, names: Sequence[str], listed: dict[str, int | None]) -> str:
    """What is about to be removed, with its size."""
    sizes = [listed[found] for name in names if (found := _found(name, listed))]
    total = sum(each or 0 for each in sizes)
    what = ", ".join(map(harmless_line, names))
    return f"Remove {what} ({size(total)}) from {server.name}?" if total else f"Remove {what} from {server.name}?"
