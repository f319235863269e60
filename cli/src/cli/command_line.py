"""The words of a command line: which of them are flags, and which are the values of flags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import click


class Word(NamedTuple):
    """A word, and where it stands. flags: those that it is; an unknown one is none.

    kind: "plain" for the name of a command, and for an argument; "end" for the `--` behind which all are plain.
    """

    text: str
    at: int
    kind: Literal["flag", "value", "plain", "end"]
    flags: tuple[click.Option, ...] = ()


def read_words(command: click.Command, args: Sequence[str]) -> Iterator[Word]:
    """The words as one command reads them; what it doesn't know takes no value."""
    options = (each for each in command.get_params(click.Context(command)) if isinstance(each, click.Option))
    by_name = {name: each for each in options for name in (*each.opts, *each.secondary_opts)}
    takes_next = has_ended = False
    for at, text in enumerate(args):
        if takes_next:
            takes_next = False
            yield Word(text, at, "value")
        elif has_ended or text == "-" or not text.startswith("-"):
            yield Word(text, at, "plain")
        elif text == "--":
            has_ended = True
            yield Word(text, at, "end")
        else:
            flags, takes_next = _flags_of(text, by_name)
            yield Word(text, at, "flag", flags)


def flags_in(command: click.Command, args: Sequence[str]) -> set[str]:
    """The names of the flags in a command line, as `json`: also where it is one that can't be parsed."""
    given: set[str] = set()
    for word in read_words(command, args):
        given.update(flag.name or "" for flag in word.flags)
        if word.kind == "plain" and isinstance(command, click.Group):
            below = command.get_command(click.Context(command), word.text)
            if below is not None:
                return given | flags_in(below, args[word.at + 1 :])
    return given


def first_plain(command: click.Command, args: Sequence[str]) -> int | None:
    """Where the first argument stands, or for a group the name of a command; None where there is none."""
    return next((word.at for word in read_words(command, args) if word.kind == "plain"), None)


def _flags_of(text: str, options: Mapping[str, click.Option]) -> tuple[tuple[click.Option, ...], bool]:
    """The flags that a word is, and whether the next word is a value."""
    name, equals, _ = text.partition("=")
    names = [name] if text.startswith("--") else [f"-{letter}" for letter in text[1:]]
    found: list[click.Option] = []
    for number, each in enumerate(names, 1):
        option = options.get(each)
        if option is None:
            break
        found.append(option)
        if _takes_value(option):
            return tuple(found), not equals and number == len(names)
    return tuple(found), False


def _takes_value(option: click.Option) -> bool:
    return not (option.is_flag or option.count or getattr(option, "is_bare", False))
