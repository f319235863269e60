"""What `models list` knows of each model, from what the server says. This file knows no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vuhitra.names import same_model

_WORDS = {"completion": "chat", "embedding": "embed"}
"""What a capability is called here, where it isn't what the server calls it."""

Listed = Mapping[str, Any]


@dataclass(frozen=True)
class ModelRow:
    """A model. What the server doesn't say is None, or empty.

    window: the most tokens it can take. window_loaded: how many it was loaded with.
    can: what it can do. changed, expires: seconds since the epoch.
    """

    name: str
    digest: str
    size: int | None
    quantization: str
    window: int | None
    window_loaded: int | None
    can: tuple[str, ...]
    changed: float | None
    is_loaded: bool
    expires: float | None
    is_default: bool


def model_rows(listed: Sequence[Listed], running: Sequence[Listed], default: str | None) -> list[ModelRow]:
    """A row for each listed model, in the server's order."""
    return [_row(model, _loaded(model, running), default) for model in listed]


def capabilities_of(model: Listed) -> tuple[str, ...]:
    """What a model can do, in the words of this program."""
    return tuple(_WORDS.get(each, each) for each in map(str, model.get("capabilities") or ()))


def _row(model: Listed, loaded: Listed | None, default: str | None) -> ModelRow:
    details = model.get("details") or {}
    return ModelRow(
        name=str(model["name"]),
        digest=str(model.get("digest") or ""),
        size=size_of(model),
        quantization=str(details.get("quantization_level") or ""),
        window=window_of(details),
        window_loaded=window_of(loaded) if loaded else None,
        can=capabilities_of(model),
        changed=seconds_of(model.get("modified_at")),
        is_loaded=loaded is not None,
        expires=seconds_of(loaded.get("expires_at")) if loaded else None,
        is_default=default is not None and same_model(default, str(model["name"])),
    )


def _loaded(model: Listed, running: Sequence[Listed]) -> Listed | None:
    return next((each for each in running if same_model(each["name"], model["name"])), None)


def size_of(model: Listed, name: str = "size") -> int | None:
    """The bytes of a model, as its list calls them; None where no model can have so few."""
    return count_in(model, name)


def window_of(fields: Mapping[str, Any]) -> int | None:
    """The tokens of a context window, where a server tells them."""
    return count_in(fields, "context_length", least=1)


def count_in(fields: Mapping[str, Any], name: str, least: int = 0) -> int | None:
    """A number that a server gives; None where there is none, or none that can be."""
    value = fields.get(name)
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= least
    return value if is_count else None


def seconds_of(time: object) -> float | None:
    """An RFC 3339 time as seconds since the epoch; None for the year 1, in which a server means no time at all."""
    try:
        moment = datetime.fromisoformat(time) if isinstance(time, str) else None
        return moment.timestamp() if moment and moment.year > 1 else None
    except (ValueError, OverflowError):  # a server may say anything
        return None
