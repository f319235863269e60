"""How models are described: the shapes of `GET /api/tags`, `GET /api/ps` and `POST /api/show`."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from cli.services.embedded import gojson
from cli.services.embedded.gguf import Array, Header, read_header
from cli.services.embedded.model_store import Model

_HIDDEN = ("general.name", "tokenizer.chat_template")
_BYTES_OF_A_CACHED_NUMBER = 2
_FOR_EVER = timedelta(days=292 * 365)
"""As far as Go's durations reach."""


def header_of(path: Path) -> Header:
    """The GGUF header, read once for each state of the file. Raises GGUFError and OSError."""
    status = path.stat()
    return _header(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=16)
def _header(path: Path, _changed: int, _size: int) -> Header:
    return read_header(path)


def details(model: Model) -> dict[str, Any]:
    """What kind of model it is, in a few words."""
    header = header_of(model.path)
    return {
        "parent_model": "",
        "format": "gguf",
        "family": header.architecture,
        "families": [header.architecture],
        "parameter_size": _in_short(header.parameter_count),
        "quantization_level": header.quantization,
    }


def capabilities(model: Model) -> list[str]:
    """What it can be asked for. Tools and thinking are not offered: answers aren't read for them."""
    if is_embedding_model(model):
        return ["embedding"]
    return ["completion", "insert"] if ".Suffix" in model.template else ["completion"]


def is_embedding_model(model: Model) -> bool:
    """Whether it was made for embeddings only."""
    header = header_of(model.path)
    return f"{header.architecture}.pooling_type" in header.metadata


def listed(model: Model) -> dict[str, Any]:
    """The model's entry in `GET /api/tags`."""
    header = header_of(model.path)
    sizes = {
        name: header.of_architecture(name)
        for name in ("context_length", "embedding_length")
        if header.of_architecture(name)
    }
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": timestamp(model.modified_at),
        "size": model.size,
        "digest": model.digest,
        "details": {**details(model), **sizes},
        "capabilities": capabilities(model),
    }


def running(model: Model, window: int, slots: int, expires_at: float | None) -> dict[str, Any]:
    """The model's entry in `GET /api/ps`.

    window: tokens for each of the slots. expires_at: seconds since the epoch, None for never.
    """
    return {
        "name": model.name,
        "model": model.name,
        "size": _size_in_memory(model, window * slots),
        "digest": model.digest,
        "details": details(model),
        "expires_at": timestamp(expires_at),
        "size_vram": 0,
        "context_length": window,
    }


def shown(model: Model, *, verbose: bool = False) -> dict[str, Any]:
    """The answer of `POST /api/show`; verbose: with the arrays, such as the vocabulary."""
    header = read_header(model.path, with_arrays=True) if verbose else header_of(model.path)
    answer = {
        "license": model.license,
        "modelfile": _modelfile(model),
        "parameters": _parameters(model.parameters),
        "template": model.template,
        "system": model.system,
        "details": details(model),
        "messages": list(model.messages),
    }
    return {name: value for name, value in answer.items() if value} | {
        "model_info": _information(header),
        "tensors": [
            {"name": tensor.name, "type": tensor.type, "shape": list(tensor.shape)}
            for tensor in sorted(header.tensors, key=lambda tensor: _place(tensor.name))
        ],
        "capabilities": capabilities(model),
        "modified_at": timestamp(model.modified_at),
    }


def with_changes(model: Model, system: str, template: str) -> Model:
    """The model as `POST /api/show` shows it for a system prompt or a template of one's own."""
    return replace(model, system=system or model.system, template=template or model.template)


def timestamp(seconds: float | None) -> str:
    """A point in time (seconds since the epoch; None: never) as RFC 3339."""
    moment = datetime.now(UTC) + _FOR_EVER if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def as_float32(number: float) -> float:
    """The double that is written with as few digits as the 32-bit number it stands for."""
    (single,) = struct.unpack("f", struct.pack("f", number))
    for digits in range(6, 9):
        short = float(f"{single:.{digits}g}")
        if struct.pack("f", short) == struct.pack("f", single):
            return short
    return float(f"{single:.9g}")


def _information(header: Header) -> dict[str, Any]:
    values = {**header.metadata, "general.parameter_count": header.parameter_count}
    return {name: _shown_value(values[name]) for name in sorted(values) if name not in _HIDDEN}


def _shown_value(value: Any) -> Any:
    match value:
        case Array():
            return None
        case float():
            return as_float32(value)
        case list():
            return [_shown_value(item) for item in value]
        case _:
            return value


def _in_short(count: int) -> str:
    """`134515008` as `134.52M`."""
    for unit, size, digits in (("B", 10**9, 1), ("M", 10**6, 2), ("K", 10**3, 0)):
        if count >= size:
            return f"{count / size:.{0 if count % size == 0 else digits}f}{unit}"
    return str(count)


def _size_in_memory(model: Model, tokens: int) -> int:
    """The bytes of the weights and of the cache of keys and values: an estimate, nothing measured."""
    header = header_of(model.path)
    heads = header.of_architecture("attention.head_count", 1)
    cached_heads = header.of_architecture("attention.head_count_kv", heads)
    width = header.of_architecture("embedding_length") // max(1, heads) * cached_heads
    layers = header.of_architecture("block_count")
    return model.path.stat().st_size + 2 * layers * width * tokens * _BYTES_OF_A_CACHED_NUMBER


def _place(tensor: str) -> tuple[int, str]:
    """What stands outside the blocks comes first, then block by block."""
    block = re.match(r"blk\.(\d+)\.", tensor)
    return (int(block[1]) if block else -1, tensor)


def _parameters(parameters: Mapping[str, Any]) -> str:
    return "\n".join(f"{name:<30} {gojson.quoted(value)}" for name, value in _each_value(parameters))


def _modelfile(model: Model) -> str:
    lines = [
        '# Modelfile generated by "ollama show"',
        "# To build a new Modelfile based on this, replace FROM with:",
        f"# FROM {model.name}",
        "",
        f"FROM {model.path}",
        f"TEMPLATE {_quoted(model.template)}",
    ]
    if model.system:
        lines.append(f"SYSTEM {_quoted(model.system)}")
    lines += [
        f"PARAMETER {name} {_quoted(value) if isinstance(value, str) else gojson.quoted(value)}"
        for name, value in _each_value(model.parameters)
    ]
    if model.license:
        lines.append(f"LICENSE {_quoted(model.license)}")
    lines += [f"MESSAGE {each['role']} {_quoted(each['content'])}" for each in model.messages]
    return "\n".join(lines) + "\n"


def _each_value(parameters: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in sorted(parameters):
        value = parameters[name]
        values: Iterable[Any] = value if isinstance(value, list) else [value]
        yield from ((name, each) for each in values)


def _quoted(text: str) -> str:
    """A text as it stands in a Modelfile: bare where it can be."""
    if "\n" not in text and text == text.strip(" "):
        return text
    return f'"""{text}"""' if '"' in text else f'"{text}"'
