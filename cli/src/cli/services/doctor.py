"""What `vuhitra doctor` looks at, from the setting that names the server to the room on its disk.

Each check is a step further on one way, so one that fails has those skipped that come after it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from shlex import quote
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias, TypeGuard

from cli.config import EMBEDDED, Settings
from cli.exit_status import Verdict
from cli.failure import Failure
from cli.services.answering import check_name
from cli.services.choosing import Choice, WhichModel, can_chat, choose_model, named_model
from cli.services.description import description_of
from cli.services.listing import (
    LOADED_IS_UNKNOWN,
    Listed,
    described,
    listed_models,
    running_if_told,
    shown_if_told,
)
from cli.services.memory import Memory
from cli.services.model_list import capabilities_of, size_of, window_of
from cli.services.remedies import remedy
from cli.services.servers import (
    Server,
    advise,
    configured_host,
    fits_built_in,
    models_folder,
    reached,
    stands_in,
    unusable_certificate,
    way_to,
)
from vuhitra.errors import (
    OllamaAuthenticationError,
    OllamaConnectionError,
    OllamaError,
    OllamaTimeoutError,
)
from vuhitra.hosts import DEFAULT_HOST_SETTING, Host
from vuhitra.names import near_names, same_model
from vuhitra.proxies import is_tunnelled
from vuhitra.transport.connecting import Stage
from vuhitra.transport.stages import Gone
from vuhitra.transport.tls import CertificateError

SUBJECTS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "setting": ("url",),
        "network": ("dns", "tcp", "proxy", "tls"),
        "server": ("version", "key", "models", "loaded"),
        "model": ("model",),
        "window": ("window",),
        "disk": ("disk",),
    }
)
"""The checks in their order, by what they are about."""

_INSIDE = "inside this program"
_UNTOLD = "the server doesn't tell"
_NEEDS = {"network": "the setting", "server": "the network", "model": "the server", "window": "the model"}
_AT_MOST = 5.0
"""Seconds that the way to the server may take in all, and each of its answers."""
_LEAST_ROOM = 100_000_000
"""Bytes below which no model finds room."""

Outcome = Literal["ok", "FAIL", "skip"]


class Coming(NamedTuple):
    """A check begins that may take a while."""

    name: str


class Check(NamedTuple):
    """What came of a check.

    seconds: how long it took; None where there was nothing to wait for. facts: what was found, by the names that
    `--json` gives it. why: why it was skipped. hint: what to try then. error: what failed.
    """

    name: str
    outcome: Outcome = "ok"
    seconds: float | None = None
    facts: Mapping[str, Any] = MappingProxyType({})
    why: str = ""
    hint: str | None = None
    error: OllamaError | Failure | None = None

    @property
    def subject(self) -> str:
        """What it is about."""
        return _subject_of(self.name)


Step: TypeAlias = Coming | Check


def check_setting(settings: Settings) -> Check:
    """Which server is named, and by what."""
    source = settings.source("ollama_ip")
    try:
        url = None if settings.embedded else configured_host(settings).url
    except Failure as error:
        error.hint = error.hint or f"a URL such as {DEFAULT_HOST_SETTING} in {source}"
        return Check("url", "FAIL", error=error)
    return Check("url", facts={"url": url, "source": source})


def check_server(settings: Settings, memory: Memory, clock: Callable[[], float]) -> Iterator[Step]:
    """The server that a setting names, as far as one gets; and the room that it has, where it is on this machine."""
    if settings.embedded:
        yield from (Check(name, "skip", why=_INSIDE) for name in SUBJECTS["network"])
        yield from _timed(_asked(settings, memory), clock)
        return
    host = configured_host(settings)
    answering = yield from _gone(settings, host, memory)
    if answering is not None:
        yield from _timed(_asked(answering, memory), clock)
    if host.is_loopback:
        yield _room(settings.variables)


def completed(checks: Iterable[Check]) -> Generator[Check]:
    """The checks, and between them those that are missing, skipped: they need one that failed."""
    left = [name for group in SUBJECTS.values() for name in group]
    failed: Check | None = None
    for check in checks:
        failed = check if check.outcome == "FAIL" else failed
        at = left.index(check.name)
        yield from (_unreached(name, failed) for name in left[:at])
        del left[: at + 1]
        yield check
    yield from (_unreached(name, failed) for name in left if _subject_of(name) in _NEEDS)


def _subject_of(name: str) -> str:
    return next(subject for subject, names in SUBJECTS.items() if name in names)


def _unreached(name: str, failed: Check | None) -> Check:
    subject = _subject_of(name)
    needed = failed.name if failed and failed.subject == subject else _NEEDS[subject]
    return Check(name, "skip", why=f"needs {needed}")


def _gone(settings: Settings, host: Host, memory: Memory) -> Generator[Step, None, Settings | None]:
    """The way to the server, and who is asked at its end; None where it ends before."""
    try:
        for stage in way_to(settings, host, _AT_MOST):
            if isinstance(stage, Stage):
                yield Coming(stage.name)
            elif stage.error is None:
                yield _of_stage(stage, host)
            elif _is_refused(stage.error) and stands_in(settings, memory):
                yield from _stood_in(stage.error)
                return settings.with_flags(host=EMBEDDED)
            else:
                error = _told(stage.error, stage, host, settings)
                yield Check(stage.name, "FAIL", stage.seconds, error=error)
                return None
    except Failure as error:  # a certificate that isn't there
        yield Check("tls", "FAIL", error=error)
        return None
    if host.scheme != "https":
        yield Check("tls", "skip", why="not on this way")
    return settings


def _is_refused(error: Exception) -> TypeGuard[OllamaConnectionError]:
    return isinstance(error, OllamaConnectionError) and error.reason == "refused"


def _stood_in(refused: OllamaConnectionError) -> Iterator[Check]:
    """What is skipped where nothing listens, and need not."""
    why = f"{refused.why}; the built-in model answers instead"
    yield Check("tcp", "skip", why=why, hint="ollama serve, or OLLAMA_IP=URL for a server elsewhere")
    yield from (Check(name, "skip", why=_INSIDE) for name in ("proxy", "tls"))


def _of_stage(stage: Gone, host: Host) -> Check:
    if stage.name == "dns" and not stage.found:
        return Check("dns", "skip", why="no name to look up")
    waits = stage.name != "proxy" or (stage.place is not None and is_tunnelled(host))
    return Check(stage.name, "ok", stage.seconds if waits else None, _facts_of(stage))


def _facts_of(stage: Gone) -> dict[str, Any]:
    place, found = stage.place, list(stage.found)
    match stage.name:
        case "dns":
            return {"name": place and place.address, "addresses": found}
        case "tcp":
            return {"address": found[0], "port": (place and place.port) or None}
        case "proxy":
            return {"proxy": place and place.url, "source": place and place.source}
        case "tls":
            return {"protocol": found[0], "certificate_ends": stage.certificate_ends}


def _told(error: OllamaError | CertificateError, stage: Gone, host: Host, settings: Settings) -> OllamaError | Failure:
    """Why the way ends at a stage, with all there is to try."""
    if isinstance(error, CertificateError):
        return unusable_certificate(error, settings)
    if isinstance(error, OllamaConnectionError):
        advise(error, host, settings, "vuhitra doctor --embedded" if fits_built_in(settings.model) else None)
    error.hint = error.hint or remedy(error, stage.name, stage.place or host)
    return error


def _timed(steps: Iterable[Step], clock: Callable[[], float]) -> Iterator[Step]:
    """The steps, with the time that each check took; where one raises, the check that was coming has failed."""
    coming, began = "", clock()
    try:
        for step in steps:
            if isinstance(step, Coming):
                coming, began = step.name, clock()
                yield step
            else:
                yield step._replace(seconds=clock() - began) if coming else step
                coming = ""
    except (OllamaError, Failure) as error:
        # Whoever refuses the key need not say first who it is.
        is_of_the_key = isinstance(error, OllamaAuthenticationError) and coming == "version"
        yield Check("key" if is_of_the_key else coming, "FAIL", clock() - began, error=error)


def _asked(settings: Settings, memory: Memory) -> Iterator[Step]:
    """What the server says of itself, of its models, and of the one that answers by default."""
    yield Coming("version" if settings.embedded else "key")
    with _remedied(settings), reached(settings, memory, attempts=1) as server:
        if not settings.embedded:
            yield Coming("version")
        version = server.asked_once(_AT_MOST).version()
        yield Check("version", facts={"engine": server.engine, "server_version": version})
        yield _key(server)
        yield Coming("models")
        listed = listed_models(server, _AT_MOST)
        yield Check("models", facts={"models": len(listed)})
        yield Coming("loaded")
        running, loaded = _running(server)
        yield loaded
        yield Coming("model")
        try:
            model, default = _default(settings, listed, server)
        except WhichModel as which:
            yield _unclear(which, server)
            yield Check("window", "skip", why="needs a model")
            return
        yield default
        yield Coming("window")
        yield _window(model, running, server)


@contextmanager
def _remedied(settings: Settings) -> Generator[None]:
    """Says what to look at where a server fails and doesn't tell what helps."""
    try:
        yield
    except OllamaError as error:
        if not settings.embedded:
            error.hint = error.hint or remedy(error, "", configured_host(settings))
        raise


def _key(server: Server) -> Check:
    host = server.host
    if server.engine == "embedded":
        return Check("key", "skip", why=_INSIDE)
    source = (host.credential_source or host.source) if host.authorization else None
    return Check("key", facts={"source": source})


def _running(server: Server) -> tuple[Sequence[Listed], Check]:
    """The models that are loaded. A server that doesn't tell is as good as any other."""
    why = _UNTOLD
    try:
        running = running_if_told(server, _AT_MOST)
    except OllamaError as error:
        running, why = None, LOADED_IS_UNKNOWN % error.what
    if running is None:
        return (), Check("loaded", "skip", why=why)
    return running, Check("loaded", facts={"loaded": len(running)})


def _unclear(which: WhichModel, server: Server) -> Check:
    return Check(
        "model",
        "skip",
        why=f"none is set; {which.what.partition('? ')[2]}",
        hint=server.command("models", "default", which.names[0]),
    )


def _default(settings: Settings, listed: Sequence[Listed], server: Server) -> tuple[str, Check]:
    """The model that answers where none is named. Raises Failure where none can, WhichModel where it isn't clear."""
    check_name(settings)
    choice = named_model(settings)
    if choice is None:
        listed = described(listed, server)
        choice = choose_model(listed, server)
    found = next((each for each in listed if same_model(each["name"], choice.model)), None)
    if found is None:
        raise _not_there(choice, listed, server)
    (known,) = described([found], server)
    if not can_chat(known):
        what, others = f"{choice.model}{choice.setting} can't chat", _others(choice, listed, server)
        raise Failure(what, hint=" or ".join(others) or None, verdict=Verdict.NOT_CAPABLE)
    facts = {"model": known["name"], "source": choice.source, "size": size_of(known), "can": capabilities_of(known)}
    return known["name"], Check("model", facts=facts)


def _not_there(choice: Choice, listed: Sequence[Listed], server: Server) -> Failure:
    where = "in the built-in engine" if server.engine == "embedded" else "on that server"
    pull = [] if server.engine == "embedded" else [server.command("models", "pull", choice.model)]
    return Failure(
        f"{choice.model}{choice.setting} is not {where}",
        hint=", or ".join([*pull, *_others(choice, listed, server)]),
        verdict=Verdict.NO_SUCH_MODEL,
    )


def _others(choice: Choice, listed: Sequence[Listed], server: Server) -> list[str]:
    """How the setting that named a model names one that is there: the nearest, or any that may chat."""
    able = [each["name"] for each in listed if can_chat(each) and not same_model(each["name"], choice.model)]
    names = near_names(choice.model, able) or able
    if not names:
        return []
    if choice.origin in ("environment", "dotenv"):
        return [f"MODEL={quote(names[0])}"]
    return [server.command("models", "default", names[0])]


def _window(model: str, running: Sequence[Listed], server: Server) -> Check:
    """How much the model takes. A server that doesn't tell, or not in time, is as good as any other."""
    why, most = _UNTOLD, None
    try:
        if shown := shown_if_told(model, server, _AT_MOST):
            most = description_of(shown).window
    except OllamaTimeoutError as error:
        why = error.what
    loaded = next((window_of(each) for each in running if same_model(each["name"], model)), None)
    if most is None and loaded is None:
        return Check("window", "skip", why=why)
    return Check("window", facts={"window": most, "window_loaded": loaded})


def _room(variables: Mapping[str, str]) -> Check:
    """Whether a model would find room where a server of this machine keeps its own."""
    folder = models_folder(variables)
    if folder is None:
        return Check("disk", "skip", why="no folder of models on this machine")
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("disk", "skip", why=f"{folder}: {error.strerror}")
    facts = {"folder": folder, "free": free}
    if free >= _LEAST_ROOM:
        return Check("disk", facts=facts)
    hint = "vuhitra models remove NAME, for a model that nobody needs"
    return Check(
        "disk",
        "FAIL",
        facts=facts,
        error=Failure(f"no room for a model in {folder}", hint=hint, verdict=Verdict.NO_ROOM),
    )
