"""What a real server answered, heard again: each answer means in both clients what the table says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.library.wire.meanings import MEANINGS, Fails, Gives, Meaning, Says, Unasked, recorded
from tests.scripted_server import STREAM_END, STREAM_HEAD, Step, answer, chunk, stream
from vuhitra import OllamaError, OllamaModelNotFoundError, OllamaResponseError, Reply, Retry, resolve_host
from vuhitra.http import Head
from vuhitra.refusals import refused
from vuhitra.subjects import Subject

RECORDED = recorded()
HELLO = [{"role": "user", "content": "hello"}]
WINDOW = {"num_ctx": 256, "num_predict": 5}
"""The options of requests that were too long to record."""
WRONG_OPTIONS = ("generate-option-wrong-type", "generate-option-wrong-type-int", "generate-option-float-for-int")
"""Requests with options that the client doesn't let pass."""


def test_every_recording_has_a_meaning() -> None:
    assert MEANINGS.keys() == RECORDED.keys()


@pytest.mark.parametrize("name", [name for name, meaning in MEANINGS.items() if not isinstance(meaning, Unasked)])
def test_a_recorded_answer_means_what_it_should(connect: Connect, serve: Serve, name: str, tmp_path: Path) -> None:
    server = serve(*_script(name))
    client = connect(server.url, "smollm2", retry=Retry(attempts=1), auto_pull=False)
    _check(MEANINGS[name], name, lambda: _ask(client, name, tmp_path))
    asked, recording = server.requests[int(name.startswith("blob-post"))], RECORDED[name]["request"]
    if name not in ("double-api", "wrong-path", "wrong-verb") and "-chat" not in name:
        assert (asked.method, asked.path.split(":")[0]) == (recording["method"], recording["path"].split(":")[0])


@pytest.mark.parametrize("name", [name for name, meaning in MEANINGS.items() if isinstance(meaning, Says)])
def test_a_recorded_answer_is_the_same_as_a_stream(connect: Connect, serve: Serve, name: str) -> None:
    client = connect(serve(*_script(name)).url, "smollm2", auto_pull=False)
    whole = _ask(client, name)
    with _ask(client, name, stream=True) as streamed:
        assert "".join(streamed) == whole
        assert vars(streamed.reply) == vars(whole)


def test_an_error_of_the_other_api_is_read_too() -> None:
    subject = Subject(resolve_host("http://127.0.0.1:11434"), "/v1/chat/completions", "nope")
    error = refused(subject, *_response("v1-chat-missing"))
    assert isinstance(error, OllamaModelNotFoundError)
    assert error.why == "model 'nope' not found"
    assert type(refused(subject, *_response("v1-under-api"))) is OllamaResponseError


def _check(meaning: Meaning, name: str, ask: Callable[[], Any]) -> None:
    match meaning:
        case Fails(kind, attributes):
            with pytest.raises(OllamaError) as caught:
                ask()
            assert type(caught.value) is kind
            assert {each: getattr(caught.value, each) for each in attributes} == attributes
        case Gives(value):
            assert _part(ask(), value) == value
        case Says(start, done_reason, stopped_by, tokens):
            reply = ask()
            assert isinstance(reply, Reply)
            assert reply == _text(name)
            assert reply.startswith(start)
            assert (reply.done_reason, reply.stopped_by) == (done_reason, stopped_by)
            assert reply.stats.eval_count == tokens
            assert reply.model == "smollm2"
            assert bool(reply.logprobs) is ("logprobs" in name)
        case Unasked():
            pytest.fail("nobody asks that")


def _part(result: Any, value: Any) -> Any:
    """As much of a result as a table speaks of."""
    if isinstance(value, dict):
        found = (result or [{}])[-1] if isinstance(result, list) else result
        return {key: found.get(key) for key in value}
    if isinstance(value, list) and value:
        first = result[0] if isinstance(result[0], list) else result
        return first[: len(value)]
    return result


def _ask(client: Any, name: str, folder: Path | None = None, **more: Any) -> Any:
    """Does what makes a request as the recorded one was."""
    request = RECORDED[name]["request"]
    body = request.get("body")
    asked: dict[str, Any] = body if isinstance(body, dict) else {"options": WINDOW} if body else {}
    path = "/".join(request["path"].split("/")[2:3])
    if path in ("generate", "chat"):
        options = {} if name in WRONG_OPTIONS else asked.get("options", {})
        more |= {"options": options, "shift": "shift-false" not in name}
    if path == "blobs" and folder is not None:
        asked = {"files": {"model.gguf": folder / "model.gguf"}}
        asked["files"]["model.gguf"].write_bytes(b"hello blob")
    return ASKING[path if path in ASKING else "tags"](client, asked, **more)


ASKING: dict[str, Callable[..., Any]] = {
    "generate": lambda client, asked, **more: client.generate("hello" if "prompt" in asked else "", **more),
    "chat": lambda client, _, **more: client.chat(HELLO, **more),
    "embed": lambda client, asked: client.embed(
        ["a", "b"] if isinstance(asked.get("input"), list) and len(asked["input"]) == 2 else "a",
        dimensions=asked.get("dimensions"),
    ),
    "pull": lambda client, asked: list(client.pull_model(asked.get("model", "m"), stream=True)),
    "push": lambda client, asked: list(client.push_model(asked["model"], stream=True)),
    "create": lambda client, _: list(client.create_model("m", from_="smollm2", stream=True)),
    "blobs": lambda client, asked: client.create_model("m", **asked),
    "copy": lambda client, _: client.copy_model("smollm2", "copied"),
    "delete": lambda client, _: client.delete_model("smollm2"),
    "show": lambda client, _: client.show_model("smollm2"),
    "ps": lambda client, _: client.running_models(),
    "version": lambda client, _: client.version(),
    "tags": lambda client, _: client.list_models(),
}
"""What asks for each path of the API, and with `tags` for what is none."""


def _script(name: str) -> list[list[Step]]:
    """The answers to one request after the other, the recorded one among them."""
    made = stream([{"status": "success"}])
    if name.startswith("blob-post"):
        return [answer(b"", 404), _answer(name), made]
    if name.startswith("blob-head"):
        return [_answer(name), made]
    return [_answer(name)]


def _answer(name: str) -> list[Step]:
    """The recorded answer as it came: in chunks, where it was a stream."""
    head, body = _response(name)
    if "lines" in RECORDED[name]["response"] and head.header("content-type") is not None:
        return [STREAM_HEAD, *(chunk(line + b"\n") for line in body.splitlines()), STREAM_END]
    kind = head.header("content-type")
    typed = f"Content-Type: {kind}\r\n" if kind else ""
    sent = b"" if RECORDED[name]["request"]["method"] == "HEAD" else body
    return [f"HTTP/1.1 {head.status} X\r\n{typed}Content-Length: {len(body)}\r\n\r\n".encode() + sent]


def _response(name: str) -> tuple[Head, bytes]:
    response = RECORDED[name]["response"]
    body = "\n".join([*response["lines"], ""]) if "lines" in response else response["body"]
    headers = tuple((key.lower().encode(), value.encode()) for key, value in response.get("headers", {}).items())
    return Head(response["status"], headers), body.encode()


def _text(name: str) -> str:
    """The text in a recorded answer, as plainly read as can be."""
    records = [json.loads(line) for line in _response(name)[1].split(b"\n") if line]
    return "".join(record.get("message", {}).get("content") or record.get("response") or "" for record in records)
