"""Embedding: from the inputs of `POST /api/embed` to vectors of unit length.

Chat models embed too, where Ollama's newer servers refuse: each vector is the mean over the tokens.
An input longer than the engine's batch is embedded in parts, and the parts' mean is taken.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from cli.services.embedded.description import as_float32
from cli.services.embedded.engine import Engine, Load
from cli.services.embedded.gojson import quoted
from cli.services.embedded.loading import Loading
from cli.services.embedded.model_store import Model, is_valid_name
from cli.services.embedded.records import Record
from cli.services.embedded.refusals import INPUT_TOO_LONG, Refusal
from cli.services.embedded.requests import EmbedRequest

Vector = Sequence[float]


class Embedding:
    """Answers `POST /api/embed`. loading: where its models come from."""

    def __init__(self, loading: Loading) -> None:
        self._loading = loading

    async def answer(self, request: EmbedRequest) -> AsyncGenerator[Record]:
        """The one record of the answer. Raises Refusal. Closing the generator cancels."""
        began = time.monotonic_ns()
        texts = _texts(request.input)
        model = self._find(request.model)
        options = self._loading.options(model, request.options)
        load = self._loading.load(model, options)
        async with self._loading.lend(model, options, request.keep_alive) as engine:
            loaded = time.monotonic_ns()
            inputs = [await self._tokens(text, model, load, engine, request) for text in texts]
            vectors = [await _embed(tokens, load.batch, engine) for tokens in inputs]
        record: Record = {
            "model": request.model,
            "embeddings": [
                [as_float32(number) for number in shortened(vector, request.dimensions)] for vector in vectors
            ],
        }
        if vectors:
            record |= {
                "total_duration": time.monotonic_ns() - began,
                "load_duration": loaded - began,
                "prompt_eval_count": sum(len(tokens) for tokens in inputs),
            }
        yield record

    def _find(self, name: str) -> Model:
        model = self._loading.store.find(name) if is_valid_name(name) else None
        if model is None:
            raise Refusal(404, f"model {quoted(name)} not found, try pulling it first")
        return model

    async def _tokens(self, text: str, model: Model, load: Load, engine: Engine, request: EmbedRequest) -> list[int]:
        """The tokens of an input, cut to the window; never none, since nothing has no vector."""
        tokens = await engine.tokenize(text)
        if len(tokens) > load.window and not request.truncate:
            raise Refusal(400, INPUT_TOO_LONG)
        first = self._loading.header(model).metadata.get("tokenizer.ggml.bos_token_id", 0)
        return tokens[: load.window] or [int(first)]


def mean(vectors: Sequence[Vector], weights: Sequence[float]) -> list[float]:
    """The mean of vectors of one length, each with its weight."""
    total = sum(weights)
    return [
        sum(weight * number for weight, number in zip(weights, numbers, strict=True)) / total
        for numbers in zip(*vectors, strict=True)
    ]


def shortened(vector: Vector, dimensions: int) -> list[float]:
    """The first `dimensions` numbers (all, unless it is positive), as a vector of length one."""
    kept = vector[:dimensions] if dimensions > 0 else vector
    length = math.sqrt(sum(number * number for number in kept))
    return [number / length if length else 0.0 for number in kept]


async def _embed(tokens: Sequence[int], batch: int, engine: Engine) -> list[float]:
    parts = [tokens[start : start + batch] for start in range(0, len(tokens), batch)]
    vectors = [await engine.embed(part) for part in parts]
    return mean(vectors, [len(part) for part in parts])


def _texts(value: Any) -> list[str]:
    """The inputs: a text, several, or nothing at all."""
    if value is None or value == "":
        return []
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refusal(400, "invalid input type")
    return texts
