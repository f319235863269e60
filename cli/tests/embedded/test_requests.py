"""Bodies of requests, and JSON as Go reads and writes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.services.embedded import gojson
from cli.services.embedded.requests import ChatRequest, EmbedRequest, GenerateRequest, read


def why(kind: type[Any], body: bytes) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        read(kind, body)
    return str(caught.value)


def test_what_is_left_out_is_as_ollama_has_it() -> None:
    request = read(GenerateRequest, b'{"model": "m"}')
    assert request == GenerateRequest(model="m")
    assert request.stream
    assert request.keep_alive is None


def test_null_is_the_same_as_nothing_and_unknown_fields_are_passed_over() -> None:
    body = b'{"model": "m", "stream": null, "options": null, "frobnicate": 1}'
    assert read(ChatRequest, body) == ChatRequest(model="m")
    assert read(ChatRequest, b"null") == ChatRequest()


def test_a_message_always_has_a_role_and_a_content() -> None:
    (message,) = read(ChatRequest, b'{"messages": [{}]}').messages
    assert message == {"role": "", "content": ""}


def test_what_follows_the_first_value_is_not_looked_at() -> None:
    assert read(EmbedRequest, b' {"model": "m"} trailing').model == "m"


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        (GenerateRequest, "[]", "json: cannot unmarshal array into Go value of type api.GenerateRequest"),
        (GenerateRequest, '"x"', "json: cannot unmarshal string into Go value of type api.GenerateRequest"),
        (
            GenerateRequest,
            '{"model": 3}',
            "json: cannot unmarshal number into Go struct field GenerateRequest.model of type string",
        ),
        (
            GenerateRequest,
            '{"stream": "yes"}',
            "json: cannot unmarshal string into Go struct field GenerateRequest.stream of type bool",
        ),
        (
            GenerateRequest,
            '{"options": []}',
            "json: cannot unmarshal array into Go struct field GenerateRequest.options of type map[string]interface {}",
        ),
        (
            GenerateRequest,
            '{"context": ["a"]}',
            "json: cannot unmarshal string into Go struct field GenerateRequest.context of type int",
        ),
        (
            GenerateRequest,
            '{"top_logprobs": 1.5}',
            "json: cannot unmarshal number 1.5 into Go struct field GenerateRequest.top_logprobs of type int",
        ),
        (GenerateRequest, '{"top_logprobs": 21}', "top_logprobs must be between 0 and 20"),
        (GenerateRequest, '{"images": ["###"]}', "illegal base64 data at input byte 0"),
        (GenerateRequest, '{"images": ["abc"]}', "illegal base64 data at input byte 3"),
        (
            ChatRequest,
            '{"messages": "x"}',
            "json: cannot unmarshal string into Go struct field ChatRequest.messages of type []api.Message",
        ),
        (
            ChatRequest,
            '{"messages": ["x"]}',
            "json: cannot unmarshal string into Go struct field ChatRequest.messages of type api.Message",
        ),
        (
            ChatRequest,
            '{"messages": [{"content": []}]}',
            "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string",
        ),
        (
            ChatRequest,
            '{"messages": [{"tool_calls": [{"function": {"name": 1}}]}]}',
            (
                "json: cannot unmarshal number into Go struct field "
                "ChatRequest.messages.tool_calls.function.name of type string"
            ),
        ),
    ],
)
def test_a_wrong_type_is_refused_in_gos_words(kind: type[Any], body: str, text: str) -> None:
    assert why(kind, body.encode()) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "missing request body"),
        (b" \n", "missing request body"),
        (b"{", "unexpected EOF"),
        (b'{"model": "x",', "unexpected EOF"),
        (b'{"model": "x', "unexpected EOF"),
        (b"x", "invalid character 'x' looking for beginning of value"),
        (b"{x}", "invalid character 'x' looking for beginning of object key string"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a": 1 "b": 2}', "invalid character '\"' after object key:value pair"),
        (b'{"a": NaN}', "invalid character 'N' looking for beginning of value"),
        (b"[" * 100_000, "exceeded max depth"),
        (b'{"a": 1e999}', "json: cannot unmarshal number 1e999 into Go value of type float64"),
    ],
)
def test_what_is_no_json_is_refused_in_gos_words(body: bytes, text: str) -> None:
    assert why(GenerateRequest, body) == text


def test_numbers_of_any_length_are_read() -> None:
    assert gojson.decode(b"1" * 300) == pytest.approx(1.1111e299, rel=1e-3)


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\udc00\\ud800"', '["\\ud83d", {"\\ud83d": "\\ud83d"}]'])
def test_lone_surrogates_are_replaced(text: str) -> None:
    value = gojson.decode(text.encode())
    assert "\ufffd" in json.dumps(value, ensure_ascii=False)
    assert gojson.encode(value)


def test_pairs_of_surrogates_and_bad_utf_8_are_read() -> None:
    assert gojson.decode(b'"\\ud83c\\udf0d"') == "🌍"
    assert gojson.decode(b'"\xff"') == "\ufffd"


def test_json_is_written_as_go_writes_it() -> None:
    assert gojson.encode({"a": "<é&\u2028>"}) == '{"a":"\\u003cé\\u0026\\u2028\\u003e"}'.encode()
