"""Docstrings: text in; what a function does, and what each of its parameters is, out.

Understood are the ways of Google, NumPy and Sphinx, and plain lines of `name: text`. This file knows no function.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

_GOOGLE_PARAMETERS = re.compile(r"(?:(?:Keyword |Other )?(?:Args|Arguments|Parameters)|Params):")
_GOOGLE_SECTION = re.compile(r"[A-Z]\w*(?: \w+)?:\s*$")
_GOOGLE_ENTRY = re.compile(r"(\w+)(?: ?\(.*?\))?: *(.*)")
_NUMPY_PARAMETERS = re.compile(r"(?:Other )?Parameters\s*$")
_NUMPY_ENTRY = re.compile(r"(\w+(?:, *\w+)*)(?: *:.*)?$")
_SPHINX_PARAMETER = re.compile(r"[:@](?:param|parameter|arg|argument|key|keyword) (?:[^:]*?)(\w+): *(.*)")
_SPHINX_FIELD = re.compile(r"[:@][a-z]+(?: [^:]*)?:(?: |$)")

Entries = Iterable[tuple[str, str]]


class Described(NamedTuple):
    """What a docstring says. summary: of the function. parameters: of each that it names."""

    summary: str
    parameters: Mapping[str, str]


def described(docstring: str, names: Collection[str]) -> Described:
    """What a docstring, with its indentation taken off, says of a function with parameters of these names."""
    lines = docstring.split("\n")
    summary = 0
    found: dict[str, str] = {}
    index = 0
    while index < len(lines):
        end, entries = _section(lines, index, names)
        found.update((name, text) for name, text in entries if name in names and text)
        if end == index == summary:
            summary += 1
        index = max(end, index + 1)
    return Described("\n".join(lines[:summary]).strip(), found)


def _section(lines: list[str], start: int, names: Collection[str]) -> tuple[int, Entries]:
    """Where the section that begins on a line ends, and what it says of parameters. Where none begins, it is empty."""
    line = lines[start]
    if _is_underlined(lines, start):
        end = next((at for at in range(start + 2, len(lines)) if _is_underlined(lines, at)), len(lines))
        return end, _numpy(lines[start + 2 : end]) if _NUMPY_PARAMETERS.match(line) else ()
    if _GOOGLE_SECTION.match(line) and "".join(lines[start + 1 : start + 2]).startswith(" "):
        end = next((at for at in range(start + 1, len(lines)) if lines[at][:1].strip()), len(lines))
        return end, _google(lines[start + 1 : end]) if _GOOGLE_PARAMETERS.match(line) else ()
    if _SPHINX_FIELD.match(line):
        end = _paragraph(lines, start, _SPHINX_FIELD)
        field = _SPHINX_PARAMETER.match(_joined(lines[start:end]))
        return end, [(field[1], field[2])] if field else ()
    own = _own_entry(names)
    if own.match(line):
        end = _paragraph(lines, start)
        return end, _own(_joined(lines[start:end]), own)
    return start, ()


def _google(lines: list[str]) -> Entries:
    """Entries of `name (type): text`, which goes on where it is indented further."""
    for block in _blocks(lines):
        if entry := _GOOGLE_ENTRY.match(_joined(block).lstrip("*")):
            yield entry[1], entry[2]


def _numpy(lines: list[str]) -> Entries:
    """Entries of `name, name : type`, with the text indented below."""
    for first, *rest in _blocks(lines):
        if entry := _NUMPY_ENTRY.match(first.strip().lstrip("*")):
            for name in entry[1].split(","):
                yield name.strip(), _joined(rest)


def _own(text: str, entry: re.Pattern[str]) -> Entries:
    """Entries of `name, name: text`, each of which begins a sentence."""
    starts = [*entry.finditer(text)]
    ends = [*(start.start() for start in starts[1:]), len(text)]
    for start, end in zip(starts, ends, strict=True):
        for name in start[1].split(","):
            yield name.strip(), text[start.end() : end].strip()


def _own_entry(names: Collection[str]) -> re.Pattern[str]:
    either = "|".join(map(re.escape, names)) or "(?!)"
    return re.compile(rf"(?:^|(?<=[.;?!] ))((?:{either})(?:, (?:{either}))*): ")


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """The lines, parted before each that is indented no further than the first."""
    written = [line for line in lines if line.strip()]
    block: list[str] = []
    for line in written:
        if block and _indent(line) <= _indent(written[0]):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _paragraph(lines: list[str], start: int, entry: re.Pattern[str] | None = None) -> int:
    """Where the paragraph that begins on a line ends: at a blank line, or at another entry."""
    for at in range(start + 1, len(lines)):
        if not lines[at].strip() or (entry and entry.match(lines[at])):
            return at
    return len(lines)


def _is_underlined(lines: list[str], at: int) -> bool:
    return at + 1 < len(lines) and bool(lines[at].strip()) and re.fullmatch(r"-{3,}\s*", lines[at + 1]) is not None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(lines: Iterable[str]) -> str:
    return " ".join(line.strip() for line in lines).strip()
