"""Blocking sockets on their way to a server: look-up, TCP, a proxy's tunnel and TLS, all by one deadline."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

from vuhitra.http import Exchange
from vuhitra.proxies import check_tunnel, tunnel_request
from vuhitra.transport.faults import blamed_on, seconds_left

if TYPE_CHECKING:
    from vuhitra.hosts import Host
    from vuhitra.limits import Deadline
    from vuhitra.transport.route import Route

_CHUNK = 65536
StageName = Literal["dns", "tcp", "proxy", "tls"]


class Stage(NamedTuple):
    """A part of the way to a server.

    place: the server, or the proxy before it; for `proxy` that one, where there is one. found: None as it begins; once
    it is done, for `dns` the addresses of a name, for `tcp` the one that is connected, for `tls` the protocol.
    """

    name: StageName
    place: Host | None = None
    found: Sequence[str] | None = None


Way: TypeAlias = Generator[Stage, None, socket.socket]
"""The stages to a connected socket, which is what it returns."""


def connect(route: Route, deadline: Deadline) -> socket.socket:
    """A socket that is connected to the server, or to it through its proxy."""
    return at_the_end_of(way(route, deadline))


def at_the_end_of(going: Way) -> socket.socket:
    """The socket to which a way leads, for those who don't care how."""
    while True:
        try:
            next(going)
        except StopIteration as end:
            return cast("socket.socket", end.value)


def way(route: Route, deadline: Deadline) -> Way:
    """Connects to the server, or to it through its proxy; each stage is told as it begins, and as it is done."""
    yield Stage("proxy")
    place = route.proxy or route.host
    yield Stage("tls")
    route.context()  # made before anything is open
    yield Stage("dns", place)
    with blamed_on(route.proxy):
        found = _look_up(place, deadline)
    is_name = place.unix_path is None and not is_address(place.address)
    yield Stage("dns", place, [_text(address) for *_, address in found] if is_name else [])
    return (yield from reach(found, route, deadline))


def reach(addresses: list[Any], route: Route, deadline: Deadline) -> Way:
    """Connects to one of some addresses, tried in turn, each with its share of the time.

    addresses: as `socket.getaddrinfo` gives them. What comes after one is told anew for the next.
    """
    place = route.proxy or route.host
    for untried, (family, _, _, _, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            yield Stage("tcp", place)
            with blamed_on(route.proxy if untried == 1 else None):
                connected = _connect_to(family, address, seconds_left(deadline) / untried)
            return (yield from _secured(connected, address, route, deadline))
        except OSError:
            if untried == 1:
                raise
    raise socket.gaierror(f"no address for {place.address}")


def _look_up(host: Host, deadline: Deadline) -> list[Any]:
    """The addresses of a host. The system's look-up knows no limit, so it is waited for from outside."""
    if host.unix_path is not None:
        return [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", host.unix_path)]
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


def _connect_to(family: int, address: Any, seconds: float) -> socket.socket:
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


def _secured(connected: socket.socket, address: Any, route: Route, deadline: Deadline) -> Way:
    """Makes a connection to an address one over which requests may go."""
    try:
        yield Stage("tcp", route.proxy or route.host, [_text(address)])
        yield Stage("proxy", route.proxy)
        if (proxy := route.tunnelled_by) is not None:
            _tunnel(connected, route.host, proxy, deadline)
        yield Stage("proxy", route.proxy, [])
        if (context := route.context()) is not None:
            yield Stage("tls", route.host)
            connected = context.wrap_socket(
                connected, server_hostname=route.host.address, do_handshake_on_connect=False
            )
            connected.settimeout(seconds_left(deadline))
            connected.do_handshake()
            yield Stage("tls", route.host, [str(connected.version())])
    except BaseException:  # a socket is closed, whatever happens to its user
        connected.close()
        raise
    return connected


def _text(address: Any) -> str:
    """The path of a socket, or an address without its port."""
    return str(address if isinstance(address, str) else address[0])


def _tunnel(connected: socket.socket, host: Host, proxy: Host, deadline: Deadline) -> None:
    """Asks a proxy for a way to the host. Raises ProxyError."""
    exchange = Exchange()
    with blamed_on(proxy):
        connected.settimeout(seconds_left(deadline))
        connected.sendall(b"".join(exchange.send(tunnel_request(host, proxy))))
        while (head := exchange.head()) is None:
            connected.settimeout(seconds_left(deadline))
            exchange.feed(connected.recv(_CHUNK))
        check_tunnel(head, proxy)
