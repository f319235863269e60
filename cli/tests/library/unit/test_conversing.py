"""Every path of the answers that take several requests, each driven by hand: no socket, and no tool that takes time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from vuhitra import (
    OllamaConnectionError,
    OllamaContextError,
    OllamaError,
    OllamaIncompleteError,
    OllamaOutputError,
    Reply,
)
from vuhitra.conversing import Manner, converse, repaired, rounds
from vuhitra.flows import Flow, Outcome, Run, Wait
from vuhitra.reply import StoppedBy, ToolCall
from vuhitra.tools import Toolbox

QUESTION: dict[str, Any] = {"role": "user", "content": "2 + 3?"}
NUMBERS = {"type": "array", "items": {"type": "integer"}}
DESCRIBED = {"type": "function", "function": {"name": "search"}}


def add(a: int, b: int) -> int:
    return a + b


def say(text: str, *calls: ToolCall, stopped_by: StoppedBy = "stop") -> Reply:
    reply = Reply(text)
    reply.tool_calls = calls
    reply.stopped_by = stopped_by
    return reply


def lost() -> OllamaConnectionError:
    return OllamaConnectionError("lost", reason="reset")


ADD = ToolCall("add", {"a": 2, "b": 3}, "call_1")
SEARCH = ToolCall("search", {})


@dataclass
class Server:
    """Answers in the order given, as a server would that parses what it is told to parse."""

    answers: list[Reply | OllamaError]
    asked: list[tuple[list[Any], dict[str, Any]]] = field(default_factory=list)

    def __call__(self, messages: Sequence[Mapping[str, Any]], fields: Mapping[str, Any], parse: Any) -> Flow[Reply]:
        self.asked.append((list(messages), dict(fields)))
        yield Wait(0)
        answer = self.answers.pop(0)
        if isinstance(answer, OllamaError):
            raise answer
        if parse is not None:
            answer.parsed = parse(answer, "there")
        return answer


@dataclass
class Driven:
    """What came of a flow, and what the server was asked on the way."""

    asked: list[tuple[list[Any], dict[str, Any]]]
    result: Any


def drive(flow: Flow[Any]) -> Any:
    """Carries out a flow; the error that ends it is its result."""
    try:
        step = next(flow)
        while True:
            result: Any = step.function() if isinstance(step, Run) else None
            if inspect.iscoroutine(result):
                result = asyncio.run(result)
            step = flow.send(Outcome(result, 0))
    except StopIteration as end:
        return end.value
    except OllamaError as error:
        return error


def talk(*answers: Reply | OllamaError, **asked: Any) -> Driven:
    server = Server(list(answers))
    manner = Manner.taken_from(asked, stream=False, may_await=True)
    assert not asked
    result = drive(converse(server, [QUESTION], manner, "there"))
    assert not server.answers
    return Driven(server.asked, result)


def test_an_answer_to_a_plain_question_is_one_request() -> None:
    driven = talk(say("5"))
    assert str(driven.result) == "5"
    assert driven.result.messages == ()
    assert driven.asked == [([QUESTION], {})]


def test_a_schema_is_sent_and_its_value_given() -> None:
    driven = talk(say("[5]"), schema=NUMBERS)
    assert driven.result.parsed == [5]
    assert driven.asked == [([QUESTION], {"format": NUMBERS})]


def test_an_answer_that_does_not_fit_is_an_error_unless_it_may_be_repaired() -> None:
    driven = talk(say("five"), schema=NUMBERS)
    assert isinstance(driven.result, OllamaOutputError)
    assert driven.result.reply == "five"
    assert driven.result.attempts == ()


def test_an_answer_that_does_not_fit_is_asked_for_again_with_what_is_wrong_with_it() -> None:
    driven = talk(say('["a", "b"]'), say("[5]"), schema=NUMBERS, repair=1)
    assert driven.result.parsed == [5]
    messages, fields = driven.asked[1]
    assert fields == {"format": NUMBERS}
    assert messages[:2] == [QUESTION, {"role": "assistant", "content": '["a", "b"]'}]
    assert messages[2]["role"] == "user"
    assert '- /0: "a" is not of type "integer"\n- /1: "b" is' in messages[2]["content"]


def test_it_is_asked_for_as_often_as_that_and_the_earlier_answers_are_known() -> None:
    driven = talk(say("one"), say("two"), say("three"), schema=NUMBERS, repair=2)
    assert isinstance(driven.result, OllamaOutputError)
    assert driven.result.reply == "three"
    assert [attempt.reply for attempt in driven.result.attempts] == ["one", "two"]  # type: ignore[attr-defined]
    assert [len(messages) for messages, _ in driven.asked] == [1, 3, 3]
    assert driven.asked[2][0][1]["content"] == "two"


def test_a_model_is_not_shown_thousands_of_problems() -> None:
    driven = talk(say(str(["a"] * 5000).replace("'", '"')), say("[]"), schema=NUMBERS, repair=1)
    assert len(driven.asked[1][0][2]["content"]) < 5000


@pytest.mark.parametrize("stopped_by", ["limit", "window", "length"])
def test_an_answer_that_was_cut_is_never_asked_for_again(stopped_by: StoppedBy) -> None:
    driven = talk(say("[1, 2", stopped_by=stopped_by), schema=NUMBERS, repair=5)
    assert isinstance(driven.result, OllamaOutputError)
    assert "cut" in str(driven.result)


def test_what_a_repair_fails_of_knows_the_answer_that_was_to_be_repaired() -> None:
    failure = OllamaContextError("too long", window=1, needed=2, attempts=(lost(),))
    driven = talk(say("one"), failure, schema=NUMBERS, repair=3)
    assert driven.result is failure
    assert [type(attempt) for attempt in failure.attempts] == [OllamaOutputError, OllamaConnectionError]


def test_other_errors_are_no_reason_to_repair() -> None:
    failure = lost()
    assert talk(failure, schema=NUMBERS, repair=3).result is failure


def test_tools_are_described_and_not_run_unless_they_are_to_be() -> None:
    driven = talk(say("", ADD), tools=[add])
    assert driven.result.tool_calls == (ADD,)
    assert driven.result.messages == ()
    assert driven.asked[0][1]["tools"][0]["function"]["name"] == "add"


def test_no_tools_are_as_good_as_none() -> None:
    assert talk(say("5"), tools=[], run_tools=True).asked == [([QUESTION], {})]


def test_tools_are_run_until_none_is_called() -> None:
    calling = say("Let me see.", ADD, ToolCall("add", {"a": 1}))
    calling.thinking = "I can't add."
    driven = talk(calling, say("", ADD), say("It is 5."), tools=[add], run_tools=True)
    assert str(driven.result) == "It is 5."
    assert driven.result.messages == (
        calling.message,
        {"role": "tool", "tool_name": "add", "content": "5", "tool_call_id": "call_1"},
        {"role": "tool", "tool_name": "add", "content": "error: add can't be called so: b: is required"},
        say("", ADD).message,
        {"role": "tool", "tool_name": "add", "content": "5", "tool_call_id": "call_1"},
        {"role": "assistant", "content": "It is 5."},
    )
    assert calling.message.get("thinking") == "I can't add."
    assert [len(messages) for messages, _ in driven.asked] == [1, 4, 6]
    assert driven.asked[2][0] == [QUESTION, *driven.result.messages[:-1]]
    assert all("tools" in fields for _, fields in driven.asked)


def test_an_answer_without_tools_is_all_that_is_added() -> None:
    assert talk(say("5"), tools=[add], run_tools=True).result.messages == ({"role": "assistant", "content": "5"},)


def test_asynchronous_tools_are_run() -> None:
    async def later(n: int) -> int:
        await asyncio.sleep(0)
        return n

    driven = talk(say("", ToolCall("later", {"n": 7})), say("7"), tools=[later], run_tools=True)
    assert driven.result.messages[1]["content"] == "7"


def test_a_call_of_a_tool_that_is_only_described_is_given_back() -> None:
    driven = talk(say("", ADD), say("", ADD, SEARCH), tools=[add, DESCRIBED], run_tools=True)
    assert driven.result.tool_calls == (ADD, SEARCH)
    assert [message["role"] for message in driven.result.messages] == ["assistant", "tool", "assistant"]


@pytest.mark.parametrize("limit", [1, 2])
def test_a_model_that_does_not_stop_calling_is_an_error_that_has_all_that_was_said(limit: int) -> None:
    driven = talk(*(say("", ADD) for _ in range(limit + 1)), tools=[add], run_tools=True, max_rounds=limit)
    error = driven.result
    assert isinstance(error, OllamaIncompleteError)
    assert error.reason == "rounds"
    assert error.partial.tool_calls == (ADD,)
    assert [message["role"] for message in error.messages] == ["assistant", "tool"] * limit + ["assistant"]
    assert error.partial.messages == error.messages
    assert f"after {limit} round" in str(error)


def test_an_error_between_rounds_has_what_was_said_before() -> None:
    driven = talk(say("", ADD), lost(), tools=[add], run_tools=True)
    assert isinstance(driven.result, OllamaConnectionError)
    assert [message["role"] for message in driven.result.messages] == ["assistant", "tool"]


def test_with_tools_the_answer_is_held_to_the_schema_only_when_it_does_not_fit_by_itself() -> None:
    driven = talk(say("", ADD), say("[5]"), tools=[add], run_tools=True, schema=NUMBERS)
    assert driven.result.parsed == [5]
    assert [list(fields) for _, fields in driven.asked] == [["tools"], ["tools"]]

    driven = talk(say("", ADD), say("It is 5."), say("[5]"), tools=[add], run_tools=True, schema=NUMBERS)
    assert driven.result.parsed == [5]
    assert [list(fields) for _, fields in driven.asked] == [["tools"], ["tools"], ["format"]]
    assert driven.asked[2][0] == driven.asked[1][0]
    assert [message["content"] for message in driven.result.messages] == ["", "5", "[5]"]


def test_with_tools_and_a_schema_a_free_answer_may_be_cut() -> None:
    driven = talk(say("It is as foll", stopped_by="limit"), say("[5]"), tools=[add], schema=NUMBERS)
    assert driven.result.parsed == [5]


def test_rounds_and_repairs_go_together_and_failed_tries_are_no_part_of_the_conversation() -> None:
    driven = talk(
        say("", ADD), say("It is 5."), say("[five]"), say("[5]"), tools=[add], run_tools=True, schema=NUMBERS, repair=1
    )
    assert driven.result.parsed == [5]
    assert [message["content"] for message in driven.result.messages] == ["", "5", "[5]"]

    driven = talk(say("", ADD), say("It is 5."), say("[five]"), tools=[add], run_tools=True, schema=NUMBERS)
    assert isinstance(driven.result, OllamaOutputError)
    assert [message["role"] for message in driven.result.messages] == ["assistant", "tool"]


def test_tools_that_are_not_run_go_with_a_schema() -> None:
    calling = talk(say("", ADD), tools=[add], schema=NUMBERS).result
    assert (calling.tool_calls, calling.parsed, calling.messages) == ((ADD,), None, ())


def test_what_ends_the_program_ends_the_flow() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        talk(say("", ToolCall("stop", {})), tools=[stop], run_tools=True)


def test_flows_can_be_left_at_any_step() -> None:
    left: list[str] = []

    def ask(messages: Any) -> Flow[Reply]:
        try:
            yield Wait(0)
        finally:
            left.append("asking")
        return say("", ADD)

    toolbox = Toolbox([add], may_await=False)
    for flow in (repaired(ask, [QUESTION], 1), rounds(ask, [QUESTION], toolbox, 1, "there")):
        assert next(flow) == Wait(0)
        flow.close()
    assert left == ["asking"] * 2
    running = rounds(ask, [QUESTION], toolbox, 1, "there")
    next(running)
    assert isinstance(running.send(Outcome(None, 0)), Run)
    running.close()
    for flow in (running,):
        with pytest.raises(StopIteration):
            next(flow)


@pytest.mark.parametrize(
    ("asked", "error", "part"),
    [
        ({"schema": NUMBERS, "format": "json"}, ValueError, "exclude each other"),
        ({"schema": {"type": "colour"}}, ValueError, "can't be used"),
        ({"schema": 3}, TypeError, "schema"),
        ({"repair": -1}, ValueError, "repair is at least 0"),
        ({"repair": 1.0}, TypeError, "repair is a whole number"),
        ({"repair": True}, TypeError, "repair is a whole number"),
        ({"max_rounds": 0}, ValueError, "max_rounds is at least 1"),
        ({"tools": add}, TypeError, "tools is a list"),
    ],
)
def test_what_can_not_be_is_refused(asked: dict[str, Any], error: type[Exception], part: str) -> None:
    with pytest.raises(error, match=part):
        Manner.taken_from(asked, stream=False, may_await=True)


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ({"repair": 1, "schema": NUMBERS}, "repair"),
        ({"run_tools": True, "tools": [add]}, "run_tools"),
        ({"tools": [add], "schema": NUMBERS}, "schema and tools"),
    ],
)
def test_a_stream_is_one_request(asked: dict[str, Any], part: str) -> None:
    with pytest.raises(ValueError, match=part):
        Manner.taken_from(asked, stream=True, may_await=True)


def test_only_tools_that_are_to_be_run_need_a_client_that_can() -> None:
    async def later() -> None: ...

    assert Manner.taken_from({"tools": [later]}, stream=False, may_await=False).toolbox
    with pytest.raises(TypeError, match="asynchronous"):
        Manner.taken_from({"tools": [later], "run_tools": True}, stream=False, may_await=False)


def test_none_is_the_same_as_nothing() -> None:
    asked = dict.fromkeys(["schema", "repair", "tools", "run_tools", "max_rounds", "format"])
    assert Manner.taken_from(asked, stream=True, may_await=False) == Manner()
    assert asked == {"format": None}


def test_streams_take_a_schema_or_tools() -> None:
    for asked in ({"schema": NUMBERS}, {"tools": [add]}):
        manner = Manner.taken_from(asked, stream=True, may_await=True)
        assert len(drive(converse(Server([say("[]")]), [QUESTION], manner, "there"))) == 2
