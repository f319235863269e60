"""Nonsense is answered with an error, and the server lives."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.embedded.asking import MODEL, ask
from tests.embedded.servers import SHORT
from vuhitra.hosts import Host

DEEP = 2000

BODIES: list[Any] = [
    b"",
    b"\x00\xff\xfe",
    b"{",
    b"}",
    b"[]",
    b"3",
    b'"text"',
    b"NaN",
    b'{"model": "' + b"a" * 100_000,
    b"[" * 200_000,
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    b'{"model": 1' + b"0" * 10_000 + b"}",
    {"model": None},
    {"model": []},
    {"model": {"a": 1}},
    {"model": ""},
    {"model": "../../etc/passwd"},
    {"model": "a" * 5000},
    {"model": "\ud800"},
    {"model": MODEL, "options": 3},
    {"model": MODEL, "options": {"num_ctx": []}},
    {"model": MODEL, "options": {"stop": [[]]}},
    {"model": MODEL, "stream": 1},
    {"model": MODEL, "raw": "yes"},
    {"model": MODEL, "keep_alive": "x"},
    {"model": MODEL, "keep_alive": {}},
    {"model": MODEL, "think": []},
    {"model": MODEL, "top_logprobs": -1},
    {"model": MODEL, "top_logprobs": 1e9},
    {"model": MODEL, "messages": {}},
    {"model": MODEL, "messages": [3]},
    {"model": MODEL, "messages": [{"content": {}}]},
    {"model": MODEL, "messages": [{"images": ["#"]}]},
    {"model": MODEL, "tools": "x", "messages": []},
    {"model": MODEL, "prompt": {}, "messages": 1, "input": 3},
    {"model": MODEL, "context": ["a"], "input": 3, "messages": 1},
    {"model": MODEL, "context": [1.5], "input": [None], "messages": "x"},
    {"model": MODEL, "images": "x", "input": {}, "messages": [[]]},
    {"model": MODEL, "template": "{{", "prompt": "x", "input": 1, "messages": 1},
    {"model": MODEL, "format": "yaml", "prompt": "x", "input": 1, "messages": [{"content": "x"}]},
    {"model": MODEL, "format": {"type": 3}, "prompt": "x", "input": 1, "messages": [{"content": "x"}]},
    {"model": MODEL, "format": {"$ref": "#/x"}, "prompt": "x", "input": 1, "messages": [{"content": "x"}]},
    {"model": MODEL, "suffix": "x", "prompt": "x", "input": 1, "messages": 3},
]

ODD: list[dict[str, Any]] = [
    {"temperature": -1},
    {"temperature": 1e300},
    {"top_k": -5, "top_p": -1},
    {"repeat_penalty": 0, "repeat_last_n": -1},
    {"seed": 2**70},
    {"num_keep": 10**9},
    {"num_ctx": 1},
    {"num_ctx": -1},
    {"num_batch": 0, "num_thread": 0},
    {"stop": ["", "x"]},
    {"stop": []},
    {"typical_p": 0},
    {"presence_penalty": 1e9, "frequency_penalty": -1e9},
]


@pytest.mark.parametrize("path", ["/api/generate", "/api/chat", "/api/embed"])
@pytest.mark.parametrize("number", range(len(BODIES)))
def test_a_malformed_body_is_an_error_or_harmless(number: int, path: str, embedded_host: Host) -> None:
    answer = ask(embedded_host, "POST", path, BODIES[number])
    assert answer.status in (200, 400, 404, 500), answer.body
    if answer.status != 200:
        assert list(answer.json) == ["error"]
        assert isinstance(answer.json["error"], str)
    assert ask(embedded_host, "GET", "/api/version").status == 200


def test_most_of_them_are_errors_everywhere(embedded_host: Host) -> None:
    statuses = [ask(embedded_host, "POST", "/api/generate", body).status for body in BODIES]
    assert statuses.count(200) < len(BODIES) / 4


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": 3}', b'{"verbose": "x"}', b'{"model": "a b"}'])
def test_show_refuses_nonsense(body: bytes, embedded_host: Host) -> None:
    assert ask(embedded_host, "POST", "/api/show", body).status == 400


@pytest.mark.parametrize("options", ODD, ids=json.dumps)
def test_odd_options_are_taken_as_far_as_they_mean_something(options: dict[str, Any], embedded_host: Host) -> None:
    answer = ask(embedded_host, "POST", "/api/generate", SHORT | {"options": {"num_predict": 2, **options}})
    assert answer.status == 200, answer.body
    assert answer.json["done"]


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\r\n" * 50])
def test_what_is_no_http_does_no_harm(data: bytes, embedded_host: Host) -> None:
    with socket.create_connection(("127.0.0.1", embedded_host.port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    assert ask(embedded_host, "POST", "/api/generate", SHORT).status == 200
