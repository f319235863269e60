"""Any answer, however its bytes were cut, is one answer: the events, the reply, and the reply of one piece agree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.library.unit.arriving import every_way
from vuhitra import Done, Event, OllamaError, OllamaIncompleteError, Reply, Text, Thinking, ToolCall, resolve_host
from vuhitra.http import Head
from vuhitra.lines import MalformedError
from vuhitra.records import ReplyReader
from vuhitra.reply import Sent
from vuhitra.subjects import Subject

CHAT = Subject(resolve_host("gpu"), "/api/chat", "m")
NDJSON = Head(200, ((b"content-type", b"application/x-ndjson"), (b"transfer-encoding", b"chunked")))
JSON = Head(200, ((b"content-type", b"application/json"), (b"content-length", b"1")))

TEXTS = st.text(max_size=5)
CALLS = st.builds(
    lambda name, arguments, index: {"function": {"name": name, "arguments": arguments, "index": index}},
    st.text(min_size=1, max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers() | TEXTS | st.none(), max_size=2),
    st.none() | st.integers(0, 3),
)
LOGPROBS = st.builds(lambda token, chance: {"token": token, "logprob": chance}, TEXTS, st.floats(-9, 0))
SAID = st.fixed_dictionaries(
    {},
    optional={"content": st.none() | TEXTS, "thinking": st.none() | TEXTS, "tool_calls": st.lists(CALLS, max_size=2)},
)
RECORDS = st.lists(st.tuples(SAID, st.lists(LOGPROBS, max_size=2)), max_size=8)
ENDS = st.fixed_dictionaries(
    {"done": st.just(True), "done_reason": st.sampled_from(["stop", "length", "load", "new"])},
    optional={"eval_count": st.integers(0, 2**40), "total_duration": st.integers(0, 2**60), "new": TEXTS},
)
PIECES = st.lists(st.integers(1, 40), min_size=1, max_size=20)


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The same bytes in pieces of these sizes, over and over."""
    while data:
        yield data[: sizes[0]]
        data, sizes = data[sizes[0] :], [*sizes[1:], sizes[0]]


def read(pieces: Iterator[bytes] | list[bytes], head: Head = NDJSON) -> tuple[list[Event], Reply | OllamaError]:
    """The events of an answer in these pieces, and the reply or the error at their end."""
    reader = ReplyReader(CHAT, head, Sent())
    events: list[Event] = []
    try:
        for piece in pieces:
            events.extend(reader.feed(piece))
            if reader.finished:
                return events, reader.result()
        events.extend(reader.end())
    except OllamaError as error:
        return events, error
    except MalformedError as error:
        return events, reader.malformed(error)
    return events, reader.result()


def told(reply: Reply) -> tuple[object, ...]:
    """All that a reply tells, whichever way it came."""
    return (
        str(reply),
        reply.thinking,
        reply.tool_calls,
        reply.done_reason,
        reply.stopped_by,
        reply.logprobs,
        reply.stats,
        reply.context,
    )


def line(record: dict[str, Any], is_chat: bool, said: dict[str, Any]) -> bytes:
    """A record of `/api/chat` or of `/api/generate`."""
    if is_chat:
        record = {**record, "message": {"role": "assistant", **said}}
    else:
        record = {**record, **{"response" if name == "content" else name: value for name, value in said.items()}}
    return json.dumps(record).encode() + b"\n"


@settings(database=None, derandomize=True, deadline=None)
@given(records=RECORDS, end=ENDS, sizes=PIECES, is_chat=st.booleans())
def test_however_it_comes_an_answer_is_the_same(
    records: list[tuple[dict[str, Any], list[Any]]], end: dict[str, Any], sizes: list[int], is_chat: bool
) -> None:
    lines = [line({"done": False, "logprobs": logprobs}, is_chat, said) for said, logprobs in records]
    body = b"".join([*lines, line(end, is_chat, {})])
    events, reply = read(cut(body, sizes))
    assert isinstance(reply, Reply)

    assert "".join(event.text for event in events if isinstance(event, Text)) == reply
    assert "".join(event.text for event in events if isinstance(event, Thinking)) == reply.thinking
    assert tuple(event for event in events if isinstance(event, ToolCall)) == reply.tool_calls
    assert [event for event in events if isinstance(event, Done)] == [Done(reply)] == events[-1:]
    assert all(event.text for event in events if isinstance(event, Text | Thinking))

    said = [said for said, _ in records]
    whole = {
        "content": "".join(each.get("content") or "" for each in said),
        "thinking": "".join(each.get("thinking") or "" for each in said),
        "tool_calls": [call for each in said for call in each.get("tool_calls") or []],
    }
    logprobs = [logprob for _, given in records for logprob in given]
    _, at_once = read([line({**end, "logprobs": logprobs}, is_chat, whole)], JSON)
    assert isinstance(at_once, Reply)
    assert told(at_once) == told(reply)


@settings(database=None, derandomize=True, deadline=None)
@given(records=RECORDS, sizes=PIECES, rest=st.sampled_from([b"", b"{", b'{"error":"no"}', b"<html>", b"\n\n", b"[]\n"]))
def test_however_it_comes_an_answer_that_fails_is_the_same(
    records: list[tuple[dict[str, Any], list[Any]]], sizes: list[int], rest: bytes
) -> None:
    body = b"".join(line({"done": False}, True, said) for said, _ in records) + rest
    events, error = read(cut(body, sizes))
    assert isinstance(error, OllamaError)
    at_once, same = read([body])
    assert events == at_once
    assert (type(error), str(error), error.hint) == (
        type(same),
        str(same),
        same.hint if isinstance(same, OllamaError) else 0,
    )
    if isinstance(error, OllamaIncompleteError):
        assert "".join(event.text for event in events if isinstance(event, Text)) == error.partial


RECORDED = Path(__file__).parents[2] / "embedded" / "recordings"


@cache
def recorded(name: str) -> bytes:
    """The body of a stream that was recorded from a server."""
    found = json.loads((RECORDED / f"{name.partition('-')[0]}.json").read_text())[name]["response"]["lines"]
    return b"".join(each.encode() + b"\n" for each in found if each.startswith("{"))


@pytest.mark.parametrize(
    "name",
    [
        "chat-stream",
        "chat-logprobs-stream",
        "generate-logprobs-stream",
        "generate-natural-stop",
        "chat-format-schema-stream",
        "chat-repetition-ends-in-silence-stream",
        "generate-stream-runner-killed",
    ],
)
def test_a_recorded_answer_is_the_same_wherever_it_is_cut(name: str) -> None:
    body = recorded(name)
    events, outcome = read([body])
    assert events
    for pieces in every_way(body):
        again, same = read(pieces)
        assert [event for event in again if not isinstance(event, Done)] == [
            event for event in events if not isinstance(event, Done)
        ]
        assert type(same) is type(outcome)
        if isinstance(same, Reply) and isinstance(outcome, Reply):
            assert (told(same), same.raw) == (told(outcome), outcome.raw)
        if isinstance(same, OllamaIncompleteError) and isinstance(outcome, OllamaIncompleteError):
            assert (same.reason, same.partial) == (outcome.reason, outcome.partial)
