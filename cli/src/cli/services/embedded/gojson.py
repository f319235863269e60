"""JSON as Go's encoding/json reads and writes it, down to the texts of its errors."""

from __future__ import annotations

import json
from typing import Any, NoReturn

_COMPLAINTS = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name": "looking for beginning of object key string",
    "Illegal trailing comma": "looking for beginning of object key string",
    "Expecting ':'": "after object key",
    "Expecting ','": "after object key:value pair",
    "Invalid control character": "in string literal",
    "Invalid \\escape": "in string escape code",
    "Invalid \\u": "in \\u hexadecimal character escape",
}
"""How a complaint of Python's decoder begins -> how Go says it."""

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def encode(value: Any) -> bytes:
    """The JSON of `value` on one line, with the characters escaped that mean something in HTML."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPES).encode("utf-8", "replace")


def decode(body: bytes) -> Any:
    """The first JSON value in `body`; what follows it is not looked at.

    Bad UTF-8 and lone surrogates become U+FFFD. Raises ValueError with Go's text.
    """
    text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise ValueError("missing request body")
    try:
        value, _ = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(_complaint(text, error)) from error
    except RecursionError:
        raise ValueError("exceeded max depth") from None
    return _without_lone_surrogates(value) if "\\u" in text else value


def quoted(value: Any) -> str:
    """The JSON of `value` as Go's `%q` would write it: on one line, with nothing escaped for HTML."""
    return json.dumps(value, ensure_ascii=False)


def type_name(value: Any) -> str:
    """What Go calls the JSON type of `value`."""
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _complaint(text: str, error: json.JSONDecodeError) -> str:
    rest = text[error.pos :].lstrip(" \t\r\n")
    if not rest or error.msg.startswith("Unterminated string"):
        return "unexpected EOF"
    said = next((go for python, go in _COMPLAINTS.items() if error.msg.startswith(python)), "")
    return f"invalid character {rest[0]!r} {said}".rstrip()


def _integer(digits: str) -> int | float:
    """A whole number, or a float where it is longer than any that is meant (and Python's limit)."""
    return int(digits) if len(digits) < 20 else _float(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"json: cannot unmarshal number {digits} into Go value of type float64")
    return number


def _constant(name: str) -> NoReturn:
    raise ValueError(f"invalid character {name[0]!r} looking for beginning of value")


_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_float, parse_constant=_constant)


def _without_lone_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_without_lone_surrogates(item) for item in value]
        case dict():
            return {_without_lone_surrogates(key): _without_lone_surrogates(item) for key, item in value.items()}
        case _:
            return value
