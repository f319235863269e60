"""What was sent and must not be shown: finding it in texts, however they repeat it. This file knows no network.

Whatever header the library doesn't make by itself counts as secret: nobody can tell by its name whether it is.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator

_HARMLESS = ("host", "accept", "accept-encoding", "user-agent")
OF_THE_SERVER, OF_A_PROXY = "authorization", "proxy-authorization"
_SHORTEST = 4
"""Letters of the shortest secret that is looked for: shorter ones stand in every text."""
_SHORTEST_PART = 8
"""Letters of the shortest part of a secret that is looked for, where a text was cut in the middle of one."""


def secrets_in(headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The texts that headers keep secret, in all the ways in which somebody may repeat them, longest first."""
    secrets = {secret for name, value in headers for secret in _secrets(name.lower(), value)}
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
    return tuple(sorted(forms, key=len, reverse=True))


def hide(text: str, secrets: tuple[str, ...]) -> str:
    """A text without these secrets, and without what is left of one at either end, where the text was cut."""
    for secret in secrets:
        text = text.replace(secret, "***")
    for secret in secrets:
        for length in range(len(secret) - 1, _SHORTEST_PART - 1, -1):
            if text.endswith(secret[:length]):
                text = text[:-length] + "***"
            if text.startswith(secret[-length:]):
                text = "***" + text[length:]
    return text


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


def _forms(secret: str) -> Iterator[str]:
    """A secret as it is, and as it stands in JSON, in a URL and among Python's literals."""
    from json import dumps
    from urllib.parse import quote

    yield secret
    yield dumps(secret)[1:-1]
    yield dumps(secret)[1:-1].replace("/", r"\/")
    yield quote(secret)
    yield quote(secret, safe="")
    yield repr(secret)[1:-1]
