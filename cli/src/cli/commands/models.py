"""`vuhitra models`: what is on a server, and getting more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from cli.commands.command import Group, check_model_names, screens_of
from cli.commands.invocation import Invocation, invocation
from cli.commands.model_table import print_names, print_table
from cli.commands.pulling import pull
from cli.config import Settings
from cli.ending import report_of, tell
from cli.failure import Failure, Told
from cli.services.choosing import Choice, clear_choice
from cli.services.health import Health, check
from cli.services.model_list import ModelRow, model_rows
from cli.services.servers import Server, configured_host, connected, note_answer
from cli.services.watching import CONNECTING
from cli.terminal import documents
from cli.terminal.errors import as_object
from cli.terminal.numbers import counted, milliseconds, size
from cli.terminal.screen import BOLD, GREEN
from vuhitra.errors import OllamaConnectionError, OllamaError


@click.group(name="models", cls=Group, invoke_without_command=True)
@click.pass_context
def models_group(context: click.Context) -> None:
    """List, fetch and check models.

    \b
    Examples:
      vuhitra models list
      vuhitra models pull smollm2:135m
      vuhitra models health
    """
    if context.invoked_subcommand is None:
        out, _ = screens_of(context)
        out.line(context.get_help())


@models_group.command(name="list")
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
    with call.waiting(CONNECTING) as waiting, connected(call.settings, instead=instead) as server:
        listed = server.client.list_models()
        note_answer(server, call.memory)
        default = _default(call, server, listed)
        running = [] if call.flags.quiet else _running(server)
        rows = model_rows(listed, running, default.model if default else None)
        waiting.stop()
        _show_list(call, server, rows, default)


@models_group.command(name="pull")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", callback=check_model_names)
@click.pass_context
def models_pull(context: click.Context, names: tuple[str, ...]) -> None:
    """Fetch models, one after the other.

    What broke off goes on from where it was.

    \b
    Examples:
      vuhitra models pull smollm2:135m
      vuhitra models pull llama3.2 all-minilm
    """
    call = invocation(context)
    with connected(call.settings) as server:
        if server.engine == "embedded":
            raise Failure("the built-in engine can't fetch models", hint="ollama serve, and then the same again")
        results: list[dict[str, Any]] = []
        try:
            for name in names:
                results.append(_pull_one(call, server, name))  # noqa: PERF401  those before a lost connection count
        finally:
            if call.flags.json and results:
                documents.document(call.out, {"host": server.host.url, "models": results})
    failures = [result["error"]["exit"] for result in results if "error" in result]
    if failures:
        raise Told(failures[0])


@models_group.command(name="health")
@click.pass_context
def models_health(context: click.Context) -> None:
    """Tell whether the server answers, and how fast.

    Exit 0 where it does, 3 where it doesn't.

    \b
    Examples:
      vuhitra models health
      vuhitra models health --json
    """
    call = invocation(context)
    instead = "vuhitra models health --embedded"
    try:
        with call.waiting(CONNECTING) as waiting, connected(call.settings, instead=instead) as server:
            health = check(server, call.environment.monotonic)
            note_answer(server, call.memory)
            waiting.stop()
            _show_health(call, server, health)
    except (OllamaError, Failure):
        if call.flags.json:
            documents.document(call.out, {"reached": False, "host": _url(call.settings)})
        raise


def _url(settings: Settings) -> str | None:
    """The server's URL without a credential; None where there is none, or it can't be read."""
    if settings.embedded:
        return None
    try:
        return configured_host(settings).url
    except Failure:
        return None


def _default(call: Invocation, server: Server, listed: Sequence[Mapping[str, Any]]) -> Choice | None:
    """The model that answers where none is named, and why it does."""
    settings = call.settings
    if settings.model:
        return Choice(settings.model, settings.source("model"))
    return clear_choice(listed, server.own_model)


def _running(server: Server) -> Sequence[Mapping[str, Any]]:
    try:
        return server.client.running_models()
    except OllamaError:  # a compatible server that lacks it; the list is worth showing without
        return ()


def _show_list(call: Invocation, server: Server, rows: Sequence[ModelRow], default: Choice | None) -> None:
    if call.flags.json:
        facts = {"host": server.host.url, "engine": server.engine}
        documents.document(call.out, {**facts, "models": [asdict(row) for row in rows]})
    elif call.flags.quiet:
        print_names(call.out, rows)
    elif not rows:
        call.err.line(f"No models available at {server.name}.")
        call.err.line("  try: vuhitra models pull smollm2:135m")
    else:
        print_table(call.out, rows, call.environment.now())
        call.aside("\n" + _summary(server, rows, default, call.err.width))


def _summary(server: Server, rows: Sequence[ModelRow], default: Choice | None, width: int) -> str:
    """The last line: as much of it as fits."""
    count = counted(len(rows), "model")
    total = size(sum(row.size or 0 for row in rows))
    summary = f"{count}, {total}, at {server.name}"
    if default is None or not any(row.is_default for row in rows):
        return summary
    legends = (f"   * the default ({default.source})", "   * the default", "")
    return next(line for each in legends if len(line := summary + each) <= width or not each)


def _pull_one(call: Invocation, server: Server, name: str) -> dict[str, Any]:
    """Pull a model, tell what came of it, and give that as `--json` shows it.

    Raises OllamaConnectionError: where the server is lost, there is nothing to go on with.
    """
    try:
        with call.waiting(CONNECTING):
            records = server.client.pull_model(name, stream=True)
        note_answer(server, call.memory)
        pulled = pull(call, name, records)
    except OllamaConnectionError:
        raise
    except OllamaError as error:
        report = report_of(error)
        tell(report, call.err, as_json=call.flags.json)
        return {"name": name, "error": as_object(report)}
    if call.narrates:
        done = call.out.paint("✓", GREEN) + " Model pulled successfully: "
        call.out.line(f"{done}{call.out.paint(name, BOLD)}   {pulled.summary}")
    return {"name": name, "size": pulled.size, "seconds": round(pulled.seconds, 3)}


def _show_health(call: Invocation, server: Server, health: Health) -> None:
    if call.flags.json:
        facts = {"host": server.host.url, "engine": server.engine, **asdict(health)}
        documents.document(call.out, {"reached": True, **facts})
    elif not call.flags.quiet:
        what = f"Ollama {health.server_version} at {server.name}"
        if server.engine == "embedded":
            what = server.name
        call.out.line(
            f"{call.out.paint('ok', GREEN)}    {what} ({milliseconds(health.latency)}),"
            f" {counted(health.models, 'model')}, {health.loaded} loaded"
        )
