"""Vectors from the chat model: a deliberate difference from Ollama."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.embedded.asking import MODEL, ask
from vuhitra.hosts import Host

FOX = "The quick brown fox jumps over the lazy dog. "


def embed(host: Host, given: Any, **fields: Any) -> Any:
    return ask(host, "POST", "/api/embed", {"model": MODEL, "input": given, **fields}).json


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("given", "vectors"),
    [("hello", 1), (["hello"], 1), (["hello", "world", ""], 3), ("", 0), ([], 0), (None, 0), ("\n", 1), (["", ""], 2)],
)
def test_each_input_has_a_vector_of_length_one(given: Any, vectors: int, embedded_host: Host) -> None:
    reply = embed(embedded_host, given)
    assert len(reply["embeddings"]) == vectors
    for vector in reply["embeddings"]:
        assert len(vector) == 576
        assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)
    assert ("prompt_eval_count" in reply) is bool(vectors)


def test_an_input_has_the_same_vector_in_any_company(embedded_host: Host) -> None:
    (alone,) = embed(embedded_host, "hello")["embeddings"]
    _, together, _ = embed(embedded_host, [FOX, "hello", "x"])["embeddings"]
    assert likeness(alone, together) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("dimensions", "length"), [(8, 8), (0, 576), (-1, 576), (100000, 576)])
def test_a_vector_can_be_shortened(dimensions: int, length: int, embedded_host: Host) -> None:
    (vector,) = embed(embedded_host, "hello", dimensions=dimensions)["embeddings"]
    assert len(vector) == length
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)


def test_an_input_longer_than_a_batch_is_taken_whole(embedded_host: Host) -> None:
    reply = embed(embedded_host, [FOX * 40, FOX])
    assert reply["prompt_eval_count"] == 401 + 11
    long, short = reply["embeddings"]
    assert likeness(long, short) > 0.8


def test_an_input_longer_than_the_window_is_cut_or_refused(embedded_host: Host) -> None:
    options = {"num_ctx": 256}
    assert embed(embedded_host, FOX * 40, options=options)["prompt_eval_count"] == 256
    refused = embed(embedded_host, [FOX, FOX * 40], options=options, truncate=False)
    assert refused == {"error": "the input length exceeds the context length"}


@pytest.mark.parametrize("given", [3, True, {}, [3], ["a", None], [["a"]]])
def test_what_is_no_text_is_refused(given: Any, embedded_host: Host) -> None:
    answer = ask(embedded_host, "POST", "/api/embed", {"model": MODEL, "input": given})
    assert (answer.status, answer.json) == (400, {"error": "invalid input type"})
