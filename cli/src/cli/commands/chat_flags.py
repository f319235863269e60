"""The flags of `vuhitra chat`, in groups as the help shows them, and what each of them is checked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

import click

from cli.commands.command import FILE_NAME, Command, Text, check_model_names, check_not_empty, keep
from cli.commands.value_types import SYSTEM, Count, KeepAlive, Seconds

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from cli.services.question import OnOverflow

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

LEVELS = ("low", "medium", "high", "max")
_THINKING = ("--think", "--no-think")


class Given(TypedDict):
    """What the flags were given, by their names."""

    model: str | None
    pull: bool
    system: str | None
    file: tuple[str, ...]
    attach: tuple[str, ...]
    no_stdin: bool
    raw: bool
    on_overflow: OnOverflow
    show_prompt: bool
    option: tuple[str, ...]
    temperature: str | None
    seed: str | None
    num_ctx: str | None
    num_predict: str | None
    think: bool | str | None
    format: str | None
    schema: str | None
    show_thinking: bool | None
    extract: Literal["first", "last"] | None
    stats: bool
    output: str | None
    plain: bool
    keep_alive: float | str | None
    retries: int | None
    timeout: float | None
    wait: float | None


class Flag(click.Option):
    """A flag in a group of the help.

    also: other spellings of it, which work and which the help doesn't show.
    off: what the one that switches it off is for, where a shell lists that by itself.
    """

    def __init__(
        self, names: Sequence[str], *, group: str, also: Sequence[str] = (), off: str | None = None, **attributes: Any
    ) -> None:
        super().__init__([*names, *also], **attributes)
        self.group = group
        self.off = off
        self._also = also

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Its names, but for the other spellings, and what it is for."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        names, words = record
        for each in self._also:
            names = names.replace(f", {each.strip(' /')}", "")
        return names, words


class ThinkFlag(Flag):
    """`--think`, `--no-think`, `--think=LEVEL`: what stands behind a blank is never the level."""

    is_bare = True

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """As it is written."""
        return "--think[=LEVEL] / --no-think", self.help or ""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """The levels."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(level) for level in LEVELS if level.startswith(incomplete)]


class AskingCommand(Command):
    """A command that asks a model."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with a value behind each `--think` that has none."""
        return super().parse_args(ctx, _with_values(ctx, args))


def _with_values(context: click.Context, args: Sequence[str]) -> list[str]:
    if not any(word.partition("=")[0] in _THINKING for word in args):
        return list(args)
    from cli.command_line import read_words

    made = list(args)
    for word in read_words(context.command, args):
        if word.kind != "flag":
            continue
        if word.text.startswith("--no-think="):
            raise click.BadOptionUsage("--no-think", "Option '--no-think' does not take a value.", context)
        if word.text in _THINKING:
            made[word.at] += "=yes" if word.text == "--think" else "=no"
    return made


def level_behind_a_blank(command: click.Command, args: Sequence[str]) -> str | None:
    """A level that stands behind a bare `--think`, which it doesn't belong to. args: the whole command line."""
    from itertools import pairwise

    from cli.command_line import read_words

    for word, behind in pairwise(read_words(command, args)):
        if word.kind == "flag" and word.text == "--think" and behind.kind == "plain" and behind.text in LEVELS:
            return behind.text
    return None


def _think(context: click.Context, param: click.Parameter, value: str | None) -> bool | str | None:
    if value is None or value in LEVELS:
        return value
    if value.lower() in ("yes", "true", "no", "false"):
        return value.lower() in ("yes", "true")
    raise click.BadParameter(f"{value!r} is none of {', '.join(LEVELS)}", context, param)


def _names_schema_file(given: str) -> bool:
    from cli.services.schemas import names_file

    return names_file(given)


def _flag(group: str, *names: str, cls: type[Flag] = Flag, **attributes: Any) -> Callable[[Decorated], Decorated]:
    return click.option(*names, cls=cls, group=group, **attributes)


_ASKED, _ANSWERED, _PRINTED, _SERVER = "What is asked", "How it is answered", "What is printed", "The server"

FLAGS = (
    _flag(
        _ASKED,
        "-m",
        "--model",
        metavar="NAME",
        callback=check_model_names,
        help="The model to ask, instead of MODEL's.",
    ),
    _flag(
        _ASKED,
        "-f",
        "--file",
        metavar="FILE|URL|-",
        type=FILE_NAME,
        multiple=True,
        help="Put a text before PROMPT. Repeats.",
    ),
    _flag(
        _ASKED,
        "-a",
        "--attach",
        also=("--image",),
        metavar="FILE|URL|-",
        type=FILE_NAME,
        multiple=True,
        help="Show an image. Repeats.",
    ),
    _flag(
        _ASKED,
        "-s",
        "--system",
        metavar="TEXT|@FILE",
        type=SYSTEM,
        help="What the model is told to be; @@ begins with an @.",
    ),
    _flag(_ASKED, "--no-stdin", is_flag=True, help="Don't read stdin."),
    _flag(
        _ASKED,
        "--on-overflow",
        type=click.Choice(["error", "warn", "trim"]),
        default="error",
        help="Where all that is too long for the model: fail (error, as usual), let the server cut it, with a warning "
        "(warn), or cut the material's end (trim).",
    ),
    _flag(_ASKED, "--raw", is_flag=True, help="Send PROMPT as it is, without the model's template."),
    _flag(
        _ASKED,
        "-n",
        "--no-log",
        is_flag=True,
        expose_value=False,
        help="Keep no record of it here; none is kept anyway.",
    ),
    _flag(_ASKED, "--show-prompt", is_flag=True, help="Print what would be sent, and send nothing."),
    _flag(_ANSWERED, "-o", "--option", metavar="KEY=VALUE", multiple=True, help="Set an option. Repeats."),
    _flag(_ANSWERED, "--temperature", metavar="NUMBER", help="0 for the likeliest word each time; higher is freer."),
    _flag(_ANSWERED, "--seed", metavar="NUMBER", help="A number; the same one gives the same answer again."),
    _flag(_ANSWERED, "--num-ctx", metavar="TOKENS", help="The window; another one than before loads the model again."),
    _flag(_ANSWERED, "--num-predict", metavar="TOKENS", help="The longest answer."),
    _flag(_ANSWERED, *_THINKING, "think", cls=ThinkFlag, callback=_think, help="Think first: low, medium, high, max."),
    _flag(_ANSWERED, "--format", type=click.Choice(["json"]), help="Answer in JSON of any shape."),
    _flag(
        _ANSWERED,
        "--schema",
        metavar="SCHEMA",
        type=Text(names_file=_names_schema_file),
        help="Answer in JSON of this shape: 'name, age int', @FILE, JSON.",
    ),
    _flag(
        _PRINTED,
        "--stream/--no-stream",
        default=None,
        expose_value=False,
        callback=keep,
        help="Print the answer as it is made, as usual without --json, or once it is whole.",
    ),
    _flag(
        _PRINTED,
        "--show-thinking/--hide-thinking",
        also=(" /--hidethinking",),
        default=None,
        help="Show what the model thinks, on stderr.",
        off="Hide what the model thinks.",
    ),
    _flag(_PRINTED, "-x", "--extract", flag_value="first", help="Print the first code block only."),
    _flag(_PRINTED, "--xl", "--extract-last", "extract", flag_value="last", help="Print the last code block only."),
    _flag(
        _PRINTED,
        "-u",
        "--stats",
        "stats",
        also=("--usage", "--verbose"),
        is_flag=True,
        help="Tokens and times, on stderr.",
    ),
    _flag(
        _PRINTED,
        "--output",
        metavar="FILE|-",
        type=FILE_NAME,
        callback=check_not_empty,
        help="Write the answer into a file; - is stdout.",
    ),
    _flag(_PRINTED, "--plain", also=("--nowordwrap",), is_flag=True, help="Print the text as it came: no Markdown."),
    _flag(_SERVER, "--pull/--no-pull", default=True, help="Fetch a model that isn't there, as usual, or fail."),
    _flag(
        _SERVER,
        "--keep-alive",
        also=("--keepalive",),
        metavar="TIME",
        type=KeepAlive(),
        help="How long it stays loaded afterwards: 10m, or seconds.",
    ),
    _flag(
        _SERVER,
        "--timeout",
        metavar="SECONDS",
        type=Seconds(),
        help="How long the answer may take to begin, each piece of it to follow, and a page of -f or -a to be fetched.",
    ),
    _flag(_SERVER, "--retries", metavar="N", type=Count(0), help="How often to try again (2)."),
    _flag(_SERVER, "--wait", metavar="SECONDS", type=Seconds(), help="Wait for a server that is coming up."),
)
"""Every flag, as a decorator; in the order of the help."""


def chat_flags(function: Decorated) -> Decorated:
    """Give a command all the flags."""
    for decorate in reversed(FLAGS):
        function = decorate(function)
    return function
