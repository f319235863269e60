"""`vuhitra models`: what is on a server, and getting more."""

from __future__ import annotations

import click

from cli.commands.lazy_groups import Entry, LazyGroup

_HERE = "cli.commands.models_"

COMMANDS = {
    "list": Entry(f"{_HERE}list", "models_list", "List the models that are on the server."),
    "show": Entry(f"{_HERE}show", "models_show", "Show what a model is and what it can do."),
    "pull": Entry(f"{_HERE}pull", "models_pull", "Fetch models, one after the other."),
    "push": Entry(f"{_HERE}push", "models_push", "Upload models to their registry."),
    "create": Entry(f"{_HERE}create", "models_create", "Make a model, from another or from a file."),
    "copy": Entry(f"{_HERE}copy", "models_copy", "Give a model a second name."),
    "remove": Entry(f"{_HERE}remove", "models_remove", "Remove models from the server."),
    "running": Entry(f"{_HERE}running", "models_running", "List the models that are loaded."),
    "load": Entry(f"{_HERE}load", "models_load", "Load a model, so that its next answer begins at once."),
    "unload": Entry(f"{_HERE}load", "models_unload", "Unload models, to free their memory."),
    "default": Entry(f"{_HERE}default", "models_default", "Show or set the model that answers by default."),
    "health": Entry(f"{_HERE}health", "models_health", "Tell whether the server answers, and how fast."),
    "bench": Entry(f"{_HERE}bench", "models_bench", "Measure how fast models answer."),
}

OLLAMAS_NAMES = {"ls": "list", "ps": "running", "cp": "copy", "rm": "remove", "stop": "unload"}
"""What Ollama's own commands are called here."""


@click.group(name="models", cls=LazyGroup, table=COMMANDS, aliases=OLLAMAS_NAMES, invoke_without_command=True)
@click.pass_context
def models_group(context: click.Context) -> None:
    """List, fetch and look after models.

    \b
    Examples:
      vuhitra models list
      vuhitra models pull smollm2:135m
      vuhitra models health
    """
    if context.invoked_subcommand is None:
        models_group.tell(context)
