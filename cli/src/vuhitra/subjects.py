"""What a call is about, as its messages name it; no secret that was sent gets into them. This file knows no network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from vuhitra.secrets import OF_A_PROXY, OF_THE_SERVER, hide, secrets_in

if TYPE_CHECKING:
    from vuhitra.hosts import Host
    from vuhitra.http import Headers

_CREDENTIAL = ("auth", "key", "token", "secret", "cookie", "password")
"""What the name of a header that holds a credential has in it."""
_SCHEMES = ("Basic", "Bearer", "Digest", "Negotiate", "Token", "ApiKey")


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
        """The credential that was sent, in words: its kind and where it came from. A proxy's is not for the server."""
        own, source = self.host.authorization, self.host.credential_source or self.host.source
        kinds = [
            f"{_kind(name, value)} from {source if value == own else 'headers='}"
            for name, value in self._sent()
            if name.lower() != OF_A_PROXY and any(word in name.lower() for word in _CREDENTIAL)
        ]
        return " and ".join(kinds) or "no credential"

    def hide(self, text: str) -> str:
        """A text without the secrets that were sent: some servers repeat them."""
        return hide(text, secrets_in(self._sent()))

    def _sent(self) -> Iterator[tuple[str, str]]:
        """The headers, with the setting's credential also where they weren't given."""
        yield from self.headers
        if self.host.authorization is not None and not any(name.lower() == OF_THE_SERVER for name, _ in self.headers):
            yield "Authorization", self.host.authorization


def _kind(name: str, value: str) -> str:
    """A credential in words. What stands before a space may be half of the secret, unless it is a scheme's name."""
    scheme = value.partition(" ")[0]
    named = next((known for known in _SCHEMES if known.lower() == scheme.lower()), None)
    return f"the {named} credential" if name.lower() == OF_THE_SERVER and named else f"the header {name}"
