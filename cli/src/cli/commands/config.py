"""`vuhitra config`: the settings, where each came from, and the user's config file."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from cli.commands.command import CommandWithoutSettings, Group, environment_of
from cli.commands.invocation import Invocation, invocation
from cli.config import short_path
from cli.failure import AlreadyTold, Failure
from cli.terminal.escape_filter import harmless_line
from cli.terminal.screen import BOLD, DIM, GREEN

if TYPE_CHECKING:
    from cli.config_rules import Problem


@click.group(name="config", cls=Group, invoke_without_command=True)
@click.pass_context
def config_group(context: click.Context) -> None:
    """Show and change settings.

    \b
    Examples:
      vuhitra config show
      vuhitra config set model smollm2:135m
      vuhitra config set profiles.lan.url http://gpu.lan:11434
      vuhitra config validate
    """
    if context.invoked_subcommand is None:
        config_group.tell(context)


@config_group.command(name="show")
@click.pass_context
def config_show(context: click.Context) -> None:
    """Show each setting, and where it came from.

    Keys are never shown, only that there is one. The profiles are told at a terminal, and with --json.

    \b
    Examples:
      vuhitra config show
      vuhitra config show --json
    """
    from cli.commands.config_table import print_settings
    from cli.services.setting_list import settings_shown

    call = invocation(context, sends=False)
    rows = settings_shown(call.settings)
    if call.flags.json:
        settings = {row.name: {"value": row.value, "source": row.source} for row in rows}
        document: dict[str, Any] = {"file": call.environment.config_file, "settings": settings}
        call.document({**document, "profiles": sorted(call.settings.file.profiles)})
        return
    print_settings(call.out, rows)
    profiles = ", ".join(map(harmless_line, sorted(call.settings.file.profiles)))
    call.aside("")
    call.aside(f"Profiles: {profiles}" if profiles else f"No profiles in {call.settings.file.path}")


@config_group.command(name="validate", cls=CommandWithoutSettings)
@click.pass_context
def config_validate(context: click.Context) -> None:
    """Check the config file, and name every problem with its line.

    Exit 2 where there is one.

    \b
    Examples:
      vuhitra config validate
    """
    from cli.config_file import problems_in
    from cli.services.profiles import is_there

    call = invocation(context, sends=False)
    path = call.environment.config_file
    shown = short_path(path, call.environment.variables)
    problems = problems_in(path, shown, partial(is_there, variables=call.environment.variables))
    if call.flags.json:
        found = [problem._asdict() for problem in problems]
        call.document({"file": path, "valid": not problems, "problems": found})
    elif problems:
        for problem in problems:
            _tell_of(call, shown, problem)
    elif not call.flags.quiet:
        none = "" if os.path.exists(path) else ": there is no such file, and none is needed"
        call.out.sentence(("ok", GREEN), f"    {harmless_line(shown)}{none}")
    if problems:
        from cli.exit_status import ExitStatus

        raise AlreadyTold(ExitStatus.USAGE)


@config_group.command(name="set", cls=CommandWithoutSettings)
@click.argument("key", metavar="KEY")
@click.argument("value", metavar="[VALUE]", required=False)
@click.option("--unset", is_flag=True, help="Take the setting away, or all of profiles.NAME.")
@click.pass_context
def config_set(context: click.Context, key: str, value: str | None, *, unset: bool) -> None:
    """Write one setting to the config file; what else stands there stays.

    KEY is model, embed_model, profile (the one that is used where no host is named), or
    profiles.NAME.url, .model, .embed_model, .key_variable, .key_command, .ca, .client_certificate, .client_key.

    \b
    Examples:
      vuhitra config set model smollm2:135m
      vuhitra config set profiles.lan.url http://gpu.lan:11434
      vuhitra config set profiles.lan.key_command "pass show gpu"
      vuhitra config set --unset model
      vuhitra config set --unset profiles.lan
    """
    from cli.config_file import set_value
    from cli.config_rules import FILES, key_names
    from cli.services.profiles import is_there, wherever

    call = invocation(context, sends=False)
    if value is None and not unset and "=" in key:
        raise _joined(key)
    if value is None and not unset:
        key_names(key)
    if (value is None) is not unset:
        raise _miscounted(key, unset=unset)
    shown = short_path(call.environment.config_file, call.environment.variables)
    if value and key_names(key, value)[-1] in FILES:
        value = wherever(value, call.environment.cwd, call.environment.variables)
    there = partial(is_there, variables=call.environment.variables)
    set_value(call.environment.config_file, shown, key, value, there)
    if call.flags.json:
        call.document({"file": call.environment.config_file, "key": key, "value": value})
    elif call.narrates:
        said = f"unset in {shown}" if unset else f"set in {shown}"
        call.out.sentence(("✓ ", GREEN), (harmless_line(key), BOLD), f" {harmless_line(said)}")


@config_group.command(name="path", cls=CommandWithoutSettings)
@click.pass_context
def config_path(context: click.Context) -> None:
    """Print where the config file is; it need not exist.

    \b
    Examples:
      vuhitra config path
    """
    call = invocation(context, sends=False)
    path = environment_of(context).config_file
    if call.flags.json:
        call.document({"file": path})
    else:
        call.out.line(path)


def _joined(pair: str) -> Failure:
    """What to say of KEY=VALUE in one word. Raises Failure where KEY is none."""
    from shlex import join

    from cli.config_rules import key_names

    key, _, value = pair.partition("=")
    key_names(key, value)
    return Failure(f"KEY and VALUE are two words, not {key}=VALUE", hint=join(["vuhitra", "config", "set", key, value]))


def _miscounted(key: str, *, unset: bool) -> Failure:
    """What to say of a VALUE that is missing, or one too many."""
    from shlex import quote

    if unset:
        return Failure("--unset takes no VALUE", hint=f"vuhitra config set --unset {quote(key)}")
    return Failure("VALUE is missing", hint=f"vuhitra config set {quote(key)} VALUE")


def _tell_of(call: Invocation, shown: str, problem: Problem) -> None:
    call.out.sentence(harmless_line(f"{shown}, line {problem.line}: {problem.what}"))
    if problem.hint:
        call.out.sentence(("  write: ", DIM), harmless_line(problem.hint))
