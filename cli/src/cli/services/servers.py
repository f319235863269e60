"""Which server answers: the one that is set, the default one, or the engine inside this program."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from cli.config import DOTENV, Settings
from cli.exit_status import Verdict
from cli.failure import Failure
from cli.services.memory import SERVER_ANSWERED, Memory
from vuhitra.hosts import DEFAULT_PORT, Host, resolve_host
from vuhitra.names import same_model

if TYPE_CHECKING:
    from cli.services.profiles import CertificateOptions
    from vuhitra import OllamaClient, OllamaConnectionError, Retry, Timeouts
    from vuhitra.transport.connecting import Stage
    from vuhitra.transport.stages import Gone
    from vuhitra.transport.tls import CertificateError

BUILT_IN_MODEL = "smollm2:135m"
"""What the engine inside this program answers with."""

BUILT_IN_OPTIONS = {"temperature": 0, "num_predict": 1024}
"""How it is asked: a model this small says least nonsense when it always takes the likeliest word, and
it doesn't always find an end by itself."""

_FOLDER_OF_THE_SERVICE = "/usr/share/ollama/.ollama/models"
"""Where Ollama keeps its models on Linux, where its installer made it a service."""

Engine = Literal["ollama", "embedded"]


class NotInstalled(Failure):
    """The engine inside this program, or its model, is a package that isn't there."""


class Server(NamedTuple):
    """Where answers come from, and the client that asks there. flags: those of the command line that named it."""

    client: OllamaClient
    host: Host
    engine: Engine
    flags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How a person would call it."""
        return "the built-in engine" if self.engine == "embedded" else self.host.name

    def command(self, *words: str) -> str:
        """A command of vuhitra that asks this server, too."""
        from shlex import join

        return join(["vuhitra", *words, *self.flags])

    def asked_once(self, seconds: float) -> OllamaClient:
        """A client for a question beside the point: it is asked once, and each answer may take so long in all.

        Less of that is for connecting, so that a time-out tells whether the server was reached.
        """
        from vuhitra import Retry, Timeouts

        limits = Timeouts(connect=seconds * 0.75, start=seconds, idle=seconds, total=seconds)
        return self.client.with_options(timeouts=limits, retry=Retry(attempts=1))

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
        # What the library calls headers= is a key here.
        raise Failure(str(error).replace("headers=", "OLLAMA_API_KEY")) from error


@contextmanager
def connected(
    settings: Settings, memory: Memory, *, attempts: int = 3, instead: str | None = None, wait: float | None = None
) -> Generator[Server]:
    """The server that the settings name, as long as it is needed; an error in reaching it says all there is to try.

    instead: the same command for the built-in engine, where that can do it. wait: seconds it has to come up.
    """
    from vuhitra import OllamaConnectionError

    try:
        with reached(settings, memory, attempts=attempts, wait=wait) as server:
            yield server
    except OllamaConnectionError as error:
        if not settings.embedded:
            host = configured_host(settings)
            advise(error, host, settings, instead)
            error.hint = _or_examine(error, host, settings)
        raise


@contextmanager
def reached(settings: Settings, memory: Memory, *, attempts: int = 3, wait: float | None = None) -> Generator[Server]:
    """The server that the settings name, as long as it is needed. That it answered is remembered.

    wait: seconds it has to come up.
    """
    if settings.embedded:
        with built_in(settings.timeout) as server:
            yield server._replace(flags=settings.host_flags)
        return
    from vuhitra import OllamaAuthenticationError, OllamaConnectionError, OllamaProtocolError, Retry
    from vuhitra.transport.tls import CertificateError

    host = with_key(configured_host(settings), settings)
    with _client(settings, host, Retry(attempts=attempts)) as client:
        server = Server(client, host, "ollama", settings.host_flags)
        try:
            if wait is not None:
                client.wait_until_ready(wait)
            yield server
        except (OllamaConnectionError, OllamaProtocolError):  # no answer, or none of an Ollama server
            raise
        except CertificateError as error:
            raise unusable_certificate(error, settings) from error
        except OllamaAuthenticationError as error:
            error.hint = error.hint or other_key(settings)
            note_answer(server, memory)
            raise
        except Exception:  # its answer, or what became of it
            note_answer(server, memory)
            raise
        note_answer(server, memory)


def unusable_certificate(error: CertificateError, settings: Settings) -> Failure:
    """What to say of a file that holds no certificate: which setting names it. Only profiles name any."""
    from cli.config_rules import to_set

    name = settings.profile.name if settings.profile else "NAME"
    key = "ca" if error.setting == "verify" else "client_certificate"
    return Failure(
        f"profile {name}: no certificate can be used from {error.path!r} ({key})",
        why=error.why,
        hint=to_set(name, key, "FILE"),
    )


def advise(error: OllamaConnectionError, host: Host, settings: Settings, instead: str | None = None) -> None:
    """Complete what an error says to try: a profile that may have been meant, and the built-in engine.

    instead: the same command for that one, where it can do it.
    """
    if error.reason == "dns":
        _name_profiles(error, host, settings)
    error.hint = hint_with(instead, error, settings)


def _or_examine(error: OllamaConnectionError, host: Host, settings: Settings) -> str | None:
    """What to try where a server isn't reached; also what finds out why, where the error alone can't tell."""
    from shlex import join

    from vuhitra import OllamaTimeoutError

    examination = join(["vuhitra", "doctor", *settings.host_flags])
    if error.reason == "refused" and not host.is_loopback:
        return f"start Ollama there, listening beyond 127.0.0.1; or: {examination}"
    if isinstance(error, OllamaTimeoutError):
        is_reached = error.phase != "connect"
    else:
        is_reached = error.reason not in ("dns", "refused", "unreachable")
    return error.hint if is_reached or error.hint else examination


def _name_profiles(error: OllamaConnectionError, host: Host, settings: Settings) -> None:
    """Name profiles that may have been meant by a word that is no server's name."""
    from shlex import quote

    from cli.config_rules import near_profiles

    if settings.profile is None and (near := near_profiles(host.address, settings.file.profiles)):
        error.why = f"{error.why}; near names of profiles: {', '.join(near)}"
        error.hint = f"--host {quote(near[0])}"


def hint_with(instead: str | None, error: OllamaConnectionError, settings: Settings) -> str | None:
    """What to try; also the built-in engine, where nobody chose a server."""
    offers = instead and error.reason == "refused" and not settings.host_is_set and _is_installed()
    return f"{error.hint or 'ollama serve'}; or without a server: {instead}" if offers else error.hint


def _client(settings: Settings, host: Host, retry: Retry) -> OllamaClient:
    """The client for a host, with the certificates that belong to it."""
    from vuhitra import OllamaClient

    certificates, timeouts = _certificates(settings), _timeouts(settings.timeout)
    return OllamaClient(host, settings.model, timeouts, retry=retry, auto_pull=False, **certificates)


def _timeouts(seconds: float | None) -> Timeouts:
    from vuhitra import Timeouts

    return Timeouts.of(seconds) if seconds else Timeouts()


def _certificates(settings: Settings) -> CertificateOptions:
    if settings.profile is None:
        return {}
    from cli.services.profiles import certificates_of

    return certificates_of(settings.profile, settings.variables)


def way_to(settings: Settings, host: Host, seconds: float) -> Iterator[Stage | Gone]:
    """The stages of the way to a server, as a client goes it. Raises Failure for a certificate that isn't there."""
    from vuhitra.transport.route import Route
    from vuhitra.transport.stages import stages

    given = _certificates(settings)
    return stages(Route(host, None, given.get("verify", True), given.get("cert")), seconds)


def with_key(host: Host, settings: Settings) -> Host:
    """A host with the key that belongs to it; one in its URL goes first."""
    if host.authorization:
        return host
    key, source = settings.api_key, settings.source("api_key")
    if settings.profile:
        from cli.services.profiles import key_of, key_source

        key, source = key_of(settings.profile, settings.variables), key_source(settings.profile)
    if not key:
        return host
    if not (key.isascii() and key.isprintable()):
        where = f"profile {settings.profile.name}" if settings.profile else source
        raise Failure(f"the key in {where} holds characters that can't be sent", hint="vuhitra config show")
    return replace(host, authorization=f"Bearer {key}", credential_source=source)


def other_key(settings: Settings) -> str:
    """What to try where a server refuses what it was shown, or wants a key: how it is given another."""
    from shlex import quote

    if settings.profile:
        from cli.services.profiles import other_key_of

        return other_key_of(settings.profile)
    if configured_host(settings).authorization:
        return f"another user:password@ in {settings.source('ollama_ip')}"
    if settings.origin == "dotenv":
        return f"OLLAMA_API_KEY=KEY in {DOTENV}"
    if settings.has_key_beside_another_server:
        return f"export OLLAMA_IP={quote(settings.ollama_ip)} OLLAMA_API_KEY=KEY"
    return "export OLLAMA_API_KEY=KEY"


@contextmanager
def built_in(timeout: float | None = None) -> Generator[Server]:
    """The engine inside this program, running as long as it is needed. timeout: see `Settings`."""
    from cli.services.embedded import EngineNotInstalledError, ModelNotInstalledError
    from cli.services.embedded.serving import serve_in_background
    from vuhitra import OllamaClient

    try:
        with serve_in_background() as host, OllamaClient(host, None, _timeouts(timeout), auto_pull=False) as client:
            yield Server(client, host, "embedded")
    except (EngineNotInstalledError, ModelNotInstalledError) as error:
        missing = "engine" if isinstance(error, EngineNotInstalledError) else "model"
        raise NotInstalled(
            f"the built-in {missing} is not installed",
            why=str(error),
            hint=error.hint,
            verdict=Verdict.NOT_INSTALLED,
        ) from error


def models_folder(variables: Mapping[str, str]) -> str | None:
    """Where an Ollama server on this machine may keep its models; None where no such folder is there."""
    import os

    from cli.services.embedded.model_store import ollama_folder

    folders = (str(ollama_folder(variables)), _FOLDER_OF_THE_SERVICE)
    return next(filter(os.path.isdir, folders), None)


def note_answer(server: Server, memory: Memory) -> None:
    """Remember that a server answered, where it is the one that is asked by default."""
    if server.engine == "ollama" and server.host.is_loopback and server.host.port == DEFAULT_PORT:
        memory.remember(SERVER_ANSWERED)


def stands_in(settings: Settings, memory: Memory) -> bool:
    """Whether the built-in engine answers where nothing listens at the default address: it may, and it is there."""
    return may_stand_in(settings, memory) and _is_installed()


def may_stand_in(settings: Settings, memory: Memory) -> bool:
    """Whether the built-in engine may answer where nothing listens at the default address.

    Only on a machine that never had a server, for somebody who chose neither server nor model.
    """
    if settings.host_is_set or memory.knows(SERVER_ANSWERED):
        return False
    return fits_built_in(settings.model)


def fits_built_in(model: str | None) -> bool:
    """Whether the engine inside this program has the model that is asked for, if one is."""
    return model is None or same_model(model, BUILT_IN_MODEL)


def _is_installed() -> bool:
    from cli.services.embedded import EngineNotInstalledError, ModelNotInstalledError
    from cli.services.embedded.serving import servable

    try:
        servable()
    except (EngineNotInstalledError, ModelNotInstalledError):
        return False
    return True
