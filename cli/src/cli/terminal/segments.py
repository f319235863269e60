"""Texts and what they look like: cut to a width, or broken into lines between words. This file writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cli.terminal.columns import columns, cut, wrapped

Segment = tuple[str, str]
"""A text and what it looks like, as parameters of SGR."""

_UNBROKEN = "\0"
"""Stands for a blank at which no line is broken, while it is found out where lines are."""


class Command(NamedTuple):
    """A segment that somebody will paste: no line is broken in it. One that is too wide is the terminal's to wrap."""

    text: str
    look: str


def cut_segments(segments: Sequence[Segment], width: int) -> Iterator[Segment]:
    """As much of a line as fits into so many columns."""
    for text, look in segments:
        fits = cut(text, width)
        yield fits, look
        if fits != text:
            break
        width -= columns(fits)


def wrapped_segments(segments: Sequence[Segment], width: int, indent: str) -> Iterator[list[Segment]]:
    """A line in lines of so many columns, broken between words; a word or a command that is longer sticks out.

    indent: what all lines but the first begin with.
    """
    whole = "".join(each[0].replace(" ", _UNBROKEN) if isinstance(each, Command) else each[0] for each in segments)
    first, *others = wrapped(whole, width, indent)
    yield list(_part(segments, 0, len(first)))
    at = len(first)
    for line in others:
        words = line.removeprefix(indent)
        at = whole.index(words, at)
        yield [(indent, ""), *_part(segments, at, at + len(words))]
        at += len(words)


def _part(segments: Sequence[Segment], begin: int, end: int) -> Iterator[Segment]:
    """The segments between two places of their text."""
    at = 0
    for text, look in segments:
        if inner := text[max(begin - at, 0) : max(end - at, 0)]:
            yield inner, look
        at += len(text)
