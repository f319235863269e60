"""Ollama's HTTP API: requests in, records out. What they mean is decided elsewhere.

An answer is worked on for as long as its client is there: whoever closes the connection cancels.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cli.services.embedded import description, gojson, requests
from cli.services.embedded.admission import holds_key, is_local_host, is_local_origin
from cli.services.embedded.answering import Answering
from cli.services.embedded.embedding import Embedding
from cli.services.embedded.gguf import GGUFError
from cli.services.embedded.loading import Loading
from cli.services.embedded.model_store import Model, is_valid_name
from cli.services.embedded.records import Record
from cli.services.embedded.refusals import EngineRefusal, Refusal
from cli.services.embedded.requests import ChatRequest, EmbedRequest, GenerateRequest, ShowRequest
from vuhitra import names

VERSION = "0.33.0"
"""The release of Ollama whose behaviour this is."""

_JSON = "application/json; charset=utf-8"
_JSON_BEFORE_A_STREAM = "application/json"
_NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Admission:
    """Who is let in. machine: its own name. key: what callers must show, None for nothing."""

    machine: str
    key: str | None = None

    def refusal(self, headers: Mapping[str, str]) -> Response | None:
        """The answer to a request that isn't let in."""
        host = headers.get("host", "")
        if not is_local_host(host, self.machine) or not is_local_origin(headers.get("origin"), host):
            return Response(status_code=403)
        if self.key is not None and not holds_key(headers.get("authorization"), self.key):
            return _refused(Refusal(401, "unauthorized"))
        return None


def build_app(loading: Loading, admission: Admission) -> ASGIApp:
    """The server as an ASGI application; its shutdown unloads what is loaded."""
    endpoints = _Endpoints(loading)

    @asynccontextmanager
    async def unloading(_app: Starlette) -> AsyncGenerator[None]:
        yield
        await loading.scheduler.close()

    app = Starlette(
        routes=[
            Route("/", endpoints.root),
            Route("/api/version", endpoints.version),
            Route("/api/tags", endpoints.tags),
            Route("/api/ps", endpoints.ps),
            Route("/api/show", endpoints.show, methods=["POST"]),
            Route("/api/generate", endpoints.generate, methods=["POST"]),
            Route("/api/chat", endpoints.chat, methods=["POST"]),
            Route("/api/embed", endpoints.embed, methods=["POST"]),
        ],
        exception_handlers={404: _no_such_path, 405: _no_such_method, Refusal: _on_refusal},
        lifespan=unloading,
    )
    app.router.redirect_slashes = False
    return _Gate(app, admission)


class _Gate:
    """Lets requests in, or not, before anything is looked up."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = None
        if scope["type"] == "http":
            refusal = self._admission.refusal(Request(scope).headers)
        await (refusal or self._app)(scope, receive, send)


class _Endpoints:
    """One method a path."""

    def __init__(self, loading: Loading) -> None:
        self._loading = loading
        self._answering = Answering(loading)
        self._embedding = Embedding(loading)

    async def root(self, _request: Request) -> Response:
        return PlainTextResponse("Ollama is running")

    async def version(self, _request: Request) -> Response:
        return _json({"version": VERSION})

    async def tags(self, _request: Request) -> Response:
        return _json({"models": list(_listed(self._loading.store.models()))})

    async def ps(self, _request: Request) -> Response:
        running = self._loading.scheduler.running()
        if running is None:
            return _json({"models": []})
        load = running.load
        models = [each for each in self._loading.store.models() if each.path == load.model][:1]
        return _json(
            {"models": [description.running(model, load.window, load.slots, running.expires_at) for model in models]}
        )

    async def show(self, request: Request) -> Response:
        asked = await _read(ShowRequest, request)
        name = asked.model or asked.name
        if not name:
            raise Refusal(400, "model is required")
        if not is_valid_name(name):
            raise Refusal(400, "invalid model name")
        model = self._loading.store.find(name)
        if model is None:
            raise Refusal(404, f"model '{names.display(name)}' not found")
        self._loading.header(model)  # refused, if it can't be read
        changed = description.with_changes(model, asked.system, asked.template)
        return _json(description.shown(changed, verbose=asked.verbose))

    async def generate(self, request: Request) -> Response:
        asked = await _read(GenerateRequest, request)
        return _Answer(self._answering.answer(asked), stream=asked.stream)

    async def chat(self, request: Request) -> Response:
        asked = await _read(ChatRequest, request)
        return _Answer(self._answering.answer(asked), stream=asked.stream)

    async def embed(self, request: Request) -> Response:
        asked = await _read(EmbedRequest, request)
        return _Answer(self._embedding.answer(asked), stream=False)


class _Answer(Response):
    """Sends records as they come, until they end or the client leaves.

    The status waits for the first record, so that a refusal still gets its own.
    """

    def __init__(self, records: AsyncGenerator[Record], *, stream: bool) -> None:
        self._records = records
        self._stream = stream
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        working = asyncio.create_task(self._work(scope, receive, send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not working.done():
                working.cancel()
            await asyncio.wait((working, leaving))
        if not working.cancelled():
            working.result()

    async def _work(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._records) as records:
            try:
                first = await anext(records)
            except Refusal as refusal:
                await _refused(refusal, stream=self._stream)(scope, receive, send)
                return
            except StopAsyncIteration:
                first = None
            if self._stream and not _stands_alone(first):
                await _send_stream(first, records, send)
            else:
                await _json(first)(scope, receive, send)


async def _send_stream(first: Record | None, records: AsyncGenerator[Record], send: Send) -> None:
    """Sends NDJSON; what goes wrong from here on is its last line."""
    headers = [(b"content-type", _NDJSON.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    try:
        if first is not None:
            await _send_line(first, send)
            async for record in records:
                await _send_line(record, send)
    except Refusal as refusal:
        await _send_line({"error": refusal.text}, send)
    await send({"type": "http.response.body", "body": b""})


async def _send_line(record: Record, send: Send) -> None:
    body = gojson.encode(record) + b"\n"
    await send({"type": "http.response.body", "body": body, "more_body": True})


def _stands_alone(record: Record | None) -> bool:
    """Whether it is the one object that loading and unloading are answered with."""
    return record is not None and record.get("done_reason") in ("load", "unload")


async def _left(receive: Receive) -> None:
    """Waits until the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(kind: type[requests.Body], request: Request) -> requests.Body:
    """The request in the body. Raises Refusal where it isn't one."""
    try:
        return requests.read(kind, await request.body())
    except ValueError as error:
        raise Refusal(400, str(error)) from error


def _listed(models: Iterable[Model]) -> Iterator[dict[str, Any]]:
    """What can be said of the models; those that are damaged, or gone by now, are left out."""
    for model in models:
        with suppress(OSError, GGUFError):
            yield description.listed(model)


def _json(value: Any, status: int = 200, media_type: str = _JSON) -> Response:
    return Response(gojson.encode(value), status, {"content-type": media_type})


def _refused(refusal: Refusal, *, stream: bool = False) -> Response:
    """An error as Ollama sends it; where a stream was to come, the engine's are headed otherwise."""
    late = stream and isinstance(refusal, EngineRefusal)
    media_type = _JSON_BEFORE_A_STREAM if late else _JSON
    return _json({"error": refusal.text}, refusal.status, media_type)


async def _on_refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101  registered for nothing else
    return _refused(error)


async def _no_such_path(_request: Request, _error: Exception) -> Response:
    return _plain(404, "404 page not found")


async def _no_such_method(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for nothing else
    allowed = sorted((error.headers or {}).get("Allow", "").split(", "))
    return _plain(405, "405 method not allowed", {"allow": ", ".join(allowed)})


def _plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """A text as Ollama's router sends it: without a charset."""
    return Response(text, status, {"content-type": "text/plain", **(headers or {})})
