"""What may stand in `format`, and what it makes of the answer."""

from __future__ import annotations

from typing import Any

import pytest

from cli.services.embedded.formats import schema_of
from cli.services.embedded.refusals import Refusal


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_format_an_answer_is_free(value: Any) -> None:
    assert schema_of(value) is None


def read(value: Any) -> dict[str, Any]:
    """The schema that is made of one, without what is said to the engine alone."""
    schema = dict(schema_of(value) or {})
    assert schema.pop("x-guidance")["lenient"]
    return schema


def test_json_is_any_object() -> None:
    assert read("json") == {"type": "object"}


def test_objects_have_the_named_keys_and_no_others_unless_the_schema_says_so() -> None:
    inner = {"type": "object", "properties": {"b": {"type": "integer"}}}
    open_one = {**inner, "additionalProperties": True}
    named = {"default": inner, "properties": open_one}
    assert read({"properties": named, "enum": [{"properties": {}}]}) == {
        "properties": {"default": {**inner, "additionalProperties": False}, "properties": open_one},
        "enum": [{"properties": {}}],
        "additionalProperties": False,
    }


def test_parts_of_a_whole_are_not_closed_against_each_other() -> None:
    parts: dict[str, Any] = {"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}
    assert read(parts) == parts


@pytest.mark.parametrize(
    ("value", "status", "part"),
    [
        ("xml", 500, 'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object'),
        (3, 500, 'invalid format: "3"'),
        ([], 500, "invalid format"),
        (True, 500, "invalid format"),
        ({"type": "colour"}, 400, 'Unrecognized schema: {\\"type\\":\\"colour\\"}'),
        ({"properties": {"a": {"type": "colour"}}}, 400, 'Unrecognized schema: {\\"type\\":\\"colour\\"}'),
        ({"properties": []}, 400, "Unrecognized schema"),
        ({"required": "a"}, 400, "Unrecognized schema"),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#", "type": "colour"},
            400,
            "Unrecognized schema",
        ),
        ({"$ref": "#/$defs/nope"}, 400, "Unresolved reference: #/$defs/nope"),
        ({"$ref": "https://example.com/s.json"}, 400, "Unresolved reference"),
        (nested(100), 400, "Nested deeper"),
    ],
)
def test_what_is_no_format_is_refused(value: Any, status: int, part: str) -> None:
    with pytest.raises(Refusal) as caught:
        schema_of(value)
    assert caught.value.status == status
    assert part in caught.value.text


def test_references_within_the_schema_are_taken() -> None:
    schema = {"$defs": {"a/b": {"type": "string"}}, "$ref": "#/$defs/a~1b"}
    assert read(schema) == schema


def test_an_unknown_dialect_is_not_fetched_and_does_no_harm() -> None:
    assert read({"$schema": "https://schema.example/nope", "type": "string"}) == {"type": "string"}
