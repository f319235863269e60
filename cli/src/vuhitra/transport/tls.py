"""TLS contexts. They are made for https only: making one is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    from vuhitra.hosts import Host


def tls_context(host: Host) -> ssl.SSLContext | None:
    """The context for a host, with the system's trust store; None for a host without TLS."""
    if host.scheme != "https":
        return None
    import ssl

    return ssl.create_default_context()
