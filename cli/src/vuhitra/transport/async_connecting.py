"""asyncio's connections on their way to a server: look-up, TCP, a proxy's tunnel and TLS, all by one deadline."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vuhitra.http import Exchange
from vuhitra.proxies import check_tunnel, tunnel_request
from vuhitra.transport.connecting import addresses_of, is_address
from vuhitra.transport.faults import blamed_on, seconds_left
from vuhitra.transport.wire import Wire

if TYPE_CHECKING:
    from vuhitra.hosts import Host
    from vuhitra.limits import Deadline
    from vuhitra.transport.route import Route

_CHUNK = 65536
Connected = tuple[Wire, socket.socket]


async def connect(route: Route, deadline: Deadline) -> Connected:
    """A connection to the server, or to it through its proxy."""
    if route.host.unix_path is not None:
        async with asyncio.timeout(seconds_left(deadline)):
            return await _secured(await _connect_to(socket.AF_UNIX, route.host.unix_path), route)
    route.context()  # made before anything is open
    return await reach(await _look_up(route, deadline), route, deadline)


async def reach(addresses: list[Any], route: Route, deadline: Deadline) -> Connected:
    """A connection to one of some addresses, tried in turn, each with its share of the time.

    addresses: as `socket.getaddrinfo` gives them.
    """
    for untried, (family, _, _, _, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            async with asyncio.timeout(seconds_left(deadline) / untried):
                with blamed_on(route.proxy if untried == 1 else None):
                    connected = await _connect_to(family, address)
                return await _secured(connected, route)
        except OSError:
            if untried == 1:
                raise
    raise socket.gaierror(f"no address for {(route.proxy or route.host).address}")


async def _look_up(route: Route, deadline: Deadline) -> list[Any]:
    place = route.proxy or route.host
    with blamed_on(route.proxy):
        if is_address(place.address):
            return addresses_of(place)
        async with asyncio.timeout(seconds_left(deadline)):
            return await _looked_up_aside(place)


async def _looked_up_aside(host: Host) -> list[Any]:
    """The addresses of a host, from a thread that nobody waits for: an event loop waits for its own when it ends."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Any]] = loop.create_future()

    def look_up() -> None:
        try:
            addresses = addresses_of(host)
        except (OSError, UnicodeError) as error:
            tell(found.set_exception, error)
        else:
            tell(found.set_result, addresses)

    def tell(settle: Callable[[Any], None], outcome: object) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(lambda: None if found.done() else settle(outcome))

    threading.Thread(target=look_up, daemon=True).start()
    return await found


async def _connect_to(family: int, address: Any) -> socket.socket:
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connecting, address)
    except BaseException:  # a socket is closed, whatever happens to its user
        connecting.close()
        raise
    return connecting


async def _secured(connected: socket.socket, route: Route) -> Connected:
    """A connection over which requests may go."""
    context = route.context()
    if (proxy := route.tunnelled_by) is not None:
        try:
            with blamed_on(proxy):
                await _tunnel(connected, route.host, proxy)
        except BaseException:  # a socket is closed, whatever happens to its user
            connected.close()
            raise
    # From here on it is asyncio's to close.
    return await Wire.over(connected, context, route.host.address if context else None), connected


async def _tunnel(connected: socket.socket, host: Host, proxy: Host) -> None:
    """Asks a proxy for a way to the host. Raises ProxyError."""
    loop = asyncio.get_running_loop()
    exchange = Exchange()
    await loop.sock_sendall(connected, b"".join(exchange.send(tunnel_request(host, proxy))))
    while (head := exchange.head()) is None:
        exchange.feed(await loop.sock_recv(connected, _CHUNK))
    check_tunnel(head, proxy)
