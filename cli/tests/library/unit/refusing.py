"""A server says no: the exception for a response of a given status and body."""

from __future__ import annotations

import json
from typing import Any

from vuhitra import (
    resolve_host,
)
from vuhitra.http import Head
from vuhitra.refusals import refused
from vuhitra.subjects import Subject

HOST = resolve_host("http://me:sesame@gpu:1", "OLLAMA_IP in ./.env")

NOON = 1_795_348_800.0
"""When the answers of these tests came: Sun, 22 Nov 2026 12:00:00 GMT."""

BUSY = "server busy, please try again.  maximum pending requests exceeded"
DIED = "an error was encountered while running the model: unexpected EOF"


def refuse(status: int, body: str, path: str = "/api/chat", model: str = "m", **headers: str) -> Any:
    """The exception for a response."""
    fields = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    head = Head(status, fields, received=NOON)
    return refused(Subject(HOST, path, model), head, body.encode())


def saying(text: object) -> str:
    """The body of an answer that says what is wrong."""
    return json.dumps({"error": text})
