"""`AsyncOllamaClient`: signatures and docstrings over the operations, which its twin shares."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from vuhitra.async_driver import AsyncDriver, AsyncRunning
from vuhitra.async_stream import AsyncProgressStream, AsyncStream
from vuhitra.operations import Operations
from vuhitra.reply import Reply
from vuhitra.types import (
    Certificate,
    ChatOptions,
    CreateOptions,
    EmbedOptions,
    GenerateOptions,
    LoadOptions,
    Messages,
    ModelDescription,
    ModelSummary,
    PullOptions,
    RunningModel,
    ShowOptions,
    Texts,
    TimeoutOption,
    Verify,
)

if TYPE_CHECKING:
    from typing import Self

    from vuhitra.flows import Flow
    from vuhitra.http import Headers
    from vuhitra.transport.interface import AsyncTransport


class AsyncOllamaClient(Operations[AsyncDriver, "AsyncTransport"]):
    """A client of one Ollama server in an event loop. Use it in `async with`, or close it."""

    _may_await = True

    def _make_transport(
        self, proxy: str | None, verify: Verify, cert: Certificate | None, max_connections: int | None
    ) -> AsyncTransport:
        from vuhitra.transport import asynchronous

        return asynchronous.AsyncTransport(
            self._host, proxy=proxy, verify=verify, cert=cert, max_connections=max_connections
        )

    def _make_driver(self, headers: Headers, transport: AsyncTransport) -> AsyncDriver:
        return AsyncDriver(self._host, headers, transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections; closing twice is fine, and a view closes nothing."""
        if not self._is_view:
            await self._driver.aclose()

    async def health_check(self) -> bool:
        """Whether the server answers within five seconds. Never raises, except in a client that is closed."""
        try:
            return await self._driver.run(self._health())
        except ValueError as error:  # certificates are read when they are first needed
            return self._not_asked(error)

    async def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Waits until the server answers, for so many seconds at most.

        Raises OllamaConnectionError or OllamaBusyError where it doesn't, and what else may be wrong at once.
        """
        await self._driver.run(self._ready(seconds))

    async def version(self, **asked: Unpack[TimeoutOption]) -> str:
        """The server's version, from `/api/version`."""
        return await self._driver.run(self._version(asked))

    async def list_models(self, **asked: Unpack[TimeoutOption]) -> list[ModelSummary]:
        """The models that are on the server, from `/api/tags`."""
        return await self._driver.run(self._list(asked))

    async def running_models(self, **asked: Unpack[TimeoutOption]) -> list[RunningModel]:
        """The models that are loaded, from `/api/ps`."""
        return await self._driver.run(self._running(asked))

    async def show_model(self, name: str, **asked: Unpack[ShowOptions]) -> ModelDescription:
        """All that the server knows of a model, from `/api/show`.

        asked: see `vuhitra.types.ShowOptions`. Raises OllamaModelNotFoundError.
        """
        return await self._driver.run(self._show(name, asked))

    async def has_model(self, name: str, **asked: Unpack[TimeoutOption]) -> bool:
        """Whether the server lists a model; `llama3` and `llama3:latest` are one."""
        return await self._driver.run(self._has(name, asked))

    async def copy_model(self, source: str, destination: str, **asked: Unpack[TimeoutOption]) -> None:
        """Gives a model a second name, by `/api/copy`. Raises OllamaModelNotFoundError."""
        await self._driver.run(self._copy(source, destination, asked))

    async def delete_model(self, name: str, **asked: Unpack[TimeoutOption]) -> None:
        """Deletes a model from the server, by `/api/delete`. Raises OllamaModelNotFoundError."""
        await self._driver.run(self._delete(name, asked))

    async def load_model(self, name: str | None = None, **asked: Unpack[LoadOptions]) -> None:
        """Has the server load a model, by `/api/generate` or `/api/embed`, so that the next answer begins at once.

        asked: see `vuhitra.types.LoadOptions`. Raises OllamaModelNotFoundError: no model is pulled for this.
        """
        await self._driver.run(self._load(name, asked))

    async def unload_model(self, name: str | None = None, **asked: Unpack[TimeoutOption]) -> None:
        """Has the server unload a model, by a `keep_alive` of 0. One that isn't loaded is no error."""
        await self._driver.run(self._unload(name, asked))

    async def use_model(self, name: str, **asked: Unpack[TimeoutOption]) -> None:
        """Makes a model the default, once it is known to be there; a missing one is pulled, where that is allowed.

        Not for a client that tasks share: it changes the model under the others. Raises OllamaModelNotFoundError.
        """
        await self._driver.run(self._use(name, asked))
        self.model = name

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

        A pull that breaks off or stalls goes on from there, for as long as it comes further. Whole pulls of one
        model that are asked for at once are one. asked: see `vuhitra.types.PullOptions`. Raises OllamaPullError.
        """
        return await self._progress(self._pull(name, asked, stream), stream)

    @overload
    async def push_model(self, name: str, stream: Literal[False] = False, **asked: Unpack[PullOptions]) -> None: ...
    @overload
    async def push_model(
        self, name: str, stream: Literal[True], **asked: Unpack[PullOptions]
    ) -> AsyncProgressStream: ...
    @overload
    async def push_model(self, name: str, stream: bool, **asked: Unpack[PullOptions]) -> AsyncProgressStream | None: ...
    async def push_model(
        self, name: str, stream: bool = False, **asked: Unpack[PullOptions]
    ) -> AsyncProgressStream | None:
        """Has the server upload a model to its registry, by `/api/push`; with `stream=True`, step by step.

        One that breaks off or stalls goes on from there, as a pull does.
        asked: see `vuhitra.types.PullOptions`. Raises OllamaModelNotFoundError, OllamaResponseError.
        """
        return await self._progress(self._push(name, asked), stream)

    @overload
    async def create_model(self, name: str, stream: Literal[False] = False, **asked: Unpack[CreateOptions]) -> None: ...
    @overload
    async def create_model(
        self, name: str, stream: Literal[True], **asked: Unpack[CreateOptions]
    ) -> AsyncProgressStream: ...
    @overload
    async def create_model(
        self, name: str, stream: bool, **asked: Unpack[CreateOptions]
    ) -> AsyncProgressStream | None: ...
    async def create_model(
        self, name: str, stream: bool = False, **asked: Unpack[CreateOptions]
    ) -> AsyncProgressStream | None:
        """Has the server make a model, by `/api/create`; with `stream=True`, step by step.

        Files are uploaded first, from the disk, unless the server has them. asked: a `modelfile`, or what stands in
        one, see `vuhitra.types.CreateOptions`. Raises OllamaError; TypeError, ValueError or OSError for what
        can't be made.
        """
        return await self._progress(self._create(name, asked), stream)

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
        flow = self._generate(prompt, model, stream, options, asked)
        answer: Reply | AsyncStream = await self._driver.run(flow, AsyncStream)
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
        answer: Reply | AsyncStream = await self._driver.run(self._chat(messages, model, stream, asked), AsyncStream)
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
        vectors: list[float] | list[list[float]] = await self._driver.run(self._embed(text, model, asked))
        return vectors

    async def _progress(self, flow: Flow[None], stream: bool) -> AsyncProgressStream | None:
        """Carries out a flow that reports its progress, or hands it out."""
        if stream:
            return await AsyncProgressStream(AsyncRunning(self._driver, flow)).opened()
        await self._driver.run(flow)
        return None
