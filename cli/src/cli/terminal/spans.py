"""What is marked within a line of Markdown: bold, italics, code, links. This file writes nothing.

A mark counts only where its counterpart follows on the same line, and where words around it don't touch
it: `2 * 3 * 4`, `snake_case_names`, `*args` and an unclosed `**` stay as they are.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cli.terminal.screen import BOLD, DIM

CODE = "36"
"""Cyan."""

_LONGEST = 100
"""Characters between a mark and its counterpart; what is farther apart doesn't belong together.

Nothing is seen of them before that is clear, so this is how long a person waits for a mark that means nothing.
"""
_LONGEST_LINK = 300
"""Characters of a whole link; its words are no longer than what is between other marks."""

_MARK = re.compile(r"\\|`+|\*+|_+|\[")
_ESCAPED = frozenset("*_`#")
_BEFORE_MARKS = re.compile(r"[\s(\[{\"'<>|:;,.!?/*_`-]|[^\x00-\x7f]")
_WORDS = rf"[^\[\]]{{1,{_LONGEST}}}"
_ADDRESS = r"(?:[^()\s]|\([^()\s]*\))"
_LINK = re.compile(rf"\[({_WORDS})\]\(({_ADDRESS}+(?: +(?:\"[^\"]*\"|'[^']*'))?)\)")
_LINK_BEGUN = re.compile(
    rf"\[(?:{_WORDS}(?:\](?:\((?:{_ADDRESS}*(?:\([^()\s]*)?|{_ADDRESS}+ +(?:\"[^\"]*\"?|'[^']*'?)?))?)?)?$"
)

_COUNTERPARTS = {
    mark * count: re.compile(rf"(?<![\s{mark}]){re.escape(mark * count)}(?![{word}{mark}])")
    for mark, word in (("*", "A-Za-z0-9"), ("_", r"\w"))
    for count in (1, 2, 3)
}


class Span(NamedTuple):
    """A part of a line, and what it looks like. was_held: whether it was held back until all of it was there."""

    text: str
    look: str
    was_held: bool = False


class Told(NamedTuple):
    """What can be told of a line by now.

    rest: what can't. before: the character before the rest.
    """

    spans: list[Span]
    rest: str
    before: str


def spans(text: str, look: str, before: str, *, whole: bool) -> Told:
    """The parts of a line, by what they look like.

    look: what it looks like anyway. before: the character before it, "" at the beginning of the line.
    whole: whether this is the end of the line, so that no rest is left.
    """
    found: list[Span] = []
    at = 0
    while mark := _MARK.search(text, at):
        if mark.start() > at:
            found.append(Span(text[at : mark.start()], look))
            before = text[mark.start() - 1]
        step = _marked(text, mark, look, before, whole=whole)
        if step is None:
            return Told(found, text[mark.start() :], before)
        found += [span._replace(was_held=True) for span in step.spans]
        at = step.end
        before = text[at - 1]
    if at < len(text):
        found.append(Span(text[at:], look))
        before = text[-1]
    return Told(found, "", before)


class _Step(NamedTuple):
    spans: list[Span]
    end: int


def _marked(text: str, mark: re.Match[str], look: str, before: str, *, whole: bool) -> _Step | None:
    """What a mark makes of the text behind it, and where that ends; None where more of it has to be seen."""
    signs, begin = mark.group(), mark.end()
    if signs == "[":
        return _link(text, mark.start(), look, whole=whole)
    if begin == len(text) and not whole and len(signs) <= _LONGEST:
        return None
    behind = text[begin : begin + 1]
    if signs == "\\" and behind in _ESCAPED:
        return _Step([Span(behind, look)], begin + 1)
    counterpart = _counterpart(signs, before, behind)
    found = counterpart.search(text, begin, begin + _LONGEST) if counterpart else None
    if counterpart and not whole and (found.end() == len(text) if found else len(text) - begin < _LONGEST):
        return None
    if found is None:
        return _Step([Span(signs, look)], begin)
    inner = text[begin : found.start()]
    is_code = signs[0] == "`"
    within = (
        [Span(inner, _both(look, CODE))] if is_code else spans(inner, _both(look, BOLD), signs[0], whole=True).spans
    )
    return _Step(within, found.end())


def _counterpart(signs: str, before: str, behind: str) -> re.Pattern[str] | None:
    """What ends the part that a mark between these characters begins; None where it begins none."""
    if signs[0] == "`":
        return re.compile(rf"(?<!`){signs}(?!`)") if len(signs) <= _LONGEST else None
    if behind and not behind.isspace() and (not before or _BEFORE_MARKS.match(before)):
        return _COUNTERPARTS.get(signs)
    return None


def _link(text: str, start: int, look: str, *, whole: bool) -> _Step | None:
    if found := _LINK.match(text, start, start + _LONGEST_LINK):
        words, address = found.groups()
        return _Step([*spans(words, look, "[", whole=True).spans, Span(f" ({address})", DIM)], found.end())
    if not whole and len(text) - start < _LONGEST_LINK and _LINK_BEGUN.match(text, start):
        return None
    return _Step([Span("[", look)], start + 1)


def _both(look: str, other: str) -> str:
    return f"{look};{other}" if look and look != other else other
