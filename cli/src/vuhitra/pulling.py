"""Pulls and pushes: they go on where they broke off, and a missing model is pulled for the call that needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from vuhitra import calls, flows, journal
from vuhitra.calls import Call
from vuhitra.errors import (
    OllamaError,
    OllamaModelNotFoundError,
    OllamaPullError,
    OllamaResponseError,
    OllamaTimeoutError,
)
from vuhitra.flows import Flow, Leave, Next, Outcome, Report, Share, Terms
from vuhitra.names import is_cloud
from vuhitra.types import Progress

T = TypeVar("T")


_NO_SUCH_PATH = (404, 405)
"""What servers answer that can't pull."""
_MOST_STATUSES, _MOST_LAYERS = 20, 1000
"""So many different statuses and layers count as progress: a model has few, and a server might make up ever new ones.
"""


class Furthest:
    """How far a transfer has come, over all its attempts. What it shows never goes backwards."""

    def __init__(self) -> None:
        self._completed: dict[str, int] = {}
        self._statuses: set[str] = set()

    def takes_further(self, step: Progress) -> bool:
        """Whether a step is further than all before it."""
        part = _part_of(step)
        if part is None:
            return step["status"] not in self._statuses and len(self._statuses) < _MOST_STATUSES
        known = self._completed.get(part)
        if known is None and len(self._completed) >= _MOST_LAYERS:
            return False
        return step.get("completed", 0) > (known or 0)

    def show(self, step: Progress) -> Progress:
        """A step, with no less completed than was shown before."""
        part = _part_of(step)
        if part is None:
            self._statuses.add(step["status"])
            return step
        completed = max(step.get("completed", 0), self._completed.get(part, 0))
        self._completed[part] = completed
        return {**step, "completed": completed} if completed else step


def _part_of(step: Progress) -> str | None:
    """What of a transfer a step tells how far it is: a layer, or where none is named, what its status says."""
    return step.get("digest") or (step["status"] if "completed" in step else None)


def transfer(call: Call[None], terms: Terms) -> Flow[None]:
    """A pull or push. One that breaks off or stalls is asked for again, for as long as that takes it further.

    A server that tells the same again and again stalls, too.
    """
    yield from flows.noted(call, terms, _transfer(call, terms))


def _transfer(call: Call[None], terms: Terms) -> Flow[None]:
    attempts = terms.attempts(call)
    furthest = Furthest()
    while True:
        came_further, here = False, Furthest()
        opened = outcome = yield terms.send(call, whole=False, attempt=attempts.number)
        moved_at = outcome.now
        while not isinstance(outcome.result, OllamaError):
            outcome = yield Next(opened.result)
            if outcome.result is None:
                return
            if isinstance(outcome.result, OllamaError):
                break
            came_further = furthest.takes_further(outcome.result) or came_further
            if here.takes_further(outcome.result):  # what was had before may come again, as fast as it can
                moved_at = outcome.now
            elif outcome.now - moved_at > terms.timeouts.idle:
                outcome = Outcome(_stalled(call, terms), outcome.now)
                yield Leave(opened.result, outcome.result)
                break
            here.show(outcome.result)
            reported = yield Report(furthest.show(outcome.result))
            moved_at += reported.now - outcome.now  # the time that whoever listens took was not the server's
        wait = attempts.wait_after(outcome.result, outcome.now, came_further=came_further)
        yield from flows.pause(call, attempts, wait, terms)


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
    flow = _delivered(call, terms, may_pull, whole, pull_terms or terms)
    return (yield from flows.noted(call, terms, flows.naming(flow, terms)))


def _delivered(call: Call[T], terms: Terms, may_pull: Callable[[str], bool], whole: bool, pull_terms: Terms) -> Flow[T]:
    try:
        return (yield from flows.attempted(call, terms.attempts(call), terms, whole))
    except OllamaModelNotFoundError as error:
        if is_cloud(error.model) or not may_pull(error.model):
            raise
        missing = error
    pull, part = calls.pull_model(call.model, {}), pull_terms._replace(noted=False)
    try:
        yield from _shared(pull, _unasked(pull, part), part)
    except OllamaPullError as error:
        if not error.missing:
            raise
        raise missing from error
    except OllamaResponseError as error:
        if error.status not in _NO_SUCH_PATH:
            raise
        raise missing from error
    return (yield from flows.attempted(call, terms.attempts(call), terms, whole))


def _unasked(call: Call[None], terms: Terms) -> Flow[None]:
    journal.pulling(call.model)
    yield from transfer(call, terms)


def _shared(call: Call[None], flow: Flow[None], terms: Terms) -> Flow[None]:
    insecure = isinstance(call.body, Mapping) and bool(call.body.get("insecure"))
    key = (flows.one_spelling(call.model), insecure)
    yield from flows.outcome_of(Share(key, f"{call.path} of {call.model!r}", flow, terms))


def _stalled(call: Call[None], terms: Terms) -> OllamaTimeoutError:
    seconds = terms.timeouts.idle
    return OllamaTimeoutError(
        f"{call.path} of {call.model!r} at {terms.server} came no further within {seconds:g} s",
        phase="idle",
        seconds=seconds,
    )
