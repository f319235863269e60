"""Generating and chatting: from a request to its records, by Ollama's rules.

The order of the checks is Ollama's: it decides which error a doubly wrong request gets.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cli.services.embedded import prompt
from cli.services.embedded.description import capabilities, timestamp
from cli.services.embedded.engine import Completion, Ending, Engine
from cli.services.embedded.formats import schema_of
from cli.services.embedded.gguf import Array
from cli.services.embedded.gojson import quoted
from cli.services.embedded.loading import Loading
from cli.services.embedded.model_store import Model, is_valid_name
from cli.services.embedded.options import Options
from cli.services.embedded.records import Record, Repetition, Shape, Timing
from cli.services.embedded.refusals import (
    PROMPT_TOO_LONG,
    EngineRefusal,
    Refusal,
    images_refused,
    window_exceeded,
)
from cli.services.embedded.requests import ChatRequest, GenerateRequest
from cli.services.embedded.template import Template
from cli.services.embedded.template_parser import TemplateError
from vuhitra import names


@dataclass(frozen=True, slots=True)
class _Prompt:
    """What the model is given: the text, and its tokens, all of them."""

    text: str
    tokens: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Times:
    """Points in time, in nanoseconds of a clock that only goes forward."""

    began: int
    loaded: int

    def until_now(self) -> Timing:
        return Timing(total=time.monotonic_ns() - self.began, load=self.loaded - self.began)


class Answering:
    """Answers `POST /api/generate` and `POST /api/chat`.

    loading: where its models come from. clock: seconds since the epoch.
    """

    def __init__(self, loading: Loading, clock: Callable[[], float] = time.time) -> None:
        self._loading = loading
        self._clock = clock

    async def answer(self, request: GenerateRequest | ChatRequest) -> AsyncGenerator[Record]:
        """The records of the answer; one, if it isn't streamed. Raises Refusal.

        Closing the generator cancels, wherever it is.
        """
        began = time.monotonic_ns()
        model = self._find(request)
        shape = Shape(request.model, request.endpoint, lambda: timestamp(self._clock()))
        if request.is_empty and request.keep_alive == 0:
            await self._loading.unload(model)
            yield shape.nothing("unload")
            return
        self._check(request, model)
        options = self._loading.options(model, request.options)
        async with self._loading.lend(model, options, request.keep_alive) as engine:
            times = _Times(began, time.monotonic_ns())
            if request.is_empty:
                yield shape.nothing("load")
                return
            work = _Work(request, model, options, engine, self._loading)
            async with aclosing(work.records(shape, times)) as records:
                async for record in records:
                    yield record

    def _find(self, request: GenerateRequest | ChatRequest) -> Model:
        valid = is_valid_name(request.model)
        if not valid and isinstance(request, ChatRequest):
            raise Refusal(400, "model is required")
        model = self._loading.store.find(request.model) if valid else None
        if model is None:
            raise Refusal(404, f"model '{request.model}' not found")
        return model

    def _check(self, request: GenerateRequest | ChatRequest, model: Model) -> None:
        """Whether the model can do what it is asked for."""
        if isinstance(request, GenerateRequest) and request.raw and request.shapes_its_prompt:
            raise Refusal(400, "raw mode does not support template, system, or context")
        if request.think:
            raise Refusal(400, f"{quoted(request.model)} does not support thinking")
        self._loading.header(model)  # capabilities are read from it
        able = capabilities(model)
        if "completion" not in able:
            raise Refusal(400, f"{quoted(request.model)} does not support {request.endpoint}")
        if request.needs and request.needs not in able:
            raise Refusal(400, f"{names.parse(request.model)} does not support {request.needs}")


@dataclass(frozen=True, slots=True)
class _Work:
    """One request, and the engine that was lent for it."""

    request: GenerateRequest | ChatRequest
    model: Model
    options: Options
    engine: Engine
    loading: Loading

    async def records(self, shape: Shape, times: _Times) -> AsyncGenerator[Record]:
        """The records of the answer."""
        asked = await self._prompt()
        completion = self._completion(asked.tokens)
        texts: list[str] = []
        logprobs: list[Any] = []
        ending: Ending | None = None
        repetition = Repetition()
        async with aclosing(self.engine.complete(completion)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Ending):
                    ending = piece
                elif repetition.goes_on(piece.text):
                    break
                elif piece.text:
                    texts.append(piece.text)
                    logprobs.extend(piece.logprobs)
                    if self.request.stream:
                        yield shape.piece(piece.text, piece.logprobs)
        whole = "".join(texts)
        if ending is None:
            if not self.request.stream:
                yield shape.piece(whole, logprobs)
            return
        context = await self._context(asked.text + whole)
        if self.request.stream:
            yield shape.last(ending, times.until_now(), context=context)
        else:
            yield shape.last(ending, times.until_now(), text=whole, context=context, logprobs=logprobs)

    async def _prompt(self) -> _Prompt:
        """The prompt, by the model's template or the request's own."""
        match self.request:
            case GenerateRequest(images=[_, *_]):
                raise images_refused()
            case ChatRequest(messages=messages) if any(each.get("images") for each in messages):
                raise images_refused()
            case ChatRequest():
                return await self._chat_prompt(self._with_system(self.request.messages))
            case GenerateRequest(raw=True):
                return await self._tokenized(self.request.prompt)
            case _:
                return await self._generate_prompt(self.request)

    async def _generate_prompt(self, request: GenerateRequest) -> _Prompt:
        past = await self._past(request.context)
        if request.suffix:
            return await self._tokenized(past + self._around(request))
        system = request.system or self.model.system
        messages: list[prompt.Message] = [
            *([{"role": "system", "content": system}] if system else []),
            *(self.model.messages if request.context is None else []),
            {"role": "user", "content": request.prompt},
        ]
        if request.template:
            return await self._tokenized(past + self._rendered(messages, request.template))
        asked = await self._chat_prompt(messages)
        return await self._tokenized(past + asked.text) if past else asked

    async def _chat_prompt(self, messages: Sequence[prompt.Message]) -> _Prompt:
        """The prompt for as many of the messages as fit the window."""
        asked = await self._tokenized(self._rendered(messages))
        fewer = prompt.shortenings(messages) if self.request.truncate else iter(())
        while len(asked.tokens) > self._window and (some := next(fewer, None)):
            asked = await self._tokenized(self._rendered(some))
        return asked

    def _with_system(self, messages: Sequence[prompt.Message]) -> list[prompt.Message]:
        """The messages after those that belong to the model."""
        system = self.model.system
        if system and messages[0]["role"] != "system":
            messages = [{"role": "system", "content": system}, *messages]
        return [*self.model.messages, *messages]

    def _completion(self, tokens: Sequence[int]) -> Completion:
        """What the engine is asked for, the prompt cut if it has to be. Raises EngineRefusal."""
        request, window = self.request, self._window
        limit = self.options.answer_limit(window)
        if len(tokens) >= window:
            if not request.truncate:
                raise window_exceeded(len(tokens), window)
            if not request.shift:
                raise EngineRefusal(400, PROMPT_TOO_LONG)
            tokens = prompt.cut(tokens, window, self.options.num_keep)
        if not request.shift:
            limit = min(limit, window - len(tokens))
        return Completion(
            tokens=tokens,
            limit=limit,
            sampling=self.options.sampling(window),
            schema=schema_of(request.format),
            top_logprobs=request.top_logprobs if request.logprobs else None,
        )

    @property
    def _window(self) -> int:
        return self.loading.window(self.model, self.options)

    async def _tokenized(self, text: str) -> _Prompt:
        return _Prompt(text, await self.engine.tokenize(text))

    async def _past(self, context: Sequence[int] | None) -> str:
        """The text of an earlier answer's `context`."""
        if not context:
            return ""
        vocabulary = self.loading.header(self.model).metadata.get("tokenizer.ggml.tokens")
        known = vocabulary.length if isinstance(vocabulary, Array) else 0
        if not all(0 <= token < known for token in context):
            raise EngineRefusal(400, "invalid token in context")
        return await self.engine.detokenize(context)

    async def _context(self, text: str) -> Sequence[int]:
        """The `context` of a generated answer: the tokens of all that was said."""
        if isinstance(self.request, ChatRequest) or self.request.raw:
            return ()
        return await self.engine.tokenize(text)

    def _rendered(self, messages: Sequence[prompt.Message], template: str = "") -> str:
        """The messages by a template; by the model's, if none is given."""
        with _failing_as_ollama():
            return prompt.render(Template(template or self.model.template, _FUNCTIONS), messages)

    def _around(self, request: GenerateRequest) -> str:
        """The text around a gap that is to be filled."""
        with _failing_as_ollama():
            template = Template(request.template or self.model.template, _FUNCTIONS)
            return template.render({"Prompt": request.prompt, "Suffix": request.suffix, "Response": ""})


def _current_date() -> str:
    return datetime.now(UTC).date().isoformat()


_FUNCTIONS = {"currentDate": _current_date}
"""What Ollama's templates may call beside Go's own functions, as far as it needs a clock."""


@contextmanager
def _failing_as_ollama() -> Generator[None]:
    """Makes what is wrong with a template the server's failure: that is what it is to Ollama."""
    try:
        yield
    except TemplateError as error:
        raise Refusal(500, str(error)) from error
