"""`vuhitra models create`: a model made from another, from a Modelfile or from weights."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import isfile
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING

import click

from cli.commands.asking import system_in
from cli.commands.command import FILE_NAME, Command, check_model_names
from cli.commands.invocation import Invocation, invocation
from cli.commands.model_verbs import MISSING, begun_within, command_line, done, needs_ollama, not_there, tell_replaced
from cli.commands.transferring import transfer
from cli.commands.value_types import SYSTEM, UNTIL_IT_BEGINS
from cli.failure import Failure
from cli.services.listing import Listed, digest_of, listed_if_told, listed_models
from cli.services.model_sources import faults_told, is_text, place_of, source_of, told
from cli.services.servers import Server, connected
from vuhitra.names import near_names, same_model
from vuhitra.sources import looks_like_path

if TYPE_CHECKING:
    from vuhitra.types import CreateOptions


@click.command(name="create", cls=Command)
@click.argument("name", callback=check_model_names)
@click.argument("weights", required=False, metavar="[FILE]", type=FILE_NAME)
@click.option(
    "-f",
    "--file",
    "modelfile",
    metavar="FILE",
    type=FILE_NAME,
    help="The Modelfile that says all; ./Modelfile by itself.",
)
@click.option("--from", "base", metavar="MODEL", callback=check_model_names, help="The model to make it from.")
@click.option(
    "-s",
    "--system",
    metavar="TEXT|@FILE",
    type=SYSTEM,
    help="Its system prompt, where no Modelfile says it; @@ begins with an @.",
)
@click.option("--quantize", metavar="TYPE", help="Make it smaller, as to q4_K_M; only of F16 or F32.")
@click.option("--timeout", **UNTIL_IT_BEGINS)
@click.pass_context
def models_create(
    context: click.Context,
    name: str,
    *,
    weights: str | None,
    modelfile: str | None,
    base: str | None,
    system: str | None,
    quantize: str | None,
    timeout: float | None,
) -> None:
    """Make a model, from another or from a file.

    FILE is a GGUF file, or a folder with safetensors. Files are uploaded, unless the server has them. Another model
    of that name is replaced.

    \b
    Examples:
      vuhitra models create parrot --from smollm2:135m -s "You are a parrot."
    """
    call = invocation(context, timeout=timeout)
    needs_ollama(call, "make models")
    with faults_told(name):
        asked = _asked(call, context, modelfile, base, weights)
    if (text := system_in(call, system)) is not None:
        asked["system"] = text
    if quantize is not None:
        asked["quantize"] = quantize
    asked["timeout"] = begun_within(timeout)
    with connected(call.settings, call.memory) as server:
        with call.waiting(f"making {name}"), faults_told(name):
            listed = listed_if_told(server) if base is None else listed_models(server)
            if base is not None:
                _check_base(call, context, server, base, listed or ())
            records = server.client.create_model(name, stream=True, **asked)
        with faults_told(name):
            made = transfer(call, name, records, steps=told(records))
        before = digest_of(name, listed)
        replaced = tell_replaced(call, name, before, digest_of(name, listed_if_told(server)) if before else None)
        if call.flags.json:
            facts = {"host": server.host.url, "name": name, "seconds": round(made.seconds, 3)}
            call.document({**facts, "replaced": replaced})
        done(call, "Model created successfully: ", name, f"   {made.summary}")


def _asked(
    call: Invocation, context: click.Context, modelfile: str | None, base: str | None, weights: str | None
) -> CreateOptions:
    """What it is made from. Raises Failure where that is not what stands there."""
    asked = source_of(call.environment.cwd, call.environment.variables, modelfile, base, weights)
    if weights is not None and is_text(_place(call, weights)):
        hint = _with_file(call, context, weights)
        raise Failure(f"{weights} is text, and no model's weights", hint=hint)
    if base is not None and looks_like_path(base):
        raise _is_file(call, context, base)
    return asked


def _check_base(call: Invocation, context: click.Context, server: Server, base: str, listed: Sequence[Listed]) -> None:
    """Raise Failure where the base is a file or misspelt: the server would go and fetch what was written."""
    names = [each["name"] for each in listed]
    if any(same_model(base, each) for each in names):
        return
    if isfile(_place(call, base)):
        raise _is_file(call, context, base)
    if near := near_names(base, names):
        raise not_there(server, base, near, command_line(context, context.params["name"], base=MISSING))


def _is_file(call: Invocation, context: click.Context, base: str) -> Failure:
    """What to say of a file behind --from."""
    hint = _with_file(call, context, base)
    return Failure(f"--from takes a model's name, and {base} is a file", hint=hint)


def _with_file(call: Invocation, context: click.Context, file: str) -> str:
    """The command with a file in its place: a text is a Modelfile."""
    words = ["-f", file] if is_text(_place(call, file)) else [file]
    line = command_line(context, context.params["name"], *words, base=None)
    return join(["vuhitra", *line, *call.settings.host_flags])


def _place(call: Invocation, file: str) -> Path:
    return place_of(file, call.environment.cwd, call.environment.variables)
