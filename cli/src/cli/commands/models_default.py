"""`vuhitra models default`: the model that answers where none is named."""

from __future__ import annotations

import click

from cli.commands.command import Command, check_model_names
from cli.commands.invocation import Invocation, invocation
from cli.commands.model_verbs import MISSING, command_line, done, not_there
from cli.config import short_path
from cli.failure import Failure
from cli.logger import get_logger
from cli.services.choosing import WhichModel, choose_model, named_model
from cli.services.listing import described, listed_models
from cli.services.servers import Server, connected
from cli.terminal.escape_filter import harmless_line
from cli.terminal.numbers import counted
from cli.terminal.screen import BOLD
from vuhitra.names import near_names, same_model


@click.command(name="default", cls=Command)
@click.argument("name", required=False, callback=check_model_names)
@click.pass_context
def models_default(context: click.Context, name: str | None) -> None:
    """Show or set the model that answers by default.

    Kept in the user's settings; in the profile's, where one is in use.

    \b
    Examples:
      vuhitra models default smollm2:135m
      vuhitra models default
    """
    call = invocation(context)
    if name is None:
        _show(call)
    else:
        _set(call, context, name)


def _show(call: Invocation) -> None:
    settings = call.settings
    choice = named_model(settings)
    if choice is None:
        with call.waiting(call.asking) as waiting, connected(settings, call.memory) as server:
            listed = listed_models(server)
            waiting.now(f"looking at {counted(len(listed), 'model')}")
            try:
                choice = choose_model(described(listed, server), server)
            except WhichModel as unclear:
                raise _none_is_set(unclear, server) from unclear
    if call.flags.json:
        call.document({"model": choice.model, "source": choice.source})
    else:
        call.out.line(call.out.safe(choice.model), BOLD)
        call.aside(f"  {harmless_line(choice.source)}")


def _none_is_set(unclear: WhichModel, server: Server) -> Failure:
    """What to say where no setting names a model, and several could answer."""
    can = "can" if unclear.is_told else "may be able to"
    return Failure(
        f"no default is set; {len(unclear.names)} of those at {server.name} {can} chat",
        why=unclear.why,
        hint=server.command("models", "default", unclear.names[0]),
    )


def _set(call: Invocation, context: click.Context, name: str) -> None:
    """Write it to the settings, once it is known to be there, and not known to be unable to chat."""
    from cli.config_file import set_value
    from cli.config_rules import dotted
    from cli.services.capable import check_chat

    profile = call.settings.profile.name if call.settings.profile else None
    table = ("profiles", profile) if profile else ()
    with call.waiting(call.asking), connected(call.settings, call.memory) as server:
        listed = {each["name"]: each for each in listed_models(server)}
        found = next((each for each in listed if same_model(each, name)), None)
        if found is None:
            raise not_there(server, name, near_names(name, listed), command_line(context, MISSING))
        check_chat(server, listed[found], dotted(*table, "embed_model"))
    path = call.environment.config_file
    set_value(path, short_path(path, call.environment.variables), dotted(*table, "model"), found)
    if call.flags.json:
        call.document({"model": found, "profile": profile, "file": path})
    done(call, "Default model: ", found, f" of the profile {profile}" if profile else "")
    settings = call.settings
    is_stronger = settings.origin_of("model") in ("environment", "dotenv")
    if is_stronger and not same_model(settings.model or "", found):
        said = f"{settings.source('model')} is stronger, so {settings.model} answers here"
        get_logger("cli").warning(harmless_line(said))
