"""Durations as Go writes them, and `keep_alive`. This file knows no clock."""

from __future__ import annotations

import math
import re
from typing import Any

from cli.services.embedded import gojson

_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,  # U+00B5, the micro sign
    "μs": 1e-6,  # U+03BC, the Greek letter
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_LONGEST = 2**63 / 1e9
"""Seconds that Go can count; longer is for ever."""

_STEP = re.compile(r"(\d+\.?\d*|\.\d+)([^\d.]*)")


def parse_duration(text: str) -> float:
    """The seconds in a Go duration such as `1h30m`. Raises ValueError with Go's text."""
    unsigned = text[1:] if text[:1] in ("-", "+") else text
    if unsigned == "0":
        return 0.0
    total, position = 0.0, 0
    while position < len(unsigned):
        step = _STEP.match(unsigned, position)
        if step is None:
            break
        number, unit = step.groups()
        if not unit:
            raise ValueError(f"time: missing unit in duration {gojson.quoted(text)}")
        if unit not in _SECONDS:
            raise ValueError(f"time: unknown unit {gojson.quoted(unit)} in duration {gojson.quoted(text)}")
        total += float(number) * _SECONDS[unit]
        position = step.end()
    if position == 0 or position < len(unsigned):
        raise ValueError(f"time: invalid duration {gojson.quoted(text)}")
    return -total if text.startswith("-") else total


def parse_keep_alive(value: Any) -> float | None:
    """How many seconds a model stays loaded after its last answer; `math.inf`: for ever.

    None where nothing was asked for. A number is seconds, a string a Go duration; negative means
    for ever. Raises ValueError with the text of `POST /api/generate`.
    """
    match value:
        case None:
            return None
        case bool() | list() | dict():
            raise ValueError(f"Unsupported type: '{_GO_TYPES[gojson.type_name(value)]}'")
        case str():
            seconds = parse_duration(value)
        case _:
            seconds = float(value)
    return seconds if 0 <= seconds < _LONGEST else math.inf


_GO_TYPES = {"bool": "bool", "array": "[]interface {}", "object": "map[string]interface {}"}
