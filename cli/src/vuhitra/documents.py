"""What an answered document must hold, or it isn't an answer. This file knows no network.

Lists that a server sends as `null` are empty; what nobody knows is kept.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import msgspec

from vuhitra.lines import MalformedError, not_json, shown, snippet, without_bom
from vuhitra.reply import Stats

Vectors = list[list[float]]


class Embedded(NamedTuple):
    """What an answer of `/api/embed` holds. error: its `error`, if that is what it is; else None."""

    vectors: Vectors
    error: Any
    stats: Stats


_COUNTS = ("prompt_eval_count", "total_duration", "load_duration")
_GREATEST = 2**63
"""The server's numbers have 64 bits."""

_KNOWN = {
    "model": str,
    "digest": str,
    "modified_at": str,
    "expires_at": str,
    "size": int,
    "size_vram": int,
    "context_length": int,
    "details": dict,
    "capabilities": list,
}
"""What a known field of a model in a list holds, where it is there and not null."""


def json_object(document: object) -> dict[str, Any]:
    """A document that is an object."""
    if not isinstance(document, dict):
        raise MalformedError("an answer that is not a JSON object", shown(document))
    return document


def member(document: object, name: str, kind: type) -> Any:
    """A field that a document must have."""
    value = json_object(document).get(name)
    if not isinstance(value, kind):
        raise MalformedError(
            f"an answer whose {name!r} is {type(value).__name__}, not {kind.__name__}",
            shown(document),
        )
    return value


def named(document: object) -> list[dict[str, Any]]:
    """The models in a list, each of which has a name."""
    document = _without_null(json_object(document), "models")
    models: list[Any] = member(document, "models", list)
    for index, model in enumerate(models):
        if not isinstance(model, dict) or not isinstance(model.get("name"), str):
            raise MalformedError(f"model {index} of a list has no name", shown(model))
        for field, kind in _KNOWN.items():
            value = model.get(field)
            if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
                raise MalformedError(
                    f"the {field!r} of model {index} of a list is {type(value).__name__}", shown(value)
                )
        window = (model.get("details") or {}).get("context_length")
        if window is not None and type(window) is not int:
            raise MalformedError(f"the 'context_length' of model {index} of a list is {type(window).__name__}")
        _without_null(model, "capabilities")
        _without_null(model.get("details") or {}, "families")
    return models


def described(document: object) -> dict[str, Any]:
    """All that is known of a model, which is something."""
    from vuhitra.types import ModelDescription

    model = _without_null(json_object(document), "capabilities", "messages", "tensors")
    if not ModelDescription.__annotations__.keys() & model.keys():
        raise MalformedError("an answer that describes no model", shown(model))
    for field, kind in {"details": dict, "model_info": dict, "capabilities": list}.items():
        if model.get(field) is not None:
            member(model, field, kind)
    _without_null(model.get("details") or {}, "families")
    return model


def step(record: dict[str, Any]) -> dict[str, Any]:
    """A step of a pull, a push or a creation: it has a status, and its counts are counts."""
    if not isinstance(record.get("status"), str):
        raise MalformedError("a step without a status", shown(record))
    for field, kind in {"digest": str, "total": int, "completed": int}.items():
        value = record.get(field)
        if field in record and value is None:
            del record[field]
        elif field in record and (not isinstance(value, kind) or isinstance(value, bool)):
            raise MalformedError(
                f"the {field!r} of a step is {type(value).__name__}, not {kind.__name__}", shown(record)
            )
        elif kind is int and record.get(field, 0) < 0:
            raise MalformedError(f"the {field!r} of a step is less than nothing", shown(record))
    return record


def vectors(body: bytes, expected: int) -> Embedded:
    """The vectors in an answer of `/api/embed`, and what they took.

    They are as many as there were texts, all of one length, all of finite numbers: there is no other
    number in JSON. Raises MalformedError, which names the vector that is wrong by its index.
    """
    body = without_bom(body)
    try:
        embedded = _decoder().decode(body)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise _misfit(body, error) from error
    _check_text(body)
    if embedded.error is not None:
        return Embedded([], embedded.error, Stats())
    if embedded.embeddings is None:
        raise MalformedError("an answer whose 'embeddings' is NoneType, not list", snippet(body))
    found = embedded.embeddings
    if len(found) != expected:
        raise MalformedError(f"{len(found)} vectors for {expected} texts")
    for index, vector in enumerate(found):
        if not vector or len(vector) != len(found[0]):
            raise MalformedError(f"vector {index} is missing, or of another length than the first")
    return Embedded(found, None, _stats(embedded))


def _stats(embedded: Any) -> Stats:
    """What vectors took. They are good without it, so what is no count is 0, as what is missing."""
    counts = [getattr(embedded, name) for name in _COUNTS]
    tokens, total, load = [count if type(count) is int and abs(count) < _GREATEST else 0 for count in counts]
    return Stats(prompt_eval_count=tokens, total_duration=total / 1e9, load_duration=load / 1e9)


def _check_text(body: bytes) -> None:
    """Raises MalformedError for what is not UTF-8, also where it stands in fields that are not read."""
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise not_json(body, error) from error


@cache
def _decoder() -> Any:
    """What decodes the answer of `/api/embed`; made when it is first needed, since that takes its time."""
    embedded = msgspec.defstruct(
        "Answer",
        [("embeddings", Vectors | None, None), *((name, Any, None) for name in ("error", *_COUNTS))],
        gc=False,
        module=__name__,
    )
    return msgspec.json.Decoder(embedded)


def _misfit(body: bytes, error: Exception) -> MalformedError:
    """What is wrong with an answer of `/api/embed` that can't be decoded, by the words of msgspec."""
    why = str(error)
    place = re.search(r"at `\$\.embeddings\[(\d+)\](\[\d+\])?", why)
    index = _row_at(body, why) if place is None else int(place[1])
    if index is not None:
        what = "is missing" if place is not None and place[2] is None else "holds what is not a finite number"
        return MalformedError(f"vector {index} {what}: {why}", snippet(body))
    if isinstance(error, msgspec.ValidationError):
        return MalformedError(f"an answer of another shape: {why}", snippet(body))
    return not_json(body, error)


def _row_at(body: bytes, why: str) -> int | None:
    """The index of the vector in which decoding failed, where it failed in one."""
    place = re.search(r"invalid (?:character|number) \(byte (\d+)\)", why)
    start = body.find(b'"embeddings"')
    if place is None or start < 0 or int(place[1]) >= len(body):
        return None
    opened = body.count(b"[", start, int(place[1]))
    return opened - 2 if opened - body.count(b"]", start, int(place[1])) == 2 else None


def _without_null(document: dict[str, Any], *names: str) -> dict[str, Any]:
    """A document, its lists that are `null` made empty."""
    for name in names:
        if name in document and document[name] is None:
            document[name] = []
    return document
