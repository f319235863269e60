"""What both clients share: the settings, and each operation as the flow that carries it out.

This file knows no socket; a client's transport is asked for nothing but the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from vuhitra import calls, flows
from vuhitra.flows import Flow, Terms
from vuhitra.hosts import Host, resolve_host
from vuhitra.limits import Retry, Timeouts
from vuhitra.types import ChatOptions, EmbedOptions, GenerateOptions, Message, PullOptions

if TYPE_CHECKING:
    from typing import Self


_HEALTHY = 5.0
"""Seconds within which a server in good health answers."""


class Clock(Protocol):
    """What tells the time that deadlines are on."""

    def now(self) -> float:
        """Seconds."""
        ...


T = TypeVar("T")
AutoPull = bool | Callable[[str], bool]
Messages = Sequence[Message] | Sequence[Mapping[str, Any]]
Texts = list[str] | tuple[str, ...]


AnyTransport = TypeVar("AnyTransport", bound=Clock)


class Operations(Generic[AnyTransport]):
    """What both clients share: the settings, and each operation as the flow that carries it out."""

    def __init__(
        self,
        base_url: str | Host,
        model: str | None = None,
        timeout: Timeouts | float = Timeouts(),
        *,
        retry: Retry = Retry(),
        auto_pull: AutoPull = True,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing is sent yet.

        base_url: where the server is, as OLLAMA_HOST may be written, or a `Host`.
        model: the model of calls that name none.
        timeout: limits by phase; a number is the limit of `start` and of `idle`, in seconds.
        retry: how often to try again what may be sent again.
        auto_pull: whether a model that is missing is pulled, or which one may be. Where users of
            your program choose the model, let them choose only among those you allow.
        headers: sent with each request, for gateways that need them.

        Raises ValueError where no server can be read from `base_url`.
        """
        self._host = base_url if isinstance(base_url, Host) else resolve_host(base_url)
        self._transport: AnyTransport = self._make_transport(headers or {})
        self._is_view = False
        self.model = model
        self.timeout = timeout
        self.retry = retry
        self.auto_pull = auto_pull
        Timeouts.of(timeout)

    def _make_transport(self, headers: Mapping[str, str]) -> AnyTransport:
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
    ) -> Self:
        """The same client with other settings, on the same connections; closing it closes nothing."""
        view = copy(self)
        view._is_view = True  # noqa: SLF001  of this very class
        view.model = self.model if model is None else model
        view.timeout = self.timeout if timeouts is None else timeouts
        view.retry = self.retry if retry is None else retry
        view.auto_pull = self.auto_pull if auto_pull is None else auto_pull
        return view

    def _chat(self, messages: Messages, model: str | None, stream: bool, asked: ChatOptions) -> Flow[Any]:
        _check_names(asked, ChatOptions)
        terms = self._terms(asked.pop("timeout", None))
        return self._pulling(calls.chat(self._model(model), messages, asked), terms, not stream)

    def _generate(
        self, prompt: str, model: str | None, stream: bool, options: Mapping[str, Any] | None, asked: GenerateOptions
    ) -> Flow[Any]:
        _check_names(asked, GenerateOptions)
        terms = self._terms(asked.pop("timeout", None))
        call = calls.generate(self._model(model), prompt, options, asked)
        return self._pulling(call, terms, not stream)

    def _embed(self, text: str | Texts, model: str | None, asked: EmbedOptions) -> Flow[Any]:
        _check_names(asked, EmbedOptions)
        terms = self._terms(asked.pop("timeout", None))
        texts = [text] if isinstance(text, str) else text
        flow = self._pulling(calls.embed(self._model(model), texts, asked), terms)
        return flows.first(flow) if isinstance(text, str) else flow

    def _pull(self, name: str, stream: bool, asked: PullOptions) -> Flow[Any]:
        _check_names(asked, PullOptions)
        terms = self._terms(asked.pop("timeout", None))
        return flows.deliver(calls.pull_model(name, asked), terms, whole=not stream)

    def _pulling(self, call: calls.Call[T], terms: Terms, whole: bool = True) -> Flow[T]:
        return flows.deliver_pulling(call, terms, self._may_pull, whole)

    def _may_pull(self, model: str) -> bool:
        return self.auto_pull(model) if callable(self.auto_pull) else self.auto_pull

    def _model(self, model: str | None) -> str:
        return model or self.model or ""

    def _health(self) -> Flow[bool]:
        timeouts = Timeouts.of(self.timeout)
        total = min(_HEALTHY, timeouts.total or _HEALTHY)
        return flows.is_healthy(self._terms(replace(timeouts, total=total)))

    def _terms(self, timeout: Timeouts | float | None = None) -> Terms:
        timeouts = Timeouts.of(self.timeout if timeout is None else timeout)
        give_up_at = self._transport.now() + timeouts.total if timeouts.total else None
        return Terms(timeouts, self.retry, give_up_at, _jitter)


def _jitter() -> float:
    from random import random

    return random()  # noqa: S311  waits are no secret


def _check_names(asked: Mapping[str, Any], known: type) -> None:
    """Raises TypeError for a keyword that is none, as a function without `**` would."""
    for name in asked.keys() - known.__annotations__.keys():
        raise TypeError(
            f"an unexpected keyword argument {name!r}; {known.__name__} has {', '.join(known.__annotations__)}"
        )
