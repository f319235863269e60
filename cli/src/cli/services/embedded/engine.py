"""llama.cpp behind a Protocol: a child process with one model in it, and how it is spoken to.

The child is llama.cpp's own HTTP server on a private socket. Closing a connection cancels what was
asked for on it, so every request has a connection of its own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from cli.services.embedded.child import Child
from cli.services.embedded.refusals import RUNNER_BROKE_OFF, RUNNER_GONE, EngineRefusal, schema_refused
from vuhitra.errors import OllamaError
from vuhitra.http import Request, request_headers
from vuhitra.limits import Timeouts
from vuhitra.lines import Splitter
from vuhitra.transport.asynchronous import AsyncIncoming, AsyncTransport

_A_DAY = 86400.0
_PATIENCE = Timeouts(start=_A_DAY, idle=_A_DAY)
"""How long an answer takes is up to whoever asked for it; they leave when they have enough."""


@dataclass(frozen=True, slots=True)
class Load:
    """How a model is loaded; for anything else it has to be loaded again.

    window: tokens for each of the slots. batch: tokens worked on in one go, between which
    cancelling is noticed; an embedding's input is never longer. mean_pooling: whether embeddings
    are the mean over all tokens, and not what the model itself says.
    """

    model: Path
    window: int
    slots: int
    threads: int
    batch: int
    mean_pooling: bool


@dataclass(frozen=True, slots=True)
class Completion:
    """What is to be answered. limit: tokens. top_logprobs: None where no probability is wanted."""

    tokens: Sequence[int]
    limit: int
    sampling: Mapping[str, Any]
    schema: Mapping[str, Any] | None = None
    top_logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an answer, as it comes."""

    text: str
    logprobs: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ended, with its counts in tokens and its times in nanoseconds."""

    reason: Literal["stop", "length"]
    prompt_count: int
    prompt_duration: int
    count: int
    duration: int


class Engine(Protocol):
    """A loaded model. What it can't do it says with an EngineRefusal."""

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        ...

    async def tokenize(self, text: str) -> list[int]:
        """The tokens of a text; names of special tokens in it are these tokens."""
        ...

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of some tokens."""
        ...

    def complete(self, completion: Completion) -> AsyncGenerator[Piece | Ending]:
        """The pieces of an answer, and then how it ended. Closing the generator cancels."""
        ...

    async def embed(self, tokens: Sequence[int]) -> list[float]:
        """The vector of one input, not normalised."""
        ...

    async def close(self) -> None:
        """Frees everything, at once."""


class LlamaEngine:
    """A model in a child process. Made with `start`."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._transport = AsyncTransport(child.host)
        self._lost = False
        self._understood: set[str] = set()

    @classmethod
    async def start(cls, load: Load) -> LlamaEngine:
        """Loads a model. Raises EngineRefusal with what was wrong."""
        return cls(await Child.start(asdict(load) | {"model": str(load.model)}))

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._child.alive and not self._lost

    async def tokenize(self, text: str) -> list[int]:
        """The tokens of a text; names of special tokens in it are these tokens."""
        body = {"content": text, "add_special": True, "parse_special": True}
        return list((await self._ask("/tokenize", body))["tokens"])

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of some tokens."""
        return str((await self._ask("/detokenize", {"tokens": list(tokens)}))["content"])

    async def embed(self, tokens: Sequence[int]) -> list[float]:
        """The vector of one input, not normalised."""
        body = {"content": list(tokens), "embd_normalize": -1}
        return list((await self._ask("/embedding", body))[0]["embedding"][0])

    async def complete(self, completion: Completion) -> AsyncGenerator[Piece | Ending]:
        """The pieces of an answer, and then how it ended. Closing the generator cancels."""
        if completion.schema is not None:
            await self._check(completion.schema, completion.tokens[:1])
        asked = self._asked("/completion", _body(completion))
        async with asked as incoming, aclosing(_events(incoming)) as events:
            async for event in events:
                if "error" in event:
                    raise _refusal(event["error"].get("code", 500), event)
                if event.get("stop"):
                    yield _ending(event)
                    return
                yield _piece(event, completion.top_logprobs)
        raise EngineRefusal(500, RUNNER_BROKE_OFF)

    async def close(self) -> None:
        """Frees everything, at once."""
        await self._transport.aclose()
        await self._child.stop()

    async def _check(self, schema: Mapping[str, Any], prompt: Sequence[int]) -> None:
        """Whether answers are held to a schema: one that llama.cpp can't use, it leaves out in silence.

        So it is urged to begin with what no JSON begins with. Raises EngineRefusal if it does.
        """
        written = json.dumps(schema)
        if written in self._understood:
            return
        urged = {"prompt": list(prompt), "n_predict": 1, "temperature": 0, "logit_bias": [["x", 100]]}
        if (await self._ask("/completion", {**urged, "json_schema": schema}))["content"] == "x":
            raise schema_refused(f"Unrecognized schema: {written}")
        self._understood.add(written)

    async def _ask(self, path: str, body: Mapping[str, Any]) -> Any:
        """An answer in one piece."""
        async with self._asked(path, body) as incoming:
            return json.loads(await _whole(incoming))

    @asynccontextmanager
    async def _asked(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[AsyncIncoming]:
        """The answer to a request, until it is left. Raises EngineRefusal."""
        request = Request("POST", path, request_headers(self._child.host, {}), json.dumps(body).encode())
        with self._lost_means(RUNNER_GONE):
            incoming = await self._transport.open(request, _PATIENCE)
        try:
            with self._lost_means(RUNNER_BROKE_OFF):
                if incoming.head.status >= 400:
                    raise _refusal(incoming.head.status, json.loads(await _whole(incoming)))
                yield incoming
        finally:
            await incoming.aclose()

    @contextmanager
    def _lost_means(self, text: str) -> Generator[None]:
        """Makes a lost connection what Ollama says when its runner is gone; which it is, then."""
        try:
            yield
        except OllamaError as error:
            self._lost = True
            raise EngineRefusal(500, text) from error


async def _whole(incoming: AsyncIncoming) -> bytes:
    pieces = []
    while piece := await incoming.read(incoming.deadline()):
        pieces.append(piece)
    return b"".join(pieces)


async def _events(incoming: AsyncIncoming) -> AsyncGenerator[Mapping[str, Any]]:
    """The JSON of each `data:` line, and of an `error:` line as if it were one."""
    lines = Splitter()
    while data := await incoming.read(incoming.deadline()):
        for line in lines.feed(data):
            field, _, value = line.partition(b": ")
            if field == b"data":
                yield json.loads(value)
            elif field == b"error":
                yield {"error": json.loads(value)}


def _refusal(status: int, answer: Mapping[str, Any]) -> EngineRefusal:
    """The child's own error, passed on as it is, inside the text."""
    return EngineRefusal(status, json.dumps(answer, ensure_ascii=False, separators=(",", ":")))


def _body(completion: Completion) -> dict[str, Any]:
    body = {
        **completion.sampling,
        "prompt": list(completion.tokens),
        "n_predict": completion.limit,
        "stream": True,
    }
    if completion.schema is not None:
        body["json_schema"] = completion.schema
    if completion.top_logprobs is not None:
        body["n_probs"] = max(1, completion.top_logprobs)
    return body


def _piece(event: Mapping[str, Any], top: int | None) -> Piece:
    probabilities = event.get("completion_probabilities") if top is not None else None
    return Piece(
        event["content"],
        tuple(_logprob(each, top or 0) for each in probabilities or ()),
    )


def _logprob(entry: Mapping[str, Any], top: int) -> dict[str, Any]:
    shown = {name: entry[name] for name in ("token", "logprob", "bytes")}
    if top:
        shown["top_logprobs"] = [_logprob(each, 0) for each in entry["top_logprobs"][:top]]
    return shown


def _ending(event: Mapping[str, Any]) -> Ending:
    timings = event["timings"]
    return Ending(
        reason="length" if event["stop_type"] == "limit" else "stop",
        prompt_count=event["tokens_evaluated"],
        prompt_duration=int(timings["prompt_ms"] * 1e6),
        count=event["tokens_predicted"],
        duration=int(timings["predicted_ms"] * 1e6),
    )
