"""Readers of all but answers, fed by hand with bodies cut at every point: items, then a result or the right error."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from tests.library.unit.arriving import every_way
from tests.library.unit.reading import (
    CHAT,
    EMBED,
    FRAMED,
    HOST,
    JSON,
    NDJSON,
    NO_LENGTH,
    PULL,
    RESET,
    STOPPED,
    TAGS,
    read,
)
from vuhitra import (
    OllamaConnectionError,
    OllamaError,
    OllamaIncompleteError,
    OllamaModelNotFoundError,
    OllamaProtocolError,
    OllamaPullError,
    OllamaResponseError,
    OllamaTimeoutError,
    readers,
)
from vuhitra.http import Head
from vuhitra.lines import MalformedError
from vuhitra.readers import DocumentReader, EmbeddingsReader, NothingReader, Reader, RefusalReader
from vuhitra.records import ProgressReader, ReplyReader
from vuhitra.reply import Sent
from vuhitra.subjects import Subject

STEP = b'{"status":"pulling 941f","digest":"sha256:941f","total":10,"completed":5,"new":1}\n'
SUCCESS = b'{"status":"success"}\n'


def test_the_steps_of_a_pull() -> None:
    for pieces in every_way(STEP + SUCCESS):
        *steps, result = read(ProgressReader(PULL, NDJSON), pieces)
        assert steps == [json.loads(STEP), {"status": "success"}]
        assert result is None


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        pytest.param(STEP, OllamaPullError, "without saying that it is done", id="no success"),
        pytest.param(STEP + b'{"error":"no space"}\n', OllamaPullError, "no space", id="an error"),
        pytest.param(STEP + b"{}\n", OllamaProtocolError, "without a status", id="no status"),
        pytest.param(STEP + b'{"status":1}\n', OllamaProtocolError, "without a status", id="a status of another type"),
        pytest.param(STEP + b"<html>", OllamaProtocolError, "not JSON", id="no JSON"),
        pytest.param(STEP + b'{"status":"pu', OllamaConnectionError, "in the middle of a step", id="half a step"),
        pytest.param(STEP + b'{"status":"p","total":"9"}\n', OllamaProtocolError, "'total' of a step", id="a total"),
        pytest.param(STEP + b'{"status":"p","completed":1.5}\n', OllamaProtocolError, "'completed' of a", id="a count"),
        pytest.param(STEP + b'{"status":"p","digest":1}\n', OllamaProtocolError, "'digest' of a step", id="a digest"),
    ],
)
def test_a_pull_that_fails_does_so_after_its_steps(body: bytes, kind: type[OllamaError], says: str) -> None:
    for pieces in every_way(body):
        step, error = read(ProgressReader(PULL, NDJSON), pieces)
        assert step == json.loads(STEP)
        assert type(error) is kind
        assert says in str(error)


def test_a_pull_that_breaks_off_can_be_asked_for_again() -> None:
    step, error = read(ProgressReader(PULL, NDJSON), [STEP], RESET)
    assert step == json.loads(STEP)
    assert (error.reason, error.why) == ("reset", RESET.why)
    assert read(ProgressReader(PULL, NDJSON), [b""], RESET) == [RESET]
    late = OllamaTimeoutError("late", phase="idle", seconds=1)
    assert read(ProgressReader(PULL, NDJSON), [STEP], late)[-1] is late


def test_one_that_ends_without_success_says_what_its_last_step_was() -> None:
    step, error = read(ProgressReader(PULL, NDJSON), [STEP])
    assert (type(error), error.reason, error.model, error.missing) == (OllamaPullError, "no-end", "m", False)
    assert error.why == 'its last step: "pulling 941f", 5 of 10 bytes'
    assert step == json.loads(STEP)
    _, error = read(ProgressReader(PULL, NDJSON), [b'{"status":"pulling manifest"}\n'])
    assert error.why == 'its last step: "pulling manifest"'
    for path in ("/api/push", "/api/create"):
        _, error = read(ProgressReader(Subject(HOST, path, "m"), NDJSON), [STEP])
        assert (type(error), error.reason, error.partial) == (OllamaIncompleteError, "no-end", "")


def test_what_is_done_to_a_step_changes_nothing_of_what_is_said() -> None:
    reader = ProgressReader(PULL, NDJSON)
    for step in reader.feed(STEP):
        cast("dict[str, Any]", step).clear()
    with pytest.raises(OllamaPullError, match="pulling 941f"):
        list(reader.end())


def test_a_pull_that_this_side_closed_is_not_the_servers_fault() -> None:
    for pieces in ([STEP], [STEP + b"{"], [b""]):
        assert read(ProgressReader(PULL, NDJSON), pieces, STOPPED)[-1] is STOPPED


def test_what_follows_success_means_nothing_however_it_comes() -> None:
    for pieces in every_way(STEP + SUCCESS + b'{"error":"no space"}\n' + STEP):
        assert read(ProgressReader(PULL, NDJSON), pieces) == [json.loads(STEP), {"status": "success"}, None]


def test_a_step_without_a_number_has_none() -> None:
    step, _ = read(ProgressReader(PULL, NDJSON), [b'{"status":"p","total":null,"completed":null,"digest":null}\n'])
    assert step == {"status": "p"}


@pytest.mark.parametrize(
    ("path", "says", "goes_on"),
    [
        ("/api/pull", "the pull of 'm'", True),
        ("/api/push", "the push of 'm'", True),
        ("/api/create", "the creation of 'm'", False),
    ],
)
def test_what_broke_off_is_called_what_it_is(path: str, says: str, goes_on: bool) -> None:
    for broken_by in (RESET, None):
        _, error = read(ProgressReader(Subject(HOST, path, "m"), NDJSON), [STEP], broken_by)
        assert says in str(error)
        assert bool(error.hint) is goes_on


def test_a_document_is_read_when_it_is_whole() -> None:
    for pieces in every_way(b'{"version":\n"0.33"}'):
        reader = DocumentReader(TAGS, FRAMED, lambda document: document["version"])
        assert read(reader, pieces) == ["0.33"]
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
    (error,) = read(DocumentReader(TAGS, FRAMED, lambda document: document), [body])
    assert type(error) is kind
    assert read(DocumentReader(TAGS, FRAMED, lambda document: document), [body], RESET) == [RESET]


def test_a_document_may_begin_with_a_bom() -> None:
    assert read(DocumentReader(TAGS, FRAMED, len), [b"\xef\xbb", b"\xbf[1]"])[-1] == 1


def test_a_document_that_never_came_is_a_connection_that_was_closed() -> None:
    (error,) = read(DocumentReader(TAGS, JSON, len), [b" \n"])
    assert isinstance(error, OllamaConnectionError)
    assert error.reason == "closed"


@pytest.mark.parametrize(
    "body", [b"", b"\n", b'{"status":"ok"}', b"{}", b'{"error":null}', b'{"x":"%b"}' % (b"x" * 3_000_000)]
)
@pytest.mark.parametrize("head", [FRAMED, NO_LENGTH], ids=["length", "no length"])
def test_where_the_status_says_all_no_body_and_an_object_are_the_same(body: bytes, head: Head) -> None:
    reader = NothingReader(Subject(HOST, "/api/copy", "m"), head)
    assert read(reader, [body[:1], body[1:]]) == [None]
    assert reader.finished


@pytest.mark.parametrize("body", [b"<html>Please log in</html>", b"success", b"[]", b"null", b"{} {}"])
def test_where_the_status_says_all_what_is_no_object_is_no_answer_of_ollama(body: bytes) -> None:
    (error,) = read(NothingReader(Subject(HOST, "/api/delete", "m"), FRAMED), [body])
    assert type(error) is OllamaProtocolError


def test_where_the_status_says_all_an_error_is_one_still() -> None:
    for pieces in every_way(b'{"error":"disk full"}'):
        (error,) = read(NothingReader(Subject(HOST, "/api/copy", "m"), FRAMED), pieces)
        assert type(error) is OllamaResponseError
        assert error.why == "disk full"


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
    with pytest.raises(OllamaResponseError) as caught:
        RefusalReader(CHAT, Head(500, ())).feed(b'{"error":"%s"}' % (b"x" * readers.REFUSAL_LIMIT))
    assert (caught.value.why or "").startswith('{"error":"xxx')


@pytest.mark.parametrize(
    "reader",
    [
        ReplyReader(CHAT, NDJSON, Sent()),
        ProgressReader(PULL, NDJSON),
        DocumentReader(TAGS, FRAMED, len),
        EmbeddingsReader(EMBED, FRAMED, 1, None),
    ],
    ids=["reply", "pull", "document", "embeddings"],
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
