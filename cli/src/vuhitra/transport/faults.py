"""What goes wrong below HTTP, as errors of the library: no foreign exception gets past this file."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vuhitra.errors import ConnectionReason, OllamaConnectionError, OllamaError, OllamaProtocolError, OllamaTimeoutError
from vuhitra.http import BrokenOffError, CodingError, NotHTTPError, UnreadableError
from vuhitra.proxies import ProxyError

if TYPE_CHECKING:
    from vuhitra.hosts import Host
    from vuhitra.limits import Deadline, Timeouts
    from vuhitra.transport.route import Route

FOREIGN = (BrokenOffError, UnreadableError, ProxyError, OSError, UnicodeError)
"""What goes wrong with a connection, before it is translated."""
AS_GOOD_AS_EVER = 1e6
"""Seconds; sockets take no time-out that is much longer."""
_FAILED_TO = {
    "connect": "could not be reached",
    "start": "did not begin to answer",
    "idle": "did not go on with its answer",
    "total": "was not done with its answer",
}


def seconds_left(deadline: Deadline) -> float:
    """The seconds that are left. Raises TimeoutError where none are."""
    left = deadline.at - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(left, AS_GOOD_AS_EVER)


def translated(route: Route, error: Exception, deadline: Deadline, failed_to: str | None = None) -> OllamaError:
    """A foreign exception as one of the library's: the one place where that is done.

    deadline: which passed, where it is a TimeoutError. failed_to: what the server did not do until then.
    """
    if isinstance(error, TimeoutError) and error.errno is None:  # with a number it is the system's, and no deadline
        doing = failed_to if failed_to and deadline.phase != "total" else _FAILED_TO[deadline.phase]
        late = f"Ollama at {route} {doing} within {deadline.seconds:g} s"
        return OllamaTimeoutError(late, phase=deadline.phase, seconds=deadline.seconds)
    if isinstance(error, BrokenOffError):
        return OllamaConnectionError(f"lost the connection to Ollama at {route}", why=str(error), reason="closed")
    if isinstance(error, UnreadableError):
        is_http = isinstance(error, CodingError)
        what = (
            f"the answer of Ollama at {route} can't be read"
            if is_http
            else f"what answers at {route} doesn't speak HTTP"
        )
        return OllamaProtocolError(what, why=str(error), snippet=error.snippet)
    if isinstance(error, OSError | UnicodeError):
        is_lost = isinstance(error, TimeoutError) and deadline.phase != "connect"  # the system has given it up
        reason = "reset" if is_lost else _reason(error)
        what = "lost the connection to" if reason == "reset" else "cannot connect to"
        return _hinted(route, f"{what} Ollama at {route}", reason, _why(route.host, reason, error), error)
    return _hinted(route, f"cannot connect to Ollama at {route.host}", "proxy", str(error), error)


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


def is_broken(error: OllamaConnectionError) -> bool:
    """Whether the peer hung up, in whatever way."""
    return error.reason in ("reset", "closed")


def stopped(route: Route) -> OllamaConnectionError:
    """The error of whoever waits for what somebody else closes."""
    return OllamaConnectionError(f"what was asked of Ollama at {route} was closed before it was done", reason="stopped")


def none_free(route: Route, timeouts: Timeouts) -> OllamaTimeoutError:
    """The error of a call whose time was over before one of the client's connections became free."""
    seconds = timeouts.total or 0.0
    return OllamaTimeoutError(
        f"no connection to Ollama at {route} became free within {seconds:g} s",
        phase="total",
        seconds=seconds,
        why="as many as max_connections allows carry answers",
    )


def _hinted(route: Route, what: str, reason: ConnectionReason, why: str, error: Exception) -> OllamaConnectionError:
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
