"""Which server answers: the one that is set, the default one, or the engine inside this program."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cli.config import Settings
from cli.exit_status import ExitStatus
from cli.failure import Failure
from cli.services.memory import SERVER_ANSWERED, Memory
from vuhitra.hosts import DEFAULT_PORT, Host, resolve_host
from vuhitra.names import same_model

if TYPE_CHECKING:
    from vuhitra import OllamaClient

BUILT_IN_MODEL = "smollm2:135m"
"""What the engine inside this program answers with."""

BUILT_IN_OPTIONS = {"temperature": 0, "num_predict": 1024}
"""How it is asked: a model this small says least nonsense when it always takes the likeliest word, and
it doesn't always find an end by itself."""

Engine = Literal["ollama", "embedded"]


class NotInstalled(Failure):
    """The engine inside this program, or its model, is a package that isn't there."""


@dataclass(frozen=True)
class Server:
    """Where answers come from, and the client that asks there."""

    client: OllamaClient
    host: Host
    engine: Engine

    @property
    def name(self) -> str:
        """How a person would call it."""
        return "the built-in engine" if self.engine == "embedded" else self.host.name

    @property
    def own_model(self) -> str | None:
        """The model that comes with it, where it is the built-in engine."""
        return BUILT_IN_MODEL if self.engine == "embedded" else None

    @property
    def is_remote(self) -> bool:
        """Whether what is asked leaves this machine."""
        return not self.host.is_loopback


def configured_host(settings: Settings) -> Host:
    """The host that the settings name, or the default one. Raises Failure where it can't be read."""
    try:
        return resolve_host(settings.ollama_ip, settings.source("ollama_ip"))
    except ValueError as error:
        raise Failure(str(error)) from error


@contextmanager
def connected(settings: Settings, *, attempts: int = 3, instead: str | None = None) -> Generator[Server]:
    """The server that the settings name, as long as it is needed.

    instead: the same command for the built-in engine, where that can do it.
    """
    if settings.embedded:
        with built_in() as server:
            yield server
        return
    from vuhitra import OllamaClient, OllamaConnectionError, Retry, Timeouts

    host = configured_host(settings)
    timeouts = Timeouts.of(settings.timeout) if settings.timeout else Timeouts()
    client = OllamaClient(host, settings.model, timeouts, retry=Retry(attempts=attempts), auto_pull=False)
    with client:
        try:
            yield Server(client, host, "ollama")
        except OllamaConnectionError as error:
            if error.reason == "refused" and not settings.host_is_set:
                offered = instead and _fits_built_in(settings.model) and _is_installed()
                error.hint = f"ollama serve; or without a server: {instead}" if offered else "ollama serve"
            raise


@contextmanager
def built_in() -> Generator[Server]:
    """The engine inside this program, running as long as it is needed."""
    from cli.services.embedded import EngineNotInstalledError, ModelNotInstalledError
    from cli.services.embedded.serving import serve_in_background
    from vuhitra import OllamaClient

    try:
        with serve_in_background() as host, OllamaClient(host, auto_pull=False) as client:
            yield Server(client, host, "embedded")
    except (EngineNotInstalledError, ModelNotInstalledError) as error:
        missing = "engine" if isinstance(error, EngineNotInstalledError) else "model"
        raise NotInstalled(
            f"the built-in {missing} is not installed",
            why=str(error),
            hint=error.hint,
            status=ExitStatus.NOT_REACHED,
            code="not-installed",
        ) from error


def note_answer(server: Server, memory: Memory) -> None:
    """Remember that a server answered, where it is the one that is asked by default."""
    if server.engine == "ollama" and server.host.is_loopback and server.host.port == DEFAULT_PORT:
        memory.remember(SERVER_ANSWERED)


def may_stand_in(settings: Settings, memory: Memory) -> bool:
    """Whether the built-in engine may answer where nothing listens at the default address.

    Only on a machine that never had a server, for somebody who chose neither server nor model.
    """
    if settings.host_is_set or memory.knows(SERVER_ANSWERED):
        return False
    return _fits_built_in(settings.model)


def _fits_built_in(model: str | None) -> bool:
    return model is None or same_model(model, BUILT_IN_MODEL)


def _is_installed() -> bool:
    from cli.services.embedded import EngineNotInstalledError, ModelNotInstalledError
    from cli.services.embedded.serving import servable

    try:
        servable()
    except (EngineNotInstalledError, ModelNotInstalledError):
        return False
    return True
