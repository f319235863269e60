"""`-o KEY=VALUE`: which options there are, what they take, and what was meant. Also how long a model stays loaded."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from cli.failure import Failure


class Kind(NamedTuple):
    """What an option takes: values from lowest to highest, where these are given."""

    words: str
    lowest: float | None = None
    highest: float | None = None


_INTEGER, _NUMBER, _SWITCH, _TEXTS = "a whole number", "a number", "true or false", "a text, and may be repeated"

KNOWN = {
    "num_ctx": Kind(_INTEGER, 1),
    "num_predict": Kind(_INTEGER, -2),
    "num_keep": Kind(_INTEGER, -1),
    "seed": Kind(_INTEGER),
    "temperature": Kind(_NUMBER, 0),
    "top_k": Kind(_INTEGER, 0),
    "top_p": Kind(_NUMBER, 0, 1),
    "min_p": Kind(_NUMBER, 0, 1),
    "typical_p": Kind(_NUMBER, 0, 1),
    "repeat_last_n": Kind(_INTEGER, -1),
    "repeat_penalty": Kind(_NUMBER, 0),
    "presence_penalty": Kind(_NUMBER),
    "frequency_penalty": Kind(_NUMBER),
    "stop": Kind(_TEXTS),
    "num_batch": Kind(_INTEGER, 1),
    "num_gpu": Kind(_INTEGER, -1),
    "main_gpu": Kind(_INTEGER, 0),
    "use_mmap": Kind(_SWITCH),
    "num_thread": Kind(_INTEGER, 0),
}
"""Every option that servers know, and what it takes."""

_SWITCHES = {"true": True, "false": False}
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_STEP = rf"(\d+\.?\d*|\.\d+)({'|'.join(_UNITS)})"
_LONGEST = 2**63 // 10**9
"""Seconds that a server can count, in Go's nanoseconds; with one more it unloads the model at once."""


def options_of(pairs: Sequence[str], words: Sequence[str] = ()) -> dict[str, Any]:
    """The options in `KEY=VALUE` pairs. words: what else was on the command line, for `-o KEY VALUE`.

    Raises Failure for an option that isn't known, and for a value that it doesn't take.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (equals and name.strip()):
            raise _not_a_pair(pair, words)
        if name not in KNOWN:
            raise _unknown(name, text)
        value = value_of(name, text)
        if KNOWN[name].words == _TEXTS:
            options.setdefault(name, []).append(value)
        else:
            options[name] = value
    return options


def value_of(name: str, text: str, flag: str | None = None) -> Any:
    """The value of a known option. flag: the one that gave it. Raises Failure for what it doesn't take."""
    kind, who = KNOWN[name], flag or f"the option {name}"
    if kind.words == _TEXTS and not text:
        raise Failure(f"{who} is empty")
    value = _read(kind.words, text)
    if value is None and kind.words == _INTEGER and re.fullmatch(r"\s*[-+]?\d+\s*", text):
        raise Failure(f"{who} has 18 digits at most")
    if value is None:
        raise Failure(f"{who} is {kind.words}, not {text!r}")
    below = kind.lowest is not None and value < kind.lowest
    above = kind.highest is not None and value > kind.highest
    if below or above:
        bounds = (
            f"from {kind.lowest:g} to {kind.highest:g}" if kind.highest is not None else f"{kind.lowest:g} at least"
        )
        raise Failure(f"{who} is {kind.words}, {bounds}, not {text}")
    return value


def keep_alive_of(text: str) -> float | str:
    """How long a model stays loaded, as a server takes it: seconds, or a duration as Go writes it.

    Raises ValueError for what is neither, and for more than a server can count.
    """
    number: float | None = _read(_INTEGER, text)
    if number is None:
        number = _read(_NUMBER, text)
    if number is None and not re.fullmatch(f"[-+]?({_STEP})+", text):
        raise ValueError(f"{text!r} is no time: 10m, 1h30m, 300 (seconds), 0 (unload at once) or -1 (keep for ever)")
    if (_seconds_in(text) if number is None else number) > _LONGEST:
        raise ValueError(f"{text!r} is no time up to {_LONGEST:,} seconds (292 years); -1 keeps for ever")
    return text if number is None else number


def _seconds_in(duration: str) -> float:
    """How long a duration as Go writes it is, whatever its sign."""
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_STEP, duration))


def _read(kind: str, text: str) -> Any:
    """The value that a text says, or None."""
    if kind == _TEXTS:
        return text
    if kind == _SWITCH:
        return _SWITCHES.get(text.strip().lower())
    if kind == _INTEGER:
        return int(text) if re.fullmatch(r"\s*[-+]?\d{1,18}\s*", text) else None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _not_a_pair(pair: str, words: Sequence[str]) -> Failure:
    """What to say of `-o KEY VALUE`: the value is the word that the option would take."""
    what = f"-o takes KEY=VALUE, not {pair!r}"
    name = pair.partition("=")[0]
    if name not in KNOWN:
        return _unknown(name, None) if _near(name) else Failure(what, hint="-o temperature=0.5")
    kind = KNOWN[name].words
    value = next((word for word in words if kind != _TEXTS and _read(kind, word) is not None), None)
    return Failure(what, hint=f"-o {name}={value if value is not None else 'VALUE'}")


def _unknown(name: str, text: str | None) -> Failure:
    from shlex import quote

    if near := _near(name):
        value = "VALUE" if text is None else text
        return Failure(f"no option {name!r}", near=near, hint=f"-o {quote(f'{near[0]}={value}')}")
    return Failure(f"no option {name!r}", why=f"there are: {', '.join(KNOWN)}")


def _near(name: str) -> list[str]:
    from difflib import get_close_matches

    spelt = re.sub("[-. ]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)).lower()
    meant = {"num_context": "num_ctx", "context_length": "num_ctx", "max_tokens": "num_predict", "temp": "temperature"}
    if right := meant.get(spelt) or (spelt if spelt in KNOWN else None):
        return [right]
    return get_close_matches(spelt, KNOWN, 3, 0.65)
