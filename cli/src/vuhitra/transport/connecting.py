"""Blocking sockets on their way to a server: look-up, TCP, a proxy's tunnel and TLS, all by one deadline."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

from vuhitra.http import Exchange
from vuhitra.proxies import check_tunnel, tunnel_request
from vuhitra.transport.faults import blamed_on, seconds_left

if TYPE_CHECKING:
    import ssl

    from vuhitra.hosts import Host
    from vuhitra.limits import Deadline
    from vuhitra.transport.route import Route

_CHUNK = 65536


def connect(route: Route, deadline: Deadline) -> socket.socket:
    """A socket that is connected to the server, or to it through its proxy."""
    if route.host.unix_path is not None:
        return connect_to(socket.AF_UNIX, route.host.unix_path, seconds_left(deadline))
    route.context()  # made before anything is open
    with blamed_on(route.proxy):
        found = look_up(route.proxy or route.host, deadline)
    return reach(found, route, deadline)


def reach(addresses: list[Any], route: Route, deadline: Deadline) -> socket.socket:
    """A socket that is connected to one of some addresses, tried in turn, each with its share of the time.

    addresses: as `socket.getaddrinfo` gives them.
    """
    for untried, (family, _, _, _, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            with blamed_on(route.proxy if untried == 1 else None):
                connected = connect_to(family, address, seconds_left(deadline) / untried)
            return _secured(connected, route, deadline)
        except OSError:
            if untried == 1:
                raise
    raise socket.gaierror(f"no address for {(route.proxy or route.host).address}")


def look_up(host: Host, deadline: Deadline) -> list[Any]:
    """The addresses of a host. The system's look-up knows no limit, so it is waited for from outside."""
    if is_address(host.address):
        return addresses_of(host)
    found: list[Any] = []

    def ask() -> None:
        try:
            found.append(addresses_of(host))
        except (OSError, UnicodeError) as error:
            found.append(error)

    looking = threading.Thread(target=ask, daemon=True)
    looking.start()
    looking.join(seconds_left(deadline))
    if not found:
        raise TimeoutError
    if isinstance(found[0], Exception):
        raise found[0]
    return list(found[0])


def addresses_of(host: Host) -> list[Any]:
    """Where a host is, as `socket.getaddrinfo` gives it. Raises OSError and UnicodeError."""
    # As bytes, a name needs no IDNA codec, which is slow to import.
    name = host.address.encode() if host.address.isascii() else host.address
    return socket.getaddrinfo(name, host.port, type=socket.SOCK_STREAM)


def is_address(text: str) -> bool:
    """Whether a host's name is an IP address, which needs no look-up."""
    return ":" in text or text.replace(".", "").isdigit()


def connect_to(family: int, address: Any, seconds: float) -> socket.socket:
    """A socket that is connected to one address."""
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.settimeout(seconds)
        connecting.connect(address)
        if family != getattr(socket, "AF_UNIX", None):
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:  # a socket is closed, whatever happens to its user
        connecting.close()
        raise
    return connecting


def _secured(connected: socket.socket, route: Route, deadline: Deadline) -> socket.socket:
    """A connection over which requests may go."""
    try:
        if (proxy := route.tunnelled_by) is not None:
            tunnel(connected, route.host, proxy, deadline)
        if (context := route.context()) is not None:
            connected = handshake(connected, context, route.host.address, deadline)
    except BaseException:  # a socket is closed, whatever happens to its user
        connected.close()
        raise
    return connected


def handshake(connected: socket.socket, context: ssl.SSLContext, name: str, deadline: Deadline) -> ssl.SSLSocket:
    """The same connection with TLS, to whom the certificate calls by this name. It is closed where that fails."""
    secured = context.wrap_socket(connected, server_hostname=name, do_handshake_on_connect=False)
    try:
        secured.settimeout(seconds_left(deadline))
        secured.do_handshake()
    except BaseException:  # a socket is closed, whatever happens to its user
        secured.close()
        raise
    return secured


def tunnel(connected: socket.socket, host: Host, proxy: Host, deadline: Deadline) -> None:
    """Asks a proxy for a way to the host. Raises ProxyError."""
    exchange = Exchange()
    with blamed_on(proxy):
        connected.settimeout(seconds_left(deadline))
        connected.sendall(b"".join(exchange.send(tunnel_request(host, proxy))))
        while (head := exchange.head()) is None:
            connected.settimeout(seconds_left(deadline))
            exchange.feed(connected.recv(_CHUNK))
        check_tunnel(head, proxy)
