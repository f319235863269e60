"""Pulls and pushes that go on, and missing models that are pulled; driven by hand, with no socket and no clock."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.library.unit.driving import BEGIN, TERMS, drive, ended_pull, ended_push, late, lost, missing
from vuhitra import (
    OllamaBusyError,
    OllamaConnectionError,
    OllamaError,
    OllamaPullError,
    OllamaResponseError,
    OllamaTimeoutError,
    Retry,
    calls,
    pulling,
)
from vuhitra.flows import Next, Outcome, Report, Send, Share
from vuhitra.names import normalise
from vuhitra.pulling import Furthest
from vuhitra.types import Progress

CHAT = calls.chat("m", [{"role": "user", "content": "hello"}], {})
PULL = calls.pull_model("m", {})
INSECURE = calls.pull_model("m", {"insecure": True})
PUSH = calls.push_model("m", {})
MANIFEST: Progress = {"status": "pulling manifest"}
SUCCESS: Progress = {"status": "success"}
OPEN = "an open answer"


def layer(completed: int | None = None, digest: str = "aa", total: int = 10) -> Progress:
    step: Progress = {"status": f"pulling {digest}", "digest": digest, "total": total}
    if completed is not None:
        step["completed"] = completed
    return step


def busy(retry_after: float | None = None) -> OllamaBusyError:
    error = OllamaBusyError("busy", status=503, body="")
    error.retry_after = retry_after
    return error


@pytest.mark.parametrize("call", [PULL, PUSH], ids=["pull", "push"])
def test_all_steps_are_reported(call: Any) -> None:
    steps = [MANIFEST, layer(), layer(4), layer(10), SUCCESS]
    driven = drive(pulling.transfer(call, TERMS), OPEN, *steps, None)
    assert driven.steps == [call.path, *["next"] * 6]
    assert driven.reports == steps
    assert driven.result is None
    assert not driven.sends[0].whole


@pytest.mark.parametrize(
    "error",
    [lost("reset"), lost("closed"), lost("refused"), late("idle"), late("connect"), busy(), ended_pull(), ended_push()],
    ids=lambda error: getattr(error, "phase", getattr(error, "reason", type(error).__name__)),
)
@pytest.mark.parametrize("call", [PULL, PUSH], ids=["pull", "push"])
def test_one_that_breaks_off_or_stalls_is_asked_for_again(call: Any, error: OllamaError) -> None:
    driven = drive(pulling.transfer(call, TERMS), OPEN, layer(4), error, OPEN, layer(10), SUCCESS, None)
    assert driven.steps == [call.path, "next", "next", 0.25, call.path, *["next"] * 3]
    assert [send.attempt for send in driven.sends] == [1, 2]


def test_a_pull_that_is_slow_to_start_is_asked_for_again_and_a_push_is_not() -> None:
    error = late("start")
    assert drive(pulling.transfer(PULL, TERMS), error, OPEN, SUCCESS, None).result is None
    assert drive(pulling.transfer(PUSH, TERMS), error).result is error


@pytest.mark.parametrize(
    "error",
    [
        OllamaPullError("no such model", model="m"),
        OllamaResponseError("no", status=400, body=""),
        late("total"),
        lost("stopped"),
    ],
    ids=repr,
)
def test_a_no_is_final(error: OllamaError) -> None:
    for begun in ([], [OPEN, layer(4)]):
        assert drive(pulling.transfer(PULL, TERMS), *begun, error).result is error


def test_one_that_comes_further_each_time_is_never_given_up() -> None:
    results: list[object] = []
    for completed in range(1, 30):
        results += [OPEN, layer(completed, total=30), lost("closed")]
    driven = drive(pulling.transfer(PULL, TERMS), *results, OPEN, SUCCESS, None, seconds=3600.0)
    assert driven.waits == [0.25] * 29
    assert driven.result is None


def test_one_that_comes_no_further_is_given_up_after_all_attempts() -> None:
    results: list[object] = [OPEN, MANIFEST, layer(4), lost("closed")]
    stuck = [lost("closed") for _ in range(3)]
    for error in stuck:
        results += [OPEN, MANIFEST, layer(3), layer(4), error]
    driven = drive(pulling.transfer(PULL, TERMS), *results)
    assert driven.result is stuck[-1]
    assert stuck[-1].attempts == (results[3], stuck[0], stuck[1])
    assert driven.waits == [0.25, 0.25, 0.5]


@pytest.mark.parametrize("ended", [ended_pull, ended_push])
def test_one_that_ends_without_success_each_time_is_given_up_with_that(ended: Callable[[], OllamaError]) -> None:
    errors = [ended() for _ in range(4)]
    driven = drive(pulling.transfer(PULL, TERMS), *(step for error in errors for step in (OPEN, layer(4), error)))
    assert driven.result is errors[-1]
    assert errors[-1].attempts == tuple(errors[:-1])
    assert driven.waits == [0.25, 0.25, 0.5]


def test_one_that_never_begins_is_given_up_after_all_attempts() -> None:
    errors = [lost(), busy(), late("start")]
    driven = drive(pulling.transfer(PULL, TERMS), *errors)
    assert driven.result is errors[-1]
    assert len(driven.sends) == 3


def test_what_failed_before_it_came_further_no_longer_counts() -> None:
    failed = [lost(), lost()]
    last = [lost("closed") for _ in range(3)]
    driven = drive(pulling.transfer(PULL, TERMS), *failed, OPEN, layer(4), last[0], *last[1:], OPEN, SUCCESS, None)
    assert driven.waits == [0.25, 0.5, 0.25, 0.25, 0.5]
    assert last[2].attempts == (*failed, *last[:2])


def test_one_attempt_is_one() -> None:
    error = lost("closed")
    once = TERMS._replace(retry=Retry(attempts=1))
    assert drive(pulling.transfer(PULL, once), OPEN, layer(4), error).result is error


def test_one_that_tells_the_same_again_and_again_stalls() -> None:
    flow = pulling.transfer(PULL, TERMS)
    same = [layer(4)] * 4
    driven = drive(flow, OPEN, *same, OPEN, layer(5), SUCCESS, None, seconds=TERMS.timeouts.idle / 2)
    assert driven.result is None
    assert driven.steps.count("leave") == 1
    assert len(driven.sends) == 2


def test_one_that_has_to_come_all_the_way_again_does_not_stall() -> None:
    again = [layer(completed) for completed in range(8)]
    driven = drive(
        pulling.transfer(PUSH, TERMS), OPEN, layer(7), lost("closed"), OPEN, *again, SUCCESS, None, seconds=100.0
    )
    assert (driven.result, len(driven.sends)) == (None, 2)
    assert "leave" not in driven.steps


def test_one_that_tells_the_same_for_ever_is_given_up() -> None:
    stuck = [OPEN, *[layer(4)] * 4]
    driven = drive(pulling.transfer(PULL, TERMS), *stuck * 4, seconds=60.0)
    assert driven.steps.count("leave") == len(driven.sends) == 4
    assert isinstance(driven.result, OllamaTimeoutError)
    assert (driven.result.phase, driven.result.seconds) == ("idle", 120.0)
    assert "came no further within 120 s" in str(driven.result)


def test_ever_new_words_are_no_progress() -> None:
    breaking = [[OPEN, {"status": f"retry {number}"}, lost("closed")] for number in range(23)]
    driven = drive(pulling.transfer(PULL, TERMS), *(step for steps in breaking for step in steps))
    assert isinstance(driven.result, OllamaConnectionError)


def test_a_pull_that_need_not_be_secure_is_another_one() -> None:
    keys = {str(drive(pulling.shared_pull(call, TERMS), OPEN, SUCCESS, None).steps[0]) for call in (PULL, INSECURE)}
    assert len(keys) == 2


def test_attempts_that_take_long_take_nothing_of_the_budget() -> None:
    stuck = [late("idle") for _ in range(3)]
    driven = drive(pulling.transfer(PULL, TERMS), *stuck, seconds=3600.0)
    assert driven.result is stuck[-1]
    assert driven.waits == [0.25, 0.5]


def test_the_budget_is_for_the_waits_that_come_no_further() -> None:
    short = TERMS._replace(retry=Retry(attempts=10, budget=5, first_wait=2, factor=1))
    results: list[object] = []
    for completed in range(1, 5):
        results += [OPEN, layer(completed), lost("closed")]
    stuck = [lost() for _ in range(2)]
    driven = drive(pulling.transfer(PULL, short), *results, *stuck)
    assert driven.result is stuck[-1]
    assert driven.waits == [2.0] * 5


def test_a_wait_that_does_not_fit_into_the_budget_is_raised_at_once() -> None:
    for begun in ([], [OPEN, layer(4)]):
        error = busy(61.0)
        assert drive(pulling.transfer(PULL, TERMS), *begun, error).result is error


def test_what_the_server_asks_to_wait_is_waited() -> None:
    assert drive(pulling.transfer(PULL, TERMS), busy(7.0), OPEN, SUCCESS, None).waits == [7.0]


def test_no_attempt_begins_after_the_limit_of_the_whole_operation() -> None:
    error = lost("closed")
    terms = TERMS._replace(give_up_at=BEGIN + 0.2)
    driven = drive(pulling.transfer(PULL, terms), OPEN, layer(4), error)
    assert driven.result is error
    assert [send.give_up_at for send in driven.sends] == [BEGIN + 0.2]


def test_what_is_shown_never_goes_backwards() -> None:
    first = [layer(4), layer(7), layer(5), layer(1, "bb")]
    second = [layer(), layer(2), layer(9), layer(0, "bb"), layer(3, "bb")]
    driven = drive(pulling.transfer(PULL, TERMS), OPEN, *first, lost("closed"), OPEN, *second, SUCCESS, None)
    assert [(step.get("digest"), step.get("completed")) for step in driven.reports[:-1]] == [
        ("aa", 4),
        ("aa", 7),
        ("aa", 7),
        ("bb", 1),
        ("aa", 7),
        ("aa", 7),
        ("aa", 9),
        ("bb", 1),
        ("bb", 3),
    ]
    assert "completed" not in driven.reports[-1]


def test_a_step_is_shown_with_all_that_the_server_says() -> None:
    step: Any = {**layer(4), "new": 1}
    assert Furthest().show(step) == step


STEPS = st.builds(layer, st.none() | st.integers(0, 10), st.sampled_from(["aa", "bb"]))


@given(st.lists(STEPS))
def test_however_it_goes_each_layer_is_shown_going_forwards(steps: list[Progress]) -> None:
    furthest = Furthest()
    reached: dict[str, int] = {}
    for step in steps:
        further = step.get("completed", 0) > reached.get(step.get("digest", ""), 0)
        assert furthest.takes_further(step) is further
        shown = furthest.show(step).get("completed", 0)
        assert shown >= reached.get(step.get("digest", ""), 0)
        reached[step.get("digest", "")] = shown
    assert not any(map(furthest.takes_further, steps))


def test_without_a_digest_it_is_the_status_that_comes_further() -> None:
    furthest, shown = Furthest(), []
    for completed in (1, 5, 3, 7):
        step: Progress = {"status": "downloading", "total": 10, "completed": completed}
        assert furthest.takes_further(step) is (completed != 3)
        shown.append(furthest.show(step).get("completed"))
    assert shown == [1, 5, 5, 7]


def test_layers_of_which_nothing_comes_are_no_progress() -> None:
    furthest = Furthest()
    assert not any(furthest.takes_further(layer(completed, str(n))) for n in range(3) for completed in (None, 0))


def test_ever_new_layers_are_progress_only_so_often() -> None:
    furthest = Furthest()
    taken = 0
    while furthest.takes_further(step := layer(1, str(taken))):
        furthest.show(step)
        taken += 1
    assert taken == 1000
    assert furthest.takes_further(layer(2, "7"))


def test_a_pull_that_goes_on_is_noted_with_all_its_attempts(caplog: pytest.LogCaptureFixture) -> None:
    failed = OllamaPullError("no", model="m")
    again = [OPEN, layer(1), lost("closed"), OPEN, layer(2), lost("closed")]
    with caplog.at_level(logging.INFO):
        drive(pulling.transfer(PULL, TERMS), *again, OPEN, failed)
    (record,) = [record for record in caplog.records if record.levelno == logging.INFO]
    assert (vars(record)["attempts"], vars(record)["error"]) == (3, "OllamaPullError")


KEY = (normalise("m"), False)


def test_a_missing_model_is_pulled_and_the_call_sent_again(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    def may_pull(model: str) -> bool:
        asked.append(model)
        return True

    driven = drive(pulling.deliver_pulling(CHAT, TERMS, may_pull), missing(), OPEN, SUCCESS, None, "answer")
    assert driven.steps == ["/api/chat", KEY, "/api/pull", "next", "next", "/api/chat"]
    assert driven.result == "answer"
    assert asked == ["m"]
    assert driven.sends[1].call.body == {"model": "m", "stream": True}
    assert driven.sends[2].whole
    (record,) = caplog.records
    assert (record.levelno, vars(record)["pulling"]) == (logging.WARNING, "m")


def test_a_stream_is_sent_for_as_one_before_and_after_the_pull() -> None:
    flow = pulling.deliver_pulling(CHAT, TERMS, bool, whole=False)
    driven = drive(flow, missing(), OPEN, SUCCESS, None, "stream")
    assert [send.whole for send in driven.sends] == [False, False, False]


def test_all_of_it_is_within_the_limit_of_the_whole_operation() -> None:
    terms = TERMS._replace(give_up_at=BEGIN + 100)
    driven = drive(pulling.deliver_pulling(CHAT, terms, bool), lost(), missing(), OPEN, SUCCESS, None, "answer")
    assert {send.give_up_at for send in driven.sends} == {BEGIN + 100}


def test_the_pull_and_the_second_call_are_sent_again_too() -> None:
    driven = drive(pulling.deliver_pulling(CHAT, TERMS, bool), missing(), lost(), OPEN, SUCCESS, None, lost(), "answer")
    assert [step for step in driven.steps if step != "next"] == [
        "/api/chat",
        KEY,
        "/api/pull",
        0.25,
        "/api/pull",
        "/api/chat",
        0.25,
        "/api/chat",
    ]


def test_a_model_that_is_missing_after_the_pull_is_not_pulled_again() -> None:
    second = missing()
    there = [{"name": "mm:latest"}, {"name": "m:7b"}]
    driven = drive(pulling.deliver_pulling(CHAT, TERMS, bool), missing(), OPEN, SUCCESS, None, second, there)
    assert [send.call.path for send in driven.sends] == ["/api/chat", "/api/pull", "/api/chat", "/api/tags"]
    assert driven.result is second
    assert "m:7b" in second.suggestions


def test_a_pull_that_fails_is_raised() -> None:
    failed = OllamaPullError("no", model="m")
    driven = drive(pulling.deliver_pulling(CHAT, TERMS, bool), missing(), OPEN, failed)
    assert driven.result is failed
    assert driven.sends[-1].call.path == "/api/pull"


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_that_cannot_pull_lacks_the_model(status: int, caplog: pytest.LogCaptureFixture) -> None:
    error, no_path = missing("smolm2"), OllamaResponseError("nothing there", status=status, body="")
    with caplog.at_level(logging.INFO):
        driven = drive(pulling.deliver_pulling(CHAT, TERMS, bool), error, no_path, [{"name": "smollm2:latest"}])
    assert [send.call.path for send in driven.sends] == ["/api/chat", "/api/pull", "/api/tags"]
    assert driven.result is error
    assert (error.suggestions, error.__cause__) == (("smollm2:latest",), no_path)
    (record,) = [record for record in caplog.records if record.levelno == logging.INFO]
    assert (vars(record)["path"], vars(record)["error"]) == ("/api/chat", "OllamaModelNotFoundError")


def test_another_no_to_the_pull_is_raised() -> None:
    no = OllamaResponseError("no", status=500, body="")
    assert drive(pulling.deliver_pulling(CHAT, TERMS, bool), missing(), no).result is no


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
    driven = drive(pulling.deliver_pulling(CHAT, TERMS, may_pull), error, there)
    assert (driven.steps, driven.result) == (["/api/chat", "/api/tags"], error)
    assert error.suggestions == ("smollm2:latest",)


def test_a_name_that_no_registry_knows_is_told_with_near_names() -> None:
    error, unknown = missing("smolm2"), OllamaPullError("no", model="smolm2", missing=True)
    there = [{"name": "smollm2:latest"}]
    driven = drive(pulling.deliver_pulling(CHAT, TERMS, bool), error, OPEN, unknown, there)
    assert driven.result is error
    assert error.__cause__ is unknown
    assert error.suggestions == ("smollm2:latest",)


def test_only_a_missing_model_is_pulled() -> None:
    for error in (OllamaResponseError("no", status=404, body=""), OllamaPullError("no", model="m")):
        assert drive(pulling.deliver_pulling(CHAT, TERMS, bool), error).result is error


def test_pulls_of_one_model_are_shared_however_it_is_spelt() -> None:
    keys: list[object] = []
    for name in ("llama3", "LLama3:latest", "registry.ollama.ai/library/llama3"):
        step = next(pulling.shared_pull(calls.pull_model(name, {}), TERMS))
        assert isinstance(step, Share)
        assert step.terms is TERMS
        keys.append(step.key)
    assert len(set(keys)) == 1


def test_what_came_of_a_shared_pull_holds_for_all() -> None:
    waited = pulling.shared_pull(PULL, TERMS)
    next(waited)
    with pytest.raises(StopIteration):
        waited.send(Outcome(None, 0.0))
    failed = OllamaPullError("no", model="m")
    waited = pulling.shared_pull(PULL, TERMS)
    next(waited)
    with pytest.raises(OllamaPullError) as caught:
        waited.send(Outcome(failed, 0.0))
    assert caught.value is failed


@pytest.mark.parametrize("results", [[], [OPEN], [OPEN, MANIFEST], [OPEN, MANIFEST, None], [lost()]], ids=len)
def test_a_transfer_can_be_closed_at_every_step(results: list[Any]) -> None:
    flow = pulling.transfer(PULL, TERMS)
    steps = [next(flow)] + [flow.send(Outcome(result, 0)) for result in results]
    assert all(isinstance(step, Send | Next | Report) or step.seconds for step in steps)  # type: ignore[union-attr]
    flow.close()
    with pytest.raises(StopIteration):
        next(flow)
