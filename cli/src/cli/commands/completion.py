"""`vuhitra completion`: what makes a shell complete commands, and what it is answered when it asks.

Whatever goes wrong while a line is completed is not told: nobody asked a question.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, FishComplete, ShellComplete, ZshComplete, split_arg_string

from cli.commands.command import CommandWithoutSettings, check_model_names, flags_of
from cli.environment import Environment
from cli.terminal.screen import screens

if TYPE_CHECKING:
    from cli.config import Settings
    from cli.services.memory import Memory

_WITHIN = 0.3
"""Seconds that a server has to name its models while somebody waits for a key to act."""

_BASH = """\
_vuhitra_completion() {
    local IFS=$'\\n' kind value
    COMPREPLY=()
    while IFS=$'\\t' read -r kind value; do
        case $kind in
            plain) COMPREPLY+=("$value") ;;
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
        esac
    done < <(COMP_WORDS="${COMP_LINE:0:$COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" \\
        _VUHITRA_COMPLETE=bash "$1" 2>/dev/null)
}
complete -o nosort -F _vuhitra_completion vuhitra
"""

_FISH = """\
function _vuhitra_completion
    for line in (env COMP_WORDS=(commandline -cp) COMP_CWORD=(commandline -t) \\
            _VUHITRA_COMPLETE=fish vuhitra 2>/dev/null)
        set -l found (string split --max 1 "," $line)
        switch $found[1]
            case plain
                echo $found[2]
            case dir
                __fish_complete_directories $found[2]
            case file
                __fish_complete_path $found[2]
        end
    end
end
complete --no-files --command vuhitra --arguments "(_vuhitra_completion)"
"""


class _Asked(ShellComplete):
    """A line of a shell that is to go on. It is looked at word by word, with nothing run."""

    environment: Environment

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """What it may go on with; where a model is to be named, the names of those that are there."""
        # click has no public way to ask which parameter it is that the line stops at
        from click.shell_completion import (
            _resolve_context,  # pyright: ignore[reportPrivateUsage]
            _resolve_incomplete,  # pyright: ignore[reportPrivateUsage]
        )

        context = _resolve_context(self.cli, self.ctx_args, self.prog_name, args)
        wanted, begun = _resolve_incomplete(context, args, incomplete)
        if isinstance(wanted, click.Parameter) and wanted.callback is check_model_names:
            names = _model_names(context, self.environment)
            return [CompletionItem(name) for name in names if name.startswith(begun)]
        if isinstance(wanted, click.Parameter) and "FILE" in (wanted.metavar or ""):
            return [CompletionItem(begun, type="file")]
        return wanted.shell_complete(context, begun)

    def variable(self, name: str) -> str:
        """What the shell said besides."""
        return self.environment.variables.get(name, "")


class _Bash(_Asked):
    """Bash takes a word apart at colons and equals signs: it is given what comes after the last one alone."""

    name = "bash"
    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = self.variable("COMP_WORDS")
        words = split_arg_string(line)
        if line[-1:].isspace() or len(words) < 2:
            return words[1:], ""
        return words[1:-1], words[-1]

    def format_completion(self, item: CompletionItem[str]) -> str:
        _, begun = self.get_completion_args()
        flag, equals, value = begun.partition("=") if begun.startswith("-") else ("", "", begun)
        breaks = self.variable("COMP_BREAKS")
        before = flag + equals if equals and "=" not in breaks else ""
        hidden = value.rpartition(":")[0] + ":" if ":" in value and ":" in breaks else ""
        return f"{item.type}\t{before}{item.value.removeprefix(hidden)}"


class _Zsh(_Asked, ZshComplete):
    def get_completion_args(self) -> tuple[list[str], str]:
        words, index = split_arg_string(self.variable("COMP_WORDS")), int(self.variable("COMP_CWORD"))
        return words[1:index], words[index] if index < len(words) else ""


class _Fish(_Asked, FishComplete):
    source_template = _FISH

    def get_completion_args(self) -> tuple[list[str], str]:
        words, begun = split_arg_string(self.variable("COMP_WORDS"))[1:], self.variable("COMP_CWORD")
        begun = split_arg_string(begun)[0] if begun else ""
        return (words[:-1] if begun and words[-1:] == [begun] else words), begun


_SHELLS: Mapping[str, type[_Asked]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}


@click.command(name="completion", cls=CommandWithoutSettings)
@click.argument("shell", type=click.Choice(tuple(_SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands.

    Flags, choices and the names of models are completed, too. For bash, put the example's line into ~/.bashrc;
    for zsh the same with zsh into ~/.zshrc; for fish: vuhitra completion fish | source

    \b
    Examples:
      eval "$(vuhitra completion bash)"
    """
    asked = _SHELLS[shell](context.find_root().command, {}, "vuhitra", "_VUHITRA_COMPLETE")
    from cli.commands.invocation import invocation

    call = invocation(context, sends=False)
    script = asked.source().rstrip("\n") + "\n"
    if call.flags.json:
        call.document({"shell": shell, "script": script})
    else:
        call.out.write(script)


def complete(cli: click.Command, environment: Environment, shell: str) -> None:
    """Print what the line that a shell asks about may go on with."""
    kind = _SHELLS.get(shell.removesuffix("_complete"))
    if kind is None:
        return
    asked = kind(cli, {"obj": {"environment": environment}}, "vuhitra", "_VUHITRA_COMPLETE")
    asked.environment = environment
    out, _ = screens(environment, "never")
    try:
        if lines := asked.complete():
            out.write(lines + "\n")
    except Exception:  # noqa: BLE001, S110  a key was pressed, and whatever is wrong is not the time to tell it
        pass


def _model_names(context: click.Context, environment: Environment) -> list[str]:
    """The names that the server gives within the limit, or that it gave the last time."""
    from cli.config import EMBEDDED, load_settings
    from cli.services.known_names import KnownNames, completable
    from cli.services.memory import Memory
    from cli.services.servers import BUILT_IN_MODEL, configured_host

    flags = flags_of(context)
    settings = load_settings(environment.variables, environment.cwd, environment.config_file)
    settings = settings.with_flags(host=EMBEDDED if flags.embedded else flags.host)
    if settings.embedded:
        return [BUILT_IN_MODEL]
    known, url = KnownNames(environment.state_dir), configured_host(settings).url
    fresh = _asked_for(settings, Memory(environment.state_dir)) if _may_be_asked(settings) else None
    if fresh is None:
        return known.of(url)
    known.note(url, fresh)
    return completable(fresh)


def _may_be_asked(settings: Settings) -> bool:
    """Whether a key that is pressed may reach the server.

    Not one beyond this machine that a folder's file names, and not one whose key a program would have to print.
    """
    from cli.services.servers import configured_host

    if settings.profile is not None and settings.profile.key_command:
        return False
    return settings.origin != "dotenv" or configured_host(settings).is_loopback


def _asked_for(settings: Settings, memory: Memory) -> list[str] | None:
    """What the server names in time; None where it doesn't."""
    from cli.services.time_limit import within

    def ask() -> list[str]:
        from cli.services.servers import connected

        with connected(settings, memory, attempts=1) as server:
            return [str(each["name"]) for each in server.asked_once(_WITHIN).list_models()]

    try:
        return within(_WITHIN, ask)
    except Exception:  # noqa: BLE001  as above
        return None
