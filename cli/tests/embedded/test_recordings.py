"""Every request that was recorded from a real Ollama, sent to the embedded server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.embedded.asking import ask, said
from tests.embedded.recorded import Recording, recordings
from vuhitra.hosts import Host

RECORDINGS = recordings()

ELSEWHERE = {
    "busy": "test_queue.py has a queue that is full",
    "generate-runner-killed": "test_child.py kills it",
    "generate-stream-runner-killed": "test_child.py kills it",
    "ps-nothing-loaded": "test_keep_alive.py unloads first",
    "ps-loaded": "test_keep_alive.py loads first",
    "ps-num-ctx-256": "test_keep_alive.py loads first",
}
"""Recordings that need more than their request."""

DIFFERENT = {
    "show-parrot": "that model is not on this machine",
    "embed-chat-model": "chat models embed here, where a newer Ollama answers 501",
    "embeddings-old": "/api/embeddings is not served",
    "embeddings-old-empty": "/api/embeddings is not served",
}
"""Recordings that the embedded server answers otherwise."""

CHANGED: dict[str, dict[str, Any]] = {
    "generate-num-predict-0": {"temperature": 0, "seed": 1, "num_predict": 0, "num_ctx": 64},
}
"""Options for recordings whose own ones leave the length of the answer to chance."""


def test_every_exception_is_a_recording() -> None:
    assert {*ELSEWHERE, *DIFFERENT, *CHANGED} <= set(RECORDINGS)


@pytest.mark.parametrize("name", sorted(RECORDINGS.keys() - ELSEWHERE.keys() - DIFFERENT.keys()))
def test_the_answer_is_like_the_recorded_one(name: str, embedded_host: Host) -> None:
    recording = RECORDINGS[name]
    body = recording.body
    if name in CHANGED:
        body = {**body, "options": CHANGED[name]}
    answer = ask(embedded_host, recording.method, recording.path, body, recording.headers)

    assert answer.status == recording.status
    assert answer.headers.get("content-type") == recording.content_type
    if recording.is_stream:
        assert answer.body.endswith(b"\n")
        assert shapes(answer.records) == shapes(recording.records)
    elif "json" not in (recording.content_type or ""):
        assert answer.body.decode() == recording.text
    elif recording.status == 200:
        assert shape(answer.json) == shape(recording.records[0])
    else:
        assert without_lengths(answer.json) == without_lengths(recording.records[0])


@pytest.mark.parametrize(("method", "path", "allowed"), [("GET", "/api/chat", "POST"), ("POST", "/", "GET, HEAD")])
def test_a_wrong_verb_is_told_the_right_ones(method: str, path: str, allowed: str, embedded_host: Host) -> None:
    answer = ask(embedded_host, method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("name", sorted(DIFFERENT))
def test_what_is_different_is_still_different(name: str, embedded_host: Host) -> None:
    recording = RECORDINGS[name]
    answer = ask(embedded_host, recording.method, recording.path, recording.body)
    assert answer.status != recording.status


def test_texts_at_temperature_0_are_the_recorded_ones(embedded_host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    known = {name: each for name, each in RECORDINGS.items() if each.is_repeatable and "long" not in name}
    unequal = []
    for name, recording in known.items():
        answer = ask(embedded_host, recording.method, recording.path, recording.body)
        if answer.text != "".join(said(record) for record in recording.records):
            unequal.append(name)
    equal = len(known) - len(unequal)
    with capsys.disabled():
        print(f"\n{equal} of {len(known)} texts equal the recorded ones; not {', '.join(unequal)}")  # noqa: T201
    assert equal >= 10


@pytest.mark.parametrize(
    "name", ["overlong-generate-default", "overlong-chat-default", "overlong-answer-shift-false", "generate-stop"]
)
def test_counts_are_the_recorded_ones(name: str, embedded_host: Host) -> None:
    recording = RECORDINGS[name]
    answer = ask(embedded_host, recording.method, recording.path, recording.body)
    for count in ("prompt_eval_count", "eval_count", "done_reason"):
        assert answer.json[count] == recording.records[0][count], count


def shape(value: Any) -> Any:
    """Names in their order and types of values; of lists their first item."""
    match value:
        case dict():
            return [(name, shape(item)) for name, item in value.items()]
        case list():
            return [shape(item) for item in value[:1]]
        case bool() | str() | None:
            return type(value).__name__
        case _:
            return "number"


def shapes(records: list[Any]) -> list[Any]:
    """The shapes of a stream's records; many of one shape in a row count as one."""
    return list(_without_repeats(json.dumps(shape(record)) for record in records))


def _without_repeats(items: Iterator[str]) -> Iterator[str]:
    last = ""
    for item in items:
        if item != last:
            yield item
        last = item


def without_lengths(error: Any) -> Any:
    """An error without the number of tokens that a rebuilt request has."""
    return {**error, "error": re.sub(r"(\(|n_prompt_tokens\":)\d+", r"\1N", error["error"])}


def test_recordings_are_compared_by_names_order_and_types() -> None:
    one: Recording = RECORDINGS["generate"]
    assert shape(one.records[0])[:2] == [("model", "str"), ("created_at", "str")]
