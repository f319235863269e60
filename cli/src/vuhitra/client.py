"""`OllamaClient` and `AsyncOllamaClient`: signatures and docstrings over calls and flows."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from vuhitra import calls, flows
from vuhitra.errors import OllamaError
from vuhitra.flows import Flow, Outcome, Send, Wait
from vuhitra.operations import Messages, Operations, Texts
from vuhitra.reply import Reply
from vuhitra.stream import AsyncProgressStream, AsyncReceiving, AsyncStream, ProgressStream, Receiving, Stream
from vuhitra.transport.blocking import Transport
from vuhitra.types import (
    ChatOptions,
    EmbedOptions,
    GenerateOptions,
    ModelDescription,
    ModelSummary,
    PullOptions,
    RunningModel,
)

if TYPE_CHECKING:
    from typing import Self

    from vuhitra.transport.asynchronous import AsyncTransport

T = TypeVar("T")


class OllamaClient(Operations[Transport]):
    """A client of one Ollama server. Threads may share it; use it in `with`, or close it."""

    def _make_transport(self, headers: Mapping[str, str]) -> Transport:
        return Transport(self._host, headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; closing twice is fine, and a view closes nothing."""
        if not self._is_view:
            self._transport.close()

    def health_check(self) -> bool:
        """Whether the server answers within five seconds. Never raises for a server's sake."""
        return self._run(self._health())

    def version(self) -> str:
        """The server's version, from `/api/version`."""
        return self._run(flows.deliver(calls.version(), self._terms()))

    def list_models(self) -> list[ModelSummary]:
        """The models that are on the server, from `/api/tags`."""
        return self._run(flows.deliver(calls.list_models(), self._terms()))

    def running_models(self) -> list[RunningModel]:
        """The models that are loaded, from `/api/ps`."""
        return self._run(flows.deliver(calls.running_models(), self._terms()))

    def show_model(self, name: str) -> ModelDescription:
        """All that the server knows of a model, from `/api/show`."""
        return self._run(flows.deliver(calls.show_model(name), self._terms()))

    def has_model(self, name: str) -> bool:
        """Whether the server lists a model; `llama3` and `llama3:latest` are one."""
        return self._run(flows.has_model(name, self._terms()))

    @overload
    def pull_model(self, name: str, stream: Literal[False] = False, **asked: Unpack[PullOptions]) -> None: ...
    @overload
    def pull_model(self, name: str, stream: Literal[True], **asked: Unpack[PullOptions]) -> ProgressStream: ...
    @overload
    def pull_model(self, name: str, stream: bool, **asked: Unpack[PullOptions]) -> ProgressStream | None: ...
    def pull_model(self, name: str, stream: bool = False, **asked: Unpack[PullOptions]) -> ProgressStream | None:
        """Has the server fetch a model, by `/api/pull`; with `stream=True`, step by step.

        asked: see `vuhitra.types.PullOptions`. Raises OllamaPullError.
        """
        pulled: ProgressStream | None = self._run(self._pull(name, stream, asked), ProgressStream)
        return pulled

    @overload
    def generate(
        self,
        prompt: str,
        model: str | None = None,
        stream: Literal[False] = False,
        options: Mapping[str, Any] | None = None,
        **asked: Unpack[GenerateOptions],
    ) -> Reply: ...
    @overload
    def generate(
        self,
        prompt: str,
        model: str | None = None,
        *,
        stream: Literal[True],
        options: Mapping[str, Any] | None = None,
        **asked: Unpack[GenerateOptions],
    ) -> Stream: ...
    @overload
    def generate(
        self,
        prompt: str,
        model: str | None = None,
        stream: bool = False,
        options: Mapping[str, Any] | None = None,
        **asked: Unpack[GenerateOptions],
    ) -> Reply | Stream: ...
    def generate(
        self,
        prompt: str,
        model: str | None = None,
        stream: bool = False,
        options: Mapping[str, Any] | None = None,
        **asked: Unpack[GenerateOptions],
    ) -> Reply | Stream:
        """The model's answer to a prompt, by `/api/generate`; with `stream=True`, piece by piece.

        options: see `vuhitra.types.Options`. asked: see `vuhitra.types.GenerateOptions`.
        Raises OllamaError.
        """
        answer: Reply | Stream = self._run(self._generate(prompt, model, stream, options, asked), Stream)
        return answer

    @overload
    def chat(
        self, messages: Messages, model: str | None = None, stream: Literal[False] = False, **asked: Unpack[ChatOptions]
    ) -> Reply: ...
    @overload
    def chat(
        self, messages: Messages, model: str | None = None, *, stream: Literal[True], **asked: Unpack[ChatOptions]
    ) -> Stream: ...
    @overload
    def chat(
        self, messages: Messages, model: str | None = None, stream: bool = False, **asked: Unpack[ChatOptions]
    ) -> Reply | Stream: ...
    def chat(
        self, messages: Messages, model: str | None = None, stream: bool = False, **asked: Unpack[ChatOptions]
    ) -> Reply | Stream:
        """The model's next message, by `/api/chat`; with `stream=True`, piece by piece.

        messages: dicts with `role` and `content`, see `vuhitra.types.Message`.
        asked: see `vuhitra.types.ChatOptions`. Raises OllamaError.
        """
        answer: Reply | Stream = self._run(self._chat(messages, model, stream, asked), Stream)
        return answer

    @overload
    def embed(self, text: str, model: str | None = None, **asked: Unpack[EmbedOptions]) -> list[float]: ...
    @overload
    def embed(self, text: Texts, model: str | None = None, **asked: Unpack[EmbedOptions]) -> list[list[float]]: ...
    def embed(
        self, text: str | Texts, model: str | None = None, **asked: Unpack[EmbedOptions]
    ) -> list[float] | list[list[float]]:
        """The vector of a text, or the vectors of several in their order, by `/api/embed`.

        asked: see `vuhitra.types.EmbedOptions`. Raises OllamaError, and ValueError for an empty text.
        """
        vectors: list[float] | list[list[float]] = self._run(self._embed(text, model, asked))
        return vectors

    def _run(self, flow: Flow[T], kind: type[Receiving[Any]] = Receiving) -> T:
        """Carries out a flow, step by step. kind: what an answer is opened as that isn't read whole."""
        try:
            step = next(flow)
            while True:
                step = flow.send(self._carry_out(step, kind))
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    def _carry_out(self, step: Send[Any] | Wait, kind: type[Receiving[Any]]) -> Outcome:
        result = None
        try:
            if isinstance(step, Wait):
                self._transport.sleep(step.seconds)
            else:
                result = self._send(step, kind)
        except OllamaError as error:
            result = error
        return Outcome(result, self._transport.now())

    def _send(self, step: Send[Any], kind: type[Receiving[Any]]) -> Any:
        request = step.call.request(self._host)
        incoming = self._transport.open(request, step.timeouts, step.give_up_at)
        reader = step.call.reader_for(self._host, incoming.head)
        receiving = kind(incoming, reader).opened()
        return receiving.finish() if step.whole else receiving


class AsyncOllamaClient(Operations["AsyncTransport"]):
    """A client of one Ollama server in an event loop. Use it in `async with`, or close it."""

    def _make_transport(self, headers: Mapping[str, str]) -> AsyncTransport:
        from vuhitra.transport.asynchronous import AsyncTransport

        return AsyncTransport(self._host, headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections; closing twice is fine, and a view closes nothing."""
        if not self._is_view:
            await self._transport.aclose()

    async def health_check(self) -> bool:
        """Whether the server answers within five seconds. Never raises for a server's sake."""
        return await self._run(self._health())

    async def version(self) -> str:
        """The server's version, from `/api/version`."""
        return await self._run(flows.deliver(calls.version(), self._terms()))

    async def list_models(self) -> list[ModelSummary]:
        """The models that are on the server, from `/api/tags`."""
        return await self._run(flows.deliver(calls.list_models(), self._terms()))

    async def running_models(self) -> list[RunningModel]:
        """The models that are loaded, from `/api/ps`."""
        return await self._run(flows.deliver(calls.running_models(), self._terms()))

    async def show_model(self, name: str) -> ModelDescription:
        """All that the server knows of a model, from `/api/show`."""
        return await self._run(flows.deliver(calls.show_model(name), self._terms()))

    async def has_model(self, name: str) -> bool:
        """Whether the server lists a model; `llama3` and `llama3:latest` are one."""
        return await self._run(flows.has_model(name, self._terms()))

    @overload
    async def pull_model(self, name: str, stream: Literal[False] = False, **asked: Unpack[PullOptions]) -> None: ...
    @overload
    async def pull_model(
        self, name: str, stream: Literal[True], **asked: Unpack[PullOptions]
    ) -> AsyncProgressStream: ...
    @overload
    async def pull_model(self, name: str, stream: bool, **asked: Unpack[PullOptions]) -> AsyncProgressStream | None: ...
    async def pull_model(
        self, name: str, stream: bool = False, **asked: Unpack[PullOptions]
    ) -> AsyncProgressStream | None:
        """Has the server fetch a model, by `/api/pull`; with `stream=True`, step by step.

        asked: see `vuhitra.types.PullOptions`. Raises OllamaPullError.
        """
        pulled: AsyncProgressStream | None = await self._run(self._pull(name, stream, asked), AsyncProgressStream)
        return pulled

    @overload
    async def generate(
        self,
        prompt: str,
        model: str | None = None,
        stream: Literal[False] = False,
        options: Mapping[str, Any] | None = None,
        **asked: Unpack[GenerateOptions],
    ) -> Reply: ...
    @overload
    async def generate(
        self,
        prompt: str,
        model: str | None = None,
        *,
        stream: Literal[True],
        options: Mapping[str, Any] | None = None,
        **asked: Unpack[GenerateOptions],
    ) -> AsyncStream: ...
    @overload
    async def generate(
        self,
        prompt: str,
        model: str | None = None,
        stream: bool = False,
        options: Mapping[str, Any] | None = None,
        **asked: Unpack[GenerateOptions],
    ) -> Reply | AsyncStream: ...
    async def generate(
        self,
        prompt: str,
        model: str | None = None,
        stream: bool = False,
        options: Mapping[str, Any] | None = None,
        **asked: Unpack[GenerateOptions],
    ) -> Reply | AsyncStream:
        """The model's answer to a prompt, by `/api/generate`; with `stream=True`, piece by piece.

        options: see `vuhitra.types.Options`. asked: see `vuhitra.types.GenerateOptions`.
        Raises OllamaError.
        """
        answer: Reply | AsyncStream = await self._run(
            self._generate(prompt, model, stream, options, asked), AsyncStream
        )
        return answer

    @overload
    async def chat(
        self, messages: Messages, model: str | None = None, stream: Literal[False] = False, **asked: Unpack[ChatOptions]
    ) -> Reply: ...
    @overload
    async def chat(
        self, messages: Messages, model: str | None = None, *, stream: Literal[True], **asked: Unpack[ChatOptions]
    ) -> AsyncStream: ...
    @overload
    async def chat(
        self, messages: Messages, model: str | None = None, stream: bool = False, **asked: Unpack[ChatOptions]
    ) -> Reply | AsyncStream: ...
    async def chat(
        self, messages: Messages, model: str | None = None, stream: bool = False, **asked: Unpack[ChatOptions]
    ) -> Reply | AsyncStream:
        """The model's next message, by `/api/chat`; with `stream=True`, piece by piece.

        messages: dicts with `role` and `content`, see `vuhitra.types.Message`.
        asked: see `vuhitra.types.ChatOptions`. Raises OllamaError.
        """
        answer: Reply | AsyncStream = await self._run(self._chat(messages, model, stream, asked), AsyncStream)
        return answer

    @overload
    async def embed(self, text: str, model: str | None = None, **asked: Unpack[EmbedOptions]) -> list[float]: ...
    @overload
    async def embed(
        self, text: Texts, model: str | None = None, **asked: Unpack[EmbedOptions]
    ) -> list[list[float]]: ...
    async def embed(
        self, text: str | Texts, model: str | None = None, **asked: Unpack[EmbedOptions]
    ) -> list[float] | list[list[float]]:
        """The vector of a text, or the vectors of several in their order, by `/api/embed`.

        asked: see `vuhitra.types.EmbedOptions`. Raises OllamaError, and ValueError for an empty text.
        """
        vectors: list[float] | list[list[float]] = await self._run(self._embed(text, model, asked))
        return vectors

    async def _run(self, flow: Flow[T], kind: type[AsyncReceiving[Any]] = AsyncReceiving) -> T:
        """Carries out a flow, step by step. kind: what an answer is opened as that isn't read whole."""
        try:
            step = next(flow)
            while True:
                step = flow.send(await self._carry_out(step, kind))
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    async def _carry_out(self, step: Send[Any] | Wait, kind: type[AsyncReceiving[Any]]) -> Outcome:
        result = None
        try:
            if isinstance(step, Wait):
                await self._transport.sleep(step.seconds)
            else:
                result = await self._send(step, kind)
        except OllamaError as error:
            result = error
        return Outcome(result, self._transport.now())

    async def _send(self, step: Send[Any], kind: type[AsyncReceiving[Any]]) -> Any:
        request = step.call.request(self._host)
        incoming = await self._transport.open(request, step.timeouts, step.give_up_at)
        reader = step.call.reader_for(self._host, incoming.head)
        receiving = await kind(incoming, reader).opened()
        return await receiving.finish() if step.whole else receiving
