"""`vuhitra completion`: what makes a shell complete commands, and what it is answered when it asks.

Whatever goes wrong while a line is completed is not told: nobody asked a question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, FishComplete, ShellComplete, ZshComplete, split_arg_string

from cli.commands.command import CommandWithoutSettings, check_model_names, flags_of
from cli.environment import Environment
from cli.terminal.screen import screens

if TYPE_CHECKING:
    from cli.config import Settings

_BASH = """\
_vuhitra_completion() {
    local IFS=$'\\n' kind value
    COMPREPLY=()
    while IFS=$'\\t' read -r kind value; do
        case $kind in
            plain) COMPREPLY+=("$value") ;;
            open) compopt -o nospace; COMPREPLY+=("$value") ;;
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
        esac
    done < <(COMP_WORDS="${COMP_LINE:0:$COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" \\
        _VUHITRA_COMPLETE=bash "$1" 2>/dev/null)
}
complete -o nosort -F _vuhitra_completion vuhitra
"""

_ZSH = """\
#compdef vuhitra

_vuhitra_completion() {
    local kind value about
    local -a answered plain open told
    answered=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \\
        _VUHITRA_COMPLETE=zsh vuhitra 2>/dev/null)}")
    for kind value about in $answered; do
        case $kind in
            plain) if [[ $about == _ ]]; then plain+=("$value"); else told+=("$value:$about"); fi ;;
            open) open+=("$value") ;;
            dir) _path_files -/ ;;
            file) _path_files -f ;;
        esac
    done
    (( $#told )) && _describe -V unsorted told -U
    (( $#plain )) && compadd -U -V unsorted -a plain
    (( $#open )) && compadd -U -S "" -V unsorted -a open
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _vuhitra_completion "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _vuhitra_completion vuhitra
fi
"""

_FISH = """\
function _vuhitra_completion
    for line in (env COMP_WORDS=(commandline -cp) COMP_CWORD=(commandline -t) \\
            _VUHITRA_COMPLETE=fish vuhitra 2>/dev/null)
        set -l found (string split --max 1 "," $line)
        switch $found[1]
            case plain open
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
        if getattr(wanted, "is_bare", False) and "=" not in incomplete:
            return []
        items = self._items(wanted, context, begun) if isinstance(wanted, click.Parameter) else None
        if items is None:
            return [_in_own_words(item, context) for item in wanted.shell_complete(context, begun)]
        return [item for item in items if item.value.startswith(begun)]

    def _items(self, wanted: click.Parameter, context: click.Context, begun: str) -> list[CompletionItem[str]] | None:
        """What a parameter takes, by what it says of that; None where it says nothing that is known here."""
        from cli.services.completing import model_names, profile_names, setting_keys

        environment = self.environment
        match _taken_by(wanted, context).split("|"):
            case ["MODEL"]:
                return _items_of(model_names(_settings(context, environment), environment.state_dir))
            case ["FILE", *_]:
                return [CompletionItem(begun, type="file")]
            case [*_, "PROFILE"]:
                return _items_of(profile_names(environment.config_file))
            case ["KEY"]:
                whole = bool(context.params.get("unset"))
                return _items_of(setting_keys(environment.config_file, begun, whole_profiles=whole))
            case ["KEY=VALUE"]:
                from cli.services.request_options import KNOWN

                return [CompletionItem(f"{name}=", type="open") for name in KNOWN if "=" not in begun]
            case _:
                return None

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


class _ByWholeWords(_Asked):
    """These shells are given whole words: a value behind an equals sign has its flag before it."""

    def format_completion(self, item: CompletionItem[str]) -> str:
        flag, equals, _ = self.get_completion_args()[1].partition("=")
        if equals and flag.startswith("-") and item.type != "file":
            item.value = f"{flag}={item.value}"
        return super().format_completion(item)


class _Zsh(_ByWholeWords, ZshComplete):
    source_template = _ZSH

    def get_completion_args(self) -> tuple[list[str], str]:
        words, index = split_arg_string(self.variable("COMP_WORDS")), int(self.variable("COMP_CWORD"))
        return words[1:index], words[index] if index < len(words) else ""


class _Fish(_ByWholeWords, FishComplete):
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

    Flags, choices, settings and the names of models and profiles are completed, too. For bash, put the example's line
    into ~/.bashrc; for zsh the same with zsh into ~/.zshrc; for fish: vuhitra completion fish | source

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


def _taken_by(parameter: click.Parameter, context: click.Context) -> str:
    """What a parameter takes, as its help calls it; MODEL for the name of one."""
    from cli.config_rules import FILES

    key = str(context.params.get("key", "")).rpartition(".")[2]
    is_value = parameter.metavar == "[VALUE]"
    if parameter.callback is check_model_names or (is_value and key in ("model", "embed_model")):
        return "MODEL"
    if is_value and key == "profile":
        return "PROFILE"
    return "FILE" if is_value and key in FILES else (parameter.metavar or "").strip("[]")


def _settings(context: click.Context, environment: Environment) -> Settings:
    from cli.config import load_settings

    settings = load_settings(environment.variables, environment.cwd, environment.config_file)
    return settings.with_flags(host=flags_of(context).server)


def _in_own_words(item: CompletionItem[str], context: click.Context) -> CompletionItem[str]:
    """What is offered; a flag that switches something off with what that is for, where it has words of its own."""
    for param in context.command.params:
        if item.value in param.secondary_opts and (words := getattr(param, "off", None)):
            item.help = words
    return item


def _items_of(names: Iterable[str]) -> list[CompletionItem[str]]:
    return [CompletionItem(name) for name in names]
