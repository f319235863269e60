"""Whether a server answers, how fast, and what it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.exit_status import Verdict
from cli.failure import Failure
from cli.services.servers import Server
from vuhitra.errors import OllamaResponseError, OllamaTimeoutError

if TYPE_CHECKING:
    from vuhitra import OllamaClient

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
        return Health(version, latency, len(client.list_models()), _loaded(client))
    except OllamaTimeoutError as error:
        # Too slow to be healthy is not reached, here: a health check has two answers.
        raise Failure(error.what, why=error.why, hint=error.hint, verdict=Verdict.NOT_REACHED) from error


def _loaded(client: OllamaClient) -> int | None:
    try:
        return len(client.running_models())
    except OllamaResponseError as error:
        if error.status != 404:
            raise
        return None  # a compatible server that lacks it
