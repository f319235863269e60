"""Operations of several steps as generators: what to do next, decided from what came of the last step.

A flow yields `Send` or `Wait` and is sent an `Outcome`. It knows no socket, no clock, no sync or async:
whoever drives it does. Each path can be tested by feeding a flow by hand.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar, cast

from vuhitra import calls
from vuhitra.calls import Call
from vuhitra.errors import (
    OllamaConnectionError,
    OllamaError,
    OllamaModelNotFoundError,
    OllamaTimeoutError,
)
from vuhitra.limits import Retry, Timeouts
from vuhitra.names import is_cloud, near_names, same_model

T = TypeVar("T")

_SHORT = 30.0
"""As long as a call may take that a server answers at once, in seconds."""

_logger = logging.getLogger("vuhitra")


@dataclass(frozen=True, slots=True)
class Send(Generic[T]):
    """Send a call. whole: read its answer to the end, otherwise only up to its first item.

    give_up_at: when the limit for the whole operation ends, on the driver's clock, or None.
    """

    call: Call[T]
    whole: bool
    timeouts: Timeouts
    give_up_at: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a step: an answer, or an error as a value. now: the driver's clock."""

    result: Any
    now: float


Flow: TypeAlias = Generator[Send[Any] | Wait, Outcome, T]


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms an operation is carried out. jitter: a random number from 0 to 1."""

    timeouts: Timeouts
    retry: Retry
    give_up_at: float | None
    jitter: Callable[[], float]


def deliver(call: Call[T], terms: Terms, whole: bool = True) -> Flow[T]:
    """Send; after a failure that is safe to repeat, wait and send again."""
    failures: list[OllamaError] = []
    stop_at: float | None = None
    timeouts = terms.timeouts.at_most(_SHORT) if call.short else terms.timeouts
    while True:
        outcome = yield Send(call, whole, timeouts, terms.give_up_at)
        error = outcome.result
        if not isinstance(error, OllamaError):
            return cast("T", error)
        error.attempts = tuple(failures)
        failures.append(error)
        if not _may_be_sent_again(error) or len(failures) >= terms.retry.attempts:
            raise error
        stop_at = stop_at or outcome.now + terms.retry.budget
        wait = terms.retry.longest_wait(len(failures) - 1) * terms.jitter()
        if outcome.now + wait > min(stop_at, terms.give_up_at or stop_at):
            raise error
        _log_wait(call, error, len(failures) + 1, terms.retry.attempts, wait)
        yield Wait(wait)


def deliver_pulling(call: Call[T], terms: Terms, may_pull: Callable[[str], bool], whole: bool = True) -> Flow[T]:
    """Send; where the model isn't there, have it pulled, and send once more."""
    try:
        return (yield from deliver(call, terms, whole))
    except OllamaModelNotFoundError as error:
        if is_cloud(error.model) or not may_pull(error.model):
            error.suggestions = yield from _suggestions(error.model, terms)
            raise
    _logger.warning("pulling %s, which is not there", call.model, extra={"pulling": call.model})
    yield from deliver(calls.pull_model(call.model, {}), terms)
    return (yield from deliver(call, terms, whole))


def has_model(name: str, terms: Terms) -> Flow[bool]:
    """Whether a server lists a model, whichever way its name is spelt."""
    listed = yield from deliver(calls.list_models(), terms)
    return any(same_model(name, model["name"]) for model in listed)


def is_healthy(terms: Terms) -> Flow[bool]:
    """Whether a server answers at the first attempt."""
    outcome = yield Send(calls.list_models(), True, terms.timeouts, terms.give_up_at)
    return not isinstance(outcome.result, OllamaError)


def first(flow: Flow[list[T]]) -> Flow[T]:
    """The first of what a flow gives a list of."""
    return (yield from flow)[0]


def _suggestions(model: str, terms: Terms) -> Flow[tuple[str, ...]]:
    """Near names of models that are there; none where the server doesn't say."""
    outcome = yield Send(calls.list_models(), True, terms.timeouts.at_most(5), terms.give_up_at)
    if isinstance(outcome.result, OllamaError):
        return ()
    return tuple(near_names(model, (listed["name"] for listed in outcome.result)))


def _may_be_sent_again(error: OllamaError) -> bool:
    """Whether nothing of an answer was heard, so that asking again can't answer twice."""
    if isinstance(error, OllamaTimeoutError):
        return error.phase == "connect"
    return isinstance(error, OllamaConnectionError) and error.reason in ("refused", "reset", "closed")


def _log_wait(call: Call[Any], error: OllamaError, attempt: int, attempts: int, wait: float) -> None:
    reason = getattr(error, "reason", type(error).__name__)
    _logger.warning(
        "%s %s: %s; attempt %d of %d in %.2f s",
        call.method,
        call.path,
        error,
        attempt,
        attempts,
        wait,
        extra={"attempt": attempt, "attempts": attempts, "reason": reason, "wait": wait},
    )
