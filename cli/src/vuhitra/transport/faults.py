"""What goes wrong below HTTP, as errors of the library: no foreign exception gets past this file."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vuhitra.errors import ConnectionReason, OllamaConnectionError, OllamaProtocolError, OllamaTimeoutError
from vuhitra.http import BrokenOffError, CodingError, NotHTTPError
from vuhitra.proxies import ProxyError

if TYPE_CHECKING:
    from vuhitra.hosts import Host
    from vuhitra.limits import Deadline
    from vuhitra.transport.route import Route


_AS_GOOD_AS_EVER = 1e6
"""Seconds; sockets take no time-out that is much longer."""
_FAILED_TO = {
    "connect": "could not be reached",
    "start": "did not begin to answer",
    "idle": "fell silent in the middle of its answer",
    "total": "did not answer in all",
}


def seconds_left(deadline: Deadline) -> float:
    """The seconds that are left. Raises TimeoutError where none are."""
    left = deadline.at - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(left, _AS_GOOD_AS_EVER)


@contextmanager
def timing_out(route: Route, deadline: Deadline, failed_to: str | None = None) -> Generator[None]:
    """Makes a TimeoutError one that says which limit passed. failed_to: what it says that the server did not do."""
    try:
        yield
    except TimeoutError as error:
        doing = failed_to if failed_to and deadline.phase != "total" else _FAILED_TO[deadline.phase]
        raise OllamaTimeoutError(
            f"Ollama at {route} {doing} within {deadline.seconds:g} s",
            phase=deadline.phase,
            seconds=deadline.seconds,
        ) from error


@contextmanager
def translated(route: Route) -> Generator[None]:
    """Makes every foreign exception one of the library's: the one place where that is done."""
    try:
        yield
    except BrokenOffError as error:
        raise OllamaConnectionError(
            f"lost the connection to Ollama at {route}", why=str(error), reason="closed"
        ) from error
    except NotHTTPError as error:
        raise OllamaProtocolError(
            f"what answers at {route} doesn't speak HTTP", why=str(error), snippet=error.snippet
        ) from error
    except CodingError as error:
        raise OllamaProtocolError(
            f"the answer of Ollama at {route} can't be read", why=str(error), snippet=error.snippet
        ) from error
    except ProxyError as error:
        raise _error(route, f"cannot connect to Ollama at {route.host}", "proxy", str(error), error) from error
    except (OSError, UnicodeError) as error:
        reason = _reason(error)
        what = "lost the connection to" if reason == "reset" else "cannot connect to"
        why = _why(route.host, reason, error)
        raise _error(route, f"{what} Ollama at {route}", reason, why, error) from error


@contextmanager
def blamed_on(proxy: Host | None) -> Generator[None]:
    """Makes what goes wrong on the way to a proxy, or in asking it for a tunnel, its fault. A time-out stays one."""
    try:
        yield
    except TimeoutError:
        raise
    except BrokenOffError as error:
        if proxy is None:
            raise
        raise ProxyError(f"the proxy {proxy} {error}") from error
    except NotHTTPError as error:
        if proxy is None:
            raise
        raise ProxyError(f"what answers at {proxy} is no proxy: {error}") from error
    except (OSError, UnicodeError) as error:
        if proxy is None:
            raise
        raise ProxyError(f"the proxy {proxy}: {_why(proxy, _reason(error), error)}") from error


def stopped(route: Route) -> OllamaConnectionError:
    """The error of whoever reads an answer that somebody else closes."""
    return OllamaConnectionError(f"the answer of Ollama at {route} was closed while it was read", reason="stopped")


def _error(route: Route, what: str, reason: ConnectionReason, why: str, error: Exception) -> OllamaConnectionError:
    from pathlib import Path

    from vuhitra.hints import hint_for
    from vuhitra.transport.surroundings import look_around

    hint = hint_for(reason, route.host, look_around(Path("/"), os.environ), detail=str(error), proxy=route.proxy_found)
    return OllamaConnectionError(what, why=why, reason=reason, hint=hint)


def _reason(error: OSError | UnicodeError) -> ConnectionReason:
    ssl = sys.modules.get("ssl")  # where TLS was used, it was imported
    if ssl is not None and isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "dns"
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return "refused"
    return "reset" if isinstance(error, ConnectionError) else "unreachable"


def _why(host: Host, reason: ConnectionReason, error: Exception) -> str:
    if reason == "dns":
        return f"no address is known for {host.address}"
    if reason == "refused" and host.unix_path is not None:
        return f"refused: nothing listens on {host.unix_path}"
    if reason == "refused" and host.is_loopback:
        return f"refused: nothing listens on port {host.port} of this machine"
    if reason == "refused":
        return f"refused: {host.address} is up, but nothing listens on port {host.port}"
    return f"{reason}: {getattr(error, 'strerror', None) or error}"
