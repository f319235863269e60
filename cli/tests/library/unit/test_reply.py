"""Records become events and a `Reply`: a str that carries all else the server said."""

from __future__ import annotations

import copy
import json
import pickle
import sqlite3
import tracemalloc
from contextlib import closing
from typing import Any

import msgspec
import pytest

from vuhitra import Event, Reply, Stats, Text, Thinking, ToolCall
from vuhitra.lines import MalformedError
from vuhitra.reply import Gathered, Sent

LAST = {
    "model": "smollm2",
    "done": True,
    "done_reason": "stop",
    "total_duration": 202_177_128,
    "load_duration": 1_110_103,
    "prompt_eval_count": 13,
    "prompt_eval_duration": 16_361_999,
    "eval_count": 12,
    "eval_duration": 500_000_000,
}
ADD = {"id": "call_1", "function": {"index": 0, "name": "add", "arguments": {"a": 2, "b": 3}}}


NOTHING_SENT = Sent()


def says(**said: Any) -> dict[str, Any]:
    """A record of `/api/chat`."""
    return {"model": "smollm2", "message": {"role": "assistant", **said}, "done": False}


def gather(*records: dict[str, Any], sent: Sent = NOTHING_SENT) -> tuple[list[Event], Reply]:
    """The events of these records, and the reply after them."""
    gathered = Gathered(sent)
    events = [event for record in records for event in gathered.add(record)]
    return events, gathered.reply()


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([{"response": "Re"}, {"response": "d"}, {"response": "", **LAST}], id="generate"),
        pytest.param([says(content="Re"), says(content="d"), {**says(content=""), **LAST}], id="chat"),
        pytest.param([says(content="Re"), {**says(content="d"), **LAST}], id="text in the last record"),
        pytest.param([{"message": None}, {"response": None}, says(content="Re"), says(content="d"), LAST], id="nulls"),
    ],
)
def test_text_in_pieces_and_as_a_whole(records: list[dict[str, Any]]) -> None:
    events, reply = gather(*records)
    assert events == [Text("Re"), Text("d")]
    assert (reply, reply.model, reply.done_reason, reply.stopped_by) == ("Red", "smollm2", "stop", "stop")


@pytest.mark.parametrize("field", ["response", "message"])
def test_thinking_comes_apart_from_the_text(field: str) -> None:
    def record(**said: str) -> dict[str, Any]:
        return {"message": said} if field == "message" else {**said, "response": said.get("content", "")}

    events, reply = gather(record(thinking="h"), record(thinking="m", content="4"), record(content="2"))
    assert events == [Thinking("h"), Thinking("m"), Text("4"), Text("2")]
    assert (reply, reply.thinking) == ("42", "hm")


@pytest.mark.parametrize(
    ("end", "finished"),
    [
        ({"done": True}, True),
        ({"done_reason": "stop"}, True),
        ({"done": False, "done_reason": "length"}, True),
        ({"done": False}, False),
        ({"done": False, "done_reason": ""}, False),
        ({"done_reason": None}, False),
        ({"done": None}, False),
        ({}, False),
    ],
)
def test_finished_means_done_or_a_reason(end: dict[str, Any], finished: bool) -> None:
    gathered = Gathered(Sent())
    gathered.add({"response": "4", **end})
    assert gathered.finished is finished


@pytest.mark.parametrize(
    ("records", "silent"), [([{"done": False}], False), ([{"response": "4"}], True), ([{"message": {}}], True)]
)
def test_whether_a_server_says_nothing_of_the_end(records: list[dict[str, Any]], silent: bool) -> None:
    gathered = Gathered(Sent())
    for record in records:
        gathered.add(record)
    assert gathered.says_nothing_of_its_end is silent


@pytest.mark.parametrize(
    "document", [{}, {"detail": "Not Found"}, {"status": "ok"}, {"choices": [{"message": {"content": "hi"}}]}]
)
def test_what_has_nothing_that_answers_have_is_none(document: dict[str, Any]) -> None:
    gathered = Gathered(Sent())
    gathered.add(document)
    with pytest.raises(MalformedError, match="neither a response nor a message"):
        _ = gathered.says_nothing_of_its_end


def test_tool_calls() -> None:
    events, reply = gather(says(content="", tool_calls=[ADD, {"function": {"name": "now"}}]), says(tool_calls=None))
    assert events == [ToolCall("add", {"a": 2, "b": 3}, "call_1", 0), ToolCall("now", {}, None)]
    assert reply.tool_calls == tuple(events)
    assert reply == ""


def test_logprobs_of_all_records() -> None:
    logprobs = [{"token": token, "logprob": -0.5, "bytes": [ord(token)]} for token in "abc"]
    _, reply = gather(
        {"response": "ab", "logprobs": logprobs[:2]}, {"response": "c", "logprobs": logprobs[2:]}, {"logprobs": None}
    )
    assert reply.logprobs == tuple(logprobs)


def test_stats_are_counts_and_seconds() -> None:
    _, reply = gather(LAST)
    assert reply.stats == Stats(13, 12, 0.202177128, 0.001110103, 0.016361999, 0.5)
    assert reply.stats.tokens_per_second == 24
    _, reply = gather({"done": True})
    assert reply.stats == Stats(0, 0, 0, 0, 0, 0)
    assert reply.stats.tokens_per_second == 0


def test_the_last_record_is_kept_whole_with_what_nobody_knows() -> None:
    last = {**LAST, "context": [1, 2, 3], "remote_host": "https://ollama.com"}
    _, reply = gather({"response": "4"}, last)
    assert reply.raw == last
    assert reply.context == (1, 2, 3)


@pytest.mark.parametrize(
    ("reason", "sent", "stopped_by"),
    [
        ("stop", Sent(num_predict=12), "stop"),
        ("load", Sent(), "load"),
        ("unload", Sent(), "unload"),
        ("length", Sent(num_predict=12), "limit"),
        ("length", Sent(num_predict=12, num_ctx=25, shift=False), "limit"),
        ("length", Sent(num_predict=99, num_ctx=25, shift=False), "window"),
        ("length", Sent(num_ctx=25, shift=False), "window"),
        ("length", Sent(num_ctx=26, shift=False), "length"),
        ("length", Sent(num_ctx=25, shift=True), "length"),
        ("length", Sent(num_ctx=25), "length"),
        ("length", Sent(num_predict=13, shift=False), "length"),
        ("length", Sent(num_predict=0), "length"),
        ("length", Sent(num_predict=-1), "length"),
        ("length", Sent(), "length"),
        ("new", Sent(), None),
        (None, Sent(), None),
    ],
)
def test_what_stopped_it(reason: str | None, sent: Sent, stopped_by: str | None) -> None:
    _, reply = gather({**LAST, "done_reason": reason}, sent=sent)
    assert (reply.done_reason, reply.stopped_by) == (reason, stopped_by)


def calling(**function: Any) -> dict[str, Any]:
    """A record that calls a function with these fields."""
    return {"message": {"tool_calls": [{"function": {"name": "f", **function}}]}}


@pytest.mark.parametrize(
    ("record", "says_what"),
    [
        ({"response": 4}, "'response' of a record is int, not str"),
        ({"response": ["4"]}, "'response' of a record is list, not str"),
        ({"thinking": True}, "'thinking' of a record is bool, not str"),
        ({"message": "4"}, "'message' of a record is str, not dict"),
        ({"message": {"content": [{"type": "text"}]}}, "'content' of a record is list, not str"),
        ({"message": {"tool_calls": {}}}, "'tool_calls' of a record is dict, not list"),
        ({"message": {"tool_calls": ["add"]}}, "a tool call that is not an object"),
        ({"message": {"tool_calls": [{"function": "add"}]}}, "'function' of a record is str, not dict"),
        ({"message": {"tool_calls": [{"id": "1"}]}}, "a tool call of no function"),
        (calling(arguments="{}"), "'arguments' of a record is str, not dict"),
        ({"message": {"tool_calls": [{"function": {"name": "f"}, "id": 1}]}}, "'id' of a record is int, not str"),
        (calling(index="0"), "'index' of a record is str, not int"),
        ({"message": []}, "'message' of a record is list, not dict"),
        ({"response": 0}, "'response' of a record is int, not str"),
        ({"message": {"thinking": 0}}, "'thinking' of a record is int, not str"),
        ({"message": {"tool_calls": 0}}, "'tool_calls' of a record is int, not list"),
        ({"logprobs": "a"}, "'logprobs' of a record is str, not list"),
        ({"logprobs": ["a"]}, "a log probability of no token"),
        ({"logprobs": [{"token": 1, "logprob": -1}]}, "a log probability of no token"),
        ({"logprobs": [{"token": "a", "logprob": "-1"}]}, "a log probability that is not a number"),
        ({"logprobs": [{"token": "a", "logprob": True}]}, "a log probability that is not a number"),
        ({"done": "true"}, "'done' of a record is str, not bool"),
        ({"done": 0}, "'done' of a record is int, not bool"),
        ({"done_reason": 0}, "'done_reason' of a record is int, not str"),
        ({"done": True, "done_reason": 1}, "'done_reason' of a record is int, not str"),
        ({"done": True, "model": 1}, "'model' of a record is int, not str"),
        ({"done": True, "context": "1"}, "'context' of a record is str, not list"),
        ({"done": True, "context": [1, "2"]}, "'context' of a record holds what is not a token's number"),
        ({"done": True, "context": [True]}, "'context' of a record holds what is not a token's number"),
        ({"done": True, "eval_count": True}, "'eval_count' of a record is bool, not int"),
        ({"done": True, "eval_count": "12"}, "'eval_count' of a record is str, not int"),
        ({"done": True, "total_duration": 1.5}, "'total_duration' of a record is float, not int"),
        ({"done": True, "total_duration": 10**400}, "'total_duration' of a record is beyond all bounds"),
    ],
)
def test_a_known_field_of_another_type_is_a_protocol_error(record: dict[str, Any], says_what: str) -> None:
    with pytest.raises(MalformedError, match=says_what):
        gather(record)


def test_a_record_that_is_malformed_leaves_what_came_before_it() -> None:
    gathered = Gathered(Sent())
    gathered.add({"response": "4"})
    with pytest.raises(MalformedError):
        gathered.add({"response": 2})
    assert (gathered.partial(), gathered.partial().raw) == ("4", {"response": "4"})


@pytest.mark.parametrize(
    ("pieces", "repeats"),
    [
        ([], False),
        (["a"] * 30, True),
        (["a"] * 29, False),
        (["b", *["a"] * 30], True),
        ([*["a"] * 30, "b"], False),
        ([" a", "a\n"] * 16, True),
        (["ab"] * 15, False),
        (["a" * 30], True),
        (["well: " + "ha " * 30], True),
        (["a" * 29], False),
        (["a" * 30 + "b"], False),
        (["-" * 10] * 3, False),
    ],
)
@pytest.mark.parametrize("field", ["response", "thinking"])
def test_a_server_gives_up_after_30_repetitions(pieces: list[str], repeats: bool, field: str) -> None:
    gathered = Gathered(Sent())
    for piece in pieces:
        gathered.add({field: piece})
    assert gathered.repeats_itself is repeats


def test_what_the_text_repeats_counts_and_not_what_was_thought_before_it() -> None:
    gathered = Gathered(Sent())
    for record in [*[{"thinking": "hm"}] * 30, {"response": "4"}]:
        gathered.add(record)
    assert not gathered.repeats_itself


def full_reply() -> Reply:
    logprobs = [{"token": "4", "logprob": -0.5}]
    _, reply = gather(
        says(thinking="hm"), {**says(content="4", tool_calls=[ADD]), "logprobs": logprobs}, {**LAST, "context": [1]}
    )
    reply.parsed, reply.messages = {"sum": 4}, ({"role": "assistant", "content": "4"},)
    return reply


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, *(lambda reply, p=p: pickle.loads(pickle.dumps(reply, p)) for p in range(6))],
    ids=["copy", "deep", *(f"pickle {protocol}" for protocol in range(6))],
)
@pytest.mark.parametrize("reply", [Reply("4"), full_reply()], ids=["bare", "full"])
def test_a_copy_is_the_same_in_all(reply: Reply, copied: Any) -> None:
    made = copied(reply)
    assert type(made) is Reply
    assert (made, vars(made)) == (reply, vars(reply))


def test_a_reply_is_its_text_wherever_text_is_wanted() -> None:
    reply = full_reply()
    assert json.dumps({"answer": reply}) == '{"answer": "4"}'
    assert type(str(reply)) is str
    assert {str(reply), reply} == {"4"}
    assert f"{reply}!" == "4!"
    with closing(sqlite3.connect(":memory:")) as database:
        assert database.execute("select ?", (reply,)).fetchone() == ("4",)


def test_msgspec_encodes_a_reply_as_its_text_where_it_is_told_how() -> None:
    assert msgspec.json.encode({"answer": full_reply()}, enc_hook=str) == b'{"answer":"4"}'
    assert msgspec.json.encode({full_reply(): 1}) == b'{"4":1}'


def test_a_bare_reply_has_everything_too() -> None:
    reply = Reply("4")
    assert (reply.thinking, reply.tool_calls, reply.logprobs, reply.context) == ("", (), (), ())
    assert (reply.done_reason, reply.stopped_by, reply.model, reply.stats) == (None, None, "", Stats())
    assert (reply.parsed, reply.messages, dict(reply.raw)) == (None, (), {})


def test_the_message_keeps_thinking_only_beside_tool_calls() -> None:
    assert full_reply().message == {
        "role": "assistant",
        "content": "4",
        "thinking": "hm",
        "tool_calls": [{"function": {"index": 0, "name": "add", "arguments": {"a": 2, "b": 3}}, "id": "call_1"}],
    }
    _, reply = gather(says(thinking="hm", content="4"), LAST)
    assert reply.message == {"role": "assistant", "content": "4"}
    assert type(reply.message["content"]) is str


def test_the_message_of_a_tool_call_without_an_id_has_none() -> None:
    _, reply = gather(says(tool_calls=[{"function": {"name": "now"}}]))
    assert reply.message.get("tool_calls") == [{"function": {"name": "now", "arguments": {}}}]


def test_a_long_text_is_held_no_more_than_twice() -> None:
    gathered, size = Gathered(Sent()), 10_000_000
    tracemalloc.start()
    try:
        for number in range(size // 1_000):
            gathered.add({"response": f"{number:1000}", "done": False})
        tracemalloc.reset_peak()
        reply = gathered.reply()
        now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(reply) == size
    assert now < 1.1 * size
    assert most < 2.2 * size
    assert gathered.partial() == reply
