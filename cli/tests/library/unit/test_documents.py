"""What must be in a document that a server answers with; what is missing or wrong is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vuhitra import OllamaCapabilityError, OllamaProtocolError, OllamaResponseError, resolve_host
from vuhitra.documents import described, member, named, step, vectors
from vuhitra.http import Head
from vuhitra.lines import MalformedError
from vuhitra.readers import EmbeddingsReader
from vuhitra.reply import Stats
from vuhitra.subjects import Subject

MODEL = {
    "name": "smollm2:latest",
    "model": "smollm2:latest",
    "modified_at": "2026-11-22T15:21:48.563278227Z",
    "size": 98362745,
    "digest": "fd5f44c0",
    "details": {"format": "gguf", "families": ["llama"], "context_length": 8192},
    "capabilities": ["completion"],
    "remote_host": "https://ollama.com",
}


def test_models_are_given_with_what_nobody_knows() -> None:
    assert named({"models": [MODEL, {"name": "m"}], "new": 1}) == [MODEL, {"name": "m"}]


@pytest.mark.parametrize("document", [{"models": None}, {"models": []}])
def test_no_models_are_an_empty_list(document: dict[str, Any]) -> None:
    assert named(document) == []


def test_lists_that_are_null_are_empty() -> None:
    model = {"name": "m", "capabilities": None, "details": {"families": None}}
    assert named({"models": [model]}) == [{"name": "m", "capabilities": [], "details": {"families": []}}]
    shown = {"capabilities": None, "messages": None, "tensors": None, "details": {"families": None}, "license": None}
    assert described(shown) == {
        "capabilities": [],
        "messages": [],
        "tensors": [],
        "details": {"families": []},
        "license": None,
    }


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("m", "model 1 of a list has no name"),
        ({"size": 1}, "model 1 of a list has no name"),
        ({"name": None}, "model 1 of a list has no name"),
        ({"name": "m", "size": "1"}, "the 'size' of model 1 of a list is str"),
        ({"name": "m", "size": True}, "the 'size' of model 1 of a list is bool"),
        ({"name": "m", "size_vram": 1.5}, "the 'size_vram' of model 1"),
        ({"name": "m", "digest": 1}, "the 'digest' of model 1"),
        ({"name": "m", "details": []}, "the 'details' of model 1"),
        ({"name": "m", "capabilities": "tools"}, "the 'capabilities' of model 1"),
    ],
)
def test_what_is_wrong_with_a_model_names_its_index(model: object, says: str) -> None:
    with pytest.raises(MalformedError, match=says):
        named({"models": [MODEL, model]})


@pytest.mark.parametrize("document", [{"details": "gguf"}, {"model_info": []}, {"capabilities": {}}, [], None, 4])
def test_what_describes_no_model(document: object) -> None:
    with pytest.raises(MalformedError):
        described(document)


def test_a_member_is_of_its_kind() -> None:
    assert member({"version": "0.33"}, "version", str) == "0.33"
    with pytest.raises(MalformedError, match="'version' is NoneType, not str"):
        member({}, "version", str)


def embedding(rows: str, more: str = "") -> bytes:
    """The body of an answer with these vectors."""
    return f'{{"model":"m","embeddings":{rows}{more},"total_duration":9754520}}'.encode()


def test_vectors_are_lists_of_float() -> None:
    found, error, _ = vectors(embedding("[[0.5,1,-2e-3],[1e308,1e308,0]]"), 2)
    assert (found, error) == ([[0.5, 1.0, -2e-3], [1e308, 1e308, 0.0]], None)
    assert all(type(number) is float for vector in found for number in vector)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("[[1]]", "1 vectors for 2 texts"),
        ("[[1],[1],[1]]", "3 vectors for 2 texts"),
        ("[]", "0 vectors for 2 texts"),
        ("null", "'embeddings' is NoneType"),
        ('"a"', "another shape"),
        ("[[1],[1,2]]", "vector 1 is missing, or of another length"),
        ("[[],[]]", "vector 0 is missing"),
        ("[[1],null]", "vector 1 is missing"),
        ("[null,[1]]", "vector 0 is missing"),
        ("[[1],2]", "vector 1 is missing"),
        ("[[1],[null]]", "vector 1 holds"),
        ('[[1],["1"]]', "vector 1 holds"),
        ("[[1],[true]]", "vector 1 holds"),
        ("[[1],[[1]]]", "vector 1 holds"),
        ("[[1],[1e999]]", "vector 1 holds what is not a finite number"),
        ("[[1],[-1e999]]", "vector 1 holds what is not a finite number"),
        (f"[[1],[1{'0' * 400}]]", "vector 1 holds what is not a finite number"),
        (f"[[1],[1{'0' * 5000}]]", "vector 1 holds what is not a finite number"),
        ("[[1],[NaN]]", "vector 1 holds what is not a finite number"),
        ("[[NaN],[1]]", "vector 0 holds what is not a finite number"),
        ("[[1, 2],[1, Infinity]]", "vector 1 holds what is not a finite number"),
        ("[[1],[-Infinity]]", "vector 1 holds what is not a finite number"),
        ("[[1],[-nan]]", "vector 1 holds what is not a finite number"),
        ("[[1],NaN]", "not JSON"),
    ],
)
def test_what_is_wrong_with_a_vector_names_its_index(rows: str, says: str) -> None:
    with pytest.raises(MalformedError, match=says):
        vectors(embedding(rows), 2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"<html>",
        embedding("[[1],[2]]", ',"x":NaN'),
        embedding("[[1],[2]]")[:-9],
        b'{"x":[[NaN]]}',
    ],
)
def test_what_is_no_answer_names_no_vector(body: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        vectors(body, 2)
    assert "vector " not in str(caught.value)


SUBJECT = Subject(resolve_host("gpu"), "/api/embed", "all-minilm")
HEAD = Head(200, ((b"content-length", b"1"),))


def embedded(body: bytes, dimensions: int | None = None, expected: int = 2) -> Any:
    """What comes of an answer to `embed`."""
    reader = EmbeddingsReader(SUBJECT, HEAD, expected, dimensions)
    try:
        assert list(reader.feed(body[:10])) == list(reader.feed(body[10:])) == []
        list(reader.end())
    except MalformedError as error:
        return reader.malformed(error)
    except OllamaCapabilityError as error:
        return error
    except OllamaResponseError as error:
        return error
    assert reader.finished
    return reader.result()


def test_vectors_have_the_dimensions_that_were_asked_for() -> None:
    body = embedding("[[1,2,3],[4,5,6]]")
    assert embedded(body) == embedded(body, dimensions=3) == [[1, 2, 3], [4, 5, 6]]
    error = embedded(body, dimensions=4)
    assert type(error) is OllamaCapabilityError
    assert error.model == "all-minilm"
    assert "vectors of 3 numbers: 4 were asked for" in str(error)
    assert "up to 3" in (error.hint or "")
    assert "doesn't make its vectors shorter" in (embedded(body, dimensions=2).hint or "")


def test_vectors_may_come_with_a_bom_and_an_error_comes_first() -> None:
    assert embedded(b"\xef\xbb\xbf" + embedding("[[1],[2]]")) == [[1], [2]]
    error = embedded(b'{"error":"busy","embeddings":[[1]]}')
    assert type(error) is OllamaResponseError
    assert error.why == "busy"
    assert isinstance(embedded(embedding("[[1]]")), OllamaProtocolError)


def test_what_vectors_took_can_be_told() -> None:
    reader = EmbeddingsReader(SUBJECT, HEAD, 2, None)
    list(reader.feed(embedding("[[1],[2]]", ',"load_duration":1000000,"prompt_eval_count":7')))
    list(reader.end())
    assert reader.stats == Stats(prompt_eval_count=7, total_duration=0.00975452, load_duration=0.001)


@pytest.mark.parametrize("count", ["null", '"7"', "1.5", "true", "[]", "1" + "0" * 400])
def test_vectors_are_good_though_nobody_knows_what_they_took(count: str) -> None:
    stats = vectors(embedding("[[1],[2]]", f',"prompt_eval_count":{count},"load_duration":{count}'), 2).stats
    assert (stats.prompt_eval_count, stats.load_duration) == (0, 0)


def test_a_field_that_nobody_reads_is_utf8_too() -> None:
    body = embedding("[[1],[2]]", ',"note":"ñ 🌍"')
    assert vectors(body, 2).vectors == [[1], [2]]
    with pytest.raises(MalformedError, match="not JSON"):
        vectors(body.replace("🌍".encode(), "🌍".encode()[:2]), 2)


def test_a_thousand_vectors() -> None:
    rows = [[index + 0.5] * 768 for index in range(1000)]
    assert embedded(embedding(json.dumps(rows)), 768, 1000) == rows


@pytest.mark.parametrize("field", ["total", "completed"])
def test_a_step_is_never_less_than_nothing(field: str) -> None:
    with pytest.raises(MalformedError, match=f"the '{field}' of a step is less than nothing"):
        step({"status": "pulling", field: -1})
