"""Both clients against a server with a real model in it."""

from __future__ import annotations

import math

import pytest

from tests.library.wire.conftest import Connect
from vuhitra import Host, OllamaCapabilityError, OllamaContextError, OllamaIncompleteError, OllamaModelNotFoundError

MODEL = "smollm2:135m"
COLOURS = [{"role": "user", "content": "Name three colours."}]
STEADY = {"temperature": 0, "seed": 1, "num_predict": 24}


def test_an_answer_is_the_same_whole_and_in_pieces(connect: Connect, embedded_host: Host) -> None:
    client = connect(embedded_host, MODEL)
    whole = client.chat(COLOURS, options=STEADY)
    with client.chat(COLOURS, stream=True, options=STEADY) as pieces:
        heard = list(pieces)
    assert len(heard) > 1
    assert "".join(heard) == whole == pieces.reply
    assert whole.stopped_by in ("stop", "limit")
    assert whole.stats.eval_count == pieces.reply.stats.eval_count > 0
    assert whole.stats.tokens_per_second > 0
    assert whole.model == MODEL


def test_a_conversation_goes_on(connect: Connect, embedded_host: Host) -> None:
    client = connect(embedded_host, MODEL)
    first = client.chat(COLOURS, options=STEADY)
    second = client.chat([*COLOURS, first.message, {"role": "user", "content": "And one more?"}], options=STEADY)
    assert second.stats.prompt_eval_count > first.stats.prompt_eval_count


def test_generate_with_its_options(connect: Connect, embedded_host: Host) -> None:
    reply = connect(embedded_host, MODEL).generate(
        "The capital of France is", raw=True, options={"temperature": 0, "num_predict": 4}, logprobs=True
    )
    assert "Paris" in reply
    assert reply.stopped_by == "limit"
    assert len(reply.logprobs) == 4
    assert all(logprob["logprob"] <= 0 for logprob in reply.logprobs)


def test_an_answer_in_a_format(connect: Connect, embedded_host: Host) -> None:
    schema = {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}, "required": ["colour"]}
    reply = connect(embedded_host, MODEL).chat(COLOURS, format=schema, options={"temperature": 0})
    assert '"colour"' in reply
    assert "red" in reply or "blue" in reply


def test_vectors(connect: Connect, embedded_host: Host) -> None:
    client = connect(embedded_host, MODEL)
    one, other = client.embed(["a red apple", "the theory of numbers"])
    assert len(one) == len(other) > 100
    assert math.isclose(sum(x * x for x in one), 1, abs_tol=1e-3)
    assert client.embed("a red apple") == pytest.approx(one, abs=1e-3)


def test_what_is_there(connect: Connect, embedded_host: Host) -> None:
    client = connect(embedded_host, MODEL)
    assert client.health_check()
    assert client.has_model("SmolLM2:135M")
    assert MODEL in [model["name"] for model in client.list_models()]
    assert client.show_model(MODEL)["details"]["format"] == "gguf"
    client.generate("x", options={"num_predict": 1})
    assert [model["name"] for model in client.running_models()] == [MODEL]


def test_a_missing_model_names_near_ones(connect: Connect, embedded_host: Host) -> None:
    with pytest.raises(OllamaModelNotFoundError) as caught:
        connect(embedded_host, "smolm2", auto_pull=False).chat(COLOURS)
    assert caught.value.suggestions == (MODEL,)


def test_what_it_cannot_do(connect: Connect, embedded_host: Host) -> None:
    with pytest.raises(OllamaCapabilityError):
        connect(embedded_host, MODEL).chat(COLOURS, think=True)


def test_a_prompt_that_is_too_long_is_not_cut(connect: Connect, embedded_host: Host) -> None:
    with pytest.raises(OllamaContextError) as caught:
        connect(embedded_host, MODEL).generate("word " * 6000)
    assert caught.value.window == 4096
    assert caught.value.needed
    assert caught.value.needed > 6000


def test_a_model_that_repeats_itself_is_no_answer(connect: Connect, embedded_host: Host) -> None:
    prompt = "Repeat the word: no no no no no no no no no no no no no no no no no no no no no no no no no no"
    with pytest.raises(OllamaIncompleteError) as caught:
        connect(embedded_host, MODEL).generate(prompt + " no" * 200, raw=True, options={"temperature": 0})
    assert caught.value.reason == "repetition"
    assert caught.value.partial.strip()


def test_a_server_that_cannot_pull_says_which_models_it_has(connect: Connect, embedded_host: Host) -> None:
    with pytest.raises(OllamaModelNotFoundError) as caught:
        connect(embedded_host, "smollm2:136m").chat(COLOURS)
    assert caught.value.suggestions == (MODEL,)
    assert "/api/pull" in str(caught.value.__cause__)
