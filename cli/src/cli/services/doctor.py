"""What `vuhitra doctor` looks at, from the setting that names the server to the room on its disk.

Each check is a step further on one way, so one that fails has those skipped that come after it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from shlex import join, quote
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from cli.config import Settings
from cli.exit_status import Verdict
from cli.failure import Failure
from cli.services.choosing import Choice, WhichModel, can_chat, choose_model, named_model
from cli.services.description import description_of
from cli.services.listing import LOADED_IS_UNKNOWN, Listed, described, listed_models, running_if_told
from cli.services.memory import Memory
from cli.services.model_list import capabilities_of, size_of
from cli.services.servers import (
    Server,
    advise,
    configured_host,
    connected,
    models_folder,
    unusable_certificate,
    way_to,
)
from vuhitra.errors import OllamaAuthenticationError, OllamaConnectionError, OllamaError
from vuhitra.hosts import Host
from vuhitra.names import near_names, same_model
from vuhitra.proxies import is_tunnelled
from vuhitra.transport.stages import Stage
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

_NAMES = [name for group in SUBJECTS.values() for name in group]
_NEEDS = {"network": "the setting", "server": "the network", "model": "the server", "window": "the model"}
_AT_MOST = 5.0
"""Seconds that the way to the server may take in all, and each of its answers."""
_LEAST_ROOM = 1_000_000_000
"""Bytes below which hardly a model finds room."""

_ITS_LOG = "journalctl -u ollama, or whatever else shows the log of the server"
"""What to look at where a server fails and doesn't say why."""

Outcome = Literal["ok", "FAIL", "skip"]


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
    error: Exception | None = None

    @property
    def subject(self) -> str:
        """What it is about."""
        return _subject_of(self.name)


class _Laps:
    """A stopwatch: the seconds since it was last looked at."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()

    def lap(self) -> float:
        began, self._began = self._began, self._clock()
        return self._began - began


def check_setting(settings: Settings) -> Check:
    """Which server is named, and by what."""
    source = settings.source("ollama_ip")
    try:
        url = None if settings.embedded else configured_host(settings).url
    except Failure as error:
        return Check("url", "FAIL", error=error)
    return Check("url", facts={"url": url, "source": source})


def check_server(settings: Settings, memory: Memory, clock: Callable[[], float]) -> Iterator[Check]:
    """The server that a setting names, as far as one gets; and the room that it has, where it is on this machine."""
    if settings.embedded:
        yield from (Check(name, "skip", why="inside this program") for name in SUBJECTS["network"])
        yield from _asked(settings, memory, clock)
        return
    host = configured_host(settings)
    way = list(_gone(settings, host))
    yield from way
    if all(check.outcome != "FAIL" for check in way):
        yield from _asked(settings, memory, clock)
    if host.is_loopback:
        yield _room(settings)


def name_after(name: str) -> str:
    """The check that comes after another; the last one after itself."""
    return [*_NAMES, name][_NAMES.index(name) + 1]


def completed(checks: Iterable[Check]) -> Generator[Check]:
    """The checks, and between them those that are missing, skipped: they need one that failed."""
    names = iter(_NAMES)
    failed: Check | None = None
    for check in checks:
        failed = check if check.outcome == "FAIL" else failed
        yield from (_unreached(name, failed) for name in takewhile(check.name.__ne__, names))
        yield check
    yield from (_unreached(name, failed) for name in names if _subject_of(name) in _NEEDS)


def _subject_of(name: str) -> str:
    return next(subject for subject, names in SUBJECTS.items() if name in names)


def _unreached(name: str, failed: Check | None) -> Check:
    subject = _subject_of(name)
    needed = failed.name if failed and failed.subject == subject else _NEEDS[subject]
    return Check(name, "skip", why=f"needs {needed}")


def _gone(settings: Settings, host: Host) -> Iterator[Check]:
    """The way to the server, as far as it leads."""
    try:
        stages: dict[str, Stage] = {stage.name: stage for stage in way_to(settings, host, _AT_MOST)}
    except Failure as error:
        yield Check("tls", "FAIL", error=error)
        return
    is_whole = not any(stage.error for stage in stages.values())
    for name in SUBJECTS["network"]:
        if stage := stages.get(name):
            yield _of_stage(stage, host, settings)
        elif is_whole:
            yield Check(name, "skip", why="not on this way")


def _of_stage(stage: Stage, host: Host, settings: Settings) -> Check:
    if isinstance(stage.error, CertificateError):
        return Check(stage.name, "FAIL", stage.seconds, error=unusable_certificate(stage.error, settings))
    if stage.error is not None:
        if isinstance(stage.error, OllamaConnectionError):
            advise(stage.error, host, settings, "vuhitra doctor --embedded")
        stage.error.hint = stage.error.hint or _remedy(stage.error, host)
        return Check(stage.name, "FAIL", stage.seconds, error=stage.error)
    if stage.name == "dns" and not stage.found:
        return Check(stage.name, "skip", why="an address needs no look-up")
    seconds = None if stage.name == "proxy" and not (stage.place and is_tunnelled(host)) else stage.seconds
    return Check(stage.name, "ok", seconds, _facts_of(stage))


def _remedy(error: OllamaError, host: Host) -> str:
    """What to look at where the error alone doesn't tell what helps."""
    match getattr(error, "reason", ""):
        case "dns":
            return f"the name in {host.source}: is it spelt right? The server's address does as well"
        case "refused":  # by a socket: of a port more is known
            return f"the path in {host.source}: the socket of what stands before the server"
        case "timeout":
            return f"a firewall on {host.address} may drop what comes to port {host.port}; or it is down"
        case "tls":
            return f"openssl s_client -connect {host.name}, which shows what is said"
        case "reset" | "closed":
            return f"another port: what listens on {host.port} hangs up"
        case _:
            return f"is {host.address} up, and on a network that this machine reaches?"


def _facts_of(stage: Stage) -> dict[str, Any]:
    place = stage.place
    match stage.name, stage.found:
        case "tcp", (address,):
            return {"address": address, "port": (place and place.port) or None}
        case "tls", (protocol,):
            return {"protocol": protocol, "certificate_ends": stage.ends}
        case "dns", addresses:
            return {"name": place and place.address, "addresses": list(addresses)}
        case _:
            return {"proxy": place and place.url, "source": place and place.source}


def _asked(settings: Settings, memory: Memory, clock: Callable[[], float]) -> Iterator[Check]:
    """What the server says of itself, of its models, and of the one that answers by default."""
    laps = _Laps(clock)
    name = "version" if settings.embedded else "key"  # which is found out before anything is asked
    try:
        with connected(settings, memory, attempts=1) as server:
            name = "version"
            version = server.asked_once(_AT_MOST).version()
            yield Check(name, "ok", laps.lap(), {"engine": server.engine, "server_version": version})
            name = "key"
            yield _key(server)
            name = "models"
            listed = listed_models(server, _AT_MOST)
            yield Check(name, "ok", laps.lap(), {"models": len(listed)})
            running, check = _running(server, laps)
            yield check
            name = "model"
            model, check = _default(settings, listed, server, laps)
            yield check
            name = "window"
            yield _window(model, running, server, laps)
    except WhichModel as which:
        why = f"none is set; {which.what.partition('? ')[2]}"
        hint = join(["vuhitra", "models", "default", which.names[0], *settings.host_flags])
        yield Check("model", "skip", laps.lap(), why=why, hint=hint)
        yield Check("window", "skip", why="needs a model")
    except (OllamaError, Failure) as error:
        error.hint = error.hint or _ITS_LOG
        is_about_the_key = isinstance(error, OllamaAuthenticationError)
        yield Check("key" if is_about_the_key else name, "FAIL", laps.lap(), error=error)


def _key(server: Server) -> Check:
    host = server.host
    if server.engine == "embedded":
        return Check("key", "skip", why="inside this program")
    source = (host.credential_source or host.source) if host.authorization else None
    return Check("key", facts={"source": source})


def _running(server: Server, laps: _Laps) -> tuple[Sequence[Listed], Check]:
    """The models that are loaded. A server that doesn't tell is as good as any other."""
    why = "the server doesn't tell"
    try:
        running = running_if_told(server, _AT_MOST)
    except OllamaConnectionError:
        raise
    except OllamaError as error:
        running, why = None, LOADED_IS_UNKNOWN % error.what
    if running is None:
        return (), Check("loaded", "skip", laps.lap(), why=why)
    return running, Check("loaded", "ok", laps.lap(), {"loaded": len(running)})


def _default(settings: Settings, listed: Sequence[Listed], server: Server, laps: _Laps) -> tuple[str, Check]:
    """The model that answers where none is named. Raises Failure where none can, WhichModel where it isn't clear."""
    choice = named_model(settings)
    if choice is None:
        listed = described(listed, server)
        choice = choose_model(listed, server)
    found = next((each for each in listed if same_model(each["name"], choice.model)), None)
    if found is None:
        raise _not_there(choice, listed, server)
    (known,) = described([found], server)
    if not can_chat(known):
        raise Failure(
            f"{choice.model}{choice.setting} can't chat",
            hint=" or ".join(_others(choice, listed, server)) or None,
            verdict=Verdict.NOT_CAPABLE,
        )
    facts = {"model": known["name"], "source": choice.source, "size": size_of(known), "can": capabilities_of(known)}
    return known["name"], Check("model", "ok", laps.lap(), facts)


def _not_there(choice: Choice, listed: Sequence[Listed], server: Server) -> Failure:
    where = "in the built-in engine" if server.engine == "embedded" else "on that server"
    pull = [] if server.engine == "embedded" else [server.command("models", "pull", choice.model)]
    return Failure(
        f"{choice.model}{choice.setting} is not {where}",
        hint=", or ".join([*pull, *_others(choice, listed, server)]),
        verdict=Verdict.NO_SUCH_MODEL,
    )


def _others(choice: Choice, listed: Sequence[Listed], server: Server) -> list[str]:
    """How the setting that named a model names one that is there: the nearest, or any that can chat."""
    able = [each["name"] for each in described(listed, server) if can_chat(each)]
    names = near_names(choice.model, able) or able
    if not names:
        return []
    if choice.origin in ("environment", "dotenv"):
        return [f"MODEL={quote(names[0])}"]
    return [server.command("models", "default", names[0])]


def _window(model: str, running: Sequence[Listed], server: Server, laps: _Laps) -> Check:
    shown = server.asked_once(_AT_MOST).show_model(model)
    loaded = next((each.get("context_length") for each in running if same_model(each["name"], model)), None)
    most = description_of(shown).window
    if most is None and loaded is None:
        return Check("window", "skip", laps.lap(), why="the server doesn't tell")
    return Check("window", "ok", laps.lap(), {"window": most, "window_loaded": loaded})


def _room(settings: Settings) -> Check:
    """Whether a model would find room where a server of this machine keeps its own."""
    folder = models_folder(settings.variables)
    if folder is None:
        return Check("disk", "skip", why="no folder of models on this machine")
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("disk", "skip", why=f"{folder}: {error.strerror}")
    if free >= _LEAST_ROOM:
        return Check("disk", facts={"folder": folder, "free": free})
    hint = "vuhitra models remove NAME, for a model that nobody needs"
    full = Failure(f"no room for a model in {folder}", hint=hint, verdict=Verdict.NO_ROOM)
    return Check("disk", "FAIL", facts={"folder": folder, "free": free}, error=full)
