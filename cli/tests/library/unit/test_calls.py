"""What each operation sends, to the letter; what can't be right raises before it is sent; what answers count."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from vuhitra import OllamaCapabilityError, OllamaError, OllamaResponseError, Reply, calls, resolve_host
from vuhitra.calls import Call
from vuhitra.http import Head, Upload
from vuhitra.lines import MalformedError
from vuhitra.readers import RefusalReader
from vuhitra.reply import Gathered, Sent
from vuhitra.types import Image

HOST = resolve_host("https://gate/ollama")
HEADERS = (("Host", "gate"),)
USER = {"role": "user", "content": "hello"}
OK = Head(200, ((b"content-type", b"application/json"),))
DIGEST = "sha256:" + "a" * 64
UPLOAD = Upload(Path("file"), 3)
STRICT = {"truncate": False, "shift": False, "stream": True}


def sent(call: Call[Any]) -> tuple[str, str, Any]:
    """What goes over the wire: method, target and the decoded body."""
    request = call.request(HOST, HEADERS)
    assert request.headers == HEADERS
    body = request.body
    return request.method, request.target, json.loads(body) if isinstance(body, bytes) else body


@pytest.mark.parametrize(
    ("call", "method", "path", "body"),
    [
        (calls.version(), "GET", "/api/version", None),
        (calls.list_models(), "GET", "/api/tags", None),
        (calls.running_models(), "GET", "/api/ps", None),
        (calls.show_model("m", {}), "POST", "/api/show", {"model": "m"}),
        (calls.show_model("m", {"verbose": True}), "POST", "/api/show", {"model": "m", "verbose": True}),
        (calls.pull_model("m", {}), "POST", "/api/pull", {"model": "m", "stream": True}),
        (
            calls.pull_model("m", {"insecure": True}),
            "POST",
            "/api/pull",
            {"model": "m", "stream": True, "insecure": True},
        ),
        (
            calls.push_model("m", {"insecure": False}),
            "POST",
            "/api/push",
            {"model": "m", "stream": True, "insecure": False},
        ),
        (
            calls.create_model("m", {"from": "n", "system": None}),
            "POST",
            "/api/create",
            {"model": "m", "from": "n", "stream": True},
        ),
        (calls.has_blob(DIGEST), "HEAD", f"/api/blobs/{DIGEST}", None),
        (calls.upload_blob(DIGEST, UPLOAD), "POST", f"/api/blobs/{DIGEST}", UPLOAD),
        (calls.copy_model("m", "n"), "POST", "/api/copy", {"source": "m", "destination": "n"}),
        (calls.delete_model("m"), "DELETE", "/api/delete", {"model": "m"}),
        (calls.load_model("m", None, None), "POST", "/api/generate", {"model": "m", **STRICT}),
        (
            calls.load_model("m", {"num_ctx": 9}, 0),
            "POST",
            "/api/generate",
            {"model": "m", "options": {"num_ctx": 9}, "keep_alive": 0, **STRICT},
        ),
        (calls.load_embedder("m", None, "5m"), "POST", "/api/embed", {"model": "m", "input": [], "keep_alive": "5m"}),
        (calls.generate("m", "hi", None, {}), "POST", "/api/generate", {"model": "m", "prompt": "hi", **STRICT}),
        (calls.generate("m", "", None, {}), "POST", "/api/generate", {"model": "m", "prompt": "", **STRICT}),
        (calls.chat("m", [USER], {}), "POST", "/api/chat", {"model": "m", "messages": [USER], **STRICT}),
        (calls.chat("m", [], {}), "POST", "/api/chat", {"model": "m", "messages": [], **STRICT}),
        (calls.embed("m", ["a"], {}), "POST", "/api/embed", {"model": "m", "input": ["a"], "truncate": False}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_sent_when_nothing_is_asked_for(call: Call[Any], method: str, path: str, body: Any) -> None:
    assert sent(call) == (method, "/ollama" + path, body)
    assert call.path == path


GENERATE: dict[str, Any] = {
    "system": "be brief",
    "template": "{{ .Prompt }}",
    "raw": True,
    "suffix": "end",
    "think": "low",
    "format": {"type": "object"},
    "keep_alive": "5m",
    "logprobs": True,
    "top_logprobs": 20,
    "truncate": True,
    "shift": True,
}
CHAT: dict[str, Any] = {
    "options": {"temperature": 0, "num_ctx": 256, "stop": ["\n"], "use_mmap": True, "brand_new": "x"},
    "tools": [{"type": "function", "function": {"name": "add"}}],
    "think": False,
    "format": "json",
    "keep_alive": 0,
    "logprobs": False,
    "top_logprobs": 0,
    "truncate": True,
    "shift": True,
}
EMBED: dict[str, Any] = {"dimensions": 64, "truncate": True, "keep_alive": -1, "options": {"num_ctx": 256}}


def test_everything_that_is_asked_for_is_sent() -> None:
    options = {"num_predict": 5, "top_p": 0.5}
    body = {"model": "m", "prompt": "hi", "options": options, "stream": True, **GENERATE}
    assert sent(calls.generate("m", "hi", options, GENERATE))[2] == body  # type: ignore[arg-type]
    body = {"model": "m", "messages": [USER], "stream": True, **CHAT}
    assert sent(calls.chat("m", [USER], CHAT))[2] == body  # type: ignore[arg-type]
    assert sent(calls.embed("m", ["a", "b"], EMBED))[2] == {"model": "m", "input": ["a", "b"], **EMBED}  # type: ignore[arg-type]


def test_none_is_the_same_as_nothing() -> None:
    nothing: Any = dict.fromkeys([*GENERATE, "images"])
    assert sent(calls.generate("m", "hi", None, nothing))[2] == sent(calls.generate("m", "hi", None, {}))[2]
    embedding: Any = dict.fromkeys(EMBED)
    assert sent(calls.embed("m", ["a"], embedding))[2] == sent(calls.embed("m", ["a"], {}))[2]


def test_an_unknown_role_or_key_of_a_message_is_passed_on() -> None:
    message = {"role": "critic", "content": "no", "mood": "bad"}
    assert sent(calls.chat("m", [message], {}))[2]["messages"] == [message]


def test_a_reply_can_be_sent_as_it_came() -> None:
    gathered = Gathered(Sent())
    call = {"id": "1", "function": {"name": "add", "arguments": {"a": 2}}}
    gathered.add({"message": {"content": "so", "thinking": "hm", "tool_calls": [call]}})
    reply = gathered.reply()
    answer = {"role": "assistant", "content": "so", "thinking": "hm", "tool_calls": [call]}
    tool = {"role": "tool", "content": reply, "tool_name": "add"}
    body = sent(calls.chat("m", [USER, reply.message, tool], {}))[2]
    assert body["messages"] == [USER, answer, {**tool, "content": "so"}]
    assert sent(calls.generate("m", reply, None, {}))[2]["prompt"] == "so"
    assert sent(calls.embed("m", [reply], {}))[2]["input"] == ["so"]


def test_mappings_of_other_kinds_are_sent_as_objects() -> None:
    read_only = MappingProxyType({"role": "user", "content": "hello"})
    assert sent(calls.chat("m", (read_only,), {"options": MappingProxyType({"seed": 1})}))[2]["options"] == {"seed": 1}


def test_images_are_bytes_or_paths_or_base64_that_is_never_looked_up(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"\x00PNG")
    images: list[Image] = [b"\x00PNG", path, str(path)]
    encoded = ["AFBORw==", "AFBORw==", str(path)]
    assert sent(calls.generate("m", "hi", None, {"images": images}))[2]["images"] == encoded
    message = {**USER, "images": images}
    assert sent(calls.chat("m", [message], {}))[2]["messages"] == [{**USER, "images": encoded}]
    assert message["images"] is images


HI = "hi"


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: calls.chat("", [USER], {}), ValueError, "no model is named"),
        (lambda: calls.chat(" ", [USER], {}), ValueError, "no model is named"),
        (lambda: calls.generate("", HI, None, {}), ValueError, "no model is named"),
        (lambda: calls.embed("", ["a"], {}), ValueError, "no model is named"),
        (lambda: calls.show_model("", {}), ValueError, "no model is named"),
        (lambda: calls.push_model("", {}), ValueError, "no model is named"),
        (lambda: calls.create_model("", {}), ValueError, "no model is named"),
        (lambda: calls.copy_model("m", ""), ValueError, "no model is named"),
        (lambda: calls.copy_model("", "m"), ValueError, "no model is named"),
        (lambda: calls.delete_model(""), ValueError, "no model is named"),
        (lambda: calls.load_model("", None, None), ValueError, "no model is named"),
        (lambda: calls.load_embedder("", None, None), ValueError, "no model is named"),
        (lambda: calls.load_model("m", {"num_ctx": "1"}, None), TypeError, "num_ctx is a whole number"),
        (lambda: calls.embed("m", ["a"], {"dimensions": 0}), ValueError, "at least 1, not 0"),
        (lambda: calls.pull_model("", {}), ValueError, "no model is named"),
        (lambda: calls.show_model(3, {}), TypeError, "name is a str, not int"),  # type: ignore[arg-type]
        (lambda: calls.generate("m", 4, None, {}), TypeError, "prompt is a str, not int"),  # type: ignore[arg-type]
        (lambda: calls.chat("m", ["hello"], {}), TypeError, "message is a dict with a str 'role'"),  # type: ignore[list-item]
        (lambda: calls.chat("m", [{}], {}), TypeError, "message is a dict with a str 'role'"),
        (lambda: calls.chat("m", [{"content": HI}], {}), TypeError, "message is a dict with a str 'role'"),
        (lambda: calls.chat("m", [{"role": None, "content": HI}], {}), TypeError, "with a str 'role'"),
        (lambda: calls.chat("m", [{"role": "user", "content": None}], {}), TypeError, "not NoneType"),
        (lambda: calls.chat("m", [{"role": "user", "content": [{}]}], {}), TypeError, "a str, not list"),
        (lambda: calls.chat("m", [{**USER, "images": "AFBO"}], {}), TypeError, "images is a list, not str"),
        (lambda: calls.generate("m", HI, None, {"images": b"PNG"}), TypeError, "not bytes"),  # type: ignore[typeddict-item]
        (lambda: calls.generate("m", HI, None, {"top_logprobs": 21}), ValueError, "0 to 20, not 21"),
        (lambda: calls.chat("m", [USER], {"top_logprobs": -1}), ValueError, "0 to 20, not -1"),
        (lambda: calls.generate("m", HI, ["seed"], {}), TypeError, "options is a dict, not list"),  # type: ignore[arg-type]
        (lambda: calls.chat("m", [USER], {"options": 3}), TypeError, "options is a dict"),  # type: ignore[typeddict-item]
        (lambda: calls.embed("m", ["a"], {"options": {"num_ctx": "1"}}), TypeError, "num_ctx is a whole number"),
        (lambda: calls.embed("m", [], {}), ValueError, "no text to embed"),
        (lambda: calls.embed("m", [""], {}), ValueError, "text 0 is empty"),
        (lambda: calls.embed("m", ["a", ""], {}), ValueError, "text 1 is empty"),
        (lambda: calls.embed("m", ["a", 3], {}), TypeError, "text 1 is a str, not int"),  # type: ignore[list-item]
        (
            lambda: calls.chat("m", [{**USER, "x": object()}], {}).request(HOST, HEADERS),
            TypeError,
            "can't be sent as JSON",
        ),
        (lambda: calls.chat("m", [{**USER, "content": "\ud83c"}], {}).request(HOST, HEADERS), ValueError, "surrogates"),
    ],
)
def test_what_can_not_be_right_is_not_sent(call: Callable[[], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def answered(call: Call[Any], body: bytes, head: Head = OK) -> Any:
    """What a call gives for this answer."""
    reader = call.reader_for(HOST, HEADERS, head)
    list(reader.feed(body))
    list(reader.end())
    return reader.result()


@pytest.mark.parametrize(
    ("call", "body", "result"),
    [
        (calls.version(), b'{"version":"0.33"}', "0.33"),
        (calls.list_models(), b'{"models":[]}', []),
        (calls.list_models(), b'{"models":null}', []),
        (calls.running_models(), b'{"models":null}', []),
        (calls.list_models(), b'{"models":[{"name":"m","new":{"a":1}}]}', [{"name": "m", "new": {"a": 1}}]),
        (calls.show_model("m", {}), b'{"template":"t","new":1}', {"template": "t", "new": 1}),
        (calls.embed("m", ["a"], {}), b'{"embeddings":[[0.5,1]]}', [[0.5, 1]]),
        (calls.embed("m", ["a", "b"], {}), b'{"embeddings":[[0.5],[1e-3]]}', [[0.5], [0.001]]),
        (calls.pull_model("m", {}), b'{"status":"success"}', None),
        (calls.show_model("m", {}), b'{"capabilities":null}', {"capabilities": []}),
        (calls.copy_model("m", "n"), b"", None),
        (calls.delete_model("m"), b"{}", None),
        (calls.has_blob(DIGEST), b"", None),
        (calls.upload_blob(DIGEST, UPLOAD), b"", None),
        (calls.load_embedder("m", None, None), b'{"embeddings":[]}', None),
    ],
)
def test_an_answer_is_given_with_all_that_the_server_says(call: Call[Any], body: bytes, result: object) -> None:
    assert answered(call, body) == result


@pytest.mark.parametrize(
    ("call", "body", "says"),
    [
        (calls.version(), b'{"version":1}', "'version' is int, not str"),
        (calls.version(), b"[]", "not a JSON object"),
        (calls.list_models(), b"{}", "'models' is NoneType, not list"),
        (calls.list_models(), b'{"models":{}}', "'models' is dict, not list"),
        (calls.list_models(), b'{"models":[{"name":"m"},{}]}', "model 1 of a list has no name"),
        (calls.running_models(), b'{"models":["m"]}', "model 0 of a list has no name"),
        (calls.show_model("m", {}), b"null", "not a JSON object"),
        (calls.embed("m", ["a"], {}), b"{}", "'embeddings' is NoneType, not list"),
        (calls.embed("m", ["a"], {}), b'{"embeddings":[]}', "0 vectors for 1 texts"),
        (calls.embed("m", ["a"], {}), b'{"embeddings":[[1],[2]]}', "2 vectors for 1 texts"),
        (calls.embed("m", ["a"], {}), b'{"embeddings":[[]]}', "vector 0 is missing"),
        (calls.embed("m", ["a", "b"], {}), b'{"embeddings":[[1],null]}', "vector 1 is missing"),
        (calls.embed("m", ["a", "b"], {}), b'{"embeddings":[[1],[1,2]]}', "vector 1 is missing, or of another length"),
        (calls.embed("m", ["a", "b"], {}), b'{"embeddings":[[1],["1"]]}', "vector 1 holds what is not a finite number"),
        (calls.embed("m", ["a"], {}), b'{"embeddings":[[null]]}', "vector 0 holds what is not a finite number"),
        (calls.embed("m", ["a"], {}), b'{"embeddings":[[1%s]]}' % (b"0" * 400), "vector 0 holds what is not a finite"),
    ],
)
def test_an_answer_that_is_none_is_a_protocol_error(call: Call[Any], body: bytes, says: str) -> None:
    with pytest.raises(MalformedError, match=says):
        answered(call, body)


@pytest.mark.parametrize(
    "call", [calls.copy_model("m", "n"), calls.delete_model("m"), calls.upload_blob(DIGEST, UPLOAD)], ids=str
)
def test_an_error_is_one_whatever_its_status(call: Call[Any]) -> None:
    with pytest.raises(OllamaResponseError, match="no room left"):
        answered(call, b'{"error":"no room left"}')


def test_vectors_of_another_length_than_asked_for_are_an_error() -> None:
    assert answered(calls.embed("m", ["a"], {"dimensions": 2}), b'{"embeddings":[[1,2]]}') == [[1, 2]]
    with pytest.raises(OllamaCapabilityError, match="vectors of 3 numbers: 2 were asked for"):
        answered(calls.embed("m", ["a"], {"dimensions": 2}), b'{"embeddings":[[1,2,3]]}')


@pytest.mark.parametrize("status", [301, 400, 404, 500, 503])
def test_any_other_status_is_a_refusal(status: int) -> None:
    assert isinstance(calls.version().reader_for(HOST, HEADERS, Head(status, ())), RefusalReader)
    with pytest.raises(OllamaError):
        answered(calls.chat("m", [USER], {}), b'{"done":true}', Head(status, ()))


def test_what_stopped_an_answer_follows_from_what_was_asked_for() -> None:
    body = b'{"done":true,"done_reason":"length","prompt_eval_count":250,"eval_count":6}'

    def stopped_by(options: dict[str, Any] | None = None, **asked: Any) -> str | None:
        reply = answered(calls.generate("m", HI, options, asked), body)  # type: ignore[arg-type]
        assert isinstance(reply, Reply)
        return reply.stopped_by

    assert stopped_by() == "length"
    assert stopped_by({"num_predict": 6}) == "limit"
    assert stopped_by({"num_ctx": 256}) == "window"
    assert stopped_by({"num_ctx": 256}, shift=True) == "length"


def test_a_window_that_was_seen_tells_why_an_answer_stopped() -> None:
    body = b'{"done":true,"done_reason":"length","prompt_eval_count":250,"eval_count":6}'
    for window, stopped_by in ((256, "window"), (4096, "length")):
        call = calls.chat("m", [USER], {}, calls.Reading(window=window))
        assert answered(call, body).stopped_by == stopped_by
    sent_wins = calls.chat("m", [USER], {"options": {"num_ctx": 256}}, calls.Reading(window=4096))
    assert answered(sent_wins, body).stopped_by == "window"


def test_an_answer_is_parsed_where_that_is_asked_for() -> None:
    call = calls.generate("m", HI, None, {}, calls.Reading(parse=lambda reply, _: json.loads(reply)))
    assert answered(call, b'{"response":"[4]","done":true}').parsed == [4]


def test_options_are_sent_alike_by_all_that_takes_them() -> None:
    options = {"stop": "end"}
    for call in (
        calls.generate("m", "hi", options, {}),
        calls.chat("m", [{"role": "user", "content": "hi"}], {"options": options}),
        calls.embed("m", ["hi"], {"options": options}),
        calls.load_model("m", options, None),
        calls.load_embedder("m", options, None),
    ):
        assert isinstance(call.body, Mapping)
        assert call.body["options"] == {"stop": ["end"]}
