"""The reader of answers, fed by hand with every answer cut at every point: items, then a reply or the right error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.library.unit.arriving import every_way
from tests.library.unit.reading import (
    CHAT,
    CHUNKED,
    DONE,
    EMBED,
    ERROR,
    FRAMED,
    HOST,
    JSON,
    NDJSON,
    NO_LENGTH,
    ONE,
    PULL,
    RESET,
    STOPPED,
    TAGS,
    TWO,
    read,
    texts,
)
from vuhitra import (
    Done,
    OllamaConnectionError,
    OllamaContextError,
    OllamaError,
    OllamaIncompleteError,
    OllamaOutputError,
    OllamaProtocolError,
    OllamaResponseError,
    OllamaTimeoutError,
    Reply,
    Text,
)
from vuhitra.http import Head
from vuhitra.lines import MalformedError
from vuhitra.readers import DocumentReader, EmbeddingsReader, Reader
from vuhitra.records import ProgressReader, ReplyReader
from vuhitra.reply import Sent


@pytest.mark.parametrize("head", [NDJSON, JSON], ids=["NDJSON", "JSON"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(ONE + TWO + DONE, id="done"),
        pytest.param(ONE + TWO + DONE.strip(), id="no newline at the end"),
        pytest.param(ONE + b"\r\n\n" + TWO + DONE, id="blank lines"),
        pytest.param(ONE + TWO + b'{"done_reason":"stop"}\n', id="a reason and no done"),
        pytest.param(ONE + b'{"message":{"content":"two"},"done":true,"done_reason":"stop"}\n', id="text at the end"),
        pytest.param(ONE + TWO + DONE + DONE + TWO + b"<html>\n[]\n{", id="what follows the end means nothing"),
        pytest.param(b"\xef\xbb\xbf" + ONE + TWO + DONE, id="a BOM at the start"),
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
    assert "temperature" in (error.hint or "")
    assert len(items) == 31


def test_one_object_of_one_token_over_and_over_says_so_too() -> None:
    body = f'{{"response":"so: {"🌍" * 31}","done":false}}'.encode()
    *_, error = read(ReplyReader(CHAT, JSON, Sent()), [body])
    assert (error.reason, error.partial) == ("repetition", f"so: {'🌍' * 31}")


@pytest.mark.parametrize("what", [ERROR, b"<html>\n" + ERROR, b'{"message":{"content":1}}\n', b"4"])
def test_what_follows_the_last_record_means_nothing_however_it_comes(what: bytes) -> None:
    for pieces in every_way(ONE + DONE + what):
        *items, done, reply = read(ReplyReader(CHAT, NDJSON, Sent()), pieces)
        assert (texts(items), reply) == (["oñe"], "oñe")
        assert isinstance(done, Done)


@pytest.mark.parametrize("body", [b"", b"\n", b"\r\n\r\n"])
def test_no_answer_at_all_is_a_connection_that_was_closed(body: bytes) -> None:
    for reader in (ReplyReader(CHAT, NO_LENGTH, Sent()), ProgressReader(PULL, NO_LENGTH)):
        (error,) = read(reader, [body])
        assert isinstance(error, OllamaConnectionError)
        assert error.reason == "closed"


@pytest.mark.parametrize("head", [CHUNKED, FRAMED], ids=["chunked", "length"])
@pytest.mark.parametrize("body", [b"", b"\n", b"\r\n\r\n"])
def test_an_answer_that_is_whole_and_has_nothing_in_it_is_none(head: Head, body: bytes) -> None:
    for reader in (ReplyReader(CHAT, head, Sent()), ProgressReader(PULL, head)):
        (error,) = read(reader, [body])
        assert type(error) is OllamaProtocolError
        assert "nothing in it" in str(error)


def test_what_this_side_closed_is_not_the_servers_fault() -> None:
    for pieces in ([ONE], [ONE, TWO + b"{"], [b""]):
        assert read(ReplyReader(CHAT, NDJSON, Sent()), pieces, STOPPED)[-1] is STOPPED


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


FAULTS = [
    b"<html>",
    b"[]",
    b"null",
    b"4",
    b'"text"',
    b'{"message":{"content":1}}',
    b'{"a":NaN}',
    b'{"a":1e999}',
    b'{"a":"\xff"}',
    b'{"a":"\\ud83c"}',
    b'{"a":1',
    b"\xef\xbb\xbf{}",
    b'{"done":true,"eval_count":1%s}' % (b"0" * 400),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault[:40]))
def test_what_is_no_record_comes_after_the_items_before_it(fault: bytes) -> None:
    for pieces in every_way(ONE + fault + b"\n" + DONE):
        *items, error = read(ReplyReader(CHAT, NDJSON, Sent()), pieces)
        assert texts(items) == ["oñe"]
        assert isinstance(error, OllamaProtocolError)
        assert error.partial == "oñe"


def test_what_is_no_record_before_the_first_has_no_partial() -> None:
    (error,) = read(ReplyReader(CHAT, NDJSON, Sent()), [b"<html>\n"])
    assert isinstance(error, OllamaProtocolError)
    assert error.partial is None


@pytest.mark.parametrize("depth", [5_000, 500_000])
def test_a_record_that_is_too_deep_is_none(depth: int) -> None:
    *_, error = read(ReplyReader(CHAT, NDJSON, Sent()), [ONE + b'{"a":' + b"[" * depth + b"]" * depth + b"}\n"])
    assert isinstance(error, OllamaProtocolError)
    assert error.partial == "oñe"


def test_a_fault_of_the_connections_protocol_keeps_what_had_arrived() -> None:
    garbled = OllamaProtocolError("not HTTP")
    reader = ReplyReader(CHAT, NDJSON, Sent())
    list(reader.feed(ONE))
    assert reader.broken(garbled) is garbled
    assert garbled.partial == "oñe"


CUT_HALF = b'{"message":{"content":"tw'


@pytest.mark.parametrize("head", [NO_LENGTH, CHUNKED, JSON, FRAMED], ids=["NDJSON", "chunked", "JSON", "length"])
@pytest.mark.parametrize("half", [CUT_HALF, b"{", b'{"a":-', b'{"a":"\xf0\x9f'], ids=str)
def test_a_last_line_that_lacks_its_end_is_an_answer_that_was_cut(head: Head, half: bytes) -> None:
    for pieces in every_way(ONE + half):
        *items, error = read(ReplyReader(CHAT, head, Sent()), pieces)
        assert texts(items) == ["oñe"]
        assert isinstance(error, OllamaIncompleteError)
        assert (error.reason, error.partial) == ("cut", "oñe")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (NO_LENGTH, OllamaConnectionError),
        (JSON, OllamaConnectionError),
        (CHUNKED, OllamaProtocolError),
        (FRAMED, OllamaProtocolError),
    ],
    ids=["NDJSON", "JSON", "chunked", "length"],
)
def test_a_first_line_that_lacks_its_end_was_cut_only_where_nothing_else_tells_the_end(
    head: Head, kind: type[OllamaError]
) -> None:
    readers_of: list[Reader[Any, Any]] = [
        ReplyReader(CHAT, head, Sent()),
        ProgressReader(PULL, head),
        DocumentReader(TAGS, head, len),
        EmbeddingsReader(EMBED, head, 1, None),
    ]
    for reader in readers_of:
        (error,) = read(reader, [b'{"message":', b'{"con'])
        assert type(error) is kind
        assert not isinstance(error, OllamaConnectionError) or error.reason == "closed"


def test_what_lacks_its_end_and_is_no_object_is_no_answer() -> None:
    for reader in (ReplyReader(CHAT, NO_LENGTH, Sent()), DocumentReader(TAGS, NO_LENGTH, len)):
        (error,) = read(reader, [b"<html"])
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


def test_what_a_reply_says_is_read_once_at_its_end() -> None:
    def parse(reply: Reply, server: str) -> object:
        assert server == str(HOST)
        calls.append(str(reply))
        return {"text": reply}

    for pieces in every_way(ONE + DONE):
        calls: list[str] = []
        *_, done, reply = read(ReplyReader(CHAT, NDJSON, Sent(), parse), pieces)
        assert calls == ["oñe"]
        assert isinstance(done, Done)
        assert done.reply is reply
        assert reply.parsed == {"text": "oñe"}


def test_a_reply_that_does_not_say_what_it_should_is_no_answer() -> None:
    def parse(reply: Reply, server: str) -> object:
        raise OllamaOutputError(f"no at {server}", reply=reply, problems=("it is no number",))

    reader = ReplyReader(CHAT, NDJSON, Sent(), parse)
    *items, error = read(reader, [ONE, DONE])
    assert texts(items) == ["oñe"]
    assert isinstance(error, OllamaOutputError)
    assert error.reply == "oñe"
    assert not reader.finished
    with pytest.raises(RuntimeError, match="isn't whole"):
        reader.result()


LENGTH = b'{"done":true,"done_reason":"length","prompt_eval_count":37,"eval_count":219}\n'


def test_an_answer_that_meets_the_end_of_the_window_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    *_, reply = read(ReplyReader(CHAT, NDJSON, Sent(num_ctx=256, shift=False)), [ONE, LENGTH])
    assert reply.stopped_by == "window"
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("vuhitra", "WARNING")
    assert "256 tokens" in record.message
    assert "oñe" not in record.message


@pytest.mark.parametrize("sent", [Sent(), Sent(num_ctx=257, shift=False), Sent(num_predict=219, num_ctx=256)])
def test_an_answer_that_ends_for_another_reason_is_not_logged(sent: Sent, caplog: pytest.LogCaptureFixture) -> None:
    read(ReplyReader(CHAT, NDJSON, sent), [ONE, LENGTH])
    assert caplog.records == []


def test_a_page_is_no_answer_from_its_first_line_on() -> None:
    with pytest.raises(MalformedError, match="not JSON"):
        list(ReplyReader(CHAT, JSON, Sent()).feed(b"<!DOCTYPE html>\n"))
