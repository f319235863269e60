"""TLS contexts. They are made for https only, and once a client: making one is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    from vuhitra.hosts import Host


class LazyContext:
    """The TLS context for a host, made when it is first needed."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext | None:
        """A context with the system's trust store; None for a host without TLS."""
        if self._context is None and self._host.scheme == "https":
            import ssl

            self._context = ssl.create_default_context()
        return self._context
