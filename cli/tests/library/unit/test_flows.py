"""Every path of the operations of several steps, each driven by hand: no socket and no clock."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from vuhitra import (
    OllamaBusyError,
    OllamaConnectionError,
    OllamaContextError,
    OllamaError,
    OllamaIncompleteError,
    OllamaModelNotFoundError,
    OllamaProtocolError,
    OllamaPullError,
    OllamaResponseError,
    OllamaTimeoutError,
    Reply,
    Retry,
    Timeouts,
    calls,
    flows,
)
from vuhitra.errors import ConnectionReason, Phase
from vuhitra.flows import Flow, Outcome, Send, Terms, Wait

CHAT = calls.chat("m", [{"role": "user", "content": "hello"}], {})
TAGS = calls.list_models()
LIMITS = Timeouts(connect=5, start=600, idle=120)
TERMS = Terms(LIMITS, Retry(), give_up_at=None, jitter=lambda: 1.0)


def lost(reason: ConnectionReason = "refused") -> OllamaConnectionError:
    return OllamaConnectionError("lost", reason=reason)


def late(phase: Phase) -> OllamaTimeoutError:
    return OllamaTimeoutError("late", phase=phase, seconds=1)


def missing(model: str = "m") -> OllamaModelNotFoundError:
    return OllamaModelNotFoundError("missing", model=model)


@dataclass
class Driven:
    """What a flow did: its steps, as the path that was called or the seconds waited, and what came of it."""

    steps: list[str | float]
    sends: list[Send[Any]]
    result: Any


def drive(flow: Flow[Any], *results: object, seconds: float = 0.0) -> Driven:
    """Carries out a flow whose calls end in these results, each of them after so many seconds."""
    driven = Driven([], [], None)
    left = list(results)
    now = 1000.0
    try:
        step = next(flow)
        while True:
            if isinstance(step, Wait):
                driven.steps.append(step.seconds)
                now += step.seconds
                step = flow.send(Outcome(None, now))
            else:
                driven.steps.append(step.call.path)
                driven.sends.append(step)
                now += seconds
                step = flow.send(Outcome(left.pop(0), now))
    except StopIteration as end:
        driven.result = end.value
    except OllamaError as error:
        driven.result = error
    assert not left
    return driven


def test_an_answer_is_given_as_it_is() -> None:
    driven = drive(flows.deliver(CHAT, TERMS), Reply("4"))
    assert (driven.steps, driven.result) == (["/api/chat"], "4")
    assert driven.sends == [Send(CHAT, True, LIMITS, None)]


def test_a_stream_is_sent_for_as_one() -> None:
    assert not drive(flows.deliver(CHAT, TERMS, whole=False), "stream").sends[0].whole
    assert not drive(flows.deliver_pulling(CHAT, TERMS, bool, whole=False), "stream").sends[0].whole


def test_calls_that_are_answered_at_once_are_not_given_long() -> None:
    (send,) = drive(flows.deliver(TAGS, TERMS), []).sends
    assert send.timeouts == Timeouts(5, 30, 30)


def test_the_limit_of_the_whole_operation_goes_with_every_call() -> None:
    terms = replace(TERMS, give_up_at=2000.0)
    driven = drive(flows.deliver_pulling(CHAT, terms, bool), lost(), missing(), None, "answer")
    assert [send.give_up_at for send in driven.sends] == [2000.0] * 4


@pytest.mark.parametrize("error", [lost("refused"), lost("reset"), lost("closed"), late("connect")], ids=str)
def test_what_was_not_heard_is_sent_again(error: OllamaError) -> None:
    driven = drive(flows.deliver(CHAT, TERMS), error, "answer")
    assert driven.steps == ["/api/chat", 0.25, "/api/chat"]
    assert driven.result == "answer"


@pytest.mark.parametrize(
    "error",
    [
        *(lost(reason) for reason in ("unreachable", "dns", "tls", "stopped")),
        *(late(phase) for phase in ("start", "idle", "total")),
        missing(),
        OllamaResponseError("no", status=400, body=""),
        OllamaResponseError("no", status=500, body=""),
        OllamaContextError("long", window=1, needed=2),
        OllamaIncompleteError("cut", partial=Reply("4"), reason="cut"),
        OllamaProtocolError("what?"),
        OllamaPullError("no", model="m"),
    ],
    ids=lambda error: f"{type(error).__name__} {getattr(error, 'reason', '')} {getattr(error, 'phase', '')}",
)
def test_all_else_is_raised_at_once(error: OllamaError) -> None:
    driven = drive(flows.deliver(CHAT, TERMS), error)
    assert (driven.steps, driven.result) == (["/api/chat"], error)
    assert error.attempts == ()


def test_the_last_error_keeps_the_earlier_ones() -> None:
    errors = [lost("refused"), lost("reset"), OllamaProtocolError("what?")]
    driven = drive(flows.deliver(CHAT, TERMS), *errors)
    assert driven.result is errors[2]
    assert [error.attempts for error in errors] == [(), (errors[0],), (errors[0], errors[1])]


def test_no_more_attempts_than_allowed() -> None:
    for attempts in (1, 2, 5):
        errors = [lost() for _ in range(attempts)]
        driven = drive(flows.deliver(CHAT, replace(TERMS, retry=Retry(attempts))), *errors)
        assert driven.result is errors[-1]
        assert len(driven.sends) == attempts


def test_waits_grow_and_are_bounded() -> None:
    retry = Retry(attempts=8, first_wait=1, factor=3, max_wait=20)
    driven = drive(flows.deliver(CHAT, replace(TERMS, retry=retry, jitter=lambda: 0.5)), *[lost()] * 8)
    assert [step for step in driven.steps if isinstance(step, float)] == [0.5, 1.5, 4.5, 10, 10, 10, 10]


@pytest.mark.parametrize(
    ("budget", "sends"),
    [
        pytest.param(0, 1, id="none"),
        pytest.param(0.25, 2, id="for one wait"),
        pytest.param(0.74, 2, id="nearly for two"),
        pytest.param(0.75, 3, id="for two"),
    ],
)
def test_no_attempt_begins_after_the_budget(budget: float, sends: int) -> None:
    retry = Retry(attempts=10, budget=budget)
    driven = drive(flows.deliver(CHAT, replace(TERMS, retry=retry)), *[lost()] * sends)
    assert len(driven.sends) == sends
    assert isinstance(driven.result, OllamaConnectionError)


def test_attempts_that_take_long_use_the_budget_up() -> None:
    retry = Retry(attempts=10, budget=12, first_wait=0)
    driven = drive(flows.deliver(CHAT, replace(TERMS, retry=retry)), *[late("connect")] * 4, seconds=5)
    assert len(driven.sends) == 4


def test_no_wait_goes_beyond_the_limit_of_the_whole_operation() -> None:
    driven = drive(flows.deliver(CHAT, replace(TERMS, give_up_at=1000.3)), lost(), lost())
    assert driven.steps == ["/api/chat", 0.25, "/api/chat"]


def test_a_wait_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    drive(flows.deliver(CHAT, replace(TERMS, jitter=lambda: 0.5)), lost("reset"), late("connect"), "answer")
    assert {(record.name, record.levelno) for record in caplog.records} == {("vuhitra", logging.WARNING)}
    said = [vars(record) for record in caplog.records]
    assert [{key: each[key] for key in ("attempt", "attempts", "reason", "wait")} for each in said] == [
        {"attempt": 2, "attempts": 3, "reason": "reset", "wait": 0.125},
        {"attempt": 3, "attempts": 3, "reason": "timeout", "wait": 0.25},
    ]
    assert "hello" not in caplog.text


def test_a_missing_model_is_pulled_and_the_call_sent_again(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    def may_pull(model: str) -> bool:
        asked.append(model)
        return True

    driven = drive(flows.deliver_pulling(CHAT, TERMS, may_pull), missing(), None, "answer")
    assert driven.steps == ["/api/chat", "/api/pull", "/api/chat"]
    assert driven.result == "answer"
    assert asked == ["m"]
    pull = driven.sends[1]
    assert (pull.call.body, pull.timeouts) == ({"model": "m", "stream": True}, LIMITS)
    assert all(send.whole for send in driven.sends)
    (record,) = caplog.records
    assert (record.levelno, vars(record)["pulling"]) == (logging.WARNING, "m")


def test_a_pull_is_sent_again_too() -> None:
    driven = drive(flows.deliver_pulling(CHAT, TERMS, bool), missing(), lost(), None, lost(), "answer")
    assert driven.steps == ["/api/chat", "/api/pull", 0.25, "/api/pull", "/api/chat", 0.25, "/api/chat"]


def test_a_model_that_is_missing_after_the_pull_is_not_pulled_again() -> None:
    second = missing()
    driven = drive(flows.deliver_pulling(CHAT, TERMS, bool), missing(), None, second)
    assert driven.steps == ["/api/chat", "/api/pull", "/api/chat"]
    assert driven.result is second


def test_a_pull_that_fails_is_raised() -> None:
    failed = OllamaPullError("no", model="m")
    driven = drive(flows.deliver_pulling(CHAT, TERMS, bool), missing(), failed)
    assert (driven.steps, driven.result) == (["/api/chat", "/api/pull"], failed)


@pytest.mark.parametrize(
    ("model", "may_pull"),
    [
        pytest.param("smolm2", lambda _: False, id="not allowed"),
        pytest.param("smolm2", lambda model: model == "another", id="not this one"),
        pytest.param("smolm2:cloud", lambda _: True, id="in the cloud"),
        pytest.param("smolm2:135m-cloud", lambda _: True, id="a tag in the cloud"),
    ],
)
def test_without_a_pull_near_names_are_suggested(model: str, may_pull: Callable[[str], bool]) -> None:
    error = missing(model)
    there = [{"name": "smollm2:latest"}, {"name": "llama3:latest"}]
    driven = drive(flows.deliver_pulling(CHAT, TERMS, may_pull), error, there)
    assert (driven.steps, driven.result) == (["/api/chat", "/api/tags"], error)
    assert error.suggestions == ("smollm2:latest",)
    assert (driven.sends[1].whole, driven.sends[1].timeouts) == (True, Timeouts(5, 5, 5))


@pytest.mark.parametrize("listed", [lost(), OllamaProtocolError("what?"), [], [{"name": ""}]], ids=repr)
def test_what_can_not_be_suggested_hides_nothing(listed: object) -> None:
    error = missing()
    driven = drive(flows.deliver_pulling(CHAT, TERMS, lambda _: False), error, listed)
    assert driven.result is error
    assert error.suggestions == ()


def test_a_name_that_is_none_is_left_to_the_server() -> None:
    error = missing("no//name")
    assert drive(flows.deliver_pulling(CHAT, TERMS, lambda _: False), error, [{"name": "m"}]).result is error


def test_only_a_missing_model_is_pulled() -> None:
    for error in (OllamaResponseError("no", status=404, body=""), OllamaBusyError("no", status=503, body="")):
        assert drive(flows.deliver_pulling(CHAT, TERMS, bool), error).result is error


@pytest.mark.parametrize(
    "results", [[], [lost()], [lost(), None], [missing()], [missing(), lost()]], ids=lambda results: str(len(results))
)
def test_a_flow_can_be_closed_at_every_step(results: list[Any]) -> None:
    flow = flows.deliver_pulling(CHAT, TERMS, bool)
    next(flow)
    for result in results:
        flow.send(Outcome(result, 0))
    flow.close()
    with pytest.raises(StopIteration):
        next(flow)


@pytest.mark.parametrize(
    ("name", "there"), [("smollm2", True), ("SmolLM2:latest", True), ("smollm2:135m", False), ("", False)]
)
def test_whether_a_model_is_there(name: str, there: bool) -> None:
    driven = drive(flows.has_model(name, TERMS), lost(), [{"name": "llama3:8b"}, {"name": "smollm2:latest"}])
    assert driven.steps == ["/api/tags", 0.25, "/api/tags"]
    assert driven.result is there


@pytest.mark.parametrize(
    ("outcome", "healthy"), [([], True), (lost(), False), (late("start"), False), (OllamaProtocolError(""), False)]
)
def test_health_is_asked_once(outcome: object, healthy: bool) -> None:
    driven = drive(flows.is_healthy(TERMS), outcome)
    assert (driven.steps, driven.result) == (["/api/tags"], healthy)
    assert (driven.sends[0].whole, driven.sends[0].timeouts) == (True, TERMS.timeouts)


def test_the_first_of_several() -> None:
    call = calls.embed("m", ["a"], {})
    assert drive(flows.first(flows.deliver(call, TERMS)), [[1.0], [2.0]]).result == [1.0]
