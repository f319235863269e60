"""The records of answers, the rule of repetition, and how models are described."""

from __future__ import annotations

import json
import struct

import pytest

from cli.services.embedded.description import as_float32, timestamp
from cli.services.embedded.embedding import mean, shortened
from cli.services.embedded.engine import Ending
from cli.services.embedded.records import Repetition, Shape, Timing


def shape() -> Shape:
    return Shape("m", "generate", lambda: "now")


def test_what_is_nothing_is_left_out() -> None:
    record = shape().last(Ending("stop", 3, 0, 0, 0), Timing(5, 0))
    assert json.dumps(record) == (
        '{"model": "m", "created_at": "now", "response": "", "done": true, "done_reason": "stop", '
        '"total_duration": 5, "prompt_eval_count": 3}'
    )


def test_a_piece_and_an_answer_that_ended_in_silence_look_alike() -> None:
    assert shape().piece("x") == {"model": "m", "created_at": "now", "response": "x", "done": False}
    assert list(shape().piece("x", [{"token": "x"}])) == ["model", "created_at", "response", "done", "logprobs"]


def test_the_text_of_a_chat_is_in_a_message() -> None:
    record = Shape("m", "chat", lambda: "now").nothing("unload")
    assert record["message"] == {"role": "assistant", "content": ""}
    assert record["done_reason"] == "unload"


@pytest.mark.parametrize(
    ("pieces", "stuck_at"),
    [
        (["x"] * 40, 31),
        (["a", *["x"] * 40], 32),
        (["x", " x", "x\n"] * 20, 31),
        ([" "] * 40, 30),
        (["x", "y"] * 40, None),
        (["x"] * 31, None),
    ],
)
def test_an_answer_is_stuck_after_thirty_repetitions(pieces: list[str], stuck_at: int | None) -> None:
    repetition = Repetition()
    found = next((number for number, piece in enumerate(pieces) if repetition.goes_on(piece)), None)
    assert found == stuck_at


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "1970-01-01T00:00:00.000000Z"), (1.5, "1970-01-01T00:00:01.500000Z")]
)
def test_times_are_rfc_3339(seconds: float, text: str) -> None:
    assert timestamp(seconds) == text


def test_never_is_far_away() -> None:
    assert timestamp(None) > "2300"


@pytest.mark.parametrize("text", ["0.1", "1e-05", "-0.06287097", "100000.0", "0.0", "16777216.0"])
def test_a_32_bit_number_is_written_with_as_few_digits_as_it_needs(text: str) -> None:
    (single,) = struct.unpack("f", struct.pack("f", float(text)))
    assert repr(as_float32(single)) == text


def test_vectors_are_of_length_one_whatever_is_cut_off() -> None:
    assert shortened([3, 4, 12], 2) == pytest.approx([0.6, 0.8])
    assert shortened([3, 4], 0) == shortened([3, 4], 100) == shortened([3, 4], -1)
    assert shortened([0, 0], 0) == [0, 0]


def test_the_mean_of_parts_counts_each_by_its_length() -> None:
    assert mean([[1, 0], [0, 1]], [3, 1]) == [0.75, 0.25]
