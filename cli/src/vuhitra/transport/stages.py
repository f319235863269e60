"""How far the way to a server leads: each stage with its time, the last one with the error on which it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vuhitra.limits import Deadlines, Timeouts
from vuhitra.transport.connecting import Stage, StageName, way
from vuhitra.transport.faults import FOREIGN, translated
from vuhitra.transport.tls import CertificateError

if TYPE_CHECKING:
    import socket

    from vuhitra.errors import OllamaError
    from vuhitra.hosts import Host
    from vuhitra.transport.route import Route


class Gone(NamedTuple):
    """A stage that was gone, or could not be.

    seconds: how long it took. place, found: see `Stage`; nothing was found on one that could not be gone.
    certificate_ends: in seconds since the epoch, for `tls` where it was checked. error: why the way ends here.
    """

    name: StageName
    seconds: float
    place: Host | None
    found: Sequence[str] = ()
    certificate_ends: float | None = None
    error: OllamaError | CertificateError | None = None


def stages(route: Route, seconds: float) -> Iterator[Stage | Gone]:
    """Goes the way to a server and hangs up there; each stage is told as it begins, and once it was gone.

    seconds: what all of it may take. Of several addresses one is told that can be connected to, or else the last.
    """
    deadline = Deadlines(Timeouts(connect=seconds), None, time.monotonic).connect()
    going = way(route, deadline)
    begun, began = Stage("proxy"), time.monotonic()
    gone: list[Gone] = []
    try:
        while True:
            stage = next(going)
            if stage.found is None:
                if stage.name == "tcp":
                    gone = []  # what was gone to another address led nowhere
                yield stage
                begun, began = stage, time.monotonic()
                continue
            done = Gone(stage.name, time.monotonic() - began, stage.place, stage.found)
            if stage.name == "dns":
                yield done
            else:
                gone.append(done)
    except StopIteration as end:
        with end.value as connected:
            gone[-1] = gone[-1]._replace(certificate_ends=_end_of_certificate(connected))
    except (*FOREIGN, CertificateError) as error:
        told = error if isinstance(error, CertificateError) else translated(route, error, deadline)
        gone.append(Gone(begun.name, time.monotonic() - began, begun.place, error=told))
    yield from gone


def _end_of_certificate(connected: socket.socket) -> float | None:
    import ssl

    certificate = connected.getpeercert() if isinstance(connected, ssl.SSLSocket) else None
    ends = certificate.get("notAfter") if certificate else None
    return ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None
