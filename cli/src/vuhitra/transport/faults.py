"""What goes wrong below HTTP, as errors of the library: no foreign exception gets past this file."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vuhitra.errors import ConnectionReason, OllamaConnectionError, OllamaProtocolError, OllamaTimeoutError
from vuhitra.http import BrokenOffError, NotHTTPError

if TYPE_CHECKING:
    from vuhitra.hosts import Host
    from vuhitra.limits import Deadline


_AS_GOOD_AS_EVER = 1e6
"""Seconds; sockets take no time-out that is much longer."""


def seconds_left(deadline: Deadline) -> float:
    """The seconds that are left. Raises TimeoutError where none are."""
    left = deadline.at - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(left, _AS_GOOD_AS_EVER)


@contextmanager
def timing_out(host: Host, deadline: Deadline) -> Generator[None]:
    """Makes a TimeoutError one that says which limit passed."""
    try:
        yield
    except TimeoutError as error:
        doing = {
            "connect": "could not be reached",
            "start": "did not begin to answer",
            "idle": "fell silent in the middle of its answer",
            "total": "did not answer in all",
        }[deadline.phase]
        raise OllamaTimeoutError(
            f"Ollama at {host} {doing} within {deadline.seconds:g} s",
            phase=deadline.phase,
            seconds=deadline.seconds,
        ) from error


@contextmanager
def translated(host: Host) -> Generator[None]:
    """Makes every foreign exception one of the library's: the one place where that is done."""
    try:
        yield
    except BrokenOffError as error:
        raise OllamaConnectionError(
            f"lost the connection to Ollama at {host}", why=str(error), reason="closed"
        ) from error
    except NotHTTPError as error:
        raise OllamaProtocolError(
            f"what answers at {host} doesn't speak HTTP", why=str(error), snippet=error.snippet
        ) from error
    except (OSError, UnicodeError) as error:
        raise _connection_error(host, error) from error


def stopped(host: Host) -> OllamaConnectionError:
    """The error of whoever reads an answer that somebody else closes."""
    return OllamaConnectionError(f"the answer of Ollama at {host} was closed while it was read", reason="stopped")


def _connection_error(host: Host, error: OSError | UnicodeError) -> OllamaConnectionError:
    reason = _reason(error)
    what = "lost the connection to" if reason == "reset" else "cannot connect to"
    return OllamaConnectionError(f"{what} Ollama at {host}", why=_why(host, reason, error), reason=reason)


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
