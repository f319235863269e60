"""How fast a model answers: one prompt, asked several times in the same way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from vuhitra.reply import Text, Thinking

if TYPE_CHECKING:
    from vuhitra import OllamaClient

PROMPT = "Explain in a few sentences why the sky is blue and why sunsets are red."
"""Long enough to be read, and answered at length by any model."""


class Run(NamedTuple):
    """One answer. first_word: seconds until it began; None where nothing was said.

    tokens_a_second: None where the server doesn't count.
    """

    first_word: float | None
    tokens_a_second: float | None
    prompt_tokens_a_second: float | None
    tokens: int | None
    seconds: float


class Speed(NamedTuple):
    """What came of a model. load: seconds that the server took to load it; None where it was loaded.

    The others are medians of all runs.
    """

    name: str
    first_word: float | None
    tokens_a_second: float | None
    prompt_tokens_a_second: float | None
    load: float | None
    runs: Sequence[Run]


_LOADED = 0.5
"""Seconds below which a load is none: the server reports some even for a model that is there."""


def warm_up(client: OllamaClient, model: str) -> float | None:
    """Have the model loaded, and give the seconds that its loading took."""
    reply = client.generate(PROMPT, model, options={"temperature": 0, "num_predict": 1})
    load = reply.stats.load_duration
    return load if load and load >= _LOADED else None


def run_once(client: OllamaClient, model: str, clock: Callable[[], float], tokens: int, number: int) -> Run:
    """Ask once. number: which time it is; the prompt begins with it, so that no earlier reading of it helps."""
    began, first = clock(), None
    options = {"temperature": 0, "seed": 0, "num_predict": tokens}
    with client.generate(f"{number}. {PROMPT}", model, stream=True, options=options) as stream:
        for event in stream.events():
            if first is None and isinstance(event, Text | Thinking):
                first = clock() - began
        stats = stream.reply.stats
    return Run(
        first,
        _rate(stats.eval_count, stats.eval_duration),
        _rate(stats.prompt_eval_count, stats.prompt_eval_duration),
        stats.eval_count,
        clock() - began,
    )


def summed_up(name: str, load: float | None, runs: Sequence[Run]) -> Speed:
    """The runs of a model, taken together."""
    return Speed(
        name,
        _median([run.first_word for run in runs]),
        _median([run.tokens_a_second for run in runs]),
        _median([run.prompt_tokens_a_second for run in runs]),
        load,
        runs,
    )


def _rate(count: int | None, seconds: float | None) -> float | None:
    return count / seconds if count and seconds else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
