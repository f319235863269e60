"""Readers, fed by hand with every answer cut at every point: items, then a result or the right error."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import pytest

from tests.library.unit.arriving import every_way
from vuhitra import (
    Done,
    OllamaConnectionError,
    OllamaContextError,
    OllamaError,
    OllamaIncompleteError,
    OllamaModelNotFoundError,
    OllamaProtocolError,
    OllamaPullError,
    OllamaResponseError,
    OllamaTimeoutError,
    Reply,
    Text,
    readers,
    resolve_host,
)
from vuhitra.http import Head
from vuhitra.lines import MalformedError
from vuhitra.readers import DocumentReader, ProgressReader, Reader, RefusalReader, ReplyReader
from vuhitra.refusals import Subject
from vuhitra.reply import Sent

HOST = resolve_host("gpu", "OLLAMA_IP")
CHAT = Subject(HOST, "/api/chat", "m")
PULL = Subject(HOST, "/api/pull", "m")
NDJSON = Head(200, ((b"content-type", b"application/x-ndjson"),))
JSON = Head(200, ((b"content-type", b"application/json; charset=utf-8"),))

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


RESET = OllamaConnectionError("lost", reason="reset", why="connection reset by peer")


@pytest.mark.parametrize("head", [NDJSON, JSON], ids=["NDJSON", "JSON"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(ONE + TWO + DONE, id="done"),
        pytest.param(ONE + TWO + DONE.strip(), id="no newline at the end"),
        pytest.param(ONE + b"\r\n\n" + TWO + DONE, id="blank lines"),
        pytest.param(ONE + TWO + b'{"done_reason":"stop"}\n', id="a reason and no done"),
        pytest.param(ONE + b'{"message":{"content":"two"},"done":true,"done_reason":"stop"}\n', id="text at the end"),
        pytest.param(ONE + TWO + DONE + ERROR + b"<html>", id="what follows the end means nothing"),
    ],
)
def test_a_whole_answer(head: Head, body: bytes) -> None:
    for pieces in every_way(body):
        *items, done, reply = read(ReplyReader(CHAT, head, Sent()), pieces)
        assert texts(items) == ["oñe", "two"]
        assert isinstance(done, Done)
        assert isinstance(reply, Reply)
        assert (reply, reply.stopped_by) == ("oñetwo", "stop")
        assert vars(done.reply) == vars(reply)


def test_it_is_finished_at_the_last_record_before_the_body_ends() -> None:
    reader = ReplyReader(CHAT, NDJSON, Sent())
    assert not list(reader.feed(b""))
    list(reader.feed(ONE))
    assert not reader.finished
    list(reader.feed(DONE))
    assert reader.finished
    assert list(reader.end()) == []


@pytest.mark.parametrize("head", [JSON, Head(200, ())], ids=["JSON", "no content type"])
def test_outside_ndjson_one_object_without_done_is_an_answer(head: Head) -> None:
    for pieces in every_way(b'{"response": "4"}'):
        text, done, reply = read(ReplyReader(CHAT, head, Sent()), pieces)
        assert (text, reply) == (Text("4"), "4")
        assert isinstance(done, Done)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        pytest.param(NDJSON, ONE + TWO, id="no last record"),
        pytest.param(NDJSON, ONE + TWO.strip(), id="no last record and no newline"),
        pytest.param(NDJSON, TWO + ONE, id="NDJSON without any done"),
        pytest.param(JSON, ONE + TWO, id="done is false outside NDJSON"),
    ],
)
def test_an_answer_that_just_ends_is_incomplete(head: Head, body: bytes) -> None:
    for pieces in every_way(body):
        *items, error = read(ReplyReader(CHAT, head, Sent()), pieces)
        assert isinstance(error, OllamaIncompleteError)
        assert (error.reason, error.partial) == ("no-end", "".join(texts(items)))
        assert len(items) == 2
        assert str(HOST) in str(error)


def test_an_answer_of_one_token_over_and_over_says_so() -> None:
    record = '{"message":{"content":"🌍"}}\n'.encode()
    *items, error = read(ReplyReader(CHAT, NDJSON, Sent()), [record] * 31)
    assert isinstance(error, OllamaIncompleteError)
    assert (error.reason, error.partial) == ("repetition", "🌍" * 31)
    assert "repeat_penalty" in (error.hint or "")
    assert len(items) == 31


def test_no_answer_at_all_is_a_connection_that_was_closed() -> None:
    for body in (b"", b"\n", b"\r\n\r\n"):
        (error,) = read(ReplyReader(CHAT, NDJSON, Sent()), [body])
        assert isinstance(error, OllamaConnectionError)
        assert error.reason == "closed"


def test_an_answer_that_is_cut_keeps_what_had_arrived() -> None:
    for pieces in every_way(ONE + TWO + b'{"message":{"con'):
        *items, error = read(ReplyReader(CHAT, NDJSON, Sent()), pieces, RESET)
        assert texts(items) == ["oñe", "two"]
        assert isinstance(error, OllamaIncompleteError)
        assert (error.reason, error.partial, error.why) == ("cut", "oñetwo", RESET.why)


def test_an_answer_that_is_cut_before_its_first_record_has_not_begun() -> None:
    for pieces in every_way(ONE.strip()):
        assert read(ReplyReader(CHAT, NDJSON, Sent()), pieces, RESET) == [RESET]


def test_a_time_out_keeps_what_had_arrived() -> None:
    late = OllamaTimeoutError("late", phase="idle", seconds=1)
    assert read(ReplyReader(CHAT, NDJSON, Sent()), [ONE + b"{"], late) == [Text("oñe"), late]
    assert late.partial == "oñe"
    late = OllamaTimeoutError("late", phase="start", seconds=1)
    assert read(ReplyReader(CHAT, NDJSON, Sent()), [b"{"], late) == [late]
    assert late.partial is None


def test_an_error_in_the_middle_comes_after_the_items_before_it() -> None:
    for pieces in every_way(ONE + TWO + ERROR + DONE):
        *items, error = read(ReplyReader(CHAT, NDJSON, Sent()), pieces)
        assert texts(items) == ["oñe", "two"]
        assert isinstance(error, OllamaIncompleteError)
        assert (error.reason, error.partial) == ("server-error", "oñetwo")
        assert error.why == "an error was encountered while running the model: unexpected EOF"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (ERROR, OllamaResponseError),
        (ERROR.strip(), OllamaResponseError),
        (b'{"error":"the input length exceeds the context length","done":true}\n', OllamaContextError),
    ],
)
def test_an_error_on_the_first_line_is_what_it_says(line: bytes, kind: type[OllamaError]) -> None:
    for pieces in every_way(line):
        (error,) = read(ReplyReader(CHAT, NDJSON, Sent()), pieces)
        assert type(error) is kind


@pytest.mark.parametrize("fault", [b"<html>\n", b"[]\n", b'{"message":{"content":1}}\n', b'{"a":NaN}\n'])
def test_what_is_no_record_comes_after_the_items_before_it(fault: bytes) -> None:
    for pieces in every_way(ONE + fault + DONE):
        *items, error = read(ReplyReader(CHAT, NDJSON, Sent()), pieces)
        assert texts(items) == ["oñe"]
        assert isinstance(error, OllamaProtocolError)


def test_what_speaks_another_protocol_is_named() -> None:
    (error,) = read(ReplyReader(CHAT, NDJSON, Sent()), [b"<html>\n"])
    assert str(HOST) in str(error)
    assert error.snippet == "<html>"


def test_one_object_outside_ndjson_may_go_over_several_lines() -> None:
    body = json.dumps({"message": {"content": "oñe", "more": {}}}, indent=4).encode() + b"\n"
    for pieces in every_way(body):
        *items, reply = read(ReplyReader(CHAT, JSON, Sent()), pieces)
        assert texts(items) == ["oñe"]
        assert reply == "oñe"


def test_an_error_of_null_is_none() -> None:
    *items, reply = read(ReplyReader(CHAT, NDJSON, Sent()), [b'{"error":null,"message":{"content":"a"},"done":true}\n'])
    assert (texts(items), reply) == (["a"], "a")


STEP = b'{"status":"pulling 941f","digest":"sha256:941f","total":10,"completed":5,"new":1}\n'
SUCCESS = b'{"status":"success"}\n'


def test_the_steps_of_a_pull() -> None:
    for pieces in every_way(STEP + SUCCESS):
        *steps, result = read(ProgressReader(PULL), pieces)
        assert steps == [json.loads(STEP), {"status": "success"}]
        assert result is None


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        pytest.param(STEP, OllamaConnectionError, "the pull of 'm'", id="no success"),
        pytest.param(STEP + b'{"error":"no space"}\n', OllamaPullError, "no space", id="an error"),
        pytest.param(STEP + b"{}\n", OllamaProtocolError, "without a status", id="no status"),
        pytest.param(STEP + b'{"status":1}\n', OllamaProtocolError, "without a status", id="a status of another type"),
        pytest.param(STEP + b"<html>", OllamaProtocolError, "not JSON", id="no JSON"),
    ],
)
def test_a_pull_that_fails_does_so_after_its_steps(body: bytes, kind: type[OllamaError], says: str) -> None:
    for pieces in every_way(body):
        step, error = read(ProgressReader(PULL), pieces)
        assert step == json.loads(STEP)
        assert type(error) is kind
        assert says in str(error)


def test_a_pull_that_breaks_off_can_be_asked_for_again() -> None:
    step, error = read(ProgressReader(PULL), [STEP], RESET)
    assert step == json.loads(STEP)
    assert (error.reason, error.why) == ("reset", RESET.why)
    assert read(ProgressReader(PULL), [b""], RESET) == [RESET]
    late = OllamaTimeoutError("late", phase="idle", seconds=1)
    assert read(ProgressReader(PULL), [STEP], late)[-1] is late


TAGS = Subject(HOST, "/api/tags", "")


def test_a_document_is_read_when_it_is_whole() -> None:
    for pieces in every_way(b'{"version":\n"0.33"}'):
        reader = DocumentReader(TAGS, lambda document: document["version"])
        assert read(reader, pieces) == ["0.33", "0.33"]
        assert reader.finished


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", OllamaProtocolError),
        (b'{"version":"0.3', OllamaProtocolError),
        (b"Ollama is running", OllamaProtocolError),
        (b'{"error":"busy"}', OllamaResponseError),
    ],
)
def test_a_document_that_is_none(body: bytes, kind: type[OllamaError]) -> None:
    (error,) = read(DocumentReader(TAGS, lambda document: document), [body])
    assert type(error) is kind
    assert read(DocumentReader(TAGS, lambda document: document), [body], RESET) == [RESET]


def test_a_refusal_ends_in_what_it_means_however_it_ends() -> None:
    head = Head(404, ())
    for pieces in every_way(b'{"error":"model \'m\' not found"}'):
        (error,) = read(RefusalReader(CHAT, head), pieces)
        assert type(error) is OllamaModelNotFoundError
    (error,) = read(RefusalReader(CHAT, head), [b'{"err'], RESET)
    assert isinstance(error, OllamaResponseError)
    assert (error.status, error.body) == (404, '{"err')
    with pytest.raises(OllamaResponseError):
        RefusalReader(CHAT, head).result()


def test_no_more_of_a_refusal_is_read_than_its_limit() -> None:
    reader = RefusalReader(CHAT, Head(500, ()))
    assert list(reader.feed(b"x" * (readers.REFUSAL_LIMIT - 1))) == []
    with pytest.raises(OllamaResponseError):
        reader.feed(b"x" * 10_000_000)


@pytest.mark.parametrize(
    "reader",
    [ReplyReader(CHAT, NDJSON, Sent()), ProgressReader(PULL), DocumentReader(TAGS, len)],
    ids=["reply", "pull", "document"],
)
def test_no_answer_is_longer_than_its_limit(reader: Reader[Any, Any]) -> None:
    megabyte = b" " * (2**20 - 1) + b"\n"
    for _ in range(readers.ANSWER_LIMIT >> 20):
        list(reader.feed(megabyte))
    with pytest.raises(MalformedError, match="more than 256 MB"):
        reader.feed(b"\n")


def test_no_line_is_longer_than_its_limit() -> None:
    reader = ReplyReader(CHAT, NDJSON, Sent())
    for _ in range(64):
        reader.feed(b"x" * 2**20)
    with pytest.raises(MalformedError, match="a line is longer than 67108864 bytes") as caught:
        reader.feed(b"x")
    assert caught.value.snippet == "x" * 200
