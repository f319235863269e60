"""Operations of several steps as generators: what to do next, decided from what came of the last step.

A flow yields steps and is sent an `Outcome` for each. It knows no socket, no clock, no sync or async:
whoever drives it does. Each path can be tested by feeding a flow by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar, cast

from vuhitra import calls, journal
from vuhitra.calls import Call
from vuhitra.errors import (
    OllamaBusyError,
    OllamaCapabilityError,
    OllamaConnectionError,
    OllamaError,
    OllamaModelNotFoundError,
    OllamaTimeoutError,
)
from vuhitra.limits import Retry, Timeouts
from vuhitra.names import near_names, normalise, same_model
from vuhitra.retrying import Attempts
from vuhitra.types import KeepAlive

if TYPE_CHECKING:
    from vuhitra.hosts import Host

T = TypeVar("T")

_ASIDE = 1.0
"""Seconds that a question beside the point may take: it only makes an error clearer."""
_POLL = 0.1
_LONGEST_POLL = 1.0
"""Seconds between two looks at whether a server is there: at first, and at last."""


class Send(NamedTuple):
    """Send a call; its outcome is the answer. attempt: which one it is of this call, from 1.

    whole: read the answer to its end; otherwise only up to its first item, and the outcome is the open answer.
    give_up_at: when the limit for the whole operation ends, on the driver's clock, or None.
    noted: whether the log has what becomes of the answer. within: seconds for this call alone, waits and all.
    """

    call: Call[Any]
    whole: bool
    timeouts: Timeouts
    give_up_at: float | None = None
    attempt: int = 1
    noted: bool = True
    within: float | None = None

    def ends_at(self, now: float) -> float | None:
        """By when there must be an answer to what is sent now, on the driver's clock; None: whenever it comes."""
        if self.within is None:
            return self.give_up_at
        return min(now + self.within, inf if self.give_up_at is None else self.give_up_at)

    def check_time(self, now: float, host: Host) -> None:
        """Raises OllamaTimeoutError where the whole operation should have been over by now."""
        if self.give_up_at is not None and now > self.give_up_at:
            seconds = self.timeouts.total or 0.0
            what = f"{self.call.path} was not sent to {host}: the {seconds:g} s for the whole call were over"
            raise OllamaTimeoutError(what, phase="total", seconds=seconds)


class Next(NamedTuple):
    """Take the next item of an open answer; None at its end."""

    answer: Any


class Leave(NamedTuple):
    """Leave an open answer for what is wrong with it, which ends it on the server too."""

    answer: Any
    error: OllamaError


class Wait(NamedTuple):
    """Wait for so many seconds."""

    seconds: float


class Report(NamedTuple):
    """Tell whoever listens how far it is."""

    item: Any


class Run(NamedTuple):
    """Carry out a function that may take its time. An awaitable that it returns is awaited."""

    function: Callable[[], Any]


class Share(NamedTuple):
    """Carry out a flow, or wait for the one that is under way for the same key; under terms of one's own.

    work: what it does, for messages.
    """

    key: Hashable
    work: str
    flow: Flow[Any]
    terms: Terms


class Outcome(NamedTuple):
    """What came of a step: a result, or an error as a value. now: the driver's clock."""

    result: Any
    now: float


Step: TypeAlias = Send | Next | Leave | Wait | Report | Run | Share
Flow: TypeAlias = Generator[Step, Outcome, T]


class Terms(NamedTuple):
    """Under which terms an operation is carried out. jitter: a random number from 0 to 1. server: for messages.

    noted: whether the log has a record of it; what is part of another call has none of its own.
    """

    timeouts: Timeouts
    retry: Retry
    give_up_at: float | None
    jitter: Callable[[], float]
    server: str = ""
    noted: bool = True

    def ask_aside(self, call: Call[Any]) -> Send:
        """The step that asks a question beside the point: once, in little time, and not noted."""
        timeouts = self.timeouts.at_most(_ASIDE)
        return Send(call, True, timeouts, self.give_up_at, noted=False, within=_ASIDE)

    def send(self, call: Call[Any], whole: bool, attempt: int = 1) -> Send:
        """The step that sends a call under these terms."""
        return Send(call, whole, self.timeouts, self.give_up_at, attempt, self.noted)

    def attempts(self, call: Call[Any]) -> Attempts:
        """The attempts of a call, none of which was made yet."""
        return Attempts(call, self.retry, self.give_up_at, self.jitter)


def deliver(call: Call[T], terms: Terms, whole: bool = True) -> Flow[T]:
    """Send; after a failure that is safe to repeat, wait and send again."""
    return (yield from noted(call, terms, attempted(call, terms.attempts(call), terms, whole)))


def noted(call: Call[Any], terms: Terms, flow: Flow[T]) -> Flow[T]:
    """A flow that carries out a call, with a record of the error that it ends in."""
    try:
        return (yield from flow)
    except OllamaError as error:
        if terms.noted:
            journal.failed(call, len(error.attempts) + 1, error)
        raise


def attempted(call: Call[T], attempts: Attempts, terms: Terms, whole: bool) -> Flow[T]:
    """As `deliver`, for an operation that goes on after a failure: that isn't noted."""
    while True:
        outcome = yield terms.send(call, whole, attempts.number)
        error = outcome.result
        if not isinstance(error, OllamaError):
            return cast("T", error)
        if isinstance(error, OllamaTimeoutError) and error.phase == "start" and call.needs_the_model:
            yield from _look_for_the_model(call.model, error, terms)
        yield from pause(call, attempts, attempts.wait_after(error, outcome.now), terms)


def pause(call: Call[Any], attempts: Attempts, seconds: float, terms: Terms) -> Flow[None]:
    """Wait before the next attempt. Who leaves meanwhile leaves the call, and there is no answer to note it."""
    try:
        yield Wait(seconds)
    except GeneratorExit:
        if terms.noted:
            journal.left(call, attempts.number - 1)
        raise


def outcome_of(step: Step) -> Flow[Any]:
    """The result of a step. Raises the error that came of it."""
    outcome = yield step
    if isinstance(outcome.result, OllamaError):
        raise outcome.result
    return outcome.result


def reported(call: Call[Any], terms: Terms) -> Flow[None]:
    """Send, and report each item of the answer, for an operation that goes on after a failure: that isn't noted."""
    attempts = terms.attempts(call)
    answer = yield from attempted(call, attempts, terms, whole=False)
    while (item := (yield Next(answer)).result) is not None:
        if isinstance(item, OllamaError):
            attempts.give_up(item)
        yield Report(item)


def naming(flow: Flow[T], terms: Terms) -> Flow[T]:
    """A flow whose missing model is told with the names that may have been meant."""
    try:
        return (yield from flow)
    except OllamaModelNotFoundError as error:
        error.suggestions = yield from suggestions(error.model, terms)
        raise


def naming_embedders(flow: Flow[T], terms: Terms) -> Flow[T]:
    """A flow that embeds: where the model can't, models that are there and can are named."""
    try:
        return (yield from flow)
    except OllamaCapabilityError as error:
        if error.hint is None:
            listed = yield from _aside(calls.list_models(), terms)
            able = [each["name"] for each in listed or () if "embedding" in (each.get("capabilities") or ())]
            if able and not any(same_model(error.model, name) for name in able):
                error.hint = f"models there that embed: {', '.join(able)}"
        raise


def suggestions(model: str, terms: Terms) -> Flow[tuple[str, ...]]:
    """Near names of models that are there; none where the server doesn't say."""
    listed = yield from _aside(calls.list_models(), terms)
    return tuple(near_names(model, (each["name"] for each in listed or ())))


def has_model(name: str, terms: Terms) -> Flow[bool]:
    """Whether a server lists a model, whichever way its name is spelt."""
    listed = yield from deliver(calls.list_models(), terms)
    return any(same_model(name, model["name"]) for model in listed)


def is_healthy(terms: Terms) -> Flow[bool]:
    """Whether a server answers at the first attempt."""
    outcome = yield from _once(calls.list_models(), terms)
    return not isinstance(outcome.result, OllamaError)


def delete_model(name: str, terms: Terms) -> Flow[None]:
    """Delete a model. One that is gone when it is asked for again was deleted by the answer that got lost."""
    try:
        yield from deliver(calls.delete_model(name), terms)
    except OllamaModelNotFoundError as error:
        lost = (earlier.reason for earlier in error.attempts if isinstance(earlier, OllamaConnectionError))
        if not {"reset", "closed"} & set(lost):
            raise


def load_model(name: str, options: Mapping[str, Any] | None, keep_alive: KeepAlive | None, terms: Terms) -> Flow[None]:
    """Load a model, or with a `keep_alive` of 0 unload it; one that can't generate is one that embeds."""
    loading, embedding = calls.load_model(name, options, keep_alive), calls.load_embedder(name, options, keep_alive)

    def load() -> Flow[None]:
        try:
            yield from attempted(loading, terms.attempts(loading), terms, whole=True)
        except OllamaCapabilityError:
            yield from attempted(embedding, terms.attempts(embedding), terms, whole=True)

    yield from noted(loading, terms, load())


def wait_until_ready(terms: Terms) -> Flow[None]:
    """Wait until a server answers. Raises what is wrong with one that doesn't before its time is over."""
    wait = _POLL
    while True:
        outcome = yield from _once(calls.version(), terms)
        error = outcome.result
        if not isinstance(error, OllamaError):
            return
        may_come_up = isinstance(error, OllamaConnectionError | OllamaBusyError)
        if not may_come_up or outcome.now + wait >= cast("float", terms.give_up_at):
            raise error
        yield Wait(wait)
        wait = min(2 * wait, _LONGEST_POLL)


def first(flow: Flow[list[T]]) -> Flow[T]:
    """The first of what a flow gives a list of."""
    return (yield from flow)[0]


def one_spelling(name: str) -> str:
    """What all spellings of a model share; a name that is none is left to the server."""
    try:
        return normalise(name)
    except ValueError:
        return name


def _once(call: Call[Any], terms: Terms) -> Flow[Outcome]:
    """What comes of a call that is sent once."""
    outcome = yield terms.send(call, whole=True)
    if terms.noted and isinstance(outcome.result, OllamaError):
        journal.failed(call, 1, outcome.result)
    return outcome


def _aside(call: Call[T], terms: Terms) -> Flow[T | None]:
    """The answer to a question beside the point; None where there is none."""
    outcome = yield terms.ask_aside(call)
    return None if isinstance(outcome.result, OllamaError) else cast("T", outcome.result)


def _look_for_the_model(model: str, error: OllamaTimeoutError, terms: Terms) -> Flow[None]:
    """Has an error say whether the server has loaded a model by now, where it tells that."""
    running = yield from _aside(calls.running_models(), terms)
    if running is not None:
        error.loaded = any(same_model(model, each["name"]) for each in running)
        error.why = f"the model {'is' if error.loaded else 'is not'} loaded by now"
