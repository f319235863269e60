"""What each recorded answer of a real server means: a reply, a value or an error. Each one stands in the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from vuhitra import (
    OllamaAuthenticationError,
    OllamaBusyError,
    OllamaCapabilityError,
    OllamaContextError,
    OllamaError,
    OllamaIncompleteError,
    OllamaModelNotFoundError,
    OllamaProtocolError,
    OllamaPullError,
    OllamaResponseError,
)

FOLDER = Path(__file__).parents[2] / "embedded" / "recordings"


class Says(NamedTuple):
    """A reply that begins so, ends for that reason, and is of so many tokens."""

    start: str
    done_reason: str
    stopped_by: str
    tokens: int


class Gives(NamedTuple):
    """A result of which this much is looked at: parts of a dict, or of the first in a list, or all of it."""

    value: Any


class Fails(NamedTuple):
    """An error with these attributes."""

    error: type[OllamaError]
    attributes: dict[str, Any]


class Unasked(NamedTuple):
    """The library never asks that. why: what it asks instead, or which API it is of."""

    why: str


Meaning: TypeAlias = Says | Gives | Fails | Unasked


def recorded() -> dict[str, dict[str, Any]]:
    """All that was recorded, by name."""
    files = sorted(FOLDER.glob("*.json"))
    return {name: entry for file in files for name, entry in json.loads(file.read_text()).items()}


def says(start: str, done_reason: str, stopped_by: str, tokens: int) -> Says:
    """See `Says`."""
    return Says(start, done_reason, stopped_by, tokens)


def gives(value: Any = None) -> Gives:
    """See `Gives`."""
    return Gives(value)


def fails(error: type[OllamaError], **attributes: Any) -> Fails:
    """See `Fails`."""
    return Fails(error, attributes)


def refused(status: int) -> Fails:
    """The server said no, and it is about nothing that has an error of its own."""
    return fails(OllamaResponseError, status=status)


def too_long(window: int | None, needed: int | None) -> Fails:
    """The prompt is longer than the window."""
    return fails(OllamaContextError, window=window, needed=needed)


MISSING = fails(OllamaModelNotFoundError)
UNABLE = fails(OllamaCapabilityError)
REPEATS = fails(OllamaIncompleteError, reason="repetition")
SUCCESS = gives({"status": "success"})
UNKNOWN = fails(OllamaPullError, missing=True)
UNREACHABLE = fails(OllamaPullError, missing=False)
FAILED = fails(OllamaResponseError, status=200)
OLD = Unasked("/api/embed is asked instead")
OPENAI = Unasked("of the OpenAI-compatible API")

MEANINGS: dict[str, Meaning] = {
    "chat-bad-role": says("The original sentence is", "length", "limit", 24),
    "chat-content-list": refused(400),
    "chat-empty-content": says("The original sentence is", "length", "limit", 24),
    "chat-format-schema-stream": says('{\n  "colour" : "blue","n', "stop", "stop", 20),
    "chat-logprobs-stream": says("1. Red", "length", "limit", 3),
    "chat-missing-model": MISSING,
    "chat-no-model": refused(400),
    "chat-repetition-ends-in-silence-stream": REPEATS,
    "chat-repetition-ends-in-silence": REPEATS,
    "chat-stream": says("1. Red\n2. Blue\n3. Green", "stop", "stop", 12),
    "chat-think-3": refused(400),
    "chat-think-False": says("1.", "length", "limit", 2),
    "chat-think-True": UNABLE,
    "chat-think-loud": refused(400),
    "chat-think-low": UNABLE,
    "chat-tools-stream": UNABLE,
    "chat-tools": UNABLE,
    "chat": says("1. Red\n2. Blue\n3. Green", "stop", "stop", 12),
    "load-chat": says("", "load", "load", 0),
    "unload-chat-stream": says("", "unload", "unload", 0),
    "generate-empty-body": refused(400),
    "generate-field-unknown": says("x", "length", "limit", 1),
    "generate-format-bad-schema": refused(400),
    "generate-format-bad": refused(500),
    "generate-format-json": says('{\n  "name": "Minty-Red",', "length", "limit", 60),
    "generate-format-schema-cut": says('{\n  "', "length", "limit", 3),
    "generate-format-schema": says('{\n  "colour"\n  : "blue",', "stop", "stop", 22),
    "generate-image-not-base64": refused(400),
    "generate-image-to-text-model": UNABLE,
    "generate-keep-alive--1": says("In", "length", "limit", 1),
    "generate-keep-alive-0": says("To", "length", "limit", 1),
    "generate-keep-alive-300": refused(400),
    "generate-keep-alive-5m": says("x", "length", "limit", 1),
    "generate-keep-alive-None": says("The", "length", "limit", 1),
    "generate-keep-alive-True": refused(400),
    "generate-keep-alive-abc": refused(400),
    "generate-logprobs-stream": says("1. Red", "length", "limit", 3),
    "generate-logprobs-too-many": refused(400),
    "generate-logprobs": says("1. Red", "length", "limit", 3),
    "generate-malformed-json": refused(400),
    "generate-missing-model": MISSING,
    "generate-natural-stop": says("I'm so glad you're happy", "stop", "stop", 23),
    "generate-no-model": MISSING,
    "generate-num-predict-0": says("To solve the equation:\n\n", "stop", "stop", 118),
    "generate-option-float-for-int": says("*Demon", "length", "length", 3),
    "generate-option-unknown": says("x", "length", "limit", 1),
    "generate-option-wrong-type-int": refused(500),
    "generate-option-wrong-type": refused(500),
    "generate-raw": says(" Paris.\n\n", "length", "limit", 4),
    "generate-repetition-ends-in-silence-stream": REPEATS,
    "generate-stop": says("On", "stop", "stop", 1),
    "generate-stream": says("1. Red\n2. Blue\n3. Green", "stop", "stop", 12),
    "generate-suffix-unsupported": UNABLE,
    "generate-system": says("The gentle voice of a pa", "length", "limit", 24),
    "generate-template-bad": refused(500),
    "generate-template": says(", ", "length", "limit", 2),
    "generate-think-3": refused(400),
    "generate-think-False": says("The original", "length", "limit", 2),
    "generate-think-True": UNABLE,
    "generate-think-loud": refused(400),
    "generate-think-low": UNABLE,
    "generate-wrong-json-type": refused(400),
    "generate": says("1. Red\n2. Blue\n3. Green", "stop", "stop", 12),
    "load": says("", "load", "load", 0),
    "unload": says("", "unload", "unload", 0),
    "generate-stream-runner-killed": fails(OllamaIncompleteError, reason="server-error", partial=" narrative"),
    "generate-runner-killed": refused(500),
    "overlong-answer-default": says("The story of a dragon is", "length", "limit", 400),
    "overlong-answer-shift-false": says("The story of a dragon is", "length", "window", 219),
    "overlong-answer-truncate-false-shift-false": says("The story of a dragon is", "length", "window", 219),
    "overlong-answer-truncate-false": says("The story of a dragon is", "length", "limit", 400),
    "overlong-answer-truncate-true-shift-false": says("The story of a dragon is", "length", "window", 219),
    "overlong-chat-default-stream": says("The quick brown fox is", "length", "limit", 5),
    "overlong-chat-default": says("The quick brown fox is", "length", "limit", 5),
    "overlong-chat-history-default": says("19: The quick", "length", "limit", 5),
    "overlong-chat-history-shift-false": says("19: The quick", "length", "limit", 5),
    "overlong-chat-history-truncate-false-shift-false": too_long(256, 741),
    "overlong-chat-history-truncate-false": too_long(256, 741),
    "overlong-chat-history-truncate-true-shift-false": says("19: The quick", "length", "limit", 5),
    "overlong-chat-shift-false-stream": too_long(None, None),
    "overlong-chat-shift-false": too_long(None, None),
    "overlong-chat-truncate-false-shift-false-stream": too_long(256, 4013),
    "overlong-chat-truncate-false-shift-false": too_long(256, 4013),
    "overlong-chat-truncate-false-stream": too_long(256, 4013),
    "overlong-chat-truncate-false": too_long(256, 4013),
    "overlong-chat-truncate-true-shift-false-stream": too_long(None, None),
    "overlong-chat-truncate-true-shift-false": too_long(None, None),
    "overlong-generate-default-stream": says("The quick brown fox is", "length", "limit", 5),
    "overlong-generate-default": says("The quick brown fox is", "length", "limit", 5),
    "overlong-generate-shift-false-stream": too_long(None, None),
    "overlong-generate-shift-false": too_long(None, None),
    "overlong-generate-truncate-false-shift-false-stream": too_long(256, 4013),
    "overlong-generate-truncate-false-shift-false": too_long(256, 4013),
    "overlong-generate-truncate-false-stream": too_long(256, 4013),
    "overlong-generate-truncate-false": too_long(256, 4013),
    "overlong-generate-truncate-true-shift-false-stream": too_long(None, None),
    "overlong-generate-truncate-true-shift-false": too_long(None, None),
    "embed-chat-model": UNABLE,
    "embed-dimensions-too-many": UNABLE,
    "embed-dimensions": gives([-0.33858645, 0.2956665]),
    "embed-empty-in-list": gives([-0.036386505, 0.03463452]),
    "embed-empty-string": fails(OllamaProtocolError),
    "embed-missing-model": MISSING,
    "embed-mixed": refused(400),
    "embed-no-input": fails(OllamaProtocolError),
    "embed-none": fails(OllamaProtocolError),
    "embed-number": refused(400),
    "embed-one": gives([-0.06287097, 0.054901306]),
    "embed-overlong-strict": too_long(None, None),
    "embed-overlong": gives([0.07024034, -0.065658085]),
    "embed-two": gives([-0.06287097, 0.054901306]),
    "embeddings-old-empty": OLD,
    "embeddings-old": OLD,
    "pull-again": SUCCESS,
    "pull-bad-name": fails(OllamaPullError, missing=False),
    "pull-from-registry": SUCCESS,
    "pull-no-model": fails(OllamaPullError, missing=False),
    "pull-nostream": SUCCESS,
    "pull-not-insecure": UNREACHABLE,
    "pull-unknown-nostream": UNKNOWN,
    "pull-unknown-tag": UNKNOWN,
    "pull-unknown": UNKNOWN,
    "pull-unreachable-nostream": UNREACHABLE,
    "pull-unreachable": UNREACHABLE,
    "push-registry": SUCCESS,
    "push-unreachable": FAILED,
    "create-from-missing": FAILED,
    "create-from": SUCCESS,
    "create-missing-blob": FAILED,
    "create-not-gguf": FAILED,
    "create-nothing": refused(400),
    "blob-bad-digest": refused(400),
    "blob-head-missing": gives(),
    "blob-head-there": gives(),
    "blob-post-again": gives(),
    "blob-post-mismatch": refused(400),
    "blob-post": gives(),
    "copy-missing": MISSING,
    "copy": gives(),
    "delete-missing": MISSING,
    "delete-parrot": gives(),
    "delete-registry-copy": gives(),
    "delete": gives(),
    "double-api": refused(404),
    "host-check": fails(OllamaAuthenticationError, status=403),
    "origin-check": fails(OllamaAuthenticationError, status=403),
    "ps-loaded": gives({"name": "smollm2:latest", "size": 209505483}),
    "ps-nothing-loaded": gives([]),
    "ps-num-ctx-256": gives({"name": "smollm2:latest", "size": 109880277}),
    "root-head": Unasked("a health check reads the list of models"),
    "root": Unasked("a health check reads the list of models"),
    "show-bad-name": refused(400),
    "show-missing": MISSING,
    "show-no-model": refused(400),
    "show-parrot": gives({"system": "You are a parrot."}),
    "show": gives({"capabilities": ["completion"]}),
    "tags": gives({"name": "smollm2:latest", "size": 98362745}),
    "version": gives("0.33.0"),
    "wrong-path": refused(404),
    "wrong-verb": refused(405),
    "busy": fails(OllamaBusyError, status=503, retry_after=None, quota=False),
    "v1-chat-missing": OPENAI,
    "v1-chat-stream": OPENAI,
    "v1-chat": OPENAI,
    "v1-embeddings": OPENAI,
    "v1-models": OPENAI,
    "v1-under-api": OPENAI,
}
"""A meaning for each name."""
