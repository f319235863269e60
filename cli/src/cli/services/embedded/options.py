"""The `options` of a request: names, types, defaults, and the errors for wrong types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from cli.services.embedded import gojson

_INTEGER_MAX = 2**31 - 1
_SMALLEST_WINDOW = 4
_LONGEST_ANSWER = 10
"""An answer without a limit ends after so many windows."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a model is loaded and how it chooses its words, with Ollama's defaults.

    num_ctx: the window in tokens, None for the server's own default. num_predict: tokens, anything
    below 1 for no limit of one's own. num_keep: tokens at the beginning that a cut leaves alone.
    seed: -1 for another one each time. Sampling fields mean what they mean to llama.cpp.
    """

    num_ctx: int | None = None
    num_keep: int = 4
    num_predict: int = -1
    seed: int = -1
    top_k: int = 40
    top_p: float = 0.9
    min_p: float = 0.0
    typical_p: float = 1.0
    repeat_last_n: int = 64
    temperature: float = 0.8
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    stop: tuple[str, ...] = ()

    def updated(self, given: Mapping[str, Any]) -> Options:
        """These options with the `given` ones over them; null and unknown names are passed over.

        Raises ValueError with the text that `POST /api/generate` has for a value of a wrong type.
        """
        changes: dict[str, Any] = {}
        for name, value in given.items():
            kind = _KINDS.get(name)
            if kind is None or value is None:
                continue
            read = kind(name, value)
            if name in _NAMES:
                changes[name] = read
        return replace(self, **changes)

    def window(self, default: int, limit: int) -> int:
        """The tokens a context holds: as asked for, but no more than the model was trained for."""
        return max(_SMALLEST_WINDOW, min(self.num_ctx or default, limit))

    def answer_limit(self, window: int) -> int:
        """The most tokens an answer may have, however long it would like to be."""
        longest = _LONGEST_ANSWER * window
        return self.num_predict if 0 < self.num_predict < longest else longest

    def sampling(self, window: int) -> dict[str, Any]:
        """The fields of llama.cpp's `/completion` for these options and a window of so many tokens."""
        return {
            "n_keep": max(0, self.num_keep),
            "seed": max(-1, self.seed),
            "top_k": self.top_k,
            "top_p": self.top_p,
            "min_p": self.min_p,
            "typical_p": self.typical_p,
            "repeat_last_n": self.repeat_last_n if self.repeat_last_n >= 0 else window,
            "temperature": max(0.0, self.temperature),
            "repeat_penalty": self.repeat_penalty if self.repeat_penalty > 0 else 1.0,
            "presence_penalty": self.presence_penalty,
            "frequency_penalty": self.frequency_penalty,
            "stop": [text for text in self.stop if text],
        }


def _integer(name: str, value: Any) -> int:
    if gojson.type_name(value) != "number":
        raise ValueError(f'option "{name}" must be of type integer')
    return int(max(-_INTEGER_MAX, min(_INTEGER_MAX, value)))


def _float(name: str, value: Any) -> float:
    if gojson.type_name(value) != "number":
        raise ValueError(f'option "{name}" must be of type float32')
    return math.copysign(min(abs(float(value)), 1e9), value)


def _boolean(name: str, value: Any) -> bool:
    if gojson.type_name(value) != "bool":
        raise ValueError(f'option "{name}" must be of type boolean')
    return bool(value)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if gojson.type_name(value) != "array":
        raise ValueError(f'option "{name}" must be of type array')
    if not all(isinstance(item, str) for item in value):
        raise ValueError(f'option "{name}" must be of an array of strings')
    return tuple(value)


_NAMES = frozenset(field.name for field in fields(Options))

_KINDS = {
    **dict.fromkeys(("num_ctx", "num_keep", "num_predict", "seed", "top_k", "repeat_last_n"), _integer),
    **dict.fromkeys(("num_batch", "num_gpu", "main_gpu", "num_thread"), _integer),
    **dict.fromkeys(("top_p", "min_p", "typical_p", "temperature"), _float),
    **dict.fromkeys(("repeat_penalty", "presence_penalty", "frequency_penalty"), _float),
    "use_mmap": _boolean,
    "stop": _texts,
}
"""Every name Ollama knows; those that are no field of Options are checked and have no effect."""
