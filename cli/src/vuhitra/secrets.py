"""What was sent and must not be shown: finding it in texts, however they repeat it. This file knows no network.

Whatever header the library doesn't make by itself counts as secret: nobody can tell by its name whether it is.
Texts are compared by what they mean: JSON, URLs, HTML and Python's literals spell some letters in ways of their own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_HARMLESS = ("host", "accept", "accept-encoding", "user-agent")
OF_THE_SERVER, OF_A_PROXY = "authorization", "proxy-authorization"
_SHORTEST = 4
"""Letters of the shortest secret that is looked for: shorter ones stand in every text."""
_SHORTEST_PART = 8
"""Letters of the shortest part of a secret that is looked for, where a text was cut in the middle of one."""
_HALF = 12
"""Letters that may be left of a spelling where a text begins in the middle of it."""
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
"""What HTML calls the letters that it doesn't take as they are."""
_SPELLINGS = r"""(?xi)
    \\++u(?P<high>d[89ab][0-9a-f]{2})\\++u(?P<low>d[c-f][0-9a-f]{2})
  | \\++(?:(?-i:U)(?P<code>00[0-9a-f]{6})|u(?P<unit>[0-9a-f]{4})|x(?P<byte>[0-9a-f]{2}))
  | %(?:25)*(?P<percent>[0-9a-f]{2})
  | &(?:amp;)*(?:\#(?P<decimal>\d{1,7})|\#x(?P<hexadecimal>[0-9a-f]{1,6})|(?P<name>amp|lt|gt|quot|apos));
  | (?P<wide>(?-i:[^\x00-\xff]))
  | \\++
"""
"""Letters that are spelt otherwise, and backslashes, which don't count."""
_HALF_SPELT = r"(?i)(?:\\[ux][0-9a-f]{0,7}|%(?:25)*[0-9a-f]?|&[#\w;]{0,12})\Z"
"""What is left of such a spelling where a text was cut."""


def secrets_in(headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The texts that headers keep secret, as they are compared, longest first."""
    kept = {secret for name, value in headers for secret in _secrets(name.lower(), value)}
    # A letter may stand as it is, or as its bytes.
    forms = {form for secret in kept for form in (secret, _bytes_of(secret))}
    read = {letters for form in forms for letters in (_Read.of(form).letters, form.replace("\\", ""))}
    return tuple(sorted((secret for secret in read if len(secret) >= _SHORTEST), key=len, reverse=True))


def hide(text: str, secrets: tuple[str, ...]) -> str:
    """A text without these secrets, however they are spelt, and without what is left of one where the text was cut."""
    for secret in secrets:
        read = _Read.of(text)
        for at in reversed([*read.places_of(secret)]):
            text = f"{text[: read.starts[at]]}***{text[read.ends[at + len(secret) - 1] :]}"
    for secret in secrets:
        text = _without_ends_of(secret, text)
    return text


def _without_ends_of(secret: str, text: str) -> str:
    """A text that neither ends nor begins in the middle of a secret."""
    read = _Read.of(re.sub(_HALF_SPELT, "", text))
    for length in range(len(secret) - 1, _SHORTEST_PART - 1, -1):
        if read.letters.endswith(secret[:length]):
            return _without_ends_of(secret, f"{text[: read.starts[-length]]}***")
        if (at := read.letters.find(secret[-length:], 0, length + _HALF)) >= 0:
            return _without_ends_of(secret, f"***{text[read.ends[at + length - 1] :]}")
    return text


class _Read(NamedTuple):
    """A text as it is compared: its letters, and where each of them begins and ends in the text."""

    letters: str
    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, text: str) -> _Read:
        """The text, read. A letter of several bytes that is no single one in Latin-1 counts as these."""
        letters, starts, ends, at = [], [], [], 0
        for spelling in re.finditer(_SPELLINGS, text):
            begin, end = spelling.span()
            meant = _meant_by(spelling)
            letters += [text[at:begin], meant]
            starts += [*range(at, begin), *[begin] * len(meant)]
            ends += [*range(at + 1, begin + 1), *[end] * len(meant)]
            at = end
        rest = range(at, len(text))
        return cls("".join([*letters, text[at:]]), [*starts, *rest], [*ends, *(each + 1 for each in rest)])

    def places_of(self, secret: str) -> Iterator[int]:
        """Where a secret begins."""
        at = self.letters.find(secret)
        while at >= 0:
            yield at
            at = self.letters.find(secret, at + len(secret))


def _meant_by(spelling: re.Match[str]) -> str:
    """The letter that is spelt, or its bytes; nothing for half of one."""
    match spelling.groupdict():
        case {"high": str(high), "low": str(low)}:
            return _bytes_of(bytes.fromhex(high + low).decode("utf-16-be"))
        case {"wide": str(letter)}:
            return _bytes_of(letter)
        case {"name": str(name)}:
            return _NAMED[name.lower()]
        case {"decimal": str(number)}:
            return _letter(int(number))
        case groups:
            numbers = (groups[kind] for kind in ("code", "unit", "byte", "percent", "hexadecimal"))
            return "".join(_letter(int(number, 16)) for number in numbers if number)


def _letter(number: int) -> str:
    """A letter by its number; nothing for a backslash, and for a number that none has."""
    if number == ord("\\") or number > sys.maxunicode:
        return ""
    return chr(number) if number <= 0xFF else _bytes_of(chr(number))


def _bytes_of(text: str) -> str:
    """The bytes of a text in UTF-8, as a letter each."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _secrets(name: str, value: str) -> Iterator[str]:
    """The texts that a header keeps secret: the value, and what is encoded in it."""
    if name in _HARMLESS or name.startswith("content-"):
        return
    yield value
    if name == "cookie":
        yield from (cookie.partition("=")[2].strip() for cookie in value.split(";"))
    scheme, _, rest = value.partition(" ")
    if name not in (OF_THE_SERVER, OF_A_PROXY) or not rest:
        return
    yield rest
    if scheme.lower() == "basic":
        from base64 import b64decode

        try:
            pair = b64decode(rest).decode()
        except ValueError:
            return
        user, _, password = pair.partition(":")
        yield from (pair, pair.strip(":"), user, password)  # a token may stand alone on either side
