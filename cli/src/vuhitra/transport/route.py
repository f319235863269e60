"""The way to a server: by which proxy, with which TLS. Both are found out when they are first needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vuhitra.hosts import Host
from vuhitra.proxies import ProxyError, check_answer, forwarded, is_tunnelled, proxy_from, proxy_in
from vuhitra.transport.tls import check_files, make_context
from vuhitra.types import Certificate, Verify

if TYPE_CHECKING:
    import ssl

    from vuhitra.http import Head, Request


class Route:
    """The way to one server; threads may share it.

    proxy: the proxy's URL, "" for none, None for the one that the environment names.
    verify, cert: see `vuhitra.transport.tls`. Raises TypeError and ValueError for what can't be right.
    """

    def __init__(self, host: Host, proxy: str | None, verify: Verify, cert: Certificate | None) -> None:
        self.host = host
        self._verify = verify
        self._cert = cert
        self._context: ssl.SSLContext | None = None
        self._is_found = host.is_loopback or proxy is not None
        self._proxy: Host | None = None
        if proxy is not None and not isinstance(proxy, str):
            raise TypeError(f"proxy is a URL, not {type(proxy).__name__}")
        if proxy:
            given = proxy_from(proxy)
            self._proxy = None if host.is_loopback else given
        if verify is not True or cert is not None:
            check_files(verify, cert)

    def __str__(self) -> str:
        """How messages name the server."""
        return f"{self.host}, through the proxy {self._proxy}" if self._proxy else str(self.host)

    @property
    def proxy(self) -> Host | None:
        """The proxy that is used. Raises ProxyError where the environment names one that can't be."""
        if not self._is_found:
            try:
                self._proxy = proxy_in(os.environ, self.host)
            except ValueError as error:
                raise ProxyError(str(error)) from error
            self._is_found = True
        return self._proxy

    @property
    def proxy_found(self) -> Host | None:
        """The proxy, where one has been found by now."""
        return self._proxy

    @property
    def tunnelled_by(self) -> Host | None:
        """The proxy that is asked for a tunnel."""
        return self.proxy if is_tunnelled(self.host) else None

    def context(self) -> ssl.SSLContext | None:
        """The TLS context; None for a host without TLS. Raises CertificateError for files that hold no certificate."""
        if self.host.scheme != "https":
            return None
        if self._context is None:  # two threads may make one each: a lock would hang a child forked meanwhile
            self._context = make_context(self.host, self._verify, self._cert)
        return self._context

    def addressed(self, request: Request) -> Request:
        """A request as it is written to whom the connection leads to."""
        if self._proxy is None or is_tunnelled(self.host):
            return request
        return forwarded(request, self.host, self._proxy)

    def check(self, head: Head) -> None:
        """Raises ProxyError where an answer is that of a proxy which doesn't pass the request on."""
        if self._proxy is not None and not is_tunnelled(self.host):
            check_answer(head, self._proxy)
