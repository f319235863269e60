"""`vuhitra models show`: what a model is, or one part of it as it stands in its Modelfile."""

from __future__ import annotations

from typing import Any

import click

from cli.commands.command import Command, check_model_names
from cli.commands.invocation import Invocation, invocation
from cli.commands.model_verbs import MISSING, command_line, near_names_for
from cli.failure import Failure
from cli.services.description import Description, description_of
from cli.services.servers import connected
from cli.terminal.escape_filter import harmless, harmless_line
from cli.terminal.numbers import tokens
from cli.terminal.screen import BOLD, DIM

_PARTS = ("modelfile", "license", "parameters", "template", "system")
_WIDE = 12
"""Columns of the longest name of a fact."""


@click.command(name="show", cls=Command)
@click.argument("name", callback=check_model_names)
@click.option("--modelfile", is_flag=True, help="Print the Modelfile that would make it again, and no more.")
@click.option("--license", is_flag=True, help="Print its license, and no more.")
@click.option("--parameters", is_flag=True, help="Print its parameters, and no more.")
@click.option("--template", is_flag=True, help="Print its template, and no more.")
@click.option("--system", is_flag=True, help="Print its system prompt, and no more.")
@click.pass_context
def models_show(context: click.Context, /, name: str, **wanted: bool) -> None:
    """Show what a model is and what it can do.

    With --json everything that the server knows of it.

    \b
    Examples:
      vuhitra models show smollm2:135m
      vuhitra models show smollm2:135m --template
    """
    call = invocation(context)
    parts = [part for part in _PARTS if wanted[part]]
    if len(parts) > 1:
        raise Failure(f"--{parts[0]} and --{parts[1]} print one part each; only one can be asked for")
    with call.waiting(call.asking) as waiting, connected(call.settings, call.memory) as server:
        with near_names_for(server, command_line(context, MISSING)):
            described = server.client.show_model(name)
        waiting.stop()
    if call.flags.json:
        call.document({"name": name, **described})
    elif parts:
        _print_part(call, name, parts[0], described)
    else:
        _print_facts(call, name, description_of(described))


def _print_part(call: Invocation, name: str, part: str, described: Any) -> None:
    text = str(described.get(part) or "")
    if not text:
        call.note(f"{harmless_line(name)} has no {part}" if part != "parameters" else f"{name} sets no parameters")
        return
    call.out.write((harmless(text) if call.out.is_terminal else text).rstrip("\n") + "\n")


def _print_facts(call: Invocation, name: str, model: Description) -> None:
    out = call.out
    first_line = next((line.strip() for line in model.license.splitlines() if line.strip()), "")
    facts = {
        "architecture": model.architecture,
        "parameters": model.parameters,
        "quantization": model.quantization,
        "window": tokens(model.window) if model.window else "",
        "vectors": str(model.vector) if model.vector and "embed" in model.can else "",
        "can": ", ".join(model.can),
        "made from": model.base,
        "license": first_line,
    }
    out.line(out.safe(name), BOLD)
    for fact, value in facts.items():
        if value:
            out.sentence((f"  {fact:{_WIDE}}  ", DIM), out.safe(value))
    for title, text in (("System", model.system), ("Parameters", model.settings), ("Template", model.template)):
        if text.strip():
            out.line("\n" + title, BOLD)
            for line in text.rstrip().splitlines():
                out.sentence(f"  {harmless(line)}".expandtabs() if out.is_terminal else f"  {line}")
