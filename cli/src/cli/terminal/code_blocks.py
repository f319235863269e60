"""Code blocks in Markdown: where one begins and ends, and what is in it. This file writes nothing.

A block ends at the first line with as many of its fence's characters, so it may hold shorter fences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

_OPENING = re.compile(r"([ \t]*)(`{3,}(?=[^`]*$)|~{3,})")
_CLOSING = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t\r]*$")
_DEEPER = 3
"""Columns that a fence at the end may be further in than that at the beginning; beyond them it is code."""


class Fence(NamedTuple):
    """The line that a block begins with. indent: the blanks before it. mark: its characters."""

    indent: str
    mark: str

    def ends_at(self, line: str) -> bool:
        """Whether this line of the block is its end."""
        found = _CLOSING.match(line)
        return bool(
            found
            and found[2].startswith(self.mark)
            and len(found[1].expandtabs(4)) <= len(self.indent.expandtabs(4)) + _DEEPER
        )


def fence_in(line: str) -> Fence | None:
    """The fence, where a block begins with this line."""
    found = _OPENING.match(line)
    return Fence(*found.groups()) if found else None


class Block(NamedTuple):
    """What is in a block; one that isn't closed goes on to the end."""

    text: str
    is_closed: bool


def extracted(text: str, which: Literal["first", "last"]) -> Block | None:
    """The first or the last block of a text; None where there is none."""
    found = None
    for block in _blocks(text):
        found = block
        if which == "first":
            break
    return found


def _blocks(text: str) -> Iterator[Block]:
    fence, inside = None, list[str]()
    for line in text.split("\n"):
        if fence is None:
            fence = fence_in(line)
        elif fence.ends_at(line):
            yield Block("\n".join(inside), is_closed=True)
            fence, inside = None, []
        else:
            inside.append(_moved_out(line, fence.indent))
    if fence is not None:
        yield Block("\n".join(inside), is_closed=False)


def _moved_out(line: str, indent: str) -> str:
    """A line without the blanks that the fence stands behind, too."""
    blanks = len(line) - len(line.lstrip(" \t"))
    return line[min(blanks, len(indent)) :]
