"""`vuhitra models create`: a model made from another, from a Modelfile or from weights."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import join

import click

from cli.commands.command import FILE_NAME, Command, check_model_names
from cli.commands.invocation import invocation
from cli.commands.model_verbs import MISSING, command_line, done, needs_ollama, not_there, tell_replaced
from cli.commands.transferring import transfer
from cli.failure import Failure
from cli.services.listing import Listed, digest_of, listed_if_told, listed_models
from cli.services.model_sources import faults_told, source_of, told
from cli.services.servers import Server, connected
from cli.services.watching import CONNECTING
from vuhitra.names import near_names, same_model
from vuhitra.sources import looks_like_path


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
@click.option("-s", "--system", metavar="TEXT", help="Its system prompt, where no Modelfile says it.")
@click.option("--quantize", metavar="TYPE", help="Make it smaller, as to q4_K_M; only of F16 or F32.")
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
) -> None:
    """Make a model, from another or from a file.

    FILE is a GGUF file, or a folder with safetensors. Files are uploaded, unless the server has them. Another model
    of that name is replaced.

    \b
    Examples:
      vuhitra models create parrot --from smollm2:135m -s "You are a parrot."
    """
    call = invocation(context)
    needs_ollama(call, "make models")
    with faults_told(name):
        asked = source_of(call.environment.cwd, call.environment.variables, modelfile, base, weights)
    if base is not None and looks_like_path(base):
        raise _is_file(base, [*command_line(context, name, base), *call.settings.host_flags])
    if system is not None:
        asked["system"] = system
    if quantize is not None:
        asked["quantize"] = quantize
    with connected(call.settings, call.memory) as server:
        with call.waiting(CONNECTING), faults_told(name):
            listed = listed_if_told(server) if base is None else listed_models(server)
            if base is not None:
                _check_base(server, base, listed or (), command_line(context, name, base=MISSING))
            records = server.client.create_model(name, stream=True, **asked)
        with faults_told(name):
            made = transfer(call, name, records, steps=told(records))
        before = digest_of(name, listed)
        replaced = tell_replaced(call, name, before, digest_of(name, listed_if_told(server)) if before else None)
        if call.flags.json:
            facts = {"host": server.host.url, "name": name, "seconds": round(made.seconds, 3)}
            call.document({**facts, "replaced": replaced})
        done(call, "Model created successfully: ", name, f"   {made.summary}")


def _is_file(base: str, line: Sequence[str]) -> Failure:
    """What to say of a file behind --from. line: the command with the file as its argument, too."""
    at = line.index("--from")
    hint = join(["vuhitra", *line[:at], *line[at + 2 :]])
    return Failure(f"--from takes a model's name, and {base} is a file", hint=hint)


def _check_base(server: Server, base: str, listed: Sequence[Listed], line: Sequence[str]) -> None:
    """Raise Failure where the base is misspelt: the server would go and fetch what was written."""
    names = [each["name"] for each in listed]
    if not any(same_model(base, each) for each in names) and (near := near_names(base, names)):
        raise not_there(server, base, near, line)
