"""Pulls and pushes: they go on where they broke off, and a missing model is pulled for the call that needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from vuhitra import calls, flows, journal
from vuhitra.calls import Call
from vuhitra.errors import OllamaError, OllamaModelNotFoundError
from vuhitra.flows import Flow, Next, Report, Share, Terms, Wait
from vuhitra.names import is_cloud
from vuhitra.types import Progress

T = TypeVar("T")


class Furthest:
    """How far a transfer has come, over all its attempts. What it shows never goes backwards."""

    def __init__(self) -> None:
        self._completed: dict[tuple[str, str], int] = {}

    def takes_further(self, step: Progress) -> bool:
        """Whether a step is further than all before it."""
        key, completed = _place(step)
        return completed > self._completed.get(key, -1)

    def show(self, step: Progress) -> Progress:
        """A step, with no less completed than was shown before."""
        key, completed = _place(step)
        self._completed[key] = max(completed, self._completed.get(key, 0))
        if "completed" not in step and not self._completed[key]:
            return step
        return {**step, "completed": self._completed[key]}


def transfer(call: Call[None], terms: Terms) -> Flow[None]:
    """A pull or push. One that breaks off or stalls is asked for again, for as long as that takes it further."""
    attempts = terms.attempts(call)
    furthest = Furthest()
    while True:
        came_further = False
        opened = outcome = yield terms.send(call, whole=False, attempt=attempts.number)
        while not isinstance(outcome.result, OllamaError):
            outcome = yield Next(opened.result)
            if outcome.result is None:
                return
            if not isinstance(outcome.result, OllamaError):
                came_further = furthest.takes_further(outcome.result) or came_further
                yield Report(furthest.show(outcome.result))
        if came_further:
            attempts.begin_anew()
        wait = attempts.wait_after(outcome.result, outcome.now)
        if came_further:  # only those count that came no further
            attempts.begin_anew()
        yield Wait(wait)


def shared_pull(call: Call[None], terms: Terms) -> Flow[None]:
    """A pull, or waiting for the one of the same model that is under way."""
    yield from _shared(call, transfer(call, terms), terms)


def deliver_pulling(
    call: Call[T],
    terms: Terms,
    may_pull: Callable[[str], bool],
    whole: bool = True,
    *,
    pull_terms: Terms | None = None,
) -> Flow[T]:
    """Send; where the model isn't there, have it pulled, and send once more.

    pull_terms: those of the pull, where they are others.
    """
    try:
        return (yield from flows.deliver(call, terms, whole))
    except OllamaModelNotFoundError as error:
        if is_cloud(error.model) or not may_pull(error.model):
            error.suggestions = yield from flows.suggestions(error.model, terms)
            raise
    pull = calls.pull_model(call.model, {})
    pull_terms = pull_terms or terms
    yield from _shared(pull, _unasked(pull, pull_terms), pull_terms)
    return (yield from flows.deliver(call, terms, whole))


def _unasked(call: Call[None], terms: Terms) -> Flow[None]:
    journal.pulling(call.model)
    yield from transfer(call, terms)


def _shared(call: Call[None], flow: Flow[None], terms: Terms) -> Flow[None]:
    yield from flows.outcome_of(Share(flows.one_spelling(call.model), flow, terms))


def _place(step: Progress) -> tuple[tuple[str, str], int]:
    """What a step is about, and how much of it is done."""
    return (step["status"], step.get("digest", "")), step.get("completed", 0)
