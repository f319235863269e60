"""What clients may send: JSON bodies -> frozen values, with Ollama's refusals of what doesn't fit.

Unknown fields are passed over, and null is the same as nothing. A refused body is a ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Literal, TypeVar

from cli.services.embedded import gojson
from cli.services.embedded.durations import parse_keep_alive

THINK_LEVELS = ("high", "medium", "low", "max")
_THINK_WORDS = '"high", "medium", "low", "max", true, or false'
_MOST_LOGPROBS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answering:
    """What `POST /api/generate` and `POST /api/chat` have in common.

    keep_alive: seconds, None where it isn't given. format: as sent. logprobs: whether each piece
    comes with its probability, and top_logprobs with those of how many others.
    """

    model: str = ""
    stream: bool = True
    format: Any = None
    keep_alive: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    think: bool | str | None = None
    truncate: bool = True
    shift: bool = True
    logprobs: bool = False
    top_logprobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest(_Answering):
    """The body of `POST /api/generate`."""

    prompt: str = ""
    suffix: str = ""
    system: str = ""
    template: str = ""
    context: tuple[int, ...] | None = None
    raw: bool = False
    images: tuple[str, ...] = ()

    endpoint: ClassVar[Literal["generate"]] = "generate"

    @property
    def is_empty(self) -> bool:
        """Whether it only loads or unloads the model."""
        return not self.prompt

    @property
    def needs(self) -> str:
        """What the model must be able to do, beside generating."""
        return "insert" if self.suffix else ""

    @property
    def shapes_its_prompt(self) -> bool:
        """Whether it says anything about how the prompt is made."""
        return bool(self.template or self.system or self.context)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest(_Answering):
    """The body of `POST /api/chat`; each message has at least `role` and `content`."""

    messages: tuple[Mapping[str, Any], ...] = ()
    tools: tuple[Mapping[str, Any], ...] = ()

    endpoint: ClassVar[Literal["chat"]] = "chat"

    @property
    def is_empty(self) -> bool:
        """Whether it only loads or unloads the model."""
        return not self.messages

    @property
    def needs(self) -> str:
        """What the model must be able to do, beside chatting."""
        return "tools" if self.tools else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedRequest:
    """The body of `POST /api/embed`; `input` as sent."""

    model: str = ""
    input: Any = None
    truncate: bool = True
    dimensions: int = 0
    keep_alive: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRequest:
    """The body of `POST /api/show`; `name` is what `model` was called once."""

    model: str = ""
    name: str = ""
    system: str = ""
    template: str = ""
    verbose: bool = False


Body = TypeVar("Body", GenerateRequest, ChatRequest, EmbedRequest, ShowRequest)


def read(kind: type[Body], body: bytes) -> Body:
    """The request in `body`. Raises ValueError with the text that Ollama has for it."""
    value = gojson.decode(body)
    if value is not None and not isinstance(value, dict):
        raise _mismatch(value, "value", f"api.{kind.__name__}")
    fields = _read_fields(_FIELDS[kind], value or {}, kind.__name__)
    request = kind(**fields)
    if not 0 <= getattr(request, "top_logprobs", 0) <= _MOST_LOGPROBS:
        raise ValueError(f"top_logprobs must be between 0 and {_MOST_LOGPROBS}")
    return request


_Reader = Callable[[Any, str], Any]
"""Takes a value and where it stands, such as `ChatRequest.messages.content`."""


def _read_fields(readers: Mapping[str, _Reader], value: Mapping[str, Any], at: str) -> dict[str, Any]:
    return {
        name: reader(value[name], f"{at}.{name}") for name, reader in readers.items() if value.get(name) is not None
    }


def _scalar(json_type: str, go_type: str, value: Any, at: str) -> Any:
    if gojson.type_name(value) != json_type:
        raise _mismatch(value, f"struct field {at}", go_type)
    return value


def _integer(value: Any, at: str) -> int:
    if gojson.type_name(value) == "number" and not isinstance(value, int):
        raise ValueError(f"json: cannot unmarshal number {value} into Go struct field {at} of type int")
    return int(_scalar("number", "int", value, at))


def _list(item: _Reader, go_type: str, value: Any, at: str) -> tuple[Any, ...]:
    return tuple(item(each, at) for each in _scalar("array", go_type, value, at))


def _struct(readers: Mapping[str, _Reader], go_type: str, value: Any, at: str) -> dict[str, Any]:
    return _read_fields(readers, _scalar("object", go_type, value, at), at)


def _message(value: Any, at: str) -> dict[str, Any]:
    return {"role": "", "content": ""} | _struct(_MESSAGE, "api.Message", value, at)


def _anything(value: Any, _at: str) -> Any:
    return value


def _keep_alive(value: Any, _at: str) -> float | None:
    return parse_keep_alive(value)


def _think(value: Any, _at: str) -> bool | str:
    if gojson.type_name(value) not in ("bool", "string"):
        raise ValueError(f"think must be a boolean or string ({_THINK_WORDS})")
    if isinstance(value, str) and value not in THINK_LEVELS:
        shown = gojson.quoted(value)
        raise ValueError(f"invalid think value: {shown} (must be {_THINK_WORDS})")
    return bool(value) if isinstance(value, bool) else str(value)


def _image(value: Any, at: str) -> str:
    """An image in base64, line ends allowed; it is checked, and not decoded."""
    text = str(_scalar("string", "api.ImageData", value, at))
    plain = text.replace("\n", "").replace("\r", "")
    good = _BASE64.match(plain)
    end = good.end() if good else 0
    if end < len(plain) or len(plain) % 4:
        raise ValueError(f"illegal base64 data at input byte {end}")
    return text


def _mismatch(value: Any, where: str, go_type: str) -> ValueError:
    kind = gojson.type_name(value)
    return ValueError(f"json: cannot unmarshal {kind} into Go {where} of type {go_type}")


_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")

_text = partial(_scalar, "string", "string")
_flag = partial(_scalar, "bool", "bool")
_map = partial(_scalar, "object", "map[string]interface {}")
_images = partial(_list, _image, "[]api.ImageData")

_CALL = {
    "id": _text,
    "function": partial(_struct, {"index": _integer, "name": _text, "arguments": _map}, "api.ToolCallFunction"),
}

_MESSAGE: dict[str, _Reader] = {
    "role": _text,
    "content": _text,
    "thinking": _text,
    "images": _images,
    "tool_calls": partial(_list, partial(_struct, _CALL, "api.ToolCall"), "[]api.ToolCall"),
    "tool_name": _text,
    "tool_call_id": _text,
}

_ANSWERING: dict[str, _Reader] = {
    "model": _text,
    "stream": _flag,
    "format": _anything,
    "keep_alive": _keep_alive,
    "options": _map,
    "think": _think,
    "truncate": _flag,
    "shift": _flag,
    "logprobs": _flag,
    "top_logprobs": _integer,
}

_FIELDS: dict[type, dict[str, _Reader]] = {
    GenerateRequest: {
        **_ANSWERING,
        "prompt": _text,
        "suffix": _text,
        "system": _text,
        "template": _text,
        "context": partial(_list, _integer, "[]int"),
        "raw": _flag,
        "images": _images,
    },
    ChatRequest: {
        **_ANSWERING,
        "messages": partial(_list, _message, "[]api.Message"),
        "tools": partial(_list, partial(_scalar, "object", "api.Tool"), "api.Tools"),
    },
    EmbedRequest: {
        "model": _text,
        "input": _anything,
        "truncate": _flag,
        "dimensions": _integer,
        "keep_alive": _keep_alive,
        "options": _map,
    },
    ShowRequest: {
        "model": _text,
        "name": _text,
        "system": _text,
        "template": _text,
        "verbose": _flag,
    },
}
