"""What a server does wrong, and which error it becomes: streamed or not, in both clients."""

from __future__ import annotations

from typing import Any

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.scripted_server import STREAM_END, STREAM_HEAD, Close, Reset, Step, answer, chunk, pieces, stream
from vuhitra import (
    OllamaAuthenticationError,
    OllamaBusyError,
    OllamaCapabilityError,
    OllamaConnectionError,
    OllamaContextError,
    OllamaError,
    OllamaIncompleteError,
    OllamaProtocolError,
    OllamaResponseError,
    Retry,
)

HELLO = [{"role": "user", "content": "hello"}]
HE, LLO, END = (chunk(record) for record in pieces("he", "llo"))
ONCE = Retry(attempts=1)
TOO_LONG = {
    "error": '{"error":{"code":400,"message":"request (741 tokens) exceeds the available context size '
    '(256 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":741,"n_ctx":256}}'
}

BEFORE_A_RECORD: dict[str, tuple[list[Step], type[OllamaError]]] = {
    "closed at once": ([Close()], OllamaConnectionError),
    "reset at once": ([Reset()], OllamaConnectionError),
    "closed in the head": ([b"HTTP/1.1 200 O", Close()], OllamaConnectionError),
    "closed after the head": ([STREAM_HEAD, Close()], OllamaConnectionError),
    "an empty stream": ([STREAM_HEAD, STREAM_END], OllamaConnectionError),
    "not HTTP": ([b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Close()], OllamaProtocolError),
    "an endless header": ([b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000], OllamaProtocolError),
    "HTML": (answer(b"<html>Welcome to nginx</html>"), OllamaProtocolError),
    "a list": (answer(["a"]), OllamaProtocolError),
    "a scalar": (answer(4), OllamaProtocolError),
    "a wrong type": (stream([{"message": "hello", "done": True}]), OllamaProtocolError),
    "invalid UTF-8": (stream([b'{"response":"\xff\xfe"}\n']), OllamaProtocolError),
    "an error line": (stream([{"error": "out of memory"}]), OllamaResponseError),
    "a server error": (answer({"error": "the model runner crashed"}, 500), OllamaResponseError),
    "HTML with an error": (answer(b"<html>Bad Gateway</html>", 502), OllamaBusyError),
    "busy": (answer({"error": "server busy"}, 503), OllamaBusyError),
    "not allowed": (answer({"error": "unauthorized"}, 401), OllamaAuthenticationError),
    "a redirect": ([b"HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"], OllamaResponseError),
    "too long": (answer(TOO_LONG, 400), OllamaContextError),
    "unable": (answer({"error": '"m" does not support thinking'}, 400), OllamaCapabilityError),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("script", "expected"), BEFORE_A_RECORD.values(), ids=BEFORE_A_RECORD)
def test_a_fault_before_the_first_record_is_raised_by_the_call(
    connect: Connect, serve: Serve, script: list[Step], expected: type[OllamaError], streamed: bool
) -> None:
    client = connect(serve(script).url, "m", retry=ONCE)
    with pytest.raises(OllamaError) as caught:
        client.chat(HELLO, stream=streamed)
    assert type(caught.value) is expected
    assert "127.0.0.1" in str(caught.value)


def test_the_window_and_the_need_are_read_from_the_servers_numbers(connect: Connect, serve: Serve) -> None:
    with pytest.raises(OllamaContextError) as caught:
        connect(serve(answer(TOO_LONG, 400)).url, "m").chat(HELLO)
    assert (caught.value.window, caught.value.needed) == (256, 741)


AFTER_A_RECORD: dict[str, tuple[list[Step], str]] = {
    "closed between records": ([STREAM_HEAD, HE, Close()], "cut"),
    "closed inside a record": ([STREAM_HEAD, HE, b'20\r\n{"mess', Close()], "cut"),
    "closed inside a chunk's size": ([STREAM_HEAD, HE, b"2", Close()], "cut"),
    "an end without done": ([STREAM_HEAD, HE, STREAM_END], "no-end"),
    "an error line": ([STREAM_HEAD, HE, chunk({"error": "model runner has unexpectedly stopped"})], "server-error"),
    "thirty identical pieces": (
        [STREAM_HEAD, HE, *[chunk(pieces("x")[0])] * 31, STREAM_END],
        "repetition",
    ),
}


@pytest.mark.parametrize(("script", "reason"), AFTER_A_RECORD.values(), ids=AFTER_A_RECORD)
def test_a_whole_answer_that_breaks_off_keeps_what_was_said(
    connect: Connect, serve: Serve, script: list[Step], reason: str
) -> None:
    server = serve(script)
    with pytest.raises(OllamaIncompleteError) as caught:
        connect(server.url, "m").chat(HELLO)
    assert caught.value.reason == reason
    assert caught.value.partial.startswith("he")
    assert len(server.requests) == 1


@pytest.mark.parametrize(("script", "reason"), AFTER_A_RECORD.values(), ids=AFTER_A_RECORD)
def test_a_stream_that_breaks_off_gives_all_its_pieces_before_the_error(
    connect: Connect, serve: Serve, script: list[Step], reason: str
) -> None:
    heard: list[str] = []
    answered = connect(serve(script).url, "m").chat(HELLO, stream=True)
    with pytest.raises(OllamaIncompleteError) as caught:
        heard.extend(answered)
    assert caught.value.reason == reason
    assert "".join(heard) == caught.value.partial


def test_pieces_and_the_error_in_one_packet_are_all_heard(connect: Connect, serve: Serve) -> None:
    at_once = STREAM_HEAD + HE + LLO + chunk({"error": "out of memory"})
    answered = connect(serve([at_once]).url, "m").chat(HELLO, stream=True)
    assert [next(answered), next(answered)] == ["he", "llo"]
    with pytest.raises(OllamaIncompleteError, match="out of memory"):
        next(answered)
    with pytest.raises(RuntimeError, match="closed"):
        next(answered)


def test_a_reset_in_the_middle_is_a_cut(connect: Connect, serve: Serve) -> None:
    with pytest.raises(OllamaIncompleteError) as caught:
        connect(serve([STREAM_HEAD + HE + LLO, Reset()]).url, "m").chat(HELLO)
    assert caught.value.reason == "cut"


def _every_split() -> list[Any]:
    whole = STREAM_HEAD + chunk('{"message":{"content":"grün 🌍 \x85 \u2028"}}\r\n\n'.encode()) + END + STREAM_END
    return [[whole[:at], whole[at:]] for at in range(1, len(whole), 7)]


@pytest.mark.parametrize("script", [*_every_split()], ids=str)
def test_an_answer_is_the_same_however_it_is_cut_into_packets(
    connect: Connect, serve: Serve, script: list[Step]
) -> None:
    assert connect(serve(script).url, "m").chat(HELLO) == "grün 🌍 \x85 \u2028"


VECTORS = {
    "too few": {"embeddings": [[1.0]]},
    "none": {"embeddings": []},
    "null": {"embeddings": [[1.0], None]},
    "of two lengths": {"embeddings": [[1.0], [1.0, 2.0]]},
    "not numbers": {"embeddings": [[1.0], ["a"]]},
    "empty": {"embeddings": [[], []]},
    "missing": {},
    "infinite": b'{"embeddings": [[1.0], [1e999]]}',
}


@pytest.mark.parametrize("document", VECTORS.values(), ids=VECTORS)
def test_vectors_are_checked(connect: Connect, serve: Serve, document: object) -> None:
    with pytest.raises(OllamaProtocolError):
        connect(serve(answer(document)).url, "m").embed(["a", "b"])


@pytest.mark.parametrize("document", [{}, {"models": 3}, {"models": [3]}, {"models": [{"size": 1}]}, [], None])
def test_lists_are_checked(connect: Connect, serve: Serve, document: object) -> None:
    with pytest.raises(OllamaProtocolError):
        connect(serve(answer(document)).url).list_models()


def test_a_pull_that_just_ends_is_no_success(connect: Connect, serve: Serve) -> None:
    server = serve(stream([{"status": "pulling manifest"}]))
    with pytest.raises(OllamaConnectionError, match="broke off"):
        connect(server.url, retry=ONCE).pull_model("m")


@pytest.mark.parametrize("text", ["", ["a", ""], []], ids=repr)
def test_an_empty_text_is_never_sent(connect: Connect, serve: Serve, text: object) -> None:
    server = serve(answer({"embeddings": []}))
    with pytest.raises(ValueError, match=r"nothing to embed|no text"):
        connect(server.url, "m").embed(text)
    assert server.requests == []
