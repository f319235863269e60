"""What to say of a command line that can't be read: what is wrong with it, what is near, and the line put right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches
from shlex import join

import click

from cli.command_line import Word, first_plain, read_words
from cli.exit_status import Verdict
from cli.services.prompts import as_value
from cli.terminal.errors import Report

_LONGEST = 200
"""Characters of the longest command line that is worth repeating."""
_MOST_NEAR = 3
"""Near names that are told."""
_NEAR, _SURE = 0.75, 0.8
"""How alike two flags are, where one is worth naming, and where it is likely enough meant to be put into the line."""


def report_misuse(error: click.ClickException, args: Sequence[str]) -> Report:
    """What there is to say about wrong usage. args: the whole command line."""
    context = getattr(error, "ctx", None)
    where = context.command_path if context else "vuhitra"
    what, why, hint = error.message.strip().rstrip("."), None, None
    if isinstance(error, click.NoSuchOption) and context:
        what, why, hint = _no_such_flag(error, context, args)
    elif isinstance(error, click.BadParameter):
        what = error.format_message().rstrip(".")
        why, hint = _no_such_choice(error, args)
    what = what[:1].lower() + what[1:]
    return Report(what, why, hint or f"{where} --help", Verdict.USAGE)


def find_single_dashed(command: click.Command, context: click.Context, args: Sequence[str]) -> None:
    """Raise NoSuchOption for a long flag with one dash, as in `-model`: it would be read as `-m odel`."""
    flags = list(_flags(command, context))
    for word in read_words(command, args):
        if word.kind == "plain" and isinstance(command, click.Group):
            return
        if word.kind == "flag" and re.fullmatch("-[a-z][a-z-]{2,}(=.*)?", word.text):
            name = word.text.partition("=")[0]
            # `-ffile` is `-f file`: what was meant begins like the long flag.
            alike = [each for each in _long(flags) if each[2:4] == name[1:3]]
            if get_close_matches(f"-{name}", alike, cutoff=_SURE):
                raise click.NoSuchOption(name, ctx=context)


def repeated(args: Sequence[str]) -> str | None:
    """A command line to be pasted; None where it is too long, or may hold a credential."""
    line = join(["vuhitra", *args])
    return None if len(line) > _LONGEST or "@" in line or "\n" in line else line


def with_files(command: click.Command, args: Sequence[str], prompt: Sequence[str], paths: Sequence[str]) -> str | None:
    """The command line with `-f` before each word of its prompt that is a file; the others go last."""
    words = list(read_words(command, args))
    of_prompt = [word.at for word in words if word.kind == "plain"][-len(prompt) :]
    line: list[str] = []
    for word in words:
        if word.at not in of_prompt:
            line += [] if word.kind == "end" else [word.text]
        elif word.text in paths:
            line += ["-f", as_value(word.text)]
    others = [each for each in prompt if each not in paths]
    end = ["--"] if any(each.startswith("-") for each in others) else []
    return repeated([*line, *end, *others])


def for_built_in(command: click.Command, args: Sequence[str], model: str | None) -> str | None:
    """The command line that asks the engine inside this program. model: the one to name there, if one has to be.

    None also where another is named among other short flags in one word.
    """
    words = list(read_words(command, args))
    if model and any(len(word.flags) > 1 and _names_the_model(word) for word in words):
        return None
    name, first, *_ = [*(word.at for word in words if word.kind == "plain"), len(args), len(args)]
    is_argument = any(isinstance(each, click.Argument) and each.name == "model" for each in command.params)
    line, is_of_flag = [], False
    for word in words:
        is_of_flag = (is_of_flag and word.kind == "value") or _names_the_model(word)
        if model and is_argument and word.at == first:
            line.append(model)
        elif not (model and is_of_flag):
            line.append(word.text)
        if word.at == name:
            line += ["--embedded", *(["-m", model] if model and not is_argument else [])]
    return repeated(line)


def _names_the_model(word: Word) -> bool:
    return any(flag.name == "model" for flag in word.flags)


def _no_such_flag(
    error: click.NoSuchOption, context: click.Context, args: Sequence[str]
) -> tuple[str, str | None, str | None]:
    name = error.option_name
    what = f"no such flag {name!r}"
    written = next((each for each in args if _is_written(name, each)), name)
    if not name.startswith("--") and len(written) > 2 and written.partition("=")[0] != name:
        what += f" in {written!r}"
    owners = _owners(name, context.find_root())
    if moved := _moved(name, owners, args):
        return what, f"{name} is a flag of {moved.command_path}", _behind(moved, args)
    near, is_sure = _near_flags(context, written)
    if not near and owners:
        why = f"{name} is a flag of {', '.join(each.command_path for each in owners[:3])}"
        return what, why, None if context.parent else _begun_with(owners[0], args)
    if near:
        head = written.partition("=")[0] if near[0].startswith("--") else name
        right = [re.sub(f"^{re.escape(head)}(?==|$)", near[0], each) if each == written else each for each in args]
        return what, f"near names: {', '.join(near)}", repeated(right) if is_sure and right != list(args) else None
    return what, None, None


def _is_written(name: str, word: str) -> bool:
    """Whether a word of the command line is where a flag was given, perhaps one short flag among others."""
    if name.startswith("--") or len(name) > 2:
        return word.partition("=")[0] == name
    return word[:1] == "-" and word[1:2] != "-" and name[1] in word


def _near_flags(context: click.Context, written: str) -> tuple[Sequence[str], bool]:
    """The flags that may have been meant, the likeliest first, and whether that one is likely enough."""
    name = written.partition("=")[0]
    flags = list(_flags(context.command, context))
    if any(name.swapcase() in option.opts for option in flags):
        return [name.swapcase()], True
    name = name if name.startswith("--") else f"-{name}"
    begun = _begun_with_it(flags, name)
    # "--hots" is a misspelt "--host"; "--save", which is as near to "--usage", is another word.
    alike = get_close_matches(name, [each for each in _long(flags) if each[2] in name[2:4]], cutoff=_NEAR)
    near = list(dict.fromkeys([*begun, *alike]))[:_MOST_NEAR]
    if begun:
        return near, len(begun) == 1
    return near, bool(near) and SequenceMatcher(None, near[0], name).ratio() >= _SURE


def _begun_with_it(flags: Sequence[click.Option], beginning: str) -> list[str]:
    """The flags that begin so, each by one of its names."""
    found = (next((name for name in _long([each]) if name.startswith(beginning)), None) for each in flags)
    return [each for each in found if each]


def _moved(name: str, owners: Sequence[click.Context], args: Sequence[str]) -> click.Context | None:
    """The command that is named behind a flag of its own."""
    index = next((index for index, each in enumerate(args) if _is_written(name, each)), len(args))
    later = args[index:]
    return next((each for each in owners if all(word in later for word in each.command_path.split()[1:])), None)


def _behind(owner: click.Context, args: Sequence[str]) -> str | None:
    """The command line with the command's name at its front."""
    words = owner.command_path.split()[1:]
    others = list(args)
    for word in words:
        others.remove(word)
    return repeated([*words, *others])


def _begun_with(owner: click.Context, args: Sequence[str]) -> str | None:
    """The command line with `chat` at its front, where that has the flag and no command is named."""
    root = owner.find_root()
    first = first_plain(owner.command, args)
    if owner.info_name != "chat" or not isinstance(root.command, click.Group):
        return None
    is_named = first is not None and root.command.get_command(root, args[first])
    return None if is_named else repeated(["chat", *args])


def _owners(name: str, context: click.Context) -> list[click.Context]:
    """The commands that have such a flag."""
    return [each for each in _all(context) if any(name in option.opts for option in _flags(each.command, each))]


def _all(context: click.Context) -> Iterator[click.Context]:
    command = context.command
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        if found := command.get_command(context, name):
            below = click.Context(found, context, info_name=name)
            yield below
            yield from _all(below)


def _flags(command: click.Command, context: click.Context) -> Iterator[click.Option]:
    return (each for each in command.get_params(context) if isinstance(each, click.Option) and not each.hidden)


def _long(flags: Sequence[click.Option]) -> list[str]:
    return [name for option in flags for name in (*option.opts, *option.secondary_opts) if name.startswith("--")]


def _no_such_choice(error: click.BadParameter, args: Sequence[str]) -> tuple[str | None, str | None]:
    """Near names of a word that is none of those a flag takes, and the command line with the nearest."""
    kind = error.param.type if error.param else None
    if not isinstance(kind, click.Choice):
        return None, None
    for index, word in enumerate(args):
        flag, _, value = word.rpartition("=")
        if not error.message.startswith(f"{value!r} "):
            continue
        choices = [str(each) for each in kind.choices]
        near = get_close_matches(value.lower(), choices, cutoff=0.5)
        if near:
            right = f"{flag}={near[0]}" if flag else near[0]
            return f"near names: {', '.join(near)}", repeated([*args[:index], right, *args[index + 1 :]])
    return None, None
