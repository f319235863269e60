"""The words of a command line: which of them are flags, and which are the values of flags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import click


class Word(NamedTuple):
    """A word, and where it stands. flags: those that it is. is_value: it belongs to the flag before it."""

    text: str
    at: int
    flags: tuple[click.Option, ...] = ()
    is_value: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it is neither: the name of a command, or an argument."""
        return not self.is_value and (self.text == "-" or not self.text.startswith("-"))


def read_words(command: click.Command, args: Sequence[str]) -> Iterator[Word]:
    """The words up to a `--`, as one command reads them; unknown flags take no values."""
    options = (each for each in command.get_params(click.Context(command)) if isinstance(each, click.Option))
    by_name = {name: each for each in options for name in (*each.opts, *each.secondary_opts)}
    is_value = False
    for at, text in enumerate(args):
        if is_value:
            yield Word(text, at, is_value=True)
            is_value = False
        elif text == "--":
            return
        else:
            flags, is_value = _read(text, by_name)
            yield Word(text, at, flags)


def flags_in(command: click.Command, args: Sequence[str]) -> set[str]:
    """The names of the flags in a command line, as `json`: also where it is one that can't be parsed."""
    given: set[str] = set()
    for word in read_words(command, args):
        given.update(flag.name or "" for flag in word.flags)
        if word.is_plain and isinstance(command, click.Group):
            below = command.get_command(click.Context(command), word.text)
            if below is not None:
                return given | flags_in(below, args[word.at + 1 :])
    return given


def _read(text: str, options: Mapping[str, click.Option]) -> tuple[tuple[click.Option, ...], bool]:
    """The flags that a word is, and whether the next word is a value."""
    name, equals, _ = text.partition("=")
    names = [name] if text.startswith("--") else [f"-{letter}" for letter in text[1:]] if text[:1] == "-" else []
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
