"""What can't be right is refused here, before anything is sent. This file knows no network.

An unknown role or option passes: the server may know it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from vuhitra.limits import Retry, Timeouts
from vuhitra.types import Image

_INTEGERS = frozenset(
    [
        "num_ctx",
        "num_predict",
        "num_keep",
        "seed",
        "top_k",
        "repeat_last_n",
        "num_batch",
        "num_gpu",
        "main_gpu",
        "num_thread",
    ]
)
_NUMBERS = frozenset(
    ["temperature", "top_p", "min_p", "typical_p", "repeat_penalty", "presence_penalty", "frequency_penalty"]
)
_SWITCHES = frozenset(["use_mmap"])
_LISTS = frozenset(["stop"])
_TEXTS = frozenset(["suffix", "system", "template", "thinking", "tool_name", "tool_call_id"])
_FLAGS = frozenset(["raw", "truncate", "shift", "logprobs", "verbose", "insecure"])
"""Fields of requests and messages that servers take as text, or as true or false, and as nothing else."""
_MOST_TOP_LOGPROBS = 20
_FRAMING = frozenset(["content-length", "transfer-encoding"])
"""Headers that say where a request ends: with another word on that, the rest of it would be a request of its own."""


def settings(model: object, timeout: Any, retry: object, auto_pull: object, headers: object) -> None:
    """Raises TypeError or ValueError for a setting of a client that can't be right, and names it."""
    if model is not None and not isinstance(model, str):
        raise TypeError(f"model is a str, not {type(model).__name__}")
    Timeouts.of(timeout)
    if not isinstance(retry, Retry):
        raise TypeError(f"retry is a Retry, not {retry!r:.80}")
    if not isinstance(auto_pull, bool) and not callable(auto_pull):
        raise TypeError(f"auto_pull is true or false, or a function, not {auto_pull!r:.80}")
    if headers is not None and not isinstance(headers, Mapping):
        raise TypeError(f"headers is a dict, not {type(headers).__name__}")
    for name, value in (headers or {}).items():
        _header(name, value)


def max_connections(most: object) -> None:
    """Raises TypeError or ValueError for a bound that no client can keep."""
    if most is None:
        return
    if isinstance(most, bool) or not isinstance(most, int):
        raise TypeError(f"max_connections is a whole number, not {most!r}")
    if most < 1:
        raise ValueError(f"max_connections is at least 1, not {most!r}")


def _header(name: object, value: object) -> None:
    """Raises TypeError or ValueError, which never quotes the value: it may be a secret."""
    if not isinstance(name, str):
        raise TypeError(f"headers: a name is a str, not {name!r:.80}")
    if not isinstance(value, str):
        raise TypeError(f"headers: the value of {name!r} is a str, not {type(value).__name__}")
    if name.lower() in _FRAMING:
        raise ValueError(f"headers: {name} is not for you to set: each request is as long as it is")


def without_none(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were given: None is the same as nothing.

    Raises TypeError for a known one of a wrong type, and ValueError for NaN, which JSON doesn't have.
    """
    given = {key: value for key, value in body.items() if value is not None}
    for key, value in given.items():
        _field(key, value)
        try:
            _finite(key, value)
        except RecursionError:
            raise ValueError(f"{key} goes deeper than can be sent, or contains itself") from None
    return given


def _field(key: str, value: object) -> None:
    """Raises TypeError for a field that a server can't take so."""
    if key in _TEXTS and not isinstance(value, str):
        raise TypeError(f"{key} is a str, not {type(value).__name__}")
    if key in _FLAGS and not isinstance(value, bool):
        raise TypeError(f"{key} is true or false, not {value!r:.80}")
    if key == "keep_alive" and (isinstance(value, bool) or not isinstance(value, int | float | str)):
        raise TypeError(f"keep_alive is seconds, or a text like '5m', not {value!r:.80}")
    if key == "think" and not isinstance(value, bool | str):
        raise TypeError(f"think is true, false or a level, not {value!r:.80}")
    if key == "format" and not isinstance(value, str | Mapping):
        raise TypeError(f"format is 'json' or a JSON Schema, not {value!r:.80}")
    if key == "format" and isinstance(value, str) and value not in ("", "json"):
        raise ValueError(f"format is 'json' or a JSON Schema, not {value!r:.80}")


def model_name(name: str) -> str:
    """The name. Raises TypeError or ValueError where no model is named."""
    if not isinstance(name, str):
        raise TypeError(f"a model's name is a str, not {type(name).__name__}")
    if not name.strip():
        raise ValueError("no model is named, neither in the call nor in the client")
    return name


def prompt(given: str) -> str:
    """The prompt. Raises TypeError for what is no str."""
    if not isinstance(given, str):
        raise TypeError(f"prompt is a str, not {type(given).__name__}")
    return given


def messages(given: object) -> list[dict[str, Any]]:
    """Messages as they are sent. Raises TypeError for what is no list of messages."""
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise TypeError(f"messages is a list, not {type(given).__name__}")
    return [message(each) for each in given]


def message(given: Mapping[str, Any]) -> dict[str, Any]:
    """A message as it is sent. Raises TypeError where its role or its content is no str."""
    if not isinstance(given, Mapping) or not isinstance(given.get("role"), str):
        raise TypeError(f"a message is a dict with a str 'role', not {given!r:.80}")
    if not isinstance(given.get("content", ""), str):
        raise TypeError(f"the content of a message is a str, not {type(given['content']).__name__}")
    for key, value in given.items():
        if value is not None and key in _TEXTS:
            _field(key, value)
    if given.get("images") is not None:
        return {**given, "images": images(given["images"])}
    return dict(given)


def images(given: object) -> list[str]:
    """Images as they are sent, in base64. Raises TypeError for what is no list."""
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise TypeError(f"images is a list, not {type(given).__name__}")
    return [_image(image) for image in given]


def _image(image: Image) -> str:
    if isinstance(image, str):
        return image
    data = _content(image) if isinstance(image, PathLike) else image
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"images: one is bytes, a path (os.PathLike) or base64, not {type(data).__name__}")
    from base64 import b64encode

    return b64encode(data).decode()


def _content(file: PathLike[str]) -> bytes:
    with open(file, "rb") as opened:
        return opened.read()


def options(given: object) -> Mapping[str, Any]:
    """The options as they are sent; a single text to stop at becomes a list of one, since servers take nothing else.

    Raises TypeError for a known one of a wrong type. Unknown ones are the server's to judge.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"options is a dict, not {type(given).__name__}")
    for key, value in given.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if key in _INTEGERS and not whole:
            raise TypeError(f"the option {key} is a whole number, not {value!r}")
        if key in _NUMBERS and not (whole or (isinstance(value, float) and math.isfinite(value))):
            raise TypeError(f"the option {key} is a number, not {value!r}")
        if key in _SWITCHES and not isinstance(value, bool):
            raise TypeError(f"the option {key} is true or false, not {value!r}")
        if key in _LISTS and not isinstance(value, str) and not _is_list_of_texts(value):
            raise TypeError(f"the option {key} is a text or a list of texts, not {value!r}")
    return {key: [value] if key in _LISTS and isinstance(value, str) else value for key, value in given.items()}


def _finite(name: str, value: object) -> None:
    """Raises ValueError for a number that JSON doesn't have, also deep within: it would be sent as null."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is a number that JSON doesn't have: {value!r}")
    if isinstance(value, Mapping):
        for key, each in value.items():
            _finite(f"{name}.{key}", each)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for index, each in enumerate(value):
            _finite(f"{name}[{index}]", each)


def _is_list_of_texts(value: object) -> bool:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        return False
    return all(isinstance(each, str) for each in value)


def top_logprobs(given: object) -> None:
    """Raises TypeError or ValueError for what is not a number from 0 to 20."""
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"top_logprobs is a whole number, not {given!r}")
    if not 0 <= given <= _MOST_TOP_LOGPROBS:
        raise ValueError(f"top_logprobs is 0 to {_MOST_TOP_LOGPROBS}, not {given}")


def texts(given: Sequence[object]) -> None:
    """Raises TypeError or ValueError where there is nothing to embed: the server answers that with nothing."""
    if isinstance(given, bytes) or not isinstance(given, Sequence):
        raise TypeError(f"text is a str or a list of them, not {type(given).__name__}")
    for index, text in enumerate(given):
        if not isinstance(text, str):
            raise TypeError(f"text {index} is a str, not {type(text).__name__}")
        if not text:
            raise ValueError(f"text {index} is empty: there is nothing to embed")
    if not given:
        raise ValueError("there is no text to embed")


def dimensions(given: object) -> int | None:
    """The length of vectors that was asked for. Raises TypeError or ValueError for what is no length."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"dimensions is a whole number, not {given!r}")
    if given < 1:
        raise ValueError(f"dimensions is at least 1, not {given}")
    return given


def encode(value: object) -> object:
    """Replies and other kinds of str, and read-only mappings, as what they are at heart."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} can't be sent as JSON")
