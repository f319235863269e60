"""What a request can be answered instead of what it asked for, in Ollama's words."""

from __future__ import annotations

import json

RUNNER_GONE = (
    "model runner has unexpectedly stopped, this may be due to resource limitations or an "
    "internal error, check ollama server logs for details"
)
RUNNER_BROKE_OFF = "an error was encountered while running the model: unexpected EOF"
BUSY = "server busy, please try again.  maximum pending requests exceeded"
PROMPT_TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the "
    "prompt, adjust the context length in settings, or use a model with a longer context length"
)
INPUT_TOO_LONG = "the input length exceeds the context length"


class Refusal(Exception):
    """An HTTP status, and the text of the `error` field."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class EngineRefusal(Refusal):
    """A refusal that comes from the engine, when everything else was in order."""


def window_exceeded(needed: int, window: int) -> EngineRefusal:
    """The refusal of a prompt of `needed` tokens that must not be cut."""
    message = f"request ({needed} tokens) exceeds the available context size ({window} tokens), try increasing it"
    return _in_its_words("exceed_context_size_error", message, n_prompt_tokens=needed, n_ctx=window)


def images_refused() -> EngineRefusal:
    """The refusal of images by a model that can't see."""
    message = "Multimodal data provided, but model does not support multimodal requests."
    return _in_its_words("invalid_request_error", message)


def schema_refused(why: str) -> EngineRefusal:
    """The refusal of a schema that answers can't be held to."""
    message = f"Field 'json_schema': \"json_schema\": JSON schema conversion failed:\n{why}"
    return _in_its_words("invalid_request_error", message)


def _in_its_words(kind: str, message: str, **more: int) -> EngineRefusal:
    """A 400 as llama.cpp words it: Ollama passes on the JSON of it, inside the text."""
    error = {"code": 400, "message": message, "type": kind, **more}
    return EngineRefusal(400, json.dumps({"error": error}, ensure_ascii=False, separators=(",", ":")))
