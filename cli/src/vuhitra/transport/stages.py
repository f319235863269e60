"""The way to a server, one stage at a time, for whoever wants to know where it ends. Nothing is asked there."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from vuhitra.errors import OllamaError
from vuhitra.hosts import Host
from vuhitra.limits import Deadline, Deadlines, Timeouts
from vuhitra.transport.connecting import connect_to, handshake, is_address, look_up, tunnel
from vuhitra.transport.faults import FOREIGN, blamed_on, seconds_left, translated
from vuhitra.transport.route import Route
from vuhitra.transport.tls import CertificateError

Address = tuple[int, Any]
"""The family of a socket, and where it connects to."""
StageName = Literal["dns", "tcp", "proxy", "tls"]


class Stage(NamedTuple):
    """A part of the way that was gone, or could not be.

    seconds: how long it took. place: the server, or the proxy before it; for `proxy` that one, or None.
    found: for `dns` the addresses, none where no name had to be looked up; for `tcp` the one that was connected to;
        for `tls` the protocol.
    ends: when the certificate does, in seconds since the epoch, where it was checked.
    error: why the way ends here.
    """

    name: StageName
    seconds: float
    place: Host | None
    found: tuple[str, ...] = ()
    ends: float | None = None
    error: OllamaError | CertificateError | None = None


class _Laps:
    """A stopwatch: the seconds since it was last looked at."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def lap(self) -> float:
        began, self._began = self._began, time.monotonic()
        return self._began - began


def stages(route: Route, seconds: float) -> Iterator[Stage]:
    """Goes the way to a server, and hangs up there. The last stage has an error where the way ends before.

    seconds: what all of it may take. Stages that this way doesn't have are left out: `dns` and `proxy` of a Unix
    socket, `tls` of a server without. Of several addresses the first is told to which all goes well, else the last.
    """
    deadline = Deadlines(Timeouts(connect=seconds), None, time.monotonic).connect()
    laps = _Laps()
    name: StageName = "proxy"
    try:
        place = route.proxy or route.host
        name = "tls"
        route.context()
        name, laps = "dns", _Laps()
        with blamed_on(route.proxy):
            addresses = _addresses_of(place, deadline)
    except (*FOREIGN, CertificateError) as error:
        yield Stage(name, laps.lap(), None, error=_told(route, error, deadline))
        return
    if place.unix_path is None:
        looked_up = () if is_address(place.address) else tuple(dict.fromkeys(map(_text, addresses)))
        yield Stage("dns", laps.lap(), place, looked_up)
    yield from stages_from(addresses, place, route, deadline)


def _addresses_of(place: Host, deadline: Deadline) -> list[Address]:
    """Where it may be."""
    if place.unix_path is not None:
        return [(socket.AF_UNIX, place.unix_path)]
    return [(family, address) for family, _, _, _, address in look_up(place, deadline)]


def _text(at: Address) -> str:
    _, address = at
    return address if isinstance(address, str) else str(address[0])


def stages_from(addresses: list[Address], place: Host, route: Route, deadline: Deadline) -> Iterator[Stage]:
    """The stages behind the look-up, by the first address to which all goes well, else by the last.

    addresses: families, and where to connect to; each has its share of the time.
    """
    gone: list[Stage] = []
    for untried, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        gone = list(_to(address, place, route, deadline, untried))
        if gone[-1].error is None:
            break
    yield from gone


def _to(at: Address, place: Host, route: Route, deadline: Deadline, untried: int) -> Iterator[Stage]:
    laps = _Laps()
    name: StageName = "tcp"
    connected: socket.socket | None = None
    try:
        with blamed_on(route.proxy):
            connected = connect_to(*at, seconds_left(deadline) / untried)
        yield Stage(name, laps.lap(), place, (_text(at),))
        name = "proxy"
        if route.tunnelled_by is not None:
            tunnel(connected, route.host, route.tunnelled_by, deadline)
        if place.unix_path is None:
            yield Stage(name, laps.lap(), route.proxy)
        name = "tls"
        if (context := route.context()) is not None:
            connected = secured = handshake(connected, context, route.host.address, deadline)
            yield Stage(name, laps.lap(), route.host, (str(secured.version()),), _end_of_certificate(secured))
    except FOREIGN as error:
        yield Stage(name, laps.lap(), place, error=_told(route, error, deadline))
    finally:
        if connected is not None:
            connected.close()


def _end_of_certificate(secured: ssl.SSLSocket) -> float | None:
    certificate = secured.getpeercert() or {}
    ends = certificate.get("notAfter")
    return ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None


def _told(route: Route, error: Exception, deadline: Deadline) -> OllamaError | CertificateError:
    return error if isinstance(error, CertificateError) else translated(route, error, deadline)
