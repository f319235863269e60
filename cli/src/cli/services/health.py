"""Whether a server answers, how fast, and what it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cli.exit_status import Verdict
from cli.failure import Failure
from cli.services.listing import running_if_told
from cli.services.servers import Server
from vuhitra.errors import OllamaTimeoutError

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
        models, running = client.list_models(), running_if_told(server, _AT_MOST)
        return Health(version, latency, len(models), None if running is None else len(running))
    except OllamaTimeoutError as error:
        # Too slow to be healthy is not reached, here: a health check has two answers.
        raise Failure(error.what, why=error.why, hint=error.hint, verdict=Verdict.NOT_REACHED) from error
