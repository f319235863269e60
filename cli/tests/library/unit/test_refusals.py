"""Every no that a server was seen to say, and a few that others say, becomes the exception it means.

The names in the tables are those of answers of an Ollama server of release 0.33; their texts are its own.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.library.unit.refusing import BUSY, DIED, HOST, refuse, saying
from vuhitra import (
    OllamaAuthenticationError,
    OllamaBusyError,
    OllamaCapabilityError,
    OllamaConnectionError,
    OllamaContextError,
    OllamaError,
    OllamaModelError,
    OllamaModelNotFoundError,
    OllamaPullError,
    OllamaResponseError,
)
from vuhitra.refusals import complaint, error_line
from vuhitra.subjects import Subject

NO = OllamaResponseError
MISSING = OllamaModelNotFoundError
CAN_NOT = OllamaCapabilityError
TOO_LONG = OllamaContextError

CAN_NOT_THINK = '"smollm2" does not support thinking'
BAD_THINK = 'think must be a boolean or string ("high", "medium", "low", "max", true, or false)'
NO_LEVEL = 'think value "low" is not supported for this model'
LOUD = 'invalid think value: "loud" (must be "high", "medium", "low", "max", true, or false)'
NO_FORMAT = r'invalid format: "\"xml\""; expected "json" or a valid JSON Schema object'
NO_LIST = "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string"
NO_NUMBER = "json: cannot unmarshal number into Go struct field GenerateRequest.model of type string"
NO_EMBEDDINGS = "This server does not support embeddings. Start it with `--embeddings`"
NO_TOOLS = "registry.ollama.ai/library/smollm2:latest does not support tools"
NO_INSERT = "registry.ollama.ai/library/smollm2:latest does not support insert"
UNREACHABLE = (
    'pull model manifest: Get "http://127.0.0.1:1/v2/library/x/manifests/latest": '
    "dial tcp 127.0.0.1:1: connect: connection refused"
)
LONGER = (
    "the prompt is longer than the context length currently available to the model; shorten the prompt, "
    "adjust the context length in settings, or use a model with a longer context length"
)

SEEN: list[tuple[str, str, int, str, type[OllamaError]]] = [
    ("chat-content-list", "/api/chat", 400, NO_LIST, NO),
    ("chat-missing-model", "/api/chat", 404, "model 'nope' not found", MISSING),
    ("chat-no-model", "/api/chat", 400, "model is required", NO),
    ("chat-think-3", "/api/chat", 400, BAD_THINK, NO),
    ("chat-think-True", "/api/chat", 400, CAN_NOT_THINK, CAN_NOT),
    ("chat-think-low", "/api/chat", 400, NO_LEVEL, CAN_NOT),
    ("chat-think-loud", "/api/chat", 400, LOUD, NO),
    ("chat-tools", "/api/chat", 400, NO_TOOLS, CAN_NOT),
    ("overlong-chat-shift-false", "/api/chat", 400, LONGER, TOO_LONG),
    ("generate-empty-body", "/api/generate", 400, "missing request body", NO),
    ("generate-malformed-json", "/api/generate", 400, "unexpected EOF", NO),
    ("generate-wrong-json-type", "/api/generate", 400, NO_NUMBER, NO),
    ("generate-missing-model", "/api/generate", 404, "model 'nope' not found", MISSING),
    ("generate-no-model", "/api/generate", 404, "model '' not found", MISSING),
    ("generate-format-bad", "/api/generate", 500, NO_FORMAT, NO),
    ("generate-image-not-base64", "/api/generate", 400, "illegal base64 data at input byte 0", NO),
    ("generate-keep-alive-300", "/api/generate", 400, 'time: missing unit in duration "300"', NO),
    ("generate-keep-alive-True", "/api/generate", 400, "Unsupported type: 'bool'", NO),
    ("generate-keep-alive-abc", "/api/generate", 400, 'time: invalid duration "abc"', NO),
    ("generate-logprobs-too-many", "/api/generate", 400, "top_logprobs must be between 0 and 20", NO),
    ("generate-option-wrong-type-int", "/api/generate", 500, 'option "num_ctx" must be of type integer', NO),
    ("generate-option-wrong-type", "/api/generate", 500, 'option "temperature" must be of type float32', NO),
    ("generate-suffix-unsupported", "/api/generate", 400, NO_INSERT, CAN_NOT),
    ("generate-template-bad", "/api/generate", 500, "template: :1: unclosed action", NO),
    ("generate-think-True", "/api/generate", 400, CAN_NOT_THINK, CAN_NOT),
    ("generate-runner-killed", "/api/generate", 500, DIED, NO),
    ("overlong-generate-shift-false", "/api/generate", 400, LONGER, TOO_LONG),
    ("busy", "/api/generate", 503, BUSY, OllamaBusyError),
    ("embed-chat-model", "/api/embed", 501, NO_EMBEDDINGS, CAN_NOT),
    ("embed-missing-model", "/api/embed", 404, 'model "nope" not found, try pulling it first', MISSING),
    ("embed-number", "/api/embed", 400, "invalid input type", NO),
    ("embed-overlong-strict", "/api/embed", 400, "the input length exceeds the context length", TOO_LONG),
    ("pull-bad-name", "/api/pull", 400, "invalid model name", OllamaPullError),
    ("pull-unknown-nostream", "/api/pull", 500, "pull model manifest: file does not exist", OllamaPullError),
    ("pull-unreachable-nostream", "/api/pull", 500, UNREACHABLE, OllamaPullError),
    ("show-bad-name", "/api/show", 400, "invalid model name", NO),
    ("show-missing", "/api/show", 404, "model 'nope:latest' not found", MISSING),
    ("show-no-model", "/api/show", 400, "model is required", NO),
    ("create-nothing", "/api/create", 400, "neither 'from' or 'files' was specified", NO),
    ("copy-missing", "/api/copy", 404, 'model "nope" not found', MISSING),
    ("delete-missing", "/api/delete", 404, "model 'copied' not found", MISSING),
    ("blob-post-mismatch", "/api/blobs/sha256:1", 400, 'digest mismatch, expected "sha256:1"', NO),
]


def llama_says(message: str, kind: str, **numbers: object) -> str:
    """The same as llama.cpp says it, and Ollama passes it on: JSON in a string."""
    return saying(json.dumps({"error": {"code": 400, "message": message, "type": kind, **numbers}}))


@pytest.mark.parametrize(("name", "path", "status", "text", "kind"), SEEN, ids=[seen[0] for seen in SEEN])
def test_a_refusal_that_was_seen(name: str, path: str, status: int, text: str, kind: type[OllamaError]) -> None:
    error = refuse(status, saying(text), path, "nope")
    assert type(error) is kind
    assert error.why == text
    assert "http://gpu:1 (OLLAMA_IP in ./.env)" in error.what
    assert "sesame" not in f"{error} {error!r} {vars(error)}"
    if isinstance(error, OllamaResponseError):
        assert (error.status, error.body) == (status, saying(text))
        assert f"answered {status} to {path}" in error.what
    else:
        assert "'nope'" in error.what
    if isinstance(error, OllamaModelError):
        assert error.model == "nope"


NO_MULTIMODAL = "Multimodal data provided, but model does not support multimodal requests."
NO_SCHEMA = 'Field \'json_schema\': JSON schema conversion failed:\nUnrecognized schema: {"type":"colour"}'
EXCEEDED = "request (4013 tokens) exceeds the available context size (256 tokens), try increasing it"
OVERLONG = llama_says(EXCEEDED, "exceed_context_size_error", n_prompt_tokens=4013, n_ctx=256)


@pytest.mark.parametrize(
    ("body", "text", "kind"),
    [
        (llama_says(NO_MULTIMODAL, "invalid_request_error"), NO_MULTIMODAL, CAN_NOT),
        (llama_says(NO_SCHEMA, "invalid_request_error"), NO_SCHEMA, NO),
        (llama_says("in other words", "exceed_context_size_error"), "in other words", TOO_LONG),
        (OVERLONG, EXCEEDED, TOO_LONG),
    ],
    ids=["image-to-text-model", "format-bad-schema", "type-without-numbers", "overlong-truncate-false"],
)
def test_a_refusal_of_llama_cpp_is_unwrapped(body: str, text: str, kind: type[OllamaError]) -> None:
    error = refuse(400, body)
    assert type(error) is kind
    assert error.why == text


@pytest.mark.parametrize(
    ("body", "window", "needed"),
    [
        (OVERLONG, 256, 4013),
        (llama_says(EXCEEDED, "exceed_context_size_error", n_prompt_tokens=4013, n_ctx="many"), 256, 4013),
        (llama_says(EXCEEDED, "exceed_context_size_error"), 256, 4013),
        (saying(EXCEEDED), 256, 4013),
        (saying("input (700 tokens) is too large to process. (current batch size: 512)"), 512, 700),
        (saying("the prompt is too large to process"), None, None),
        (llama_says("no", "exceed_context_size_error", n_prompt_tokens=True, n_ctx=None), None, None),
        (saying(LONGER), None, None),
        (saying("the input length exceeds the context length"), None, None),
    ],
)
def test_a_prompt_too_long_knows_both_numbers_where_the_server_gives_them(
    body: str, window: int | None, needed: int | None
) -> None:
    error = refuse(400, body)
    assert isinstance(error, OllamaContextError)
    assert (error.window, error.needed) == (window, needed)


@pytest.mark.parametrize(
    ("path", "status", "body", "kind"),
    [
        pytest.param("/api/nope", 404, "404 page not found", NO, id="wrong-path"),
        pytest.param("/api/generate", 405, "405 method not allowed", NO, id="wrong-verb"),
        pytest.param("/api/tags", 403, "", OllamaAuthenticationError, id="host-check"),
        pytest.param("/api/blobs/sha256:xyz", 400, "", NO, id="blob-bad-digest"),
        pytest.param("/api/chat", 500, '"text"', NO, id="JSON, but no object"),
        pytest.param("/api/chat", 500, '{"detail":"oops"}', NO, id="an object without an error"),
        pytest.param("/api/chat", 404, "\xff", NO, id="bytes"),
    ],
)
def test_a_body_that_is_not_ollamas_is_shown_as_it_is(
    path: str, status: int, body: str, kind: type[OllamaResponseError]
) -> None:
    error = refuse(status, body, path, "nope")
    assert type(error) is kind
    assert isinstance(error, OllamaResponseError)
    assert (error.status, error.why, error.body) == (status, body or None, body)


def test_a_501_about_no_model_is_no_matter_of_what_one_can_do() -> None:
    error = refuse(501, saying("not here"), "/api/tags", model="")
    assert type(error) is OllamaResponseError
    assert error.status == 501


@pytest.mark.parametrize(("status", "text"), [(501, "not here"), (400, "this must be an embedding model")])
def test_what_a_model_can_not_do_in_other_words(status: int, text: str) -> None:
    assert type(refuse(status, saying(text))) is OllamaCapabilityError


def test_an_error_that_is_an_object_as_under_v1() -> None:
    body = saying({"message": "model 'nope' not found", "type": "not_found_error", "param": None, "code": None})
    error = refuse(404, body, "/v1/chat/completions", "nope")
    assert type(error) is OllamaModelNotFoundError
    assert error.why == "model 'nope' not found"


IN_THE_MIDDLE: list[tuple[str, str, str, type[OllamaError]]] = [
    ("pull-unknown", "/api/pull", "pull model manifest: file does not exist", OllamaPullError),
    ("pull-unreachable", "/api/pull", UNREACHABLE, OllamaPullError),
    ("push-unreachable", "/api/push", "open /models/manifests/x/latest: no such file or directory", NO),
    ("create-not-gguf", "/api/create", "supplied file was not in GGUF format", NO),
    ("generate-stream-runner-killed", "/api/generate", DIED, NO),
    ("too-long", "/api/chat", json.loads(OVERLONG)["error"], TOO_LONG),
    ("can't", "/api/chat", NO_TOOLS, CAN_NOT),
]


@pytest.mark.parametrize(("name", "path", "text", "kind"), IN_THE_MIDDLE, ids=[seen[0] for seen in IN_THE_MIDDLE])
def test_an_error_on_a_line_of_a_stream(name: str, path: str, text: str, kind: type[OllamaError]) -> None:
    error = error_line(Subject(HOST, path, "m"), text)
    assert type(error) is kind
    assert error.why == complaint(text).text
    assert str(HOST) in error.what


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("plain", "plain"),
        ({"message": "an object's"}, "an object's"),
        ({"code": 1}, '{"code":1}'),
        ('{"error":"inside"}', "inside"),
        ('{"error":{"message":"inside"}}', "inside"),
        (r'{"error":"{\"error\":\"twice\"}"}', "twice"),
        ({"message": '{"error":{"message":"inside"}}'}, "inside"),
        ({"error": {"error": "inside"}}, "inside"),
        ({}, "{}"),
        (["a"], '["a"]'),
        ("x" * 5000, "x" * 2000),
        ("{\ud83c", "{\ud83c"),
        ('{"error":', '{"error":'),
        ('{"message":"no error in it"}', '{"message":"no error in it"}'),
        (7, "7"),
    ],
)
def test_a_text_that_is_itself_json_is_unwrapped(error: object, text: str) -> None:
    assert complaint(error).text == text


@pytest.mark.parametrize("path", ["/api/chat", "/api/pull", "/api/tags"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, OllamaAuthenticationError),
        (403, OllamaAuthenticationError),
        (429, OllamaBusyError),
        (502, OllamaBusyError),
        (503, OllamaBusyError),
        (504, OllamaBusyError),
    ],
)
@pytest.mark.parametrize("body", ['{"error":"this does not support that"}', "<html>", ""], ids=["JSON", "HTML", "none"])
def test_a_status_counts_before_a_text(path: str, status: int, kind: type[OllamaError], body: str) -> None:
    assert type(refuse(status, body, path)) is kind


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (
            "<html><head><title>Error response</title></head><body><h1>Error response</h1>Code 501",
            "Error response Code 501",
        ),
        ("<!DOCTYPE html><title>Gone fishing</title>", "Gone fishing"),
        ("<style>a{}</style><p>a &lt; b</p>", "a < b"),
    ],
)
def test_a_page_is_told_in_its_words(page: str, why: str) -> None:
    assert refuse(500, page).why == why


def test_an_error_as_deep_as_can_be_is_an_error() -> None:
    deep: Any = "deep"
    for _ in range(900):
        deep = {"error": deep}
    assert isinstance(error_line(Subject(HOST, "/api/chat", "m"), deep), OllamaResponseError)


def test_the_proxy_that_refuses_is_not_the_server() -> None:
    error = refuse(407, "<html>Proxy Authentication Required</html>")
    assert type(error) is OllamaConnectionError
    assert error.reason == "proxy"
    assert "gpu:1" in str(error)
