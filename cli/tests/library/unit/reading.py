"""A reader is fed by hand: what it gives, and how it ends."""

from __future__ import annotations

from typing import Any, TypeVar

from vuhitra import (
    OllamaConnectionError,
    OllamaError,
    Text,
    resolve_host,
)
from vuhitra.http import Head
from vuhitra.lines import MalformedError
from vuhitra.readers import (
    Reader,
)
from vuhitra.subjects import Subject

HOST = resolve_host("gpu", "OLLAMA_IP")
CHAT = Subject(HOST, "/api/chat", "m")
PULL = Subject(HOST, "/api/pull", "m")
TAGS = Subject(HOST, "/api/tags", "")
EMBED = Subject(HOST, "/api/embed", "m")
NDJSON = Head(200, ((b"content-type", b"application/x-ndjson"),))
JSON = Head(200, ((b"content-type", b"application/json; charset=utf-8"),))

FRAMED = Head(200, ((b"content-type", b"application/json"), (b"content-length", b"99")))
NO_LENGTH = Head(200, NDJSON.headers)
CHUNKED = Head(200, ((b"content-type", b"application/x-ndjson"), (b"transfer-encoding", b"chunked")))

ONE = b'{"message":{"content":"o\xc3\xb1e"}}\n'
TWO = b'{"message":{"content":"two"},"done":false}\n'
DONE = b'{"message":{"content":""},"done":true,"done_reason":"stop"}\n'
ERROR = b'{"error":"an error was encountered while running the model: unexpected EOF"}\n'

T = TypeVar("T")


def read(reader: Reader[T, Any], pieces: list[bytes], broken_by: OllamaConnectionError | None = None) -> list[Any]:
    """What a reader gives for a body in these pieces: items, and last its result, or the error it ended with."""
    seen: list[Any] = []
    try:
        for piece in pieces:
            seen.extend(reader.feed(piece))
            if reader.finished:
                return [*seen, reader.result()]
        if broken_by is not None:
            raise reader.broken(broken_by)
        seen.extend(reader.end())
    except OllamaError as error:
        return [*seen, error]
    except MalformedError as error:
        return [*seen, reader.malformed(error)]
    return [*seen, reader.result()]


def texts(seen: list[Any]) -> list[str]:
    return [item.text for item in seen if isinstance(item, Text)]


STOPPED = OllamaConnectionError("it was closed", reason="stopped")
RESET = OllamaConnectionError("lost", reason="reset", why="connection reset by peer")
