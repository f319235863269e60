"""`--schema`: JSON, a file, or a short list of fields -> a JSON Schema that is known to be one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cli.failure import Failure

TYPES: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "list": {"type": "array", "items": {"type": "string"}},
}
"""The types of the short form, and what they are in a JSON Schema."""

_MEANT = {
    "string": "str",
    "text": "str",
    "integer": "int",
    "number": "float",
    "double": "float",
    "boolean": "bool",
    "array": "list",
}
_EXAMPLE = "--schema 'name, age int, tags list'"


def schema_of(given: str, read: Callable[[str], str]) -> dict[str, Any]:
    """The JSON Schema in what `--schema` was given. read: gives a file's text. Raises Failure."""
    text, where = given.strip(), "--schema"
    if names_file(text):
        where = text.removeprefix("@")
        text = read(where).strip()
    elif not text.startswith("{"):
        return fields_of(text)
    schema = _json(text, where)
    _check(schema, where)
    return schema


def names_file(given: str) -> bool:
    """Whether `--schema` was given the name of a file."""
    text = given.strip()
    return text.startswith("@") or (text.lower().endswith(".json") and not text.startswith("{"))


def fields_of(text: str) -> dict[str, Any]:
    """The schema of an object with the fields that a short form lists: `name, age int: in years, tags list`.

    Fields are parted by commas, or stand on lines of their own, where a description may hold commas.
    """
    parts = text.splitlines() if "\n" in text.strip() else text.split(",")
    properties: dict[str, Any] = {}
    for number, part in enumerate((each for each in parts if each.strip()), 1):
        name, schema = _field(part.strip(), number)
        if name in properties:
            raise Failure(f"--schema names the field {name!r} twice")
        properties[name] = schema
    if not properties:
        raise Failure("--schema is empty", hint=_EXAMPLE)
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _field(text: str, number: int) -> tuple[str, dict[str, Any]]:
    head, colon, description = text.partition(":")
    name, *kinds = head.split() or [""]
    where = f"field {number} of --schema, {text!r}"
    if not re.fullmatch(r"\w[\w-]*", name):
        looks_like_file = re.fullmatch(r"[\w./~-]+\.\w+", text)
        raise Failure(
            f"{where}: {name!r} is no name of a field",
            hint=f"--schema @{text}, if that is a file" if looks_like_file else _EXAMPLE,
        )
    kind = kinds[0] if kinds else "str"
    if len(kinds) > 1:
        raise Failure(f"{where}: a name and a type, and what it is for behind a colon", hint=_EXAMPLE)
    if kind not in TYPES:
        from difflib import get_close_matches

        near = get_close_matches(_MEANT.get(kind.lower(), kind.lower()), TYPES, 1)
        hint = f"{name} {near[0]}" if near else None
        raise Failure(f"{where}: no type {kind!r}", why=f"there are: {', '.join(TYPES)}", hint=hint)
    described = {"description": description.strip()} if colon and description.strip() else {}
    return name, {**TYPES[kind], **described}


def _json(text: str, where: str) -> dict[str, Any]:
    import json

    try:
        schema = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Failure(f"{where} is not JSON", why=f"{error.msg[:1].lower()}{error.msg[1:]}, {place}") from error
    except RecursionError as error:
        raise Failure(f"{where} is nested too deep") from error
    if not isinstance(schema, dict):
        raise Failure(f"{where} is not a JSON Schema", why="it is an object in braces", hint=_EXAMPLE)
    return schema


def _check(schema: dict[str, Any], where: str) -> None:
    """Raises Failure for what is no JSON Schema that answers can be held to."""
    from vuhitra.schema import Shape

    try:
        Shape.of(schema)
    except (TypeError, ValueError) as error:
        raise Failure(f"{where} is not a JSON Schema", why=str(error).partition(": ")[2] or str(error)) from error
