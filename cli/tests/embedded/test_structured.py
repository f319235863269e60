"""Answers that are held to a schema."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest

from tests.embedded.asking import MODEL, ask
from vuhitra.hosts import Host

COLOUR = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "blue"]}, "n": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["colour", "n"],
}


def generate(host: Host, schema: Any, **fields: Any) -> Any:
    body = {"model": MODEL, "prompt": "Pick one.", "format": schema, "stream": False}
    options = {"temperature": 0, "num_predict": 80}
    return ask(host, "POST", "/api/generate", body | {"options": options} | fields)


@pytest.mark.parametrize(
    "schema",
    [
        COLOUR,
        {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3},
        {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        {"oneOf": [{"const": "a"}, {"const": "b"}]},
        {"type": "string", "pattern": "^[ab]{3}$"},
        {"$defs": {"c": {"enum": ["x", "y"]}}, "$ref": "#/$defs/c"},
    ],
    ids=json.dumps,
)
def test_an_answer_is_what_the_schema_says(schema: dict[str, Any], embedded_host: Host) -> None:
    answer = generate(embedded_host, schema)
    value = json.loads(answer.json["response"])
    assert jsonschema_rs.is_valid(schema, value)


def test_there_are_no_other_keys_than_the_named_ones(embedded_host: Host) -> None:
    assert list(json.loads(generate(embedded_host, COLOUR).json["response"])) == ["colour", "n"]


@pytest.mark.parametrize(
    "more",
    [{"uniqueItems": True}, {"contains": {"const": 1}}, {"format": "nope"}, {"not": {"const": 1}}],
    ids=json.dumps,
)
def test_what_the_engine_does_not_know_has_no_effect(more: dict[str, Any], embedded_host: Host) -> None:
    schema = {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2, **more}
    value = json.loads(generate(embedded_host, schema).json["response"])
    assert all(isinstance(item, int) for item in value)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "(?=a)b"},
        {"type": "string", "pattern": "("},
        {"type": "integer", "minimum": 5, "maximum": 3},
        {"type": "object", "properties": {"a": False}, "required": ["a"]},
        {"$ref": "#"},
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_schema_that_can_not_be_used_is_refused_not_passed_over(
    stream: bool, schema: dict[str, Any], embedded_host: Host
) -> None:
    answer = generate(embedded_host, schema, stream=stream)
    assert answer.status == 400
    assert "JSON schema conversion failed" in answer.json["error"]
    assert generate(embedded_host, COLOUR).status == 200
