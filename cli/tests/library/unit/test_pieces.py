"""What is read fast is read right: a line that is taken for a piece of text is nothing else, read in full."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vuhitra import Text
from vuhitra.lines import MalformedError, decode_record
from vuhitra.pieces import plain_text
from vuhitra.reply import Gathered, Sent

CHAT = {
    "model": "m",
    "created_at": "2026-11-22T15:22:42Z",
    "message": {"role": "assistant", "content": "a"},
    "done": False,
}
GENERATE = {"model": "m", "created_at": "2026-11-22T15:22:42Z", "response": "a", "done": False}


@pytest.mark.parametrize("record", [CHAT, GENERATE, {"response": "a", "done": False, "thinking": ""}])
def test_a_piece_of_text_is_read_fast(record: dict[str, Any]) -> None:
    assert plain_text(json.dumps(record).encode()) == "a"


@pytest.mark.parametrize(
    "more",
    [
        {"done": True},
        {"done": None},
        {"done": 0},
        {"done_reason": "stop"},
        {"done_reason": None},
        {"error": "no"},
        {"error": None},
        {"logprobs": []},
        {"new": 1},
        {"model": None},
        {"created_at": 1},
        {"thinking": "hm"},
        {"response": ""},
        {"response": 1},
        {"message": {"content": ""}},
        {"message": {"content": "a", "thinking": "hm"}},
        {"message": {"content": "a", "tool_calls": []}},
        {"message": {"content": "a", "new": 1}},
        {"message": {"content": None}},
        {"message": "a"},
        {"message": []},
    ],
    ids=str,
)
def test_whatever_is_more_or_less_is_read_in_full(more: dict[str, Any]) -> None:
    assert plain_text(json.dumps({**GENERATE, **more}).encode()) is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b'"a"',
        b"<html>",
        b'{"response":"a","done":false',
        b'{"response":"\xff","done":false}',
        b'{"model":"\xff","response":"a","done":false}',
        b'{"response":"\\ud83c","done":false}',
        b'{"response":"a","done":false,"x":' + b"[" * 100_000,
    ],
    ids=lambda line: str(line[:40]),
)
def test_what_is_no_record_is_no_piece_of_text(line: bytes) -> None:
    assert plain_text(line) is None


TEXTS = st.sampled_from(["", "a", "ñ", "\u2028", "🌍", "stop"])
VALUES = st.none() | st.booleans() | st.integers(-1, 1) | TEXTS | st.lists(TEXTS, max_size=1)
FIELDS = [
    "model",
    "created_at",
    "response",
    "thinking",
    "done",
    "done_reason",
    "error",
    "logprobs",
    "tool_calls",
    "new",
]
SAID = st.dictionaries(
    st.sampled_from(["role", "content", "thinking", "tool_calls", "new"]), TEXTS | VALUES, max_size=3
)
RECORDS = st.builds(
    lambda fields, said, done: {**fields, **({} if said is None else {"message": said}), "done": done},
    st.dictionaries(st.sampled_from(FIELDS), TEXTS | VALUES, max_size=3),
    st.none() | SAID | VALUES,
    st.just(value=False) | VALUES,
)


@settings(database=None, derandomize=True, deadline=None, max_examples=1000)
@given(record=RECORDS, escaped=st.booleans())
def test_what_is_read_fast_is_what_is_read_in_full(record: dict[str, Any], escaped: bool) -> None:
    line = json.dumps(record, ensure_ascii=escaped).encode()
    text = plain_text(line)
    fast, full = Gathered(Sent()), Gathered(Sent())
    try:
        events = full.add(decode_record(line))
    except MalformedError:
        assert text is None
        return
    if text is not None:
        assert record.get("error") is None
        assert [fast.add_text(text, line)] == events == [Text(text)]
        assert vars(fast.partial()) == vars(full.partial())
        assert (fast.partial(), fast.finished) == (full.partial(), full.finished)
        assert not full.finished
