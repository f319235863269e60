"""Operations of several steps, each driven by hand through every path: no socket and no clock."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.library.unit.driving import BEGIN, LIMITS, TERMS, drive, late, lost, missing
from vuhitra import (
    OllamaBusyError,
    OllamaCapabilityError,
    OllamaError,
    OllamaProtocolError,
    OllamaResponseError,
    Reply,
    Retry,
    Timeouts,
    calls,
    flows,
)
from vuhitra.flows import Outcome, Send
from vuhitra.names import normalise

CHAT = calls.chat("m", [{"role": "user", "content": "hello"}], {})
EMBED = calls.embed("m", ["a"], {})
TAGS = calls.list_models()
ASIDE = Timeouts(connect=1, start=1, idle=1)


def no(status: int, why: str = "") -> OllamaResponseError:
    return OllamaResponseError("no", status=status, body="", why=why)


def incapable(model: str = "m") -> OllamaCapabilityError:
    return OllamaCapabilityError("no", model=model)


def test_an_answer_is_given_as_it_is() -> None:
    driven = drive(flows.deliver(CHAT, TERMS), Reply("4"))
    assert (driven.steps, driven.result) == (["/api/chat"], "4")
    assert driven.sends == [Send(CHAT, True, LIMITS, None, 1)]


def test_a_stream_is_sent_for_as_one() -> None:
    assert not drive(flows.deliver(CHAT, TERMS, whole=False), "stream").sends[0].whole


def test_the_limit_of_the_whole_operation_goes_with_every_call() -> None:
    terms = TERMS._replace(give_up_at=BEGIN + 100)
    driven = drive(flows.naming(flows.deliver(CHAT, terms), terms), lost(), missing(), [])
    assert [send.give_up_at for send in driven.sends] == [BEGIN + 100] * 3


def test_what_was_not_heard_is_sent_again_after_a_wait() -> None:
    driven = drive(flows.deliver(CHAT, TERMS), lost(), lost("reset"), "answer")
    assert driven.steps == ["/api/chat", 0.25, "/api/chat", 0.5, "/api/chat"]
    assert [send.attempt for send in driven.sends] == [1, 2, 3]
    assert driven.result == "answer"


def test_what_was_refused_is_raised_at_once() -> None:
    error = no(400)
    driven = drive(flows.deliver(CHAT, TERMS), error)
    assert (driven.steps, driven.result, error.attempts) == (["/api/chat"], error, ())


def test_the_last_error_keeps_the_earlier_ones() -> None:
    errors = [lost("refused"), lost("reset"), OllamaProtocolError("what?")]
    assert drive(flows.deliver(CHAT, TERMS), *errors).result is errors[2]
    assert errors[2].attempts == (errors[0], errors[1])


@pytest.mark.parametrize(
    ("running", "loaded", "says"),
    [
        pytest.param([{"name": "M:latest"}], True, "late: the model is loaded by now", id="loaded"),
        pytest.param([{"name": "other"}], False, "late: the model is not loaded by now", id="not loaded"),
        pytest.param([], False, "late: the model is not loaded by now", id="nothing loaded"),
        pytest.param(lost(), None, "late", id="no answer"),
    ],
)
def test_a_late_start_says_whether_the_model_is_loaded(running: object, loaded: bool | None, says: str) -> None:
    error = late("start")
    driven = drive(flows.deliver(CHAT, TERMS), error, running)
    assert (driven.steps, driven.result) == (["/api/chat", "/api/ps"], error)
    assert (error.loaded, str(error)) == (loaded, says)
    assert driven.sends[1].timeouts == ASIDE


@pytest.mark.parametrize(
    ("give_up_at", "ends_at"), [(None, 8.0), (7.5, 7.5), (9.0, 8.0)], ids=["no limit", "little time", "much time"]
)
def test_a_question_beside_the_point_takes_a_second_at_most(give_up_at: float | None, ends_at: float) -> None:
    terms = TERMS._replace(give_up_at=give_up_at)
    assert terms.ask_aside(TAGS).ends_at(7.0) == ends_at
    assert terms.send(TAGS, whole=True).ends_at(7.0) == give_up_at


@pytest.mark.parametrize("phase", ["idle", "total"])
def test_other_limits_say_nothing_of_loading(phase: Any) -> None:
    assert drive(flows.deliver(CHAT, TERMS), late(phase)).steps == ["/api/chat"]


def test_a_call_about_no_model_says_nothing_of_loading() -> None:
    assert drive(flows.deliver(TAGS, TERMS), late("start")).steps == ["/api/tags"]


STEPS = [{"status": "reading"}, {"status": "writing"}, {"status": "success"}]
CREATE = calls.create_model("m", {"from": "n"})


def test_what_is_reported_is_all_that_comes() -> None:
    driven = drive(flows.reported(CREATE, TERMS), lost(), "stream", *STEPS, None)
    assert driven.steps == ["/api/create", 0.25, "/api/create", *["next"] * 4]
    assert driven.reports == STEPS
    assert [send.whole for send in driven.sends] == [False, False]


@pytest.mark.parametrize("error", [lost("closed"), lost("reset"), late("idle"), no(200)], ids=repr)
def test_a_making_that_has_begun_is_not_asked_for_again(error: OllamaError, caplog: pytest.LogCaptureFixture) -> None:
    refused = lost()
    with caplog.at_level(logging.INFO):
        making = flows.noted(CREATE, TERMS, flows.reported(CREATE, TERMS))
        driven = drive(making, refused, "stream", STEPS[0], error)
    assert driven.result is error
    assert error.attempts == (refused,)
    assert [send.call.path for send in driven.sends] == ["/api/create"] * 2
    (record,) = [record for record in caplog.records if record.levelno == logging.INFO]
    assert vars(record)["attempts"] == 2


def test_a_missing_model_is_told_with_near_names() -> None:
    error = missing("smolm2")
    there = [{"name": "smollm2:latest"}, {"name": "llama3:latest"}]
    driven = drive(flows.naming(flows.deliver(CHAT, TERMS), TERMS), error, there)
    assert (driven.steps, driven.result) == (["/api/chat", "/api/tags"], error)
    assert error.suggestions == ("smollm2:latest",)
    assert (driven.sends[1].whole, driven.sends[1].timeouts) == (True, ASIDE)


@pytest.mark.parametrize("listed", [lost(), OllamaProtocolError("what?"), [], [{"name": ""}]], ids=repr)
def test_what_can_not_be_suggested_hides_nothing(listed: object) -> None:
    error = missing()
    assert drive(flows.naming(flows.deliver(CHAT, TERMS), TERMS), error, listed).result is error
    assert error.suggestions == ()


def test_a_name_that_is_none_is_left_to_the_server() -> None:
    error = missing("no//name")
    assert drive(flows.naming(flows.deliver(CHAT, TERMS), TERMS), error, [{"name": "m"}]).result is error


def test_what_is_not_missing_is_not_named() -> None:
    for result in ("answer", incapable()):
        assert drive(flows.naming(flows.deliver(CHAT, TERMS), TERMS), result).steps == ["/api/chat"]


def test_where_a_model_does_not_embed_those_that_do_are_named() -> None:
    error = incapable()
    there = [
        {"name": "old"},
        {"name": "llama3:latest", "capabilities": ["completion"]},
        {"name": "all-minilm:latest", "capabilities": ["embedding"]},
        {"name": "bge-m3:latest", "capabilities": ["embedding", "x"]},
    ]
    driven = drive(flows.naming_embedders(flows.deliver(EMBED, TERMS), TERMS), error, there)
    assert (driven.steps, driven.result) == (["/api/embed", "/api/tags"], error)
    assert error.hint == "models there that embed: all-minilm:latest, bge-m3:latest"


@pytest.mark.parametrize("listed", [lost(), [], [{"name": "llama3", "capabilities": []}]], ids=repr)
def test_where_no_model_embeds_nothing_is_hinted_at(listed: object) -> None:
    error = incapable()
    assert drive(flows.naming_embedders(flows.deliver(EMBED, TERMS), TERMS), error, listed).result is error
    assert error.hint is None


def test_one_that_embeds_and_can_not_do_something_else_gets_no_others_named() -> None:
    error = OllamaCapabilityError("vectors of 384 numbers", model="all-minilm")
    there = [{"name": "all-minilm:latest", "capabilities": ["embedding"]}]
    assert drive(flows.naming_embedders(flows.deliver(EMBED, TERMS), TERMS), error, there).result is error
    assert error.hint is None


def test_a_hint_that_is_there_is_kept() -> None:
    error = OllamaCapabilityError("too many dimensions", model="m", hint="dimensions up to 384")
    assert drive(flows.naming_embedders(flows.deliver(EMBED, TERMS), TERMS), error).steps == ["/api/embed"]
    assert error.hint == "dimensions up to 384"


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
    assert (driven.sends[0].whole, driven.sends[0].timeouts) == (True, LIMITS)


def test_a_model_is_deleted() -> None:
    driven = drive(flows.delete_model("m", TERMS), None)
    assert (driven.steps, driven.result) == (["/api/delete"], None)


@pytest.mark.parametrize(
    ("earlier", "deleted"),
    [
        pytest.param([], False, id="at once"),
        pytest.param([lost("refused")], False, id="refused"),
        pytest.param([late("connect")], False, id="not reached"),
        pytest.param([OllamaBusyError("busy", status=503, body="")], False, id="busy"),
        pytest.param([lost("reset")], True, id="reset"),
        pytest.param([lost("closed")], True, id="closed"),
        pytest.param([lost("reset"), lost("refused")], True, id="reset and then refused"),
    ],
)
def test_a_model_that_is_gone_was_deleted_where_an_answer_got_lost(earlier: list[OllamaError], deleted: bool) -> None:
    gone = missing()
    assert drive(flows.delete_model("m", TERMS), *earlier, gone).result is (None if deleted else gone)


@pytest.mark.parametrize("keep_alive", [None, 0, "5m"])
def test_a_model_that_can_not_generate_is_loaded_as_one_that_embeds(keep_alive: Any) -> None:
    driven = drive(flows.load_model("m", {"num_ctx": 256}, keep_alive, TERMS), incapable(), None)
    assert driven.steps == ["/api/generate", "/api/embed"]
    for send in driven.sends:
        body: Any = send.call.body
        assert (body["model"], body["options"], body.get("keep_alive")) == ("m", {"num_ctx": 256}, keep_alive)
    embed: Any = driven.sends[1].call.body
    assert embed["input"] == []


def test_a_model_that_generates_is_loaded_by_one_call() -> None:
    assert drive(flows.load_model("m", None, None, TERMS), Reply("")).steps == ["/api/generate"]


def test_what_else_goes_wrong_in_loading_is_raised() -> None:
    error = missing()
    assert drive(flows.load_model("m", None, None, TERMS), error).result is error


WAITING = TERMS._replace(give_up_at=BEGIN + 3)


def test_a_server_that_is_ready_is_asked_once() -> None:
    assert drive(flows.wait_until_ready(WAITING), "0.33").steps == ["/api/version"]


def test_a_server_that_comes_up_is_looked_for_ever_less_often() -> None:
    busy = OllamaBusyError("starting", status=503, body="")
    driven = drive(flows.wait_until_ready(WAITING), lost(), lost("reset"), busy, late("start"), "0.33")
    assert driven.waits == [0.1, 0.2, 0.4, 0.8]


def test_a_server_that_does_not_come_up_is_given_up() -> None:
    errors = [lost() for _ in range(6)]
    driven = drive(flows.wait_until_ready(WAITING), *errors)
    assert driven.result is errors[-1]
    assert driven.waits == [0.1, 0.2, 0.4, 0.8, 1.0]


@pytest.mark.parametrize("error", [no(404), OllamaProtocolError("what?")], ids=repr)
def test_what_is_no_server_is_not_waited_for(error: OllamaError) -> None:
    driven = drive(flows.wait_until_ready(WAITING), error)
    assert (driven.steps, driven.result) == (["/api/version"], error)


def test_the_first_of_several() -> None:
    assert drive(flows.first(flows.deliver(EMBED, TERMS)), [[1.0], [2.0]]).result == [1.0]


def test_the_result_of_a_step_or_its_error() -> None:
    send = TERMS.send(TAGS, whole=True)
    assert drive(flows.outcome_of(send), []).result == []
    error = lost()
    assert drive(flows.outcome_of(send), error).result is error


@pytest.mark.parametrize("results", [[], [lost()], [lost(), None], [missing()]], ids=lambda results: str(len(results)))
def test_a_flow_can_be_closed_at_every_step(results: list[Any]) -> None:
    flow = flows.naming(flows.deliver(CHAT, TERMS), TERMS)
    next(flow)
    for result in results:
        flow.send(Outcome(result, 0))
    flow.close()
    with pytest.raises(StopIteration):
        next(flow)


def test_all_spellings_of_a_name_are_one() -> None:
    assert flows.one_spelling("LLama3") == flows.one_spelling("llama3:latest") == normalise("llama3")
    assert flows.one_spelling("no//name") == "no//name"


@pytest.mark.parametrize("error", [missing(), lost(), late("connect")], ids=repr)
def test_no_attempt_follows_where_none_is_wanted(error: OllamaError) -> None:
    once = TERMS._replace(retry=Retry(attempts=1))
    assert drive(flows.deliver(CHAT, once), error).waits == []
