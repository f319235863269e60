"""Which model answers. This file knows no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cli.exit_status import ExitStatus
from cli.failure import Failure

ListedModel = Mapping[str, Any]


class Choice(NamedTuple):
    """A model, and why it is the one."""

    model: str
    source: str


def can_chat(model: ListedModel) -> bool:
    """Whether a listed model completes text; servers that don't say are given the benefit of the doubt."""
    capabilities = model.get("capabilities")
    return capabilities is None or "completion" in capabilities


def only_one(models: Sequence[ListedModel]) -> Choice | None:
    """The only model that can chat, where there is just one."""
    names = [str(model["name"]) for model in models if can_chat(model)]
    return Choice(names[0], "the only one that can chat") if len(names) == 1 else None


def choose_model(models: Sequence[ListedModel], where: str) -> Choice:
    """The model that answers where none was named. Raises Failure where that is not clear."""
    if choice := only_one(models):
        return choice
    names = [str(model["name"]) for model in models if can_chat(model)]
    if names:
        raise Failure(
            f"which model? {len(names)} of those at {where} can chat",
            why=", ".join(names),
            hint=f'vuhitra chat -m {names[0]} "…", or set MODEL',
        )
    what = f"no model at {where} can chat" if models else f"no models at {where}"
    raise Failure(
        what,
        hint="vuhitra models pull smollm2:135m",
        status=ExitStatus.NO_SUCH_MODEL,
        code="no-such-model",
    )
