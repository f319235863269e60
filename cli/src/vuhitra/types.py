"""The shapes on the wire, as the server's API describes them. Unknown keys are kept wherever a server sends them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from vuhitra.errors import ConnectionReason, IncompleteReason, Phase
from vuhitra.limits import Timeouts
from vuhitra.reply import StoppedBy

__all__ = [
    "AnswerOptions",
    "AutoPull",
    "CallOptions",
    "Certificate",
    "ChatOptions",
    "ConnectionReason",
    "CreateOptions",
    "EmbedOptions",
    "FilePath",
    "Files",
    "Format",
    "GenerateOptions",
    "Image",
    "IncompleteReason",
    "KeepAlive",
    "LoadOptions",
    "Logprob",
    "Message",
    "Messages",
    "ModelDescription",
    "ModelDetails",
    "ModelSummary",
    "Options",
    "Phase",
    "Progress",
    "PullOptions",
    "RunningModel",
    "ShowOptions",
    "StoppedBy",
    "Texts",
    "Think",
    "TimeoutOption",
    "ToolCallDict",
    "ToolFunction",
    "Verify",
]

Think: TypeAlias = bool | Literal["low", "medium", "high", "max"]
"""Whether a model that can think does, or how hard. Left out, such a model thinks."""

Format: TypeAlias = Literal["json"] | Mapping[str, Any]
"""`json` for any JSON value, or a JSON Schema."""

KeepAlive: TypeAlias = float | str
"""How long a model stays loaded: seconds (negative: for ever, 0: unload) or a duration as `5m`."""

FilePath: TypeAlias = str | PathLike[str]
"""A file or folder on this machine's disk."""

Verify: TypeAlias = bool | FilePath
"""Whom to trust: True for the system's authorities, False for anybody, or the path of other certificates."""

Certificate: TypeAlias = FilePath | tuple[FilePath, FilePath] | tuple[FilePath, FilePath, str]
"""What to show a server: a file with a certificate; or with its key's file; or with these and the key's password."""

Image: TypeAlias = bytes | PathLike[str] | str
"""An image: its bytes, its path, or a string that is base64 already and is never looked up on disk.

A file is read when the call is made, before anything is sent; an event loop waits for the disk meanwhile.
"""

Texts: TypeAlias = list[str] | tuple[str, ...]
"""Several texts to embed."""

Files: TypeAlias = Mapping[str, PathLike[str] | str]
"""Files by their names in the model: paths, or digests of what the server has already."""

AutoPull: TypeAlias = bool | Callable[[str], bool]
"""Whether a model that is missing is pulled, or a function that says so of a model's name."""


class ToolFunction(TypedDict):
    """Which function a model wants called.

    name: the function's. arguments: by name, decoded. index: which of several calls it is.
    """

    name: str
    arguments: Mapping[str, Any]
    index: NotRequired[int]


class ToolCallDict(TypedDict):
    """A call that a model wants made, as it stands in a message. function: see there. id: to answer it by."""

    function: ToolFunction
    id: NotRequired[str]


class Message(TypedDict):
    """One message of a conversation, for `/api/chat`.

    role: `system`, `user`, `assistant` or `tool`. content: the text. images: for models that see.
    thinking, tool_calls: what the model thought, and what it wants called; see `Reply.message`.
    tool_name, tool_call_id: what a message of a tool answers.
    """

    role: str
    content: str
    thinking: NotRequired[str]
    images: NotRequired[Sequence[Image]]
    tool_calls: NotRequired[Sequence[ToolCallDict]]
    tool_name: NotRequired[str]
    tool_call_id: NotRequired[str]


Messages: TypeAlias = Sequence[Message] | Sequence[Mapping[str, Any]]
"""A conversation so far, the oldest message first."""


class Options(TypedDict, total=False):
    """How a model is loaded and how it samples; what is left out is the model's own default.

    num_ctx: the context window, in tokens; another value than the loaded one loads it again.
    num_predict: the most tokens of an answer; -1 or 0: no limit.
    seed: for answers that can be repeated. temperature: 0 for the likeliest token always.
    top_k, top_p, min_p, typical_p: which tokens may be chosen.
    repeat_last_n, repeat_penalty, presence_penalty, frequency_penalty: against repetition.
    stop: a text that ends the answer, or several. num_keep: tokens kept when the window moves on.
    num_batch, num_gpu, main_gpu, use_mmap, num_thread: how the server runs it.
    """

    num_ctx: int
    num_predict: int
    num_keep: int
    seed: int
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    typical_p: float
    repeat_last_n: int
    repeat_penalty: float
    presence_penalty: float
    frequency_penalty: float
    stop: str | Sequence[str]
    num_batch: int
    num_gpu: int
    main_gpu: int
    use_mmap: bool
    num_thread: int


class Logprob(TypedDict):
    """A token of an answer and how likely it was.

    token: its text. logprob: the logarithm of its probability. bytes: its UTF-8, which may be half a
    character. top_logprobs: what else it might have been, where asked for.
    """

    token: str
    logprob: float
    bytes: NotRequired[list[int]]
    top_logprobs: NotRequired[list[Logprob]]


class ModelDetails(TypedDict, total=False):
    """What a model is made of. Newer servers give the two lengths in lists, too.

    parent_model: what it was made from. format: of its file. family, families: its architecture.
    parameter_size, quantization_level: as text, as in `8B` and `Q4_K_M`.
    context_length, embedding_length: the longest context, and the length of its vectors.
    """

    parent_model: str
    format: str
    family: str
    families: list[str] | None
    parameter_size: str
    quantization_level: str
    context_length: int
    embedding_length: int


class ModelSummary(TypedDict):
    """A model in the list of `/api/tags`.

    name, model: its name, with the tag. modified_at: when it came or was changed.
    size: in bytes. digest: the sha256 of its manifest. details: see `ModelDetails`.
    capabilities: `completion`, `tools`, `thinking`, `vision`, `insert`, `embedding`.
    """

    name: str
    model: NotRequired[str]
    modified_at: NotRequired[str]
    size: NotRequired[int]
    digest: NotRequired[str]
    details: NotRequired[ModelDetails]
    capabilities: NotRequired[list[str]]


class RunningModel(TypedDict):
    """A loaded model, from `/api/ps`.

    name, model, digest, details: as in `ModelSummary`. size: bytes in all; size_vram: of them, on a GPU.
    expires_at: when it will be unloaded. context_length: the window it was loaded with, in tokens.
    """

    name: str
    model: NotRequired[str]
    size: NotRequired[int]
    size_vram: NotRequired[int]
    digest: NotRequired[str]
    details: NotRequired[ModelDetails]
    expires_at: NotRequired[str]
    context_length: NotRequired[int]


class ModelDescription(TypedDict, total=False):
    """All that a server knows of a model, from `/api/show`.

    modelfile: what it could be made from again. parameters: text, a line each.
    template, system, license: the other parts of the Modelfile, each by itself.
    details, capabilities, modified_at: as in `ModelSummary`. model_info: the metadata of its file.
    """

    modelfile: str
    parameters: str
    template: str
    system: str
    license: str
    details: ModelDetails
    model_info: dict[str, Any]
    capabilities: list[str]
    modified_at: str


class Progress(TypedDict):
    """A step of a pull, a push or a making.

    status: what is done, `success` at last. digest: of the layer that it is done to.
    total, completed: bytes of that layer.
    """

    status: str
    digest: NotRequired[str]
    total: NotRequired[int]
    completed: NotRequired[int]


class TimeoutOption(TypedDict, total=False):
    """timeout: limits for this call alone, instead of the client's."""

    timeout: Timeouts | float


class ShowOptions(TimeoutOption, total=False):
    """What `show_model` takes besides. verbose: with the whole vocabulary, which may be many megabytes."""

    verbose: bool


class PullOptions(TimeoutOption, total=False):
    """What `pull_model` and `push_model` take besides. insecure: also with a registry without TLS."""

    insecure: bool


class LoadOptions(TimeoutOption, total=False):
    """What `load_model` takes besides.

    options: see `Options`; `num_ctx` is what matters here. keep_alive: how long it stays loaded.
    """

    options: Mapping[str, Any]
    keep_alive: KeepAlive


class CallOptions(TimeoutOption, total=False):
    """What every call takes that a model answers.

    keep_alive: how long the model stays loaded afterwards.
    truncate: False (what is sent by default) makes a prompt or text that is too long an error; True
    lets the server cut it silently.
    """

    keep_alive: KeepAlive
    truncate: bool


class AnswerOptions(CallOptions, total=False):
    """What `generate` and `chat` both take.

    think: whether and how hard to think. format: what the answer must look like.
    schema: what the answer is checked against, and `reply.parsed` made of: a JSON Schema, a dataclass,
        a TypedDict, a msgspec Struct, a pydantic model, or another type of these.
    repair: how often to ask again for an answer that doesn't fit the schema; not while streaming.
    logprobs: how likely each token was; top_logprobs: with that many alternatives, 0 to 20.
    shift: False (what is sent by default) ends an answer that meets the end of the window; True lets
    the server forget the beginning and go on.
    """

    think: Think
    format: Format
    schema: object
    repair: int
    logprobs: bool
    top_logprobs: int
    shift: bool


class GenerateOptions(AnswerOptions, total=False):
    """What `generate` takes besides.

    system: the system prompt. template: instead of the model's own. raw: the prompt as it is, with
    no template. suffix: what comes after the insertion. images: for models that see.
    context: `Reply.context` of an earlier answer, to go on from it; the server would rather have `chat`.
    """

    system: str
    template: str
    raw: bool
    suffix: str
    images: Sequence[Image]
    context: Sequence[int]


class ChatOptions(AnswerOptions, total=False):
    """What `chat` takes besides.

    options: see `Options`.
    tools: what the model may call: functions, described by their hints and docstrings, or JSON Schema.
    run_tools: whether they are run here, and the model is told what they gave; not while streaming.
    max_rounds: how often that may happen for one answer.
    """

    options: Mapping[str, Any]
    tools: Sequence[Mapping[str, Any] | Callable[..., Any]]
    run_tools: bool
    max_rounds: int


class EmbedOptions(CallOptions, total=False):
    """What `embed` takes besides. options: as for `generate`. dimensions: the length of the vectors."""

    options: Mapping[str, Any]
    dimensions: int


class CreateOptions(TimeoutOption, total=False):
    """What `create_model` takes: a modelfile, from_ or files, one of them, and what the model shall have besides.

    modelfile: its text, or a Path to it. Paths in it are relative to its folder, or to the current one for
        a text. Whoever may write it may have any file uploaded that can be read here.
    from_: a model's name, or the Path of a GGUF file or of a folder with safetensors. A str is never
        looked up on the disk.
    files, adapters: by their names in the model: Paths, or digests of what the server has already.
    system, template, parameters, messages: the model's own; parameters as in `Options`.
    license: one text or several. quantize: to what, as `q4_K_M`.
    requires: the oldest server that will do. renderer, parser: by their names in the server.
    """

    modelfile: str | PathLike[str] | None
    from_: str | PathLike[str] | None
    files: Files | None
    adapters: Files | None
    system: str | None
    template: str | None
    parameters: Mapping[str, Any] | None
    messages: Messages | None
    license: str | Sequence[str] | None
    quantize: str | None
    requires: str | None
    renderer: str | None
    parser: str | None
