"""Each operation, over real sockets, against servers that answer as they should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.scripted_server import answer, pieces, stream
from vuhitra import (
    Done,
    OllamaCapabilityError,
    OllamaError,
    OllamaModelNotFoundError,
    OllamaPullError,
    OllamaResponseError,
    Reply,
    Text,
)

HELLO = [{"role": "user", "content": "hello"}]
NOT_FOUND = answer({"error": "model 'm' not found"}, 404)
PULLED = stream(
    [
        {"status": "pulling manifest"},
        {"status": "pulling aabb", "digest": "sha256:aabb", "total": 10, "completed": 4},
        {"status": "pulling aabb", "digest": "sha256:aabb", "total": 10, "completed": 10},
        {"status": "success"},
    ]
)


def test_chat_gives_the_whole_reply(connect: Connect, serve: Serve) -> None:
    server = serve(stream(pieces("Hel", "lo", eval_count=2, eval_duration=500_000_000)))
    reply = connect(server.url, "m").chat(HELLO)
    assert isinstance(reply, Reply)
    assert reply == "Hello"
    assert reply.stats.tokens_per_second == 4.0
    assert reply.message == {"role": "assistant", "content": "Hello"}
    assert server.requests[0].path == "/api/chat"
    assert server.requests[0].json == {
        "model": "m",
        "messages": HELLO,
        "truncate": False,
        "shift": False,
        "stream": True,
    }


def test_an_answer_is_one_request(connect: Connect, serve: Serve) -> None:
    server = serve(stream(pieces("x")))
    connect(server.url, "m").chat(HELLO)
    assert len(server.requests) == 1


def test_a_stream_gives_pieces_and_then_the_same_reply(connect: Connect, serve: Serve) -> None:
    server = serve(stream(pieces("Hel", "", "lo", eval_count=2)))
    client = connect(server.url, "m")
    with client.chat(HELLO, stream=True) as answered:
        assert list(answered) == ["Hel", "lo"]
        assert answered.reply == "Hello"
    whole = client.chat(HELLO)
    assert vars(whole) == vars(answered.reply)


def test_a_stream_has_no_reply_before_its_end(connect: Connect, serve: Serve) -> None:
    server = serve(stream(pieces("a", "b")))
    with connect(server.url, "m").chat(HELLO, stream=True) as answered:
        assert next(answered) == "a"
        with pytest.raises(RuntimeError, match="isn't whole yet"):
            _ = answered.reply


def test_events_and_pieces_share_their_position(connect: Connect, serve: Serve) -> None:
    server = serve(stream(pieces("a", "b", "c")))
    with connect(server.url, "m").chat(HELLO, stream=True) as answered:
        assert next(answered) == "a"
        rest = list(answered.events())
    assert rest[:2] == [Text("b"), Text("c")]
    assert isinstance(rest[2], Done)
    assert rest[2].reply == "abc"


def test_generate_sends_its_options(connect: Connect, serve: Serve) -> None:
    server = serve(stream([{"response": "4", "done": True}]))
    reply = connect(server.url).generate("2+2?", model="m", options={"seed": 1}, system="Be brief.")
    assert reply == "4"
    assert server.requests[0].json == {
        "model": "m",
        "prompt": "2+2?",
        "options": {"seed": 1},
        "system": "Be brief.",
        "truncate": False,
        "shift": False,
        "stream": True,
    }


def test_a_server_that_answers_with_one_object_is_understood(connect: Connect, serve: Serve) -> None:
    assert connect(serve(answer({"response": "4"})).url, "m").generate("2+2?") == "4"


def test_embed_gives_a_vector_for_a_text_and_vectors_for_texts(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"embeddings": [[0.5, 1.5]]}), answer({"embeddings": [[1.0], [2.0]]}))
    client = connect(server.url, "m")
    assert client.embed("a") == [0.5, 1.5]
    assert client.embed(["a", "b"]) == [[1.0], [2.0]]
    assert server.requests[1].json["input"] == ["a", "b"]


def test_lists(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"models": [{"name": "llama3:latest", "size": 7, "new": 1}]}))
    client = connect(server.url)
    assert client.list_models() == [{"name": "llama3:latest", "size": 7, "new": 1}]
    assert client.has_model("llama3")
    assert not client.has_model("llama2")
    assert client.running_models()[0]["name"] == "llama3:latest"


def test_a_null_list_is_empty(connect: Connect, serve: Serve) -> None:
    assert connect(serve(answer({"models": None})).url).list_models() == []


def test_version_and_description(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"version": "0.33.0"}), answer({"template": "{{ .Prompt }}"}))
    client = connect(server.url)
    assert client.version() == "0.33.0"
    assert client.show_model("m")["template"] == "{{ .Prompt }}"
    assert server.requests[1].json == {"model": "m"}


def test_pull_gives_nothing_or_its_steps(connect: Connect, serve: Serve) -> None:
    server = serve(PULLED)
    client = connect(server.url)
    assert client.pull_model("m") is None
    with client.pull_model("m", stream=True, insecure=True) as steps:
        assert [step.get("completed") for step in steps] == [None, 4, 10, None]
    assert server.requests[1].json == {"model": "m", "stream": True, "insecure": True}


@pytest.mark.parametrize("name", ["push_model", "create_model"])
def test_push_and_create_give_nothing_or_their_steps(connect: Connect, serve: Serve, name: str) -> None:
    server = serve(PULLED)
    client = connect(server.url)
    asked = {"from_": "base"} if name == "create_model" else {"insecure": True}
    assert getattr(client, name)("me/m", **asked) is None
    with getattr(client, name)("me/m", stream=True, **asked) as steps:
        assert [step["status"] for step in steps] == [
            "pulling manifest",
            "pulling aabb",
            "pulling aabb",
            "success",
        ]
    assert [request.json["model"] for request in server.requests] == ["me/m", "me/m"]


def test_an_error_inside_a_pull_is_raised(connect: Connect, serve: Serve) -> None:
    failing = stream([{"status": "pulling manifest"}, {"error": "pull model manifest: file does not exist"}])
    with pytest.raises(OllamaPullError, match="file does not exist") as caught:
        connect(serve(failing).url).pull_model("nope")
    assert (caught.value.model, caught.value.missing) == ("nope", True)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_missing_model_is_pulled_and_the_call_sent_again(
    connect: Connect, serve: Serve, streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(NOT_FOUND, PULLED, stream(pieces("here")))
    answered: Any = connect(server.url, "m").chat(HELLO, stream=streamed)
    assert "".join(answered) == "here"
    assert [request.path for request in server.requests] == ["/api/chat", "/api/pull", "/api/chat"]
    assert [vars(record)["pulling"] for record in caplog.records if "pulling" in vars(record)] == ["m"]


def test_a_missing_model_is_not_pulled_where_that_is_off(connect: Connect, serve: Serve) -> None:
    server = serve(NOT_FOUND, answer({"models": [{"name": "mm:latest"}, {"name": "m:7b"}]}))
    with pytest.raises(OllamaModelNotFoundError) as caught:
        connect(server.url, "m", auto_pull=False).chat(HELLO)
    assert caught.value.model == "m"
    assert "m:7b" in caught.value.suggestions
    assert [request.path for request in server.requests] == ["/api/chat", "/api/tags"]


def test_a_404_that_is_not_json_is_a_wrong_path(connect: Connect, serve: Serve) -> None:
    server = serve(answer(b"404 page not found", 404))
    with pytest.raises(OllamaResponseError, match="404"):
        connect(server.url, "m").chat(HELLO)
    assert len(server.requests) == 1


def test_a_misspelt_keyword_is_not_sent(connect: Connect, serve: Serve) -> None:
    server = serve(stream(pieces("x")))
    with pytest.raises(TypeError, match="'temprature'"):
        connect(server.url, "m").chat(HELLO, temprature=1)
    assert server.requests == []


def test_copy_and_delete_give_nothing(connect: Connect, serve: Serve) -> None:
    server = serve(answer(b""))
    client = connect(server.url)
    assert client.copy_model("m", "n") is None
    assert client.delete_model("n") is None
    assert [(request.method, request.path, request.json) for request in server.requests] == [
        ("POST", "/api/copy", {"source": "m", "destination": "n"}),
        ("DELETE", "/api/delete", {"model": "n"}),
    ]


def _copy(client: Any) -> object:
    return client.copy_model("m", "n")


def _delete(client: Any) -> object:
    return client.delete_model("m")


def _show(client: Any) -> object:
    return client.show_model("m")


def _load(client: Any) -> object:
    return client.load_model("m")


def _push(client: Any) -> object:
    return client.push_model("m")


@pytest.mark.parametrize("ask", [_copy, _delete, _show, _load, _push])
def test_a_missing_model_is_told_with_near_names(connect: Connect, serve: Serve, ask: Any) -> None:
    server = serve(NOT_FOUND, answer({"models": [{"name": "m:7b"}]}))
    with pytest.raises(OllamaModelNotFoundError) as caught:
        ask(connect(server.url))
    assert caught.value.suggestions == ("m:7b",)
    assert server.requests[1].path == "/api/tags"


def test_a_model_is_loaded_and_unloaded(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"response": "", "done": True, "done_reason": "load"}))
    client = connect(server.url, "m")
    assert client.load_model(keep_alive="1h", options={"num_ctx": 256}) is None
    assert client.unload_model("n") is None
    sent = [request.json for request in server.requests]
    assert (sent[0]["model"], sent[0]["keep_alive"], sent[0]["options"]) == ("m", "1h", {"num_ctx": 256})
    assert (sent[1]["model"], sent[1]["keep_alive"]) == ("n", 0)
    assert not any("prompt" in each for each in sent)


@pytest.mark.parametrize("name", ["load_model", "unload_model"])
def test_a_model_that_only_embeds_is_loaded_as_one(connect: Connect, serve: Serve, name: str) -> None:
    server = serve(answer({"error": '"m" does not support generate'}, 400), answer({"embeddings": []}))
    assert getattr(connect(server.url), name)("m") is None
    assert [request.path for request in server.requests] == ["/api/generate", "/api/embed"]
    assert server.requests[1].json["input"] == []


def test_a_model_is_used_from_now_on(connect: Connect, serve: Serve) -> None:
    shown = answer({"template": ""})
    server = serve(shown, NOT_FOUND, PULLED, shown, NOT_FOUND, answer({"models": []}))
    client = connect(server.url)
    client.use_model("there")
    assert client.model == "there"
    client.use_model("fetched")
    assert client.model == "fetched"
    assert [request.path for request in server.requests] == ["/api/show", "/api/show", "/api/pull", "/api/show"]
    with pytest.raises(OllamaModelNotFoundError):
        client.with_options(auto_pull=False).use_model("missing")
    assert client.model == "fetched"


def test_a_server_that_comes_up_is_waited_for(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"error": "starting"}, 503), answer({"version": "0.33"}))
    assert connect(server.url).wait_until_ready(5) is None
    assert [request.path for request in server.requests] == ["/api/version"] * 2


def test_a_server_that_does_not_come_up_is_given_up(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"error": "starting"}, 503))
    with pytest.raises(OllamaError, match="503"):
        connect(server.url).wait_until_ready(0.5)
    assert len(server.requests) == 3


def test_where_a_model_does_not_embed_those_that_do_are_named(connect: Connect, serve: Serve) -> None:
    able = [{"name": "all-minilm:latest", "capabilities": ["embedding"]}, {"name": "m", "capabilities": ["completion"]}]
    server = serve(answer({"error": "This server does not support embeddings."}, 501), answer({"models": able}))
    with pytest.raises(OllamaCapabilityError) as caught:
        connect(server.url, "m").embed("a")
    assert caught.value.hint == "models there that embed: all-minilm:latest"


@pytest.mark.parametrize("prompt", [4, None, b"hi"])
def test_a_prompt_is_a_text(connect: Connect, serve: Serve, prompt: object) -> None:
    server = serve(answer({"response": "4"}))
    with pytest.raises(TypeError, match=r"^prompt is a str, not "):
        connect(server.url, "m").generate(prompt)
    assert server.requests == []


def test_health_is_a_bool_and_one_attempt(connect: Connect, serve: Serve) -> None:
    assert connect(serve(answer({"models": []})).url).health_check() is True
    failing = serve(answer({"error": "no"}, 500))
    assert connect(failing.url).health_check() is False
    assert len(failing.requests) == 1


@pytest.mark.parametrize("text", ["", ["a", ""], []], ids=repr)
def test_an_empty_text_is_never_sent(connect: Connect, serve: Serve, text: object) -> None:
    server = serve(answer({"embeddings": []}))
    with pytest.raises(ValueError, match=r"nothing to embed|no text"):
        connect(server.url, "m").embed(text)
    assert server.requests == []


@pytest.mark.parametrize("setting", ["verify", "cert"])
def test_a_health_check_never_raises_for_certificates_that_can_not_be_used(
    setting: str, connect: Connect, serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    url = serve().url.replace("http://", "https://")
    assert connect(url, **{setting: empty}).health_check() is False
    assert f"can't be asked: {setting}: no certificate can be used from" in caplog.text
