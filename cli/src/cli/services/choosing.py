"""Which model answers. This file knows no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cli.exit_status import Verdict
from cli.failure import Failure
from vuhitra.names import same_model

if TYPE_CHECKING:
    from cli.config import Origin, Settings
    from cli.services.servers import Server

ListedModel = Mapping[str, Any]

_MOST = 10
"""Models that an error names."""


class WhichModel(Failure):
    """No model is named, and several could answer. names: theirs. is_told: whether the server says that they can."""

    def __init__(self, names: Sequence[str], server: Server, *, is_told: bool) -> None:
        super().__init__(
            f"which model? {len(names)} of those at {server.name} {'can' if is_told else 'may be able to'} chat",
            why=", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else ""),
            hint=f'{server.command("chat", "-m", names[0])} "…", or: {server.command("models", "default", names[0])}',
        )
        self.names = tuple(names)
        self.is_told = is_told


class Choice(NamedTuple):
    """A model, and why it is the one. origin: who named it, if anybody did."""

    model: str
    source: str
    origin: Origin = "default"

    @property
    def setting(self) -> str:
        """The setting that named it, in brackets; "" where the command line shows that, or none did."""
        return "" if self.origin in ("flag", "default") else f" ({self.source})"


def can_chat(model: ListedModel) -> bool:
    """Whether a listed model completes text; servers that don't say are given the benefit of the doubt."""
    capabilities = model.get("capabilities")
    return capabilities is None or "completion" in capabilities


def clear_choice(models: Sequence[ListedModel], preferred: str | None) -> Choice | None:
    """The model that answers where none was named: the preferred one, or the only one that can chat."""
    names = [str(model["name"]) for model in models if can_chat(model)]
    if preferred is not None and any(same_model(preferred, name) for name in names):
        return Choice(preferred, "built in")
    return Choice(names[0], "the only one that can chat") if len(names) == 1 else None


def named_model(settings: Settings) -> Choice | None:
    """The model that a flag or a setting names, if one does."""
    if settings.model is None:
        return None
    return Choice(settings.model, settings.source("model"), settings.origin_of("model"))


def default_model(settings: Settings, models: Sequence[ListedModel], server: Server) -> Choice | None:
    """The model that answers where no flag names one; None where that isn't clear."""
    return named_model(settings) or clear_choice(models, server.own_model)


def choose_model(models: Sequence[ListedModel], server: Server) -> Choice:
    """The model that answers where none was named, of those that a server has.

    Raises WhichModel where several could, and Failure where none can.
    """
    if choice := clear_choice(models, server.own_model):
        return choice
    names = [str(model["name"]) for model in models if can_chat(model)]
    if names:
        raise WhichModel(names, server, is_told=all(model.get("capabilities") is not None for model in models))
    what = f"no model at {server.name} can chat" if models else f"no models at {server.name}"
    raise Failure(what, hint=server.command("models", "pull", "smollm2:135m"), verdict=Verdict.NO_SUCH_MODEL)
