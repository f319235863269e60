"""What each operation sends, and which reader its answer gets. This file knows no network.

An operation is described once, as a `Call`; both clients deliver the same ones.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import msgspec

from vuhitra.hosts import Host
from vuhitra.http import Head, Request
from vuhitra.lines import MalformedError, shown
from vuhitra.readers import DocumentReader, ProgressReader, Reader, RefusalReader, ReplyReader
from vuhitra.refusals import Subject
from vuhitra.reply import Reply, Sent
from vuhitra.types import (
    ChatOptions,
    EmbedOptions,
    GenerateOptions,
    Image,
    ModelDescription,
    ModelSummary,
    PullOptions,
    RunningModel,
)

T = TypeVar("T")
Vectors = list[list[float]]

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
_MOST_TOP_LOGPROBS = 20


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request and how its answer is read.

    reader: makes a reader for an answer that begins with this head.
    model: the model it is about, or "". short: answered at once, so not given long.
    """

    method: str
    path: str
    reader: Callable[[Subject, Head], Reader[Any, T]]
    body: Mapping[str, Any] | None = None
    model: str = ""
    short: bool = False

    def request(self, host: Host) -> Request:
        """What is sent. Raises TypeError or ValueError for a body that isn't JSON."""
        body = None if self.body is None else msgspec.json.encode(self.body, enc_hook=_encode)
        return Request(self.method, host.prefix + self.path, body)

    def reader_for(self, host: Host, head: Head) -> Reader[Any, T]:
        """What reads the answer that begins with `head`."""
        subject = Subject(host, self.path, self.model)
        if not 200 <= head.status < 300:
            return RefusalReader(subject, head)
        return self.reader(subject, head)


def version() -> Call[str]:
    """`GET /api/version`."""
    return _get("/api/version", lambda document: cast("str", _member(document, "version", str)))


def list_models() -> Call[list[ModelSummary]]:
    """`GET /api/tags`."""
    return _get("/api/tags", lambda document: cast("list[ModelSummary]", _named(document)))


def running_models() -> Call[list[RunningModel]]:
    """`GET /api/ps`."""
    return _get("/api/ps", lambda document: cast("list[RunningModel]", _named(document)))


def show_model(name: str) -> Call[ModelDescription]:
    """`POST /api/show`."""

    def read(document: object) -> ModelDescription:
        return cast("ModelDescription", _object(document))

    return Call(
        "POST",
        "/api/show",
        lambda subject, _: DocumentReader(subject, read),
        {"model": _name(name)},
        model=name,
        short=True,
    )


def pull_model(name: str, asked: PullOptions) -> Call[None]:
    """`POST /api/pull`."""
    body: dict[str, Any] = {"model": _name(name), "stream": True, **asked}
    return Call("POST", "/api/pull", lambda subject, _: ProgressReader(subject), body, model=name)


def generate(model: str, prompt: str, options: Mapping[str, Any] | None, asked: GenerateOptions) -> Call[Reply]:
    """`POST /api/generate`."""
    if not isinstance(prompt, str):
        raise TypeError(f"a prompt is a str, not {type(prompt).__name__}")
    body: dict[str, Any] = {"model": _name(model), "prompt": prompt, "options": options, **asked}
    if images := asked.get("images"):
        body["images"] = _images(images)
    return _answer("/api/generate", body)


def chat(model: str, messages: Sequence[Mapping[str, Any]], asked: ChatOptions) -> Call[Reply]:
    """`POST /api/chat`."""
    body: dict[str, Any] = {"model": _name(model), "messages": [_message(each) for each in messages]}
    return _answer("/api/chat", {**body, **asked})


def embed(model: str, texts: Sequence[str], asked: EmbedOptions) -> Call[Vectors]:
    """`POST /api/embed`. Raises ValueError for an empty text: the server answers it with nothing."""
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"text {index} is a str, not {type(text).__name__}")
        if not text:
            raise ValueError(f"text {index} is empty: there is nothing to embed")
    if not texts:
        raise ValueError("there is no text to embed")
    body = _without_none({"model": _name(model), "input": list(texts), "truncate": False, **asked})
    _check_options(body.get("options"))

    def read(document: object) -> Vectors:
        return _vectors(document, len(texts))

    return Call("POST", "/api/embed", lambda subject, _: DocumentReader(subject, read), body, model=model)


def _get(path: str, read: Callable[[object], T]) -> Call[T]:
    return Call("GET", path, lambda subject, _: DocumentReader(subject, read), short=True)


def _answer(path: str, body: dict[str, Any]) -> Call[Reply]:
    """A call that streams an answer: an answer in one piece is gathered from the same records."""
    body = _without_none({"truncate": False, "shift": False, **body, "stream": True})
    options = _check_options(body.get("options"))
    top_logprobs = body.get("top_logprobs", 0)
    if isinstance(top_logprobs, bool) or not isinstance(top_logprobs, int):
        raise TypeError(f"top_logprobs is a whole number, not {top_logprobs!r}")
    if not 0 <= top_logprobs <= _MOST_TOP_LOGPROBS:
        raise ValueError(f"top_logprobs is 0 to {_MOST_TOP_LOGPROBS}, not {top_logprobs}")
    sent = Sent(options.get("num_predict"), options.get("num_ctx"), body.get("shift"))
    return Call("POST", path, lambda subject, head: ReplyReader(subject, head, sent), body, body["model"])


def _without_none(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not None}


def _name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a model's name is a str, not {type(name).__name__}")
    if not name.strip():
        raise ValueError("no model is named, neither in the call nor in the client")
    return name


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
        raise TypeError(f"a message is a dict with a str 'role', not {message!r:.80}")
    if not isinstance(message.get("content", ""), str):
        raise TypeError(f"the content of a message is a str, not {type(message['content']).__name__}")
    if message.get("images"):
        return {**message, "images": _images(message["images"])}
    return dict(message)


def _images(images: object) -> list[str]:
    if isinstance(images, str | bytes) or not isinstance(images, Sequence):
        raise TypeError(f"images is a list, not {type(images).__name__}")
    return [_image(image) for image in images]


def _image(image: Image) -> str:
    if isinstance(image, str):
        return image
    data = image.read_bytes() if isinstance(image, Path) else image
    return b64encode(data).decode()


def _check_options(options: object) -> Mapping[str, Any]:
    """The options; a known one of a wrong type raises, an unknown one is the server's to judge."""
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise TypeError(f"options is a dict, not {type(options).__name__}")
    for key, value in options.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if key in _INTEGERS and not whole:
            raise TypeError(f"the option {key} is a whole number, not {value!r}")
        if key in _NUMBERS and not (whole or (isinstance(value, float) and math.isfinite(value))):
            raise TypeError(f"the option {key} is a number, not {value!r}")
    return options


def _encode(value: object) -> object:
    """Replies and other kinds of str, and read-only mappings, as what they are at heart."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} can't be sent as JSON")


def _object(document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise MalformedError("an answer that is not a JSON object", shown(document))
    return document


def _member(document: object, name: str, kind: type) -> Any:
    value = _object(document).get(name)
    if not isinstance(value, kind):
        raise MalformedError(
            f"an answer whose {name!r} is {type(value).__name__}, not {kind.__name__}",
            shown(document),
        )
    return value


def _named(document: object) -> list[dict[str, Any]]:
    """The models in a list, each of which has a name. A `null` list is an empty one."""
    if _object(document).get("models") is None and "models" in _object(document):
        return []
    models: list[Any] = _member(document, "models", list)
    for index, model in enumerate(models):
        if not isinstance(model, dict) or not isinstance(model.get("name"), str):
            raise MalformedError(f"model {index} of a list has no name", shown(model))
    return models


def _vectors(document: object, expected: int) -> Vectors:
    """As many vectors as there were texts, all of one length, all of finite numbers."""
    vectors: list[Any] = _member(document, "embeddings", list)
    if len(vectors) != expected:
        raise MalformedError(f"{len(vectors)} vectors for {expected} texts")
    for index, vector in enumerate(vectors):
        if not isinstance(vector, list) or not vector or len(vector) != len(vectors[0]):
            raise MalformedError(f"vector {index} is missing, or of another length than the first")
        try:
            finite = math.isfinite(sum(vector))
        except (TypeError, OverflowError):
            finite = False
        if not finite:
            raise MalformedError(f"vector {index} holds what is not a finite number")
    return vectors
