"""What to look at where a server isn't reached, or fails, and the library doesn't know what helps.

This file knows no network.
"""

from __future__ import annotations

from vuhitra.errors import (
    OllamaConnectionError,
    OllamaError,
    OllamaProtocolError,
    OllamaResponseError,
    OllamaTimeoutError,
)
from vuhitra.hosts import Host

_BY_REASON = {
    "dns": "the name in {source}: is it spelt right? The server's address does as well",
    "refused": "the path in {source}: the socket of what stands before the server",
    "tls": "openssl s_client -connect {name}, which shows what is said",
    "reset": "another port than {port}, or https: what listens there hangs up",
    "closed": "another port than {port}, or https: what listens there hangs up",
    "unreachable": "is {address} up, and on a network that this machine reaches?",
}
_BY_STAGE = {
    "dns": "the name server of this machine: it doesn't answer",
    "tcp": "a firewall before {address} may drop what comes to port {port}; or it is down",
    "proxy": "another proxy: {name} takes connections, and says nothing",
    "tls": "a URL with http, or another port than {port}: what listens there takes connections, and says nothing",
}
"""What to look at where the library doesn't know what helps, by why, or where, the way ends; a time-out has no why."""
_NO_OLLAMA = "another URL in {source}: what answers at {name} is no Ollama server"
_ITS_LOG = "journalctl -u ollama, or whatever else shows the log of the server"
_SERVER_S_FAULT = 500
"""The status from which on it isn't the request's."""


def remedy(error: OllamaError, stage: str, place: Host) -> str | None:
    """What to look at, where that can be told. stage: where the way ended; "" beyond it."""
    words: str | None = None
    match error:
        case OllamaTimeoutError():
            words = _BY_STAGE.get(stage, _ITS_LOG)
        case OllamaConnectionError(reason=reason):
            words = _BY_REASON.get(reason)
        case OllamaProtocolError():
            words = _NO_OLLAMA
        case OllamaResponseError(status=404 | 405):
            words = _NO_OLLAMA
        case OllamaResponseError(status=status) if status >= _SERVER_S_FAULT:
            words = _ITS_LOG
        case _:
            pass
    return words and words.format(source=place.source, name=place.name, address=place.address, port=place.port)
