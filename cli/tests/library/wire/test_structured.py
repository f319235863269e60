"""Answers that are held to a schema: what is sent, what comes of it, and a real model that keeps to it."""

from __future__ import annotations

import dataclasses
import enum
from typing import Annotated, Any, TypedDict

import msgspec
import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.scripted_server import answer, pieces, stream
from vuhitra import Host, OllamaOutputError

QUESTION = [{"role": "user", "content": "A point?"}]
MODEL = "smollm2:135m"
STEADY = {"temperature": 0, "seed": 1, "num_predict": 200}


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Flag(msgspec.Struct):
    colours: Annotated[list[Colour], msgspec.Meta(min_length=1, max_length=3)]
    stars: int


class Country(TypedDict):
    name: str
    flag: Flag


POINT = {
    "title": "Point",
    "type": "object",
    "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
    "required": ["x", "y"],
}


def test_an_answer_becomes_a_value(connect: Connect, serve: Serve) -> None:
    server = serve(stream(pieces('{"x": 1,', ' "y": 2}')))
    reply = connect(server.url, "m").chat(QUESTION, schema=Point)
    assert str(reply) == '{"x": 1, "y": 2}'
    assert reply.parsed == Point(1, 2)
    (request,) = server.requests
    assert request.json["format"] == POINT
    assert not {"schema", "repair", "tools"} & request.json.keys()


def test_generate_takes_a_schema_too(connect: Connect, serve: Serve) -> None:
    bad, good = ({"model": "m", "response": text, "done": True, "done_reason": "stop"} for text in ("{}", "[1]"))
    server = serve(answer(bad), answer(good))
    reply = connect(server.url, "m").generate("Numbers?", schema=list[int], repair=1, options={"seed": 1})
    assert reply.parsed == [1]
    first, second = server.requests
    assert first.json["prompt"] == "Numbers?"
    assert second.json["prompt"].startswith("Numbers?\n\n{}\n\nThat answer doesn't fit")
    assert first.json["options"] == second.json["options"] == {"seed": 1}


def test_an_answer_that_does_not_fit_is_an_error(connect: Connect, serve: Serve) -> None:
    server = serve(stream(pieces('{"x": "one"}')))
    with pytest.raises(OllamaOutputError) as caught:
        connect(server.url, "m").chat(QUESTION, schema=Point)
    assert caught.value.reply == '{"x": "one"}'
    assert caught.value.reply.stats.eval_count == 0
    assert len(caught.value.problems) == 2
    assert len(server.requests) == 1


def test_an_answer_that_does_not_fit_is_repaired(connect: Connect, serve: Serve) -> None:
    server = serve(stream(pieces('{"x": 1}')), stream(pieces('{"x": 1, "y": 2}')))
    assert connect(server.url, "m").chat(QUESTION, schema=Point, repair=1).parsed == Point(1, 2)
    messages = server.requests[1].json["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert '"y" is a required property' in messages[2]["content"]


def test_an_answer_that_was_cut_is_not_asked_for_again(connect: Connect, serve: Serve) -> None:
    server = serve(stream(pieces('{"x": 1', done_reason="length", eval_count=3)))
    with pytest.raises(OllamaOutputError, match="cut by a limit"):
        connect(server.url, "m").chat(QUESTION, schema=Point, repair=3, options={"num_predict": 3})
    assert len(server.requests) == 1


def test_a_stream_is_checked_at_its_end(connect: Connect, serve: Serve) -> None:
    server = serve(stream(pieces('{"x": 1,', ' "y": 2}')), stream(pieces('{"x": 1', "}")))
    client = connect(server.url, "m")
    with client.chat(QUESTION, stream=True, schema=Point) as answering:
        assert list(answering) == ['{"x": 1,', ' "y": 2}']
        assert answering.reply.parsed == Point(1, 2)
    with client.chat(QUESTION, stream=True, schema=Point) as answering:
        assert [next(answering), next(answering)] == ['{"x": 1', "}"]
        with pytest.raises(OllamaOutputError):
            next(answering)


@pytest.mark.parametrize("asked", [{"schema": 3}, {"schema": {"type": "x"}}, {"schema": int, "format": "json"}])
def test_nothing_is_sent_for_a_schema_that_can_not_be_used(connect: Connect, serve: Serve, asked: Any) -> None:
    server = serve(answer({}))
    with pytest.raises((TypeError, ValueError)):
        connect(server.url, "m").chat(QUESTION, **asked)
    with pytest.raises((TypeError, ValueError)):
        connect(server.url, "m").generate("x", **asked)
    with pytest.raises(ValueError, match="repair"):
        connect(server.url, "m").chat(QUESTION, stream=True, schema=Point, repair=1)
    assert server.requests == []


@pytest.mark.parametrize("schema", [Point, POINT], ids=["dataclass", "dict"])
def test_a_model_keeps_to_a_schema(connect: Connect, embedded_host: Host, schema: Any) -> None:
    reply = connect(embedded_host, MODEL).generate("A point in the plane:", schema=schema, options=STEADY)
    value = dataclasses.asdict(reply.parsed) if schema is Point else reply.parsed
    assert value == msgspec.json.decode(str(reply))
    assert set(value) == {"x", "y"}


def test_a_model_keeps_to_types_within_types(connect: Connect, embedded_host: Host) -> None:
    question = [{"role": "user", "content": "Describe the flag of Chile as JSON."}]
    reply = connect(embedded_host, MODEL).chat(question, schema=Country, options=STEADY)
    flag = reply.parsed["flag"]
    assert isinstance(flag, Flag)
    assert isinstance(flag.stars, int)
    assert all(isinstance(colour, Colour) for colour in flag.colours)


def test_a_real_answer_that_is_cut_says_so(connect: Connect, embedded_host: Host) -> None:
    with pytest.raises(OllamaOutputError, match="cut by a limit") as caught:
        connect(embedded_host, MODEL).chat(QUESTION, schema=Country, repair=2, options={**STEADY, "num_predict": 4})
    assert caught.value.reply.stopped_by == "limit"
    assert caught.value.hint
    assert "num_predict" in caught.value.hint


def test_an_answer_that_does_not_fit_is_named_with_its_server(connect: Connect, serve: Serve) -> None:
    server = serve(stream(pieces('["a"]')))
    with pytest.raises(OllamaOutputError) as raised:
        connect(server.url, "m").chat(QUESTION, schema=list[int])
    assert f"at {server.url} (base_url) doesn't fit the schema" in str(raised.value)
