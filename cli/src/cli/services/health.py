"""Whether a server answers, how fast, and what it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cli.exit_status import Verdict
from cli.failure import Failure
from cli.logger import get_logger
from cli.services.listing import LOADED_IS_UNKNOWN, listed_models, running_if_told
from cli.services.servers import Server
from vuhitra.errors import OllamaConnectionError, OllamaError, OllamaTimeoutError

_AT_MOST = 5.0
"""Seconds that each answer may take in all."""


@dataclass(frozen=True)
class Health:
    """What a server that answers is like.

    latency: seconds that the first answer took. loaded: how many models are; None: it doesn't tell.
    """

    server_version: str
    latency: float
    models: int
    loaded: int | None


def check(server: Server, clock: Callable[[], float]) -> Health:
    """Ask the server, once. Raises Failure where it isn't reached in time, OllamaError for what it says."""
    client = server.asked_once(_AT_MOST)
    try:
        began = clock()
        version = client.version()
        latency = clock() - began
        return Health(version, latency, len(listed_models(server, _AT_MOST)), _loaded(server))
    except OllamaTimeoutError as error:
        # Too slow to be healthy is not reached, here: a health check has two answers.
        raise Failure(error.what, why=error.why, hint=error.hint, verdict=Verdict.NOT_REACHED) from error


def _loaded(server: Server) -> int | None:
    """How many models are loaded; None where the server doesn't tell, which is told where it should."""
    try:
        running = running_if_told(server, _AT_MOST)
    except OllamaConnectionError:
        raise
    except OllamaError as error:  # it is reached, whatever it says to this
        get_logger("cli").warning(LOADED_IS_UNKNOWN, error.what)
        return None
    return None if running is None else len(running)
