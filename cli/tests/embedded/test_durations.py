"""Go's durations and `keep_alive`."""

from __future__ import annotations

import math
from typing import Any

import pytest

from cli.services.embedded.durations import parse_duration, parse_keep_alive


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5m", 300),
        ("1h30m", 5400),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("1.s", 1),
        ("250ms", 0.25),
        ("10us", 1e-5),
        ("10µs", 1e-5),
        ("10μs", 1e-5),
        ("3ns", 3e-9),
        ("0", 0),
        ("0s", 0),
        ("-2s", -2),
        ("+2s", 2),
        ("2m3s4ms", 123.004),
    ],
)
def test_a_duration_is_read_as_go_reads_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("300", 'time: missing unit in duration "300"'),
        ("1h30", 'time: missing unit in duration "1h30"'),
        ("abc", 'time: invalid duration "abc"'),
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        (".s", 'time: invalid duration ".s"'),
        ("5x", 'time: unknown unit "x" in duration "5x"'),
        ("5 m", 'time: unknown unit " m" in duration "5 m"'),
    ],
)
def test_another_text_is_refused_in_gos_words(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_duration(text)
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        (0, 0),
        (30, 30),
        (1.5, 1.5),
        (-1, math.inf),
        ("-1m", math.inf),
        ("10m", 600),
        (1e300, math.inf),
    ],
)
def test_keep_alive_is_seconds_or_a_duration_or_for_ever(value: Any, seconds: float | None) -> None:
    assert parse_keep_alive(value) == seconds


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (True, "Unsupported type: 'bool'"),
        ([], "Unsupported type: '[]interface {}'"),
        ({}, "Unsupported type: 'map[string]interface {}'"),
        ("300", 'time: missing unit in duration "300"'),
    ],
)
def test_keep_alive_of_another_type_is_refused(value: Any, why: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_keep_alive(value)
    assert str(caught.value) == why
