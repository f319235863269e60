"""What both clients share: the settings, and each operation as the flow that carries it out.

This file knows no socket; a client's driver is asked for nothing but the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from vuhitra import calls, checks, flows, journal, pulling
from vuhitra.flows import Flow, Terms
from vuhitra.hosts import DEFAULT_HOST_SETTING, Host, resolve_host
from vuhitra.http import Headers, request_headers
from vuhitra.limits import Retry, Timeouts
from vuhitra.types import (
    AutoPull,
    Certificate,
    ChatOptions,
    CreateOptions,
    EmbedOptions,
    GenerateOptions,
    LoadOptions,
    Messages,
    ModelDescription,
    ModelSummary,
    PullOptions,
    RunningModel,
    ShowOptions,
    Texts,
    TimeoutOption,
    Verify,
)

if TYPE_CHECKING:
    from typing import Self

    from vuhitra.conversing import Asking, Parse

T = TypeVar("T")

_NOT_SENT_AS_IS = ("schema", "repair", "tools", "run_tools", "max_rounds")
"""What is asked for of this library: the server gets a format and descriptions of tools in its place, or nothing."""
_HEALTHY = 5.0
"""Seconds within which a server in good health answers."""
_SHORT = 30.0
"""As long as a call may take that a server answers at once, in seconds."""


class Driver(Protocol):
    """What carries out flows."""

    def with_headers(self, headers: Headers) -> Self:
        """The same with other headers."""
        ...

    def now(self) -> float:
        """Seconds, on the clock that deadlines are on."""
        ...


AnyDriver = TypeVar("AnyDriver", bound=Driver)
AnyTransport = TypeVar("AnyTransport")


class Operations(Generic[AnyDriver, AnyTransport]):
    """What both clients share: the settings, and each operation as the flow that carries it out."""

    _may_await = False
    """Whether a tool may be a coroutine function."""

    def __init__(
        self,
        base_url: str | Host = DEFAULT_HOST_SETTING,
        model: str | None = None,
        timeout: Timeouts | float = Timeouts(),
        *,
        retry: Retry = Retry(),
        auto_pull: AutoPull = True,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        verify: Verify = True,
        cert: Certificate | None = None,
        max_connections: int | None = None,
        transport: AnyTransport | None = None,
    ) -> None:
        """Nothing is sent yet.

        base_url: where the server is, as OLLAMA_HOST may be written, or a `Host`.
        model: the model of calls that name none.
        timeout: limits by phase; a number is the limit of `start` and of `idle`, in seconds.
        retry: how often to try again what may be sent again.
        auto_pull: whether a model that is missing is pulled, or which one may be. Where users of
            your program choose the model, let them choose only among those you allow.
        headers: sent with each request, for gateways that need them.
        proxy: the URL of a proxy; "" for none; None for what the environment says. Loopback needs none.
        verify: a file or folder of CA certificates instead of the system's; False trusts anybody.
        cert: a client certificate: a file, or (file, key) or (file, key, password).
        max_connections: how many there may be at once; a call beyond that waits for one, for as long as `total` lets
            it. A stream has one until it has ended or is closed. `health_check` waits too, and says False where none
            becomes free. None: as many as calls.
        transport: sends requests in another way, as `vuhitra.testing` does.

        Raises TypeError or ValueError for a setting that can't be right, as a `base_url` that names no server.
        """
        checks.settings(model, timeout, retry, auto_pull, headers)
        checks.max_connections(max_connections)
        self._host = base_url if isinstance(base_url, Host) else resolve_host(base_url)
        self._headers = dict(headers or {})
        self._driver: AnyDriver = self._make_driver(
            request_headers(self._host, self._headers),
            self._make_transport(proxy, verify, cert, max_connections) if transport is None else transport,
        )
        self._is_view = False
        self._windows: dict[str, int] = {}
        self.model = model
        self.timeout = timeout
        self.retry = retry
        self.auto_pull = auto_pull

    def _make_transport(
        self, proxy: str | None, verify: Verify, cert: Certificate | None, max_connections: int | None
    ) -> AnyTransport:
        raise NotImplementedError

    def _make_driver(self, headers: Headers, transport: AnyTransport) -> AnyDriver:
        raise NotImplementedError

    @property
    def base_url(self) -> str:
        """The server's URL, with no slash at its end and no credential in it."""
        return self._host.url

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r}, model={self.model!r})"

    def with_options(
        self,
        *,
        model: str | None = None,
        timeouts: Timeouts | float | None = None,
        retry: Retry | None = None,
        auto_pull: AutoPull | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """The same client with other settings, on the same connections; closing it closes nothing.

        headers: besides the client's, and in their place where they have the same names.
        Raises TypeError or ValueError for a setting that can't be right.
        """
        view = copy(self)
        view._is_view = True  # noqa: SLF001  of this very class
        view.model = self.model if model is None else model
        view.timeout = self.timeout if timeouts is None else timeouts
        view.retry = self.retry if retry is None else retry
        view.auto_pull = self.auto_pull if auto_pull is None else auto_pull
        checks.settings(view.model, view.timeout, view.retry, view.auto_pull, headers)
        if headers is not None:
            view._headers = _merged(self._headers, headers)  # noqa: SLF001
            view._driver = self._driver.with_headers(request_headers(self._host, view._headers))  # noqa: SLF001
        return view

    def _chat(self, messages: Messages, model: str | None, stream: bool, asked: ChatOptions) -> Flow[Any]:
        terms, name = self._terms(asked, ChatOptions), self._model(model)

        def send(messages: Messages, more: Mapping[str, Any], parse: Parse) -> Flow[Any]:
            body = cast("ChatOptions", {**asked, **more})
            return self._pulling(calls.chat(name, messages, body, self._reading(name, parse)), terms, not stream)

        return self._conversing(send, messages, cast("dict[str, Any]", asked), stream)

    def _generate(
        self, prompt: str, model: str | None, stream: bool, options: Mapping[str, Any] | None, asked: GenerateOptions
    ) -> Flow[Any]:
        terms, name = self._terms(asked, GenerateOptions), self._model(model)

        def send(messages: Messages, more: Mapping[str, Any], parse: Parse) -> Flow[Any]:
            body = cast("GenerateOptions", {**asked, **more})
            text = prompt if len(messages) == 1 else "\n\n".join(message["content"] for message in messages)
            return self._pulling(
                calls.generate(name, text, options, body, self._reading(name, parse)), terms, not stream
            )

        return self._conversing(send, [{"role": "user", "content": prompt}], cast("dict[str, Any]", asked), stream)

    def _conversing(self, send: Asking, messages: Messages, asked: dict[str, Any], stream: bool) -> Flow[Any]:
        """One request, or as many as a schema and tools take."""
        if all(asked.get(name) is None for name in _NOT_SENT_AS_IS):
            return send(messages, {}, None)
        from vuhitra import conversing

        manner = conversing.Manner.taken_from(asked, stream=stream, may_await=self._may_await)
        return conversing.converse(send, messages, manner, str(self._host))

    def _reading(self, model: str, parse: Parse) -> calls.Reading:
        return calls.Reading(parse, self._windows.get(flows.one_spelling(model)))

    def _embed(self, text: str | Texts, model: str | None, asked: EmbedOptions) -> Flow[Any]:
        terms = self._terms(asked, EmbedOptions)
        texts = [text] if isinstance(text, str) else text
        flow = self._pulling(calls.embed(self._model(model), texts, asked), terms)
        flow = flows.naming_embedders(flow, terms)
        return flows.first(flow) if isinstance(text, str) else flow

    def _version(self, asked: TimeoutOption) -> Flow[str]:
        return flows.deliver(calls.version(), self._short_terms(asked))

    def _list(self, asked: TimeoutOption) -> Flow[list[ModelSummary]]:
        return flows.deliver(calls.list_models(), self._short_terms(asked))

    def _running(self, asked: TimeoutOption) -> Flow[list[RunningModel]]:
        return self._noting_windows(flows.deliver(calls.running_models(), self._short_terms(asked)))

    def _show(self, name: str, asked: ShowOptions) -> Flow[ModelDescription]:
        terms = self._short_terms(asked, ShowOptions)
        return flows.naming(flows.deliver(calls.show_model(name, asked), terms), terms)

    def _has(self, name: str, asked: TimeoutOption) -> Flow[bool]:
        return flows.has_model(checks.model_name(name), self._short_terms(asked))

    def _copy(self, source: str, destination: str, asked: TimeoutOption) -> Flow[None]:
        terms = self._short_terms(asked)
        return flows.naming(flows.deliver(calls.copy_model(source, destination), terms), terms)

    def _delete(self, name: str, asked: TimeoutOption) -> Flow[None]:
        terms = self._short_terms(asked)
        return flows.naming(flows.delete_model(name, terms), terms)

    def _pull(self, name: str, asked: PullOptions, stream: bool) -> Flow[None]:
        terms = self._terms(asked, PullOptions)
        call = calls.pull_model(name, asked)
        return pulling.transfer(call, terms) if stream else pulling.shared_pull(call, terms)

    def _push(self, name: str, asked: PullOptions) -> Flow[None]:
        terms = self._terms(asked, PullOptions)
        return flows.naming(pulling.transfer(calls.push_model(name, asked), terms), terms)

    def _create(self, name: str, asked: CreateOptions) -> Flow[None]:
        from vuhitra import creating

        terms = self._terms(asked, CreateOptions)
        return flows.naming(creating.create(creating.making(name, asked), terms), terms)

    def _load(self, name: str | None, asked: LoadOptions) -> Flow[None]:
        terms = self._terms(asked, LoadOptions)
        loading = flows.load_model(self._model(name), asked.get("options"), asked.get("keep_alive"), terms)
        return flows.naming(loading, terms)

    def _unload(self, name: str | None, asked: TimeoutOption) -> Flow[None]:
        terms = self._short_terms(asked)
        return flows.naming(flows.load_model(self._model(name), None, 0, terms), terms)

    def _use(self, name: str, asked: TimeoutOption) -> Flow[ModelDescription]:
        own = asked.get("timeout")
        terms = self._terms(asked, TimeoutOption)
        short = terms if own is not None else terms._replace(timeouts=terms.timeouts.at_most(_SHORT))
        return pulling.deliver_pulling(calls.show_model(name, {}), short, self._may_pull, pull_terms=terms)

    def _ready(self, seconds: float) -> Flow[None]:
        timeouts = replace(Timeouts.of(self.timeout).at_most(_HEALTHY), total=seconds)
        return flows.wait_until_ready(self._terms_of(timeouts))

    def _health(self) -> Flow[bool]:
        timeouts = Timeouts.of(self.timeout)
        total = min(_HEALTHY, timeouts.total or _HEALTHY)
        return flows.is_healthy(self._terms_of(replace(timeouts, total=total)))

    def _not_asked(self, error: ValueError) -> bool:
        """That a server can't be asked for its health, which the log says."""
        journal.warning("%s can't be asked: %s", self._host, error)
        return False

    def _noting_windows(self, flow: Flow[list[RunningModel]]) -> Flow[list[RunningModel]]:
        """What is loaded; how large the windows are tells later why an answer stopped."""
        running = yield from flow
        self._windows |= {
            flows.one_spelling(each["name"]): window for each in running if (window := each.get("context_length"))
        }
        return running

    def _pulling(self, call: calls.Call[T], terms: Terms, whole: bool = True) -> Flow[T]:
        return pulling.deliver_pulling(call, terms, self._may_pull, whole)

    def _may_pull(self, model: str) -> bool:
        if not callable(self.auto_pull):
            return self.auto_pull
        allowed: object = self.auto_pull(model)
        if not isinstance(allowed, bool):  # a coroutine would count as a yes
            raise TypeError(f"auto_pull answers with true or false, not with {type(allowed).__name__}")
        return allowed

    def _model(self, model: str | None) -> str:
        return checks.model_name(self.model or "" if model is None or model == "" else model)

    def _terms(self, asked: TimeoutOption, known: type) -> Terms:
        """The terms of a call, which takes its limits out of what was asked for."""
        _check_names(asked, known)
        timeout = asked.pop("timeout", None)
        return self._terms_of(Timeouts.of(self.timeout if timeout is None else timeout))

    def _short_terms(self, asked: TimeoutOption, known: type = TimeoutOption) -> Terms:
        """The terms of a call that is answered at once, unless its own limits say otherwise."""
        if asked.get("timeout") is None:
            asked["timeout"] = Timeouts.of(self.timeout).at_most(_SHORT)
        return self._terms(asked, known)

    def _terms_of(self, timeouts: Timeouts) -> Terms:
        give_up_at = self._driver.now() + timeouts.total if timeouts.total else None
        return Terms(timeouts, self.retry, give_up_at, _jitter, str(self._host))


def _jitter() -> float:
    from random import random

    return random()  # noqa: S311  waits are no secret


def _merged(ours: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    names = {name.lower() for name in given}
    return {**{name: value for name, value in ours.items() if name.lower() not in names}, **given}


def _check_names(asked: Mapping[str, Any], known: type) -> None:
    """Raises TypeError for a keyword that is none, as a function without `**` would."""
    unknown = sorted(asked.keys() - known.__annotations__.keys())
    if unknown:
        raise TypeError(
            f"an unexpected keyword argument {unknown[0]!r}; {known.__name__} has {', '.join(known.__annotations__)}"
        )
