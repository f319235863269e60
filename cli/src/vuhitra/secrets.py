"""What was sent and must not be shown: finding it in texts, however they repeat it. This file knows no network.

Whatever header the library doesn't make by itself counts as secret: nobody can tell by its name whether it is.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product

_HARMLESS = ("host", "accept", "accept-encoding", "user-agent")
OF_THE_SERVER, OF_A_PROXY = "authorization", "proxy-authorization"
_SHORTEST = 4
"""Letters of the shortest secret that is looked for: shorter ones stand in every text."""
_SHORTEST_PART = 8
"""Letters of the shortest part of a secret that is looked for, where a text was cut in the middle of one."""
_LONGEST_SPELLING = 18
"""Letters that one of a secret becomes at most, as a rule."""
_BEGUN = rf"[\\%&]\S{{0,{_LONGEST_SPELLING}}}"
"""A letter's spelling that was cut."""
_NAMED = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
"""What HTML calls the letters that it doesn't take as they are."""


def secrets_in(headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The texts that headers keep secret, longest first. Backslashes in a row are one: JSON doubles them."""
    kept = {secret for name, value in headers for secret in _secrets(name.lower(), value)}
    secrets = {re.sub(r"\\+", r"\\", secret) for secret in kept}
    return tuple(sorted((secret for secret in secrets if len(secret) >= _SHORTEST), key=len, reverse=True))


def hide(text: str, secrets: tuple[str, ...]) -> str:
    """A text without these secrets, however they are spelt, and without what is left of one where the text was cut."""
    for secret in secrets:
        text = re.sub("".join(map(_spellings, secret)), "***", text)
    for secret in secrets:
        text = _without_ends_of(secret, text)
    return text


def _without_ends_of(secret: str, text: str) -> str:
    """A text that neither begins nor ends in the middle of a secret."""
    begin = max(0, len(text) - _LONGEST_SPELLING * len(secret))
    for at in range(begin, len(text) - _SHORTEST_PART + 1):
        length, end = _as_far_as_it_goes(secret, text, at)
        if length >= _SHORTEST_PART and (end == len(text) or re.fullmatch(_BEGUN, text[end:])):
            text = f"{text[:at]}***"
            break
    for skipped, at in product(range(1, len(secret) - _SHORTEST_PART + 1), range(_LONGEST_SPELLING)):
        length, end = _as_far_as_it_goes(secret[skipped:], text, at)
        if length == len(secret) - skipped:
            return f"***{text[end:]}"
    return text


def _as_far_as_it_goes(secret: str, text: str, at: int) -> tuple[int, int]:
    """How many letters of a secret stand at a place in a text, and where they end."""
    for length, letter in enumerate(secret):
        found = re.compile(_spellings(letter)).match(text, at)
        if found is None:
            return length, at
        at = found.end()
    return len(secret), at


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
        try:
            pair = b64decode(rest).decode()
        except ValueError:
            return
        user, _, password = pair.partition(":")
        yield from (pair, pair.strip(":"), user, password)  # a token may stand alone on either side


@cache
def _spellings(letter: str) -> str:
    """A pattern for a letter as it is, and as JSON, URLs, HTML and Python's literals have it, one within the other."""
    if letter.isascii() and letter.isalnum():
        return letter
    utf_8 = letter.encode("utf-8", "surrogatepass")
    utf_16 = letter.encode("utf-16-be", "surrogatepass").hex()
    spellings = [
        "".join(rf"\\++u{utf_16[at : at + 4]}" for at in range(0, len(utf_16), 4)),
        "".join(rf"\\++x{byte:02x}" for byte in utf_8),
        "".join(f"%(?:25)*{byte:02x}" for byte in utf_8),
        rf"&(?:amp;)*#(?:0*{ord(letter)}|x0*{ord(letter):x});",
    ]
    if not letter.isascii():
        spellings.append("".join(re.escape(chr(byte)) for byte in utf_8))
    if ord(letter) < 256:  # as many as a byte can be, which headers are sent as
        spellings += [rf"\\++x{ord(letter):02x}", f"%(?:25)*{ord(letter):02x}"]
    if name := _NAMED.get(letter):
        spellings.append(f"&(?:amp;)*{name};")
    spellings.append(r"\\++" if letter == "\\" else rf"\\*+{re.escape(letter)}")
    return f"(?i:{'|'.join(spellings)})"
