"""vuhitra: talk to language models on an Ollama server. The names in `__all__` are the stable ones.

Each is imported when it is first used, so `import vuhitra` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vuhitra.async_client import AsyncOllamaClient
    from vuhitra.async_stream import AsyncProgressStream, AsyncStream
    from vuhitra.client import OllamaClient
    from vuhitra.errors import (
        OllamaAuthenticationError,
        OllamaBusyError,
        OllamaCapabilityError,
        OllamaConnectionError,
        OllamaContextError,
        OllamaError,
        OllamaIncompleteError,
        OllamaModelError,
        OllamaModelNotFoundError,
        OllamaOutputError,
        OllamaProtocolError,
        OllamaPullError,
        OllamaResponseError,
        OllamaTimeoutError,
    )
    from vuhitra.hosts import Host, resolve_host
    from vuhitra.limits import Retry, Timeouts
    from vuhitra.reply import Done, Event, Reply, Stats, Text, Thinking, ToolCall
    from vuhitra.stream import ProgressStream, Stream
    from vuhitra.window import Trimmed, trim

_MODULES = {
    "async_client": ("AsyncOllamaClient",),
    "async_stream": ("AsyncProgressStream", "AsyncStream"),
    "client": ("OllamaClient",),
    "errors": (
        "OllamaAuthenticationError",
        "OllamaBusyError",
        "OllamaCapabilityError",
        "OllamaConnectionError",
        "OllamaContextError",
        "OllamaError",
        "OllamaIncompleteError",
        "OllamaModelError",
        "OllamaModelNotFoundError",
        "OllamaOutputError",
        "OllamaProtocolError",
        "OllamaPullError",
        "OllamaResponseError",
        "OllamaTimeoutError",
    ),
    "hosts": ("Host", "resolve_host"),
    "limits": ("Retry", "Timeouts"),
    "reply": ("Done", "Event", "Reply", "Stats", "Text", "Thinking", "ToolCall"),
    "stream": ("ProgressStream", "Stream"),
    "window": ("Trimmed", "trim"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AsyncOllamaClient",
    "AsyncProgressStream",
    "AsyncStream",
    "Done",
    "Event",
    "Host",
    "OllamaAuthenticationError",
    "OllamaBusyError",
    "OllamaCapabilityError",
    "OllamaClient",
    "OllamaConnectionError",
    "OllamaContextError",
    "OllamaError",
    "OllamaIncompleteError",
    "OllamaModelError",
    "OllamaModelNotFoundError",
    "OllamaOutputError",
    "OllamaProtocolError",
    "OllamaPullError",
    "OllamaResponseError",
    "OllamaTimeoutError",
    "ProgressStream",
    "Reply",
    "Retry",
    "Stats",
    "Stream",
    "Text",
    "Thinking",
    "Timeouts",
    "ToolCall",
    "Trimmed",
    "resolve_host",
    "trim",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'vuhitra' has no attribute {name!r}")
    value = getattr(import_module(f"vuhitra.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
