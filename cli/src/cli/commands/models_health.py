"""`vuhitra models health`: whether the server answers, and how fast."""

from __future__ import annotations

from dataclasses import asdict

import click

from cli.commands.command import Command
from cli.commands.invocation import Invocation, invocation
from cli.config import Settings
from cli.failure import Failure
from cli.services.health import Health, check
from cli.services.servers import Server, configured_host, connected
from cli.terminal.escape_filter import harmless_line
from cli.terminal.numbers import counted, milliseconds
from cli.terminal.screen import GREEN
from vuhitra.errors import OllamaError, OllamaResponseError


@click.command(name="health", cls=Command)
@click.pass_context
def models_health(context: click.Context) -> None:
    """Tell whether the server answers, and how fast.

    Exit 0 where it does, 3 where it isn't reached, or takes longer than 5 seconds. What it refuses ends as anywhere.

    \b
    Examples:
      vuhitra models health
      vuhitra models health --json
    """
    call = invocation(context)
    instead = "vuhitra models health --embedded"
    try:
        with call.waiting(call.asking) as waiting, connected(call.settings, call.memory, instead=instead) as server:
            health = check(server, call.environment.monotonic)
            waiting.stop()
            _show(call, server, health)
    except (OllamaError, Failure) as error:
        if call.flags.json:
            reached = isinstance(error, OllamaResponseError)
            call.document({"reached": reached, "host": _url(call.settings)})
        raise


def _url(settings: Settings) -> str | None:
    """The server's URL without a credential; None where there is none, or it can't be read."""
    if settings.embedded:
        return None
    try:
        return configured_host(settings).url
    except Failure:
        return None


def _show(call: Invocation, server: Server, health: Health) -> None:
    if call.flags.json:
        facts = {"host": server.host.url, "engine": server.engine, **asdict(health)}
        call.document({"reached": True, **facts})
    elif not call.flags.quiet:
        what = f"Ollama {harmless_line(health.server_version)} at {server.name}"
        if server.engine == "embedded":
            what = server.name
        loaded = "" if health.loaded is None else f", {health.loaded} loaded"
        has = f"{counted(health.models, 'model')}{loaded}"
        call.out.sentence(("ok", GREEN), f"    {what} ({milliseconds(health.latency)}), {has}")
