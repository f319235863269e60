"""How many columns a text fills on a terminal: wide characters take two, combining ones none.

What terminals disagree about counts as wide, so that a line is cut too early and never too late.
"""

from __future__ import annotations

_EMOJI_FORM = "\ufe0f"
"""Makes the character before it an emoji, which is wide."""


def columns(text: str) -> int:
    """The columns that a text fills."""
    return len(text) if text.isascii() else sum(map(_width, text))


def cut(text: str, most: int) -> str:
    """As much of a text as fits into so many columns."""
    if text.isascii():
        return text[: max(most, 0)]
    filled = 0
    for index, character in enumerate(text):
        filled += _width(character)
        if filled > most:
            return text[:index]
    return text


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """A text in lines of so many columns, broken between words; a word that is longer sticks out.

    indent: what all lines but the first begin with.
    """
    if columns(text) <= width:
        return [text]
    first, *words = text.split(" ")
    lines = [first]
    for word in words:
        if columns(lines[-1]) + 1 + columns(word) <= width or not lines[-1].strip():
            lines[-1] += f" {word}"
        elif word:
            lines[-1] = lines[-1].rstrip()
            lines.append(indent + word)
    return lines


def fitted(text: str, width: int) -> str:
    """Lines that are too long, each broken between words, with what is broken off further in than its beginning."""
    lines = text.split("\n")
    indents = [" " * (len(line) - len(line.lstrip()) + 4) for line in lines]
    return "\n".join("\n".join(wrapped(*each)) for each in zip(lines, [width] * len(lines), indents, strict=True))


def _width(character: str) -> int:
    if character.isascii():
        return 1
    from unicodedata import category, east_asian_width

    if character == _EMOJI_FORM:
        return 1
    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in ("W", "F") else 1
