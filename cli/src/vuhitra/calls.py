"""What each operation sends, and which reader its answer gets. This file knows no network.

An operation is described once, as a `Call`; both clients deliver the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, cast

import msgspec

from vuhitra import checks, documents
from vuhitra.documents import Vectors
from vuhitra.hosts import Host
from vuhitra.http import Head, Headers, Request, Upload
from vuhitra.readers import DocumentReader, EmbeddingsReader, NothingReader, Reader, RefusalReader
from vuhitra.records import ProgressReader, ReplyReader
from vuhitra.reply import Reply, Sent
from vuhitra.retrying import ORDINARY, Repeat
from vuhitra.subjects import Subject
from vuhitra.types import (
    ChatOptions,
    EmbedOptions,
    GenerateOptions,
    KeepAlive,
    ModelDescription,
    ModelSummary,
    PullOptions,
    RunningModel,
    ShowOptions,
)

T = TypeVar("T")


class Call(NamedTuple, Generic[T]):
    """One request, how its answer is read, and what it may be sent again after.

    reader: makes a reader for an answer that begins with this head.
    body: what is sent as JSON, or a file. model: the model it is about, or "".
    """

    method: str
    path: str
    reader: Callable[[Subject, Head], Reader[Any, T]]
    body: Mapping[str, Any] | Upload | None = None
    model: str = ""
    repeat: Repeat = ORDINARY

    @property
    def needs_the_model(self) -> bool:
        """Whether the server loads the model before it answers."""
        return self.path in ("/api/chat", "/api/generate", "/api/embed")

    def request(self, host: Host, headers: Headers) -> Request:
        """What is sent. Raises TypeError or ValueError for a body that isn't JSON."""
        body = self.body
        sent = body if body is None or isinstance(body, Upload) else msgspec.json.encode(body, enc_hook=checks.encode)
        return Request(self.method, host.prefix + self.path, headers, sent)

    def reader_for(self, host: Host, headers: Headers, head: Head) -> Reader[Any, T]:
        """What reads the answer that begins with `head`. headers: those that were sent."""
        subject = Subject(host, self.path, self.model, headers)
        if not 200 <= head.status < 300:
            return RefusalReader(subject, head)
        return self.reader(subject, head)


class Reading(NamedTuple):
    """What an answer is read with. parse: what it says, see `ReplyReader`. window: the model's, if it is known."""

    parse: Callable[[Reply, str], object] | None = None
    window: int | None = None


PLAINLY = Reading()


def version() -> Call[str]:
    """`GET /api/version`."""
    return _get("/api/version", lambda document: cast("str", documents.member(document, "version", str)))


def list_models() -> Call[list[ModelSummary]]:
    """`GET /api/tags`."""
    return _get("/api/tags", lambda document: cast("list[ModelSummary]", documents.named(document)))


def running_models() -> Call[list[RunningModel]]:
    """`GET /api/ps`."""
    return _get("/api/ps", lambda document: cast("list[RunningModel]", documents.named(document)))


def show_model(name: str, asked: ShowOptions) -> Call[ModelDescription]:
    """`POST /api/show`."""

    def read(document: object) -> ModelDescription:
        return cast("ModelDescription", documents.described(document))

    body = checks.without_none({"model": checks.model_name(name), **asked})
    return Call("POST", "/api/show", lambda subject, head: DocumentReader(subject, head, read), body, name)


def pull_model(name: str, asked: PullOptions) -> Call[None]:
    """`POST /api/pull`."""
    return _progress("/api/pull", name, asked, Repeat(slow_start=True, broken=True))


def push_model(name: str, asked: PullOptions) -> Call[None]:
    """`POST /api/push`."""
    return _progress("/api/push", name, asked, Repeat(broken=True))


def create_model(name: str, making: Mapping[str, Any]) -> Call[None]:
    """`POST /api/create`. making: the fields that say what from; files by their digests, all of them there."""
    return _progress("/api/create", name, making, ORDINARY)


def has_blob(digest: str) -> Call[None]:
    """`HEAD /api/blobs/sha256:...`. One that isn't there is an OllamaResponseError with status 404."""
    return Call("HEAD", f"/api/blobs/{digest}", NothingReader)


def upload_blob(digest: str, upload: Upload) -> Call[None]:
    """`POST /api/blobs/sha256:...`. Contents that don't have the digest are an OllamaResponseError with status 400."""
    return Call("POST", f"/api/blobs/{digest}", NothingReader, upload)


def copy_model(source: str, destination: str) -> Call[None]:
    """`POST /api/copy`."""
    body = {"source": checks.model_name(source), "destination": checks.model_name(destination)}
    return Call("POST", "/api/copy", NothingReader, body, source)


def delete_model(name: str) -> Call[None]:
    """`DELETE /api/delete`."""
    return Call("DELETE", "/api/delete", NothingReader, {"model": checks.model_name(name)}, name, Repeat(loading=False))


def load_model(name: str, options: Mapping[str, Any] | None, keep_alive: KeepAlive | None) -> Call[Reply]:
    """`POST /api/generate` without a prompt: the model is loaded; where `keep_alive` is 0, it is unloaded."""
    return _answer("/api/generate", {"model": checks.model_name(name), "options": options, "keep_alive": keep_alive})


def load_embedder(name: str, options: Mapping[str, Any] | None, keep_alive: KeepAlive | None) -> Call[None]:
    """`POST /api/embed` without a text: loads, or unloads, a model that can't generate."""
    body: dict[str, Any] = {"model": checks.model_name(name), "input": [], "options": options, "keep_alive": keep_alive}
    return Call("POST", "/api/embed", NothingReader, _body(body), name)


def generate(
    model: str,
    prompt: str,
    options: Mapping[str, Any] | None,
    asked: GenerateOptions,
    reading: Reading = PLAINLY,
) -> Call[Reply]:
    """`POST /api/generate`."""
    body: dict[str, Any] = {"model": checks.model_name(model), "prompt": checks.prompt(prompt), "options": options}
    body |= asked
    if (images := asked.get("images")) is not None:
        body["images"] = checks.images(images)
    return _answer("/api/generate", body, reading)


def chat(
    model: str, messages: Sequence[Mapping[str, Any]], asked: ChatOptions, reading: Reading = PLAINLY
) -> Call[Reply]:
    """`POST /api/chat`."""
    body: dict[str, Any] = {"model": checks.model_name(model), "messages": checks.messages(messages)}
    return _answer("/api/chat", {**body, **asked}, reading)


def embed(model: str, texts: Sequence[str], asked: EmbedOptions) -> Call[Vectors]:
    """`POST /api/embed`. Raises ValueError for an empty text: the server answers it with nothing."""
    checks.texts(texts)
    body = {"model": checks.model_name(model), "input": list(texts), "truncate": False, **_body(asked)}
    expected, dimensions = len(texts), checks.dimensions(body.get("dimensions"))
    return Call(
        "POST",
        "/api/embed",
        lambda subject, head: EmbeddingsReader(subject, head, expected, dimensions),
        body,
        model,
    )


def _get(path: str, read: Callable[[object], T]) -> Call[T]:
    return Call("GET", path, lambda subject, head: DocumentReader(subject, head, read))


def _progress(path: str, name: str, fields: Mapping[str, Any], repeat: Repeat) -> Call[None]:
    body = checks.without_none({"model": checks.model_name(name), **fields, "stream": True})
    return Call("POST", path, ProgressReader, body, name, repeat)


def _body(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were given, with the options as they are sent."""
    body = checks.without_none(fields)
    return body | {"options": checks.options(body["options"])} if "options" in body else body


def _answer(path: str, body: dict[str, Any], reading: Reading = PLAINLY) -> Call[Reply]:
    """A call that streams an answer: an answer in one piece is gathered from the same records."""
    body = {"truncate": False, "shift": False, **_body(body), "stream": True}
    options = body.get("options", {})
    checks.top_logprobs(body.get("top_logprobs", 0))
    sent = Sent(options.get("num_predict"), options.get("num_ctx") or reading.window, body.get("shift"))
    return Call(
        "POST", path, lambda subject, head: ReplyReader(subject, head, sent, reading.parse), body, body["model"]
    )
