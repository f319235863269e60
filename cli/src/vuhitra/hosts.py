"""A host setting -> where to connect, under which URL, with which credential. This file knows no network."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from ipaddress import IPv6Address

DEFAULT_PORT = 11434
DEFAULT_HOST_SETTING = f"http://127.0.0.1:{DEFAULT_PORT}"

_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535
_NAME = re.compile(r"[0-9A-Za-z._-]*")
_NAME_AND_PORT = re.compile(r"([0-9A-Za-z._-]+)(?::([0-9]{1,5}))?/?")
"""What most settings are: no credential, no path, nothing that has to be decoded."""
_IPV6 = r"(?:[0-9A-Fa-f.]*:){2,}[0-9A-Fa-f.]*(?:%[\w.-]+)?"
_MISTAKEN_ENDINGS = ("/api", "/v1")
_ZERO = r"(0[xX])?0+(\.(0[xX])?0+){0,3}\.?"
_ADDRESS_AND_MORE = r"(\[?[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,}\]?|[\w.-]*)(:\d{1,5}(?![^/?#]))?(.*)"
"""What looks like an IPv6 address or a name, and like a port; both may be empty."""


@dataclass(frozen=True, slots=True)
class Host:
    """A server: where it is, and what to show it.

    scheme: `http`, `https` or `unix`. address: a name or an IP address, without brackets.
    path: a prefix of every request's path, with no slash at its end; for `unix` the socket.
    authorization: the value of the `Authorization` header, where the setting held a credential.
    source: the setting that all this came from, for messages.
    is_listening_address: whether the setting held an address that servers listen on, as 0.0.0.0.
    credential_source: where the credential came from, for messages; None: the setting held it.
    """

    scheme: str
    address: str
    port: int
    path: str = ""
    authorization: str | None = field(default=None, repr=False)
    source: str = "base_url"
    is_listening_address: bool = False
    credential_source: str | None = None

    def __post_init__(self) -> None:
        if self.scheme not in (*_PORTS, "unix"):
            raise ValueError(f"the scheme of a host is http, https or unix, not {self.scheme!r}")

    @property
    def url(self) -> str:
        """The base URL, without the credential and without a slash at its end."""
        if self.scheme == "unix":
            return f"unix://{self.path}"
        return f"{self.scheme}://{self.authority}{self.path}"

    def __str__(self) -> str:
        """The URL and the setting it came from: how messages name a server."""
        return f"{self.url} ({self.source})"

    @property
    def name(self) -> str:
        """Address and port, as a person would name the server."""
        return self.path if self.scheme == "unix" else f"{self._bracketed}:{self.port}"

    @property
    def authority(self) -> str:
        """The value of the `Host` header."""
        if self.scheme == "unix":
            return "localhost"
        default = self.port == _PORTS[self.scheme]
        return self._bracketed if default else self.name

    @property
    def prefix(self) -> str:
        """What stands before the path of each request."""
        return "" if self.scheme == "unix" else self.path

    @property
    def unix_path(self) -> str | None:
        """The path of the Unix socket, where it is one."""
        return self.path if self.scheme == "unix" else None

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, by the address or by a name that can't be another's."""
        return self.scheme == "unix" or _is_loopback(self.address.rstrip("."))

    @property
    def _bracketed(self) -> str:
        return f"[{self.address}]" if ":" in self.address else self.address


class _Parts(NamedTuple):
    """What follows the scheme. user, password, path: as they are written, with whatever is encoded in them."""

    name: str
    port: int | None
    path: str = ""
    user: str | None = None
    password: str | None = None


def resolve_host(setting: str, source: str = "base_url") -> Host:
    """The server that `setting` names, read as Ollama's own client reads OLLAMA_HOST.

    source: what error messages call the setting, as in `OLLAMA_IP in ./.env`.
    Raises TypeError for what is no str, and ValueError for an unknown scheme, a bad port, or nothing to connect to.
    """
    if not isinstance(setting, str):
        raise TypeError(f"{source}: a server is named by a str, not {type(setting).__name__}")
    text = setting.strip(" \t\r\n\"'")
    scheme, given, rest = _scheme(text, source)
    if scheme == "unix":
        if not rest.rstrip("/").startswith("/"):
            raise ValueError(f"{source}: unix:// takes an absolute path, as in unix:///run/ollama.sock")
        return Host("unix", "", 0, path=rest.rstrip("/"), source=source)
    try:
        parts = _parts(_in_brackets(rest))
        address = _address(parts.name)
        path = _prefix(parts.path)
        authorization = _authorization(parts.user, parts.password)
    except UnicodeError:  # its own words may quote a credential
        raise ValueError(f"{source}: no server can be read from it: it holds what is no text") from None
    except ValueError as error:
        raise ValueError(f"{source}: no server can be read from {_hidden(text)!r}: {error}") from None
    port = parts.port
    if not given and address == "ollama.com" and port is None:
        scheme, given = "https", True
    if port is None:
        port = _PORTS[scheme] if given else DEFAULT_PORT
    loopback = _loopback_for(address)
    return Host(
        scheme,
        loopback or address or "127.0.0.1",
        port,
        path=path,
        authorization=authorization,
        source=source,
        is_listening_address=loopback is not None,
    )


def _scheme(text: str, source: str) -> tuple[str, bool, str]:
    """The scheme, whether it was given, and what follows it."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return "http", False, text
    if scheme.lower() not in ("http", "https", "unix"):
        shown = repr(scheme) if scheme.isalnum() and "@" not in rest else "that"  # it may be half of a credential
        raise ValueError(f"{source}: http, https or unix, not {shown}")
    return scheme.lower(), True, rest


def _parts(rest: str) -> _Parts:
    """What follows the scheme, in its parts. Raises ValueError, which never quotes a credential."""
    if plain := _NAME_AND_PORT.fullmatch(rest):  # spares the import below, which is slow
        name, port = plain.groups()
        return _Parts(name.lower(), _checked_port(int(port) if port else None))
    from urllib.parse import urlsplit

    if any(character < " " or character == "\x7f" for character in rest):
        raise ValueError("it holds control characters")
    credential, _, _ = rest.rpartition("@")
    if any(character in credential for character in "/?#"):
        raise ValueError("in a credential, / ? and # are written %2F, %3F and %23; in a path, @ is written %40")
    try:
        parts = urlsplit(f"//{rest}")
    except ValueError:
        raise ValueError("a host name that can't be right") from None
    if parts.query or parts.fragment:  # a key may stand there, which must not be lost without a word
        raise ValueError("a server has no ? and no #; a key goes into headers=")
    try:
        port = parts.port
    except ValueError:
        port = 0
    return _Parts(parts.hostname or "", _checked_port(port), parts.path, parts.username, parts.password)


def _checked_port(port: int | None) -> int | None:
    if port is not None and not 1 <= port <= _LAST_PORT:
        raise ValueError(f"a port is a number from 1 to {_LAST_PORT}")
    return port


def _in_brackets(rest: str) -> str:
    """What follows the scheme; what looks like an IPv6 address without its brackets has them."""
    credential, at, after = rest.rpartition("@")
    address, slash, path = after.partition("/")
    is_bare = address.count(":") > 1 and re.fullmatch(_IPV6, address)
    return f"{credential}{at}[{address}]{slash}{path}" if is_bare else rest


def _address(name: str) -> str:
    """The name or address. A name that isn't ASCII is given as the look-up and HTTP need it."""
    address = name.replace("%25", "%")
    if ":" in address:
        try:
            _ipv6(address)
        except ValueError:  # its own words quote it
            raise ValueError("a host name that can't be right") from None
        return address
    if not address.isascii():
        address = address.encode("idna").decode()
    if any(character.isspace() for character in address):
        raise ValueError("a host name holds no spaces")
    if not _NAME.fullmatch(address):
        raise ValueError("a host name that can't be right")
    return address


def _loopback_for(address: str) -> str | None:
    """Where to connect in place of an address that servers listen on, however it is spelt; None for any other."""
    if ":" in address:
        ip = _ipv6(address)
        if ip.ipv4_mapped is not None:
            return _loopback_for(str(ip.ipv4_mapped))
        return "::1" if ip.is_unspecified else None
    return "127.0.0.1" if re.fullmatch(_ZERO, address) else None


def _is_loopback(address: str) -> bool:
    if address in ("localhost", "::1") or address.endswith(".localhost"):
        return True
    if ":" in address:
        ip = _ipv6(address)
        return (ip.ipv4_mapped or ip).is_loopback
    parts = address.split(".")
    return 2 <= len(parts) <= 4 and parts[0] == "127" and all(part.isdigit() for part in parts)


def _prefix(path: str) -> str:
    path = path.rstrip("/")
    while (ending := path[path.rfind("/") :]) in _MISTAKEN_ENDINGS:
        path = path.removesuffix(ending).rstrip("/")
    if not path:
        return ""
    from urllib.parse import quote, unquote

    parts = re.split("%2[Ff]", path)  # which separate nothing
    return "%2F".join(quote(unquote(part), safe="/~:@!$&'()*+,;=") for part in parts)


def _authorization(user: str | None, password: str | None) -> str | None:
    if user is None and password is None:
        return None
    from base64 import b64encode
    from urllib.parse import unquote

    pair = f"{unquote(user or '')}:{unquote(password or '')}"
    return "Basic " + b64encode(pair.encode()).decode()


def _ipv6(address: str) -> IPv6Address:
    from ipaddress import IPv6Address

    return IPv6Address(address)


def _hidden(text: str) -> str:
    """The setting as it may be shown: a name and a port, where they look it. Whatever else may be a credential."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    _, at, rest = rest.rpartition("@")
    name, port, more = cast("re.Match[str]", re.fullmatch(_ADDRESS_AND_MORE, rest, re.DOTALL)).groups("")
    shown = f"{name}{port}{more[:1]}" if more[:1] in ("", *":/?#") else ""
    return f"{scheme}{separator}{'***@' if at else ''}{shown}{'***' if more else ''}"
