"""Who is let in: by the request's Host and Origin, as Ollama decides it, and by a key if one is set.

A page on the web can make a browser send requests to this machine; it can't choose these headers.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from hmac import compare_digest
from ipaddress import ip_address
from urllib.parse import urlsplit

_LOCAL_ENDINGS = (".localhost", ".local", ".internal")
_LOCAL_ORIGINS = ("localhost", "127.0.0.1", "0.0.0.0")  # noqa: S104  compared, never bound
_APP_SCHEMES = ("app", "file", "tauri", "vscode-webview", "vscode-file")


def is_local_host(header: str, machine: str) -> bool:
    """Whether a `Host` header names this machine, whose own name is `machine`, or its network."""
    try:
        name = (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:
        return False
    try:
        address = ip_address(name)
    except ValueError:
        return name in ("", "localhost", machine.lower()) or name.endswith(_LOCAL_ENDINGS)
    return address.is_loopback or address.is_private or address.is_unspecified


def is_local_origin(header: str | None, host: str) -> bool:
    """Whether an `Origin` header, if there is one, is a page of this machine or an application."""
    if header is None or header in (f"http://{host}", f"https://{host}"):
        return True
    try:
        origin = urlsplit(header)
        name = origin.hostname
    except ValueError:
        return False
    return origin.scheme in _APP_SCHEMES or (origin.scheme in ("http", "https") and name in _LOCAL_ORIGINS)


def holds_key(authorization: str | None, key: str) -> bool:
    """Whether an `Authorization` header shows the key: as a bearer, or as any user's password."""
    scheme, _, credential = (authorization or "").partition(" ")
    shown = ""
    if scheme.lower() == "bearer":
        shown = credential.strip()
    elif scheme.lower() == "basic":
        try:
            shown = b64decode(credential).decode().partition(":")[2]
        except (Base64Error, ValueError):
            return False
    return compare_digest(shown.encode(), key.encode())
