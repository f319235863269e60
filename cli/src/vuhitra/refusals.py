"""What a server's no means: an error status, or an error on a line of a stream, becomes an exception.

There are no error codes in the protocol, only English; statuses and shapes are looked at before texts.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from vuhitra.errors import (
    OllamaAuthenticationError,
    OllamaBusyError,
    OllamaCapabilityError,
    OllamaContextError,
    OllamaError,
    OllamaModelNotFoundError,
    OllamaPullError,
    OllamaResponseError,
)
from vuhitra.hosts import Host
from vuhitra.http import Head
from vuhitra.lines import MalformedError, decode, snippet

_INCAPABLE = re.compile(r"does not support|must be an embedding model", re.IGNORECASE)
_TOO_LONG = re.compile(r"exceeds? the (?:available )?context|longer than the context", re.IGNORECASE)


class Subject(NamedTuple):
    """What a call is about, for messages: the server, the path, and the model or ""."""

    host: Host
    path: str
    model: str


class Complaint(NamedTuple):
    """What the server says is wrong. details: the numbers that llama.cpp gives beside its text."""

    text: str
    details: dict[str, Any]


def complaint(error: object) -> Complaint:
    """The text in an `error` field. A text that is itself JSON, as llama.cpp's are, is unwrapped."""
    if isinstance(error, dict):
        return Complaint(str(error.get("message", error)), error)
    text = str(error)
    if text.startswith("{"):
        try:
            inner = decode(text.encode())
        except MalformedError:
            return Complaint(text, {})
        if isinstance(inner, dict) and "error" in inner:
            return complaint(inner["error"])
    return Complaint(text, {})


def refused(subject: Subject, head: Head, body: bytes) -> OllamaError:
    """The exception for a response whose status is not a success."""
    said = _complaint_in(body)
    text = said.text if said else snippet(body).strip()
    if said and head.status == 404 and subject.model:
        return _not_found(subject, said)
    kind: type[OllamaResponseError] = OllamaResponseError
    if head.status in (401, 403):
        kind = OllamaAuthenticationError
    elif head.status in (429, 502, 503, 504):
        kind = OllamaBusyError
    elif said and (error := _by_text(subject, said, head.status)):
        return error
    error = kind(
        f"Ollama at {subject.host} answered {head.status} to {subject.path}",
        why=text or None,
        status=head.status,
        body=snippet(body, 4000),
    )
    if isinstance(error, OllamaAuthenticationError) and said:
        error.signin_url = said.details.get("signin_url")
    if 300 <= head.status < 400:
        elsewhere = head.header("location") or "another URL"
        error.hint = f"redirects aren't followed; the server itself may be at {elsewhere}"
    elif head.status == 404 and not said:
        error.hint = "is this an Ollama server, and its URL without a path?"
    return error


def error_line(subject: Subject, error: object) -> OllamaError:
    """The exception for an `error` record, as if nothing had come before it."""
    said = complaint(error)
    return _by_text(subject, said, 200) or OllamaResponseError(
        f"Ollama at {subject.host} ended {subject.path} with an error",
        why=said.text,
        status=200,
        body=said.text,
    )


def _complaint_in(body: bytes) -> Complaint | None:
    try:
        document = decode(body)
    except MalformedError:
        return None
    if not isinstance(document, dict) or document.get("error") is None:
        return None
    text, details = complaint(document["error"])
    return Complaint(text, {**document, **details})


def _not_found(subject: Subject, said: Complaint) -> OllamaModelNotFoundError:
    return OllamaModelNotFoundError(f"no model {subject.model!r} at {subject.host}", why=said.text, model=subject.model)


def _by_text(subject: Subject, said: Complaint, status: int) -> OllamaError | None:
    if subject.path == "/api/pull":
        return OllamaPullError(
            f"{subject.model!r} could not be pulled by Ollama at {subject.host}",
            why=said.text,
            model=subject.model,
            missing="file does not exist" in said.text,
        )
    if said.details.get("type") == "exceed_context_size_error" or _TOO_LONG.search(said.text):
        return OllamaContextError(
            f"the prompt is longer than the context window of {subject.model!r} at {subject.host}",
            why=said.text,
            window=_number(said.details.get("n_ctx")),
            needed=_number(said.details.get("n_prompt_tokens")),
        )
    if status == 501 or (subject.model and _INCAPABLE.search(said.text)):
        return OllamaCapabilityError(
            f"{subject.model!r} at {subject.host} can't do that", why=said.text, model=subject.model
        )
    return None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
