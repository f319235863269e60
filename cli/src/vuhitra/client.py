"""`OllamaClient`: signatures and docstrings over the operations, which its twin shares."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from vuhitra.driver import Driver, Running
from vuhitra.operations import Operations
from vuhitra.reply import Reply
from vuhitra.stream import ProgressStream, Stream
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
    from vuhitra.transport.interface import Transport


class OllamaClient(Operations[Driver, "Transport"]):
    """A client of one Ollama server. Threads may share it; use it in `with`, or close it."""

    def _make_transport(
        self, proxy: str | None, verify: Verify, cert: Certificate | None, max_connections: int | None
    ) -> Transport:
        from vuhitra.transport import blocking

        return blocking.Transport(self._host, proxy=proxy, verify=verify, cert=cert, max_connections=max_connections)

    def _make_driver(self, headers: Headers, transport: Transport) -> Driver:
        return Driver(self._host, headers, transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; closing twice is fine, and a view closes nothing."""
        if not self._is_view:
            self._driver.close()

    def health_check(self) -> bool:
        """Whether the server answers within five seconds. Never raises, except in a client that is closed."""
        try:
            return self._driver.run(self._health())
        except ValueError as error:  # certificates are read when they are first needed
            return self._not_asked(error)

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Waits until the server answers, for so many seconds at most.

        Raises OllamaConnectionError or OllamaBusyError where it doesn't, and what else may be wrong at once.
        """
        self._driver.run(self._ready(seconds))

    def version(self, **asked: Unpack[TimeoutOption]) -> str:
        """The server's version, from `/api/version`."""
        return self._driver.run(self._version(asked))

    def list_models(self, **asked: Unpack[TimeoutOption]) -> list[ModelSummary]:
        """The models that are on the server, from `/api/tags`."""
        return self._driver.run(self._list(asked))

    def running_models(self, **asked: Unpack[TimeoutOption]) -> list[RunningModel]:
        """The models that are loaded, from `/api/ps`."""
        return self._driver.run(self._running(asked))

    def show_model(self, name: str, **asked: Unpack[ShowOptions]) -> ModelDescription:
        """All that the server knows of a model, from `/api/show`.

        asked: see `vuhitra.types.ShowOptions`. Raises OllamaModelNotFoundError.
        """
        return self._driver.run(self._show(name, asked))

    def has_model(self, name: str, **asked: Unpack[TimeoutOption]) -> bool:
        """Whether the server lists a model; `llama3` and `llama3:latest` are one."""
        return self._driver.run(self._has(name, asked))

    def copy_model(self, source: str, destination: str, **asked: Unpack[TimeoutOption]) -> None:
        """Gives a model a second name, by `/api/copy`. Raises OllamaModelNotFoundError."""
        self._driver.run(self._copy(source, destination, asked))

    def delete_model(self, name: str, **asked: Unpack[TimeoutOption]) -> None:
        """Deletes a model from the server, by `/api/delete`. Raises OllamaModelNotFoundError."""
        self._driver.run(self._delete(name, asked))

    def load_model(self, name: str | None = None, **asked: Unpack[LoadOptions]) -> None:
        """Has the server load a model, by `/api/generate` or `/api/embed`, so that the next answer begins at once.

        asked: see `vuhitra.types.LoadOptions`. Raises OllamaModelNotFoundError: no model is pulled for this.
        """
        self._driver.run(self._load(name, asked))

    def unload_model(self, name: str | None = None, **asked: Unpack[TimeoutOption]) -> None:
        """Has the server unload a model, by a `keep_alive` of 0. One that isn't loaded is no error."""
        self._driver.run(self._unload(name, asked))

    def use_model(self, name: str, **asked: Unpack[TimeoutOption]) -> None:
        """Makes a model the default, once it is known to be there; a missing one is pulled, where that is allowed.

        Not for a client that threads share: it changes the model under the others. Raises OllamaModelNotFoundError.
        """
        self._driver.run(self._use(name, asked))
        self.model = name

    @overload
    def pull_model(self, name: str, stream: Literal[False] = False, **asked: Unpack[PullOptions]) -> None: ...
    @overload
    def pull_model(self, name: str, stream: Literal[True], **asked: Unpack[PullOptions]) -> ProgressStream: ...
    @overload
    def pull_model(self, name: str, stream: bool, **asked: Unpack[PullOptions]) -> ProgressStream | None: ...
    def pull_model(self, name: str, stream: bool = False, **asked: Unpack[PullOptions]) -> ProgressStream | None:
        """Has the server fetch a model, by `/api/pull`; with `stream=True`, step by step.

        A pull that breaks off or stalls goes on from there, for as long as it comes further. Whole pulls of one
        model that are asked for at once are one. asked: see `vuhitra.types.PullOptions`. Raises OllamaPullError.
        """
        return self._progress(self._pull(name, asked, stream), stream)

    @overload
    def push_model(self, name: str, stream: Literal[False] = False, **asked: Unpack[PullOptions]) -> None: ...
    @overload
    def push_model(self, name: str, stream: Literal[True], **asked: Unpack[PullOptions]) -> ProgressStream: ...
    @overload
    def push_model(self, name: str, stream: bool, **asked: Unpack[PullOptions]) -> ProgressStream | None: ...
    def push_model(self, name: str, stream: bool = False, **asked: Unpack[PullOptions]) -> ProgressStream | None:
        """Has the server upload a model to its registry, by `/api/push`; with `stream=True`, step by step.

        One that breaks off or stalls goes on from there, as a pull does.
        asked: see `vuhitra.types.PullOptions`. Raises OllamaModelNotFoundError, OllamaResponseError.
        """
        return self._progress(self._push(name, asked), stream)

    @overload
    def create_model(self, name: str, stream: Literal[False] = False, **asked: Unpack[CreateOptions]) -> None: ...
    @overload
    def create_model(self, name: str, stream: Literal[True], **asked: Unpack[CreateOptions]) -> ProgressStream: ...
    @overload
    def create_model(self, name: str, stream: bool, **asked: Unpack[CreateOptions]) -> ProgressStream | None: ...
    def create_model(self, name: str, stream: bool = False, **asked: Unpack[CreateOptions]) -> ProgressStream | None:
        """Has the server make a model, by `/api/create`; with `stream=True`, step by step.

        Files are uploaded first, from the disk, unless the server has them. asked: a `modelfile`, or what stands in
        one, see `vuhitra.types.CreateOptions`. Raises OllamaError; TypeError, ValueError or OSError for what
        can't be made.
        """
        return self._progress(self._create(name, asked), stream)

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
        flow = self._generate(prompt, model, stream, options, asked)
        answer: Reply | Stream = self._driver.run(flow, Stream)
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
        answer: Reply | Stream = self._driver.run(self._chat(messages, model, stream, asked), Stream)
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
        vectors: list[float] | list[list[float]] = self._driver.run(self._embed(text, model, asked))
        return vectors

    def _progress(self, flow: Flow[None], stream: bool) -> ProgressStream | None:
        """Carries out a flow that reports its progress, or hands it out."""
        if stream:
            return ProgressStream(Running(self._driver, flow)).opened()
        self._driver.run(flow)
        return None
