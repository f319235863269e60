"""What a call is about, as its messages name it; no secret that was sent gets into them. This file knows no network."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vuhitra.hosts import Host
    from vuhitra.http import Headers

_SECRET = ("auth", "key", "token", "secret", "cookie", "password")
"""What the name of a header that holds a credential has in it."""
_SCHEMES = ("Basic", "Bearer", "Digest", "Negotiate", "Token", "ApiKey")
_SHORTEST = 4
"""Letters of the shortest secret that is looked for: shorter ones stand in every text."""


class Subject(NamedTuple):
    """What a call is about, for messages: the server, the path, and the model or "".

    headers: what was sent, for the credential that is among them.
    """

    host: Host
    path: str
    model: str
    headers: Headers = ()

    def __repr__(self) -> str:
        return f"Subject({self.host!r}, {self.path!r}, {self.model!r})"

    @property
    def credential(self) -> str:
        """The credential that was sent, in words: its kind and where it came from."""
        kinds = [
            f"{_kind(name, value)} from {self.host.source if value == self.host.authorization else 'headers='}"
            for name, value in self._secret_headers()
        ]
        return " and ".join(kinds) or "no credential"

    def hide(self, text: str) -> str:
        """A text without the secrets that were sent: some servers repeat them."""
        for name, value in self._secret_headers():
            for secret in sorted(_secrets(name, value), key=len, reverse=True):
                if len(secret) >= _SHORTEST:
                    text = text.replace(secret, "***")
        return text

    def _secret_headers(self) -> Iterator[tuple[str, str]]:
        yield from ((name, value) for name, value in self.headers if any(word in name.lower() for word in _SECRET))
        if self.host.authorization is not None and not any(name.lower() == "authorization" for name, _ in self.headers):
            yield "Authorization", self.host.authorization


def _kind(name: str, value: str) -> str:
    """A credential in words. What stands before a space may be half of the secret, unless it is a scheme's name."""
    scheme = value.partition(" ")[0]
    named = next((known for known in _SCHEMES if known.lower() == scheme.lower()), None)
    return f"the {named} credential" if name.lower() == "authorization" and named else f"the header {name}"


def _secrets(name: str, value: str) -> Iterator[str]:
    """The texts that a header keeps secret: the value, and what is encoded in it."""
    yield value
    scheme, _, rest = value.partition(" ")
    if name.lower() != "authorization" or not rest:
        return
    yield rest
    if scheme.lower() == "basic":
        try:
            pair = b64decode(rest).decode()
        except ValueError:
            return
        yield pair
        yield pair.partition(":")[2]
