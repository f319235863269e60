"""The `format` of a request -> the JSON schema that an answer is held to.

The engine passes over what it doesn't understand, so everything is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cli.services.embedded import gojson
from cli.services.embedded.refusals import Refusal, schema_refused

_GUIDANCE = {"lenient": True, "coerce_one_of": True, "whitespace_flexible": False}
"""To the engine: keywords that it doesn't know have no effect, as they have none with Ollama; and no
white space between values, in which small models get lost.
"""

_DEEPEST = 64
_DIALECT = re.compile(r"https?://json-schema\.org/draft(-0[467]|/2019-09|/2020-12)/schema#?")


def schema_of(value: Any) -> Mapping[str, Any] | None:
    """The schema for a `format`; None where the answer is free.

    Objects get no other keys than the schema names, unless it says so. Raises Refusal with the
    status and the text of `POST /api/generate`.
    """
    if value is None or value == "":
        return None
    if value == "json":
        return {"type": "object", "x-guidance": _GUIDANCE}
    if not isinstance(value, dict):
        shown = gojson.encode(gojson.encode(value).decode()).decode()
        raise Refusal(500, f'invalid format: {shown}; expected "json" or a valid JSON Schema object')
    if not _DIALECT.fullmatch(str(value.get("$schema"))):  # nobody fetches another one
        value = {name: item for name, item in value.items() if name != "$schema"}
    _check(value)
    closed = value if _mentions("allOf", value) else _closed(value)  # parts of a whole can't be closed
    return {**closed, "x-guidance": _GUIDANCE}


def _check(schema: dict[str, Any]) -> None:
    if _is_deeper_than(_DEEPEST, schema):
        raise schema_refused(f"Nested deeper than {_DEEPEST} levels")
    import jsonschema_rs

    try:
        jsonschema_rs.meta.validate(schema)
    except jsonschema_rs.ValidationError as error:
        culprit: Any = schema
        for step in error.instance_path[:-1]:
            culprit = culprit[step]
        raise schema_refused(f"Unrecognized schema: {gojson.encode(culprit).decode()}") from error
    for reference in _references(schema):
        if not _resolves(schema, reference):
            raise schema_refused(f"Unresolved reference: {reference}")


def _is_deeper_than(levels: int, value: Any) -> bool:
    """Whether more than so many lists and objects are nested in each other."""
    level = [value]
    for _ in range(levels):
        level = [inner for outer in level for inner in _children(outer)]
    return any(isinstance(each, list | dict) for each in level)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and isinstance(value.get("$ref"), str):
        yield value["$ref"]
    for child in _children(value):
        yield from _references(child)


def _resolves(schema: Any, reference: str) -> bool:
    """Whether a reference points to a place in the schema itself."""
    if not reference.startswith("#"):
        return False
    place = schema
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, list) and name.isdigit() and int(name) < len(place):
            place = place[int(name)]
        elif isinstance(place, dict) and name in place:
            place = place[name]
        else:
            return False
    return isinstance(place, dict | bool)


def _closed(value: Any) -> Any:
    """The schema, with `additionalProperties: false` wherever `properties` stands without it."""
    if not isinstance(value, dict):
        return [_closed(item) for item in value] if isinstance(value, list) else value
    closed = {name: _closed_keyword(name, item) for name, item in value.items()}
    if isinstance(value.get("properties"), dict) and "additionalProperties" not in value:
        closed["additionalProperties"] = False
    return closed


def _closed_keyword(name: str, value: Any) -> Any:
    if name in _DATA:
        return value
    if name in _BY_NAME and isinstance(value, dict):
        return {key: _closed(schema) for key, schema in value.items()}
    return _closed(value)


def _mentions(keyword: str, value: Any) -> bool:
    inside = isinstance(value, dict) and keyword in value
    return inside or any(_mentions(keyword, child) for child in _children(value))


_DATA = frozenset({"enum", "const", "default", "examples"})
"""Keywords whose value is no schema."""

_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords whose value is schemas under names of the user's own."""
