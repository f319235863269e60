"""What all commands have in common: their flags, where their help goes, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import click
from click.core import ParameterSource

from cli.ending import run_to_the_end
from cli.environment import Environment, is_utf8
from cli.failure import Failure
from cli.terminal.columns import fitted
from cli.terminal.screen import Screen, screens

if TYPE_CHECKING:
    from cli.config import Settings

_FLAGS = "cli.flags"
_ROOMY = 60
"""Columns from which on what something is for goes beside its name."""


class Flags(NamedTuple):
    """The flags that every command takes, before its name or after it.

    stream: whether what is printed comes in pieces; None: as is usual for it.
    """

    json: bool = False
    quiet: bool = False
    color: str = "auto"
    host: str | None = None
    embedded: bool = False
    debug: bool = False
    stream: bool | None = None

    @property
    def server(self) -> str | None:
        """The host setting that they name, if they do."""
        if not self.embedded:
            return self.host
        from cli.config import EMBEDDED

        return EMBEDDED


def flags_of(context: click.Context) -> Flags:
    """The common flags as they were given, wherever they stood."""
    return Flags(**context.meta.get(_FLAGS, {}))


def environment_of(context: click.Context) -> Environment:
    """The outside world of this command."""
    given = context.obj.get("environment") if isinstance(context.obj, dict) else None
    return given if isinstance(given, Environment) else Environment.of_this_process()


def screens_of(context: click.Context) -> tuple[Screen, Screen]:
    """The screens of stdout and of stderr: the same for all who write, so that one line makes way for another."""
    made: dict[str, tuple[Screen, Screen]] = context.obj.setdefault("screens", {})
    colour = flags_of(context).color
    if colour not in made:
        made[colour] = screens(environment_of(context), colour)
    return made[colour]


def typed_words(context: click.Context) -> list[str]:
    """The whole command line, as it was typed."""
    return list(context.obj.get("words", ()))


class NoModelName(click.BadParameter):
    """What can't be the name of a model. name: as it was given."""

    def __init__(self, name: str, context: click.Context, param: click.Parameter) -> None:
        super().__init__(f"not a model name: {name!r}", context, param)
        self.name = name


class Text(click.ParamType[str]):
    """Text in UTF-8, as every parameter takes it that says nothing else.

    names_file: whether a value is the name of a file, which may be anything.
    """

    name = "text"

    def __init__(self, names_file: Callable[[str], bool] = lambda _: False) -> None:
        self._names_file = names_file

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text. Raises Failure for what is none."""
        if not (is_utf8(value) or self._names_file(value)):
            from cli.services.reading import CONVERT

            hint = f"{CONVERT} FILE, where a script says it"
            raise Failure(f"{_name_of(param)} is not UTF-8 text", hint=hint)
        return value


FILE_NAME = Text(names_file=lambda _: True)


def _name_of(param: click.Parameter | None) -> str:
    """What a person calls a parameter: `-s`, or `PROMPT`."""
    if isinstance(param, click.Argument):
        return param.human_readable_name.strip("[].")
    return param.opts[0] if param else "a value"


class _Formatter(click.HelpFormatter):
    """Lays out help; where there is little room, what a flag is for goes below it."""

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl(rows, col_max if self.width >= _ROOMY else col_spacing, col_spacing)


class _Context(click.Context):
    formatter_class = _Formatter


class _Common(click.Command):
    """The common part of commands and groups."""

    context_class = _Context

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"options_metavar": "[FLAGS]", **kwargs})
        self.context_settings = {"help_option_names": ["-h", "--help"], **self.context_settings}
        own = {name for each in self.params for name in each.opts}
        self._common_flags = [each for each in _common_flags() if not own.intersection(each.opts)]
        self.params = [*self.params, *self._common_flags]
        for each in self.params:
            if each.type is click.STRING:
                each.type = Text()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; every error knows which command it is about, for its hint."""
        try:
            if any(len(word) > 3 and word[0] == "-" != word[1] for word in args):
                from cli.misuse import find_single_dashed

                find_single_dashed(self, ctx, args)
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def get_help(self, ctx: click.Context) -> str:
        """The help, no wider than the terminal, also where that is narrower than click reckons with."""
        return fitted(super().get_help(ctx), environment_of(ctx).width)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The flag --help, which writes to the environment's stdout."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's own flags, by their groups where they have any, and below them those that all commands have."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for each in self.get_params(ctx):
            if isinstance(each, click.Option) and (record := each.get_help_record(ctx)):
                is_own = each in self.params and each not in self._common_flags
                title = getattr(each, "group", "Flags") if is_own else "Common flags"
                groups.setdefault(title, []).append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> NoReturn:
        """Run, and end the process with the exit code."""
        given = list(sys.argv[1:] if args is None else args)
        sys.exit(int(run_to_the_end(self, given, prog_name or "vuhitra", extra.get("obj"))))


class Command(_Common):
    """A command of vuhitra."""

    takes_settings = True
    """Whether it needs any; one that doesn't works where they can't be read."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run; below the program itself with its settings, which nothing before this needs."""
        if ctx.parent is None:
            return super().invoke(ctx)
        _prepare(ctx, takes_settings=self.takes_settings)
        from cli.logger import ending_logged

        with ending_logged(ctx.command_path, environment_of(ctx).monotonic):
            return super().invoke(ctx)


class CommandWithoutSettings(Command):
    """A command that works where the settings can't be read."""

    takes_settings = False


class Group(_Common, click.Group):
    """A command that has commands below it."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Most used first, as they stand in the file."""
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, and below them the flags."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the words begin with. Raises Failure with near names where there is none."""
        name = args[0]
        if ctx.resilient_parsing or self.get_command(ctx, name):
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches

        # "hcat" is a misspelt "chat"; "what", which is as near to it, begins a question.
        near = get_close_matches(name, [each for each in self.list_commands(ctx) if each[0] in name[:2]], cutoff=0.7)
        raise Failure(f"no command {name!r} in {ctx.command_path}", near=near, hint=self.hint_for(ctx, args, near))

    def summaries(self, ctx: click.Context) -> dict[str, str]:
        """What each command is for, in a line."""
        found = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        return {name: (each.help or "").partition("\n")[0] for name, each in found.items() if each}

    def overview(self, ctx: click.Context) -> str:
        """What it says where no command is named."""
        return self.get_help(ctx)

    def tell(self, ctx: click.Context) -> None:
        """Print what there is, where no command is named."""
        (out, _), flags = screens_of(ctx), flags_of(ctx)
        if not flags.json:
            out.line(self.overview(ctx))
            return
        from cli.terminal import documents

        commands = [{"name": name, "summary": summary} for name, summary in self.summaries(ctx).items()]
        documents.whole(out, {"command": ctx.command_path, "commands": commands}, stream=flags.stream)

    def hint_for(self, ctx: click.Context, words: Sequence[str], near: Sequence[str]) -> str:
        """What to try where the first word is no command."""
        if not near:
            return f"{ctx.command_path} --help"
        from shlex import join

        return join([*ctx.command_path.split(), near[0], *words[1:]])


def check_model_names(context: click.Context, param: click.Parameter, value: Any) -> Any:
    """A callback for parameters that name models: what can't be a name is wrong usage, and twice the same is once."""
    from vuhitra.names import checked

    names = value if isinstance(value, tuple) else () if value is None else (value,)
    for name in names:
        check_not_empty(context, param, name)
        try:
            checked(name)
        except ValueError as error:
            raise NoModelName(name, context, param) from error
    return tuple(dict.fromkeys(value)) if isinstance(value, tuple) else value


def _common_flags() -> list[click.Option]:
    def flag(*names: str, **attributes: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=keep, **attributes)

    return [
        flag("--json", is_flag=True, help="Print JSON, for programs."),
        flag("-q", "--quiet", is_flag=True, help="No notes, progress or confirmations: answers, warnings, errors."),
        flag("--color", type=click.Choice(["auto", "always", "never"]), help="When to use colours."),
        flag("--host", metavar="URL|PROFILE", help="The server to ask, instead of the one that is set."),
        flag("--embedded", is_flag=True, help="Ask the built-in model, not a server."),
        flag("--debug", is_flag=True, help="Show a traceback where something fails."),
        flag("--stream/--no-stream", default=None, hidden=True),
    ]


def keep(context: click.Context, param: click.Parameter, value: object) -> None:
    """A callback that keeps a common flag for the whole command line, where it was given."""
    check_not_empty(context, param, value)
    if param.name and context.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
        context.meta.setdefault(_FLAGS, {})[param.name] = value


def check_not_empty(context: click.Context, param: click.Parameter, value: Any) -> Any:
    """A callback for parameters that have to say something."""
    if isinstance(value, str) and not value.strip():
        raise click.BadParameter("it is empty", context, param)
    return value


def _prepare(context: click.Context, *, takes_settings: bool) -> None:
    """Signals, logging and, where they are wanted, settings for a command that is about to run."""
    from cli.config import Settings
    from cli.logger import get_logger

    environment_of(context).hear_signals()
    _log_as_set(context, Settings())
    context.obj.setdefault("logger", get_logger("cli"))
    if takes_settings:
        read_settings(context)


def read_settings(context: click.Context) -> None:
    """Read the settings, for a command and for its log. Raises Failure where they can't be read."""
    from cli.config import load_settings
    from cli.logger import get_logger

    environment = environment_of(context)
    settings = load_settings(environment.variables, environment.cwd, environment.config_file)
    context.obj.setdefault("config", settings)
    _log_as_set(context, settings)
    log = get_logger("cli")
    if log.isEnabledFor(10):  # DEBUG
        log.debug("%s begins", context.command_path, extra=_origins(settings, flags_of(context)))


def _log_as_set(context: click.Context, settings: Settings) -> None:
    flags = flags_of(context)
    _, err = screens_of(context)
    chosen = {"log_level", "log_format"} & settings.given.keys()
    _log(err, flags, settings, everything=bool(chosen) or (flags.debug and not flags.json))


def _log(err: Screen, flags: Flags, settings: Settings, *, everything: bool) -> None:
    """Log on stderr, as the settings say. everything: also what the commands narrate themselves."""
    from cli.logger import configure_logging
    from cli.terminal.escape_filter import harmless_line

    form = "json" if flags.json else settings.log_format

    def tell(line: str) -> None:
        if form == "json":
            err.line(line)
        else:
            err.sentence(harmless_line(line))

    configure_logging(tell, level=settings.log_level, form=form, everything=everything)


def _origins(settings: Settings, flags: Flags) -> dict[str, str | None]:
    """Which server and which model are set, and by what, for the log. A URL's credential stays out of it."""
    from cli.credentials import without_user_info

    settings = settings.with_flags(host=flags.server)
    return {
        "server": without_user_info(settings.ollama_ip),
        "server_from": settings.source("ollama_ip"),
        "default_model": settings.model,
        "model_from": settings.source("model") if settings.model else None,
    }


def _show_help(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        out, _err = screens_of(context)
        out.line(context.get_help())
        context.exit()
