"""Carries out flows by hand: results in, steps out, with no socket and no clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from vuhitra import (
    OllamaConnectionError,
    OllamaError,
    OllamaIncompleteError,
    OllamaModelNotFoundError,
    OllamaPullError,
    OllamaTimeoutError,
    Reply,
    Retry,
    Timeouts,
)
from vuhitra.errors import ConnectionReason, Phase
from vuhitra.flows import Flow, Leave, Next, Outcome, Report, Run, Send, Share, Step, Terms, Wait

LIMITS = Timeouts(connect=5, start=600, idle=120)
TERMS = Terms(LIMITS, Retry(), give_up_at=None, jitter=lambda: 1.0)
BEGIN = 1000.0
"""When a flow that is driven begins."""


def lost(reason: ConnectionReason = "refused") -> OllamaConnectionError:
    return OllamaConnectionError("lost", reason=reason)


def ended_pull() -> OllamaPullError:
    error = OllamaPullError("ended", model="m")
    error.reason = "no-end"
    return error


def ended_push() -> OllamaIncompleteError:
    return OllamaIncompleteError("ended", partial=Reply(), reason="no-end")


def late(phase: Phase) -> OllamaTimeoutError:
    return OllamaTimeoutError("late", phase=phase, seconds=1)


def missing(model: str = "m") -> OllamaModelNotFoundError:
    return OllamaModelNotFoundError("missing", model=model)


@dataclass
class Driven:
    """What a flow did, and what came of it.

    steps: the path that was called, "next" for an item that was taken, "leave" for an answer that
    was left, the key of what was shared, or the seconds that were waited.
    """

    steps: list[Any] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    reports: list[Any] = field(default_factory=list)
    result: Any = None

    @property
    def waits(self) -> list[float]:
        return [step for step in self.steps if isinstance(step, float | int)]


class _Driving:
    def __init__(self, results: tuple[object, ...], seconds: float) -> None:
        self.driven = Driven()
        self.left = deque(results)
        self._now = BEGIN
        self._seconds = seconds

    def run(self, flow: Flow[Any]) -> Any:
        try:
            step = next(flow)
            while True:
                result = self._do(step)
                step = flow.send(Outcome(result, self._now))
        except StopIteration as end:
            return end.value

    def _do(self, step: Step) -> Any:
        match step:
            case Send(call):
                self.driven.steps.append(call.path)
                self.driven.sends.append(step)
                self._now += self._seconds
                return self.left.popleft()
            case Next():
                self.driven.steps.append("next")
                self._now += self._seconds
                return self.left.popleft()
            case Leave(_, error):
                assert isinstance(error, OllamaTimeoutError)
                self.driven.steps.append("leave")
            case Wait(seconds):
                self.driven.steps.append(seconds)
                self._now += seconds
            case Report(item):
                self.driven.reports.append(item)
            case Run(function):
                return function()
            case Share(key, _, flow):
                self.driven.steps.append(key)
                return self._shared(flow)
        return None

    def _shared(self, flow: Flow[Any]) -> OllamaError | None:
        try:
            self.run(flow)
        except OllamaError as error:
            return error
        return None


def drive(flow: Flow[Any], *results: object, seconds: float = 0.0) -> Driven:
    """Carries out a flow whose sends and items end in these results, each of them after so many seconds."""
    driving = _Driving(results, seconds)
    try:
        driving.driven.result = driving.run(flow)
    except OllamaError as error:
        driving.driven.result = error
    assert not driving.left
    return driving.driven
