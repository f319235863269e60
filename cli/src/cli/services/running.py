"""What `models running` knows of each loaded model, from what the server says. This file knows no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cli.services.model_list import seconds_of, size_of, window_of


class RunningRow(NamedTuple):
    """A loaded model. What the server doesn't say is None.

    size: bytes in memory. gpu: the share of them that is on a GPU, from 0 to 1.
    window: tokens that it was loaded with. seconds_left: until it is unloaded, if nobody asks it.
    """

    name: str
    size: int | None
    gpu: float | None
    window: int | None
    seconds_left: float | None


def running_rows(running: Sequence[Mapping[str, Any]], now: float) -> list[RunningRow]:
    """A row for each, in the server's order."""
    return [_row(model, now) for model in running]


def _row(model: Mapping[str, Any], now: float) -> RunningRow:
    size, on_gpu, expires = size_of(model), size_of(model, "size_vram"), seconds_of(model.get("expires_at"))
    return RunningRow(
        name=str(model["name"]),
        size=size,
        gpu=min(on_gpu / size, 1.0) if size and on_gpu is not None else None,
        window=window_of(model),
        seconds_left=None if expires is None else max(0.0, expires - now),
    )
