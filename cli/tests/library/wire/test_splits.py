"""An answer is the same however it is cut into packets: every operation, at every point, byte by byte too."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from typing import Any

import pytest

from tests.library.wire.conftest import Blocking
from tests.library.wire.faults import OPERATIONS, Operation, compressed, ended, head
from tests.scripted_server import STREAM_END, chunk
from vuhitra import AsyncOllamaClient, OllamaClient
from vuhitra.http import Exchange, Request
from vuhitra.testing import Answer, AsyncScriptedTransport, ScriptedTransport

CRLF = {"reply": b"\r\n\r\n", "pull": b"\r\n\n"}
"""What may stand between records."""


def _answers(operation: Operation) -> Iterator[Answer]:
    """The right answer, split in two at each point, and byte by byte."""
    body = operation.body.replace(b"\n", CRLF.get(operation.kind, b"\n"))
    for at in range(len(body) + 1):
        yield Answer(200, operation.content_type, (body[:at], body[at:]))
    yield Answer(200, operation.content_type, tuple(bytes([byte]) for byte in body))


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_body_is_read_alike_however_it_is_split(name: str) -> None:
    operation, given = OPERATIONS[name], [*_answers(OPERATIONS[name])]
    with OllamaClient(model="m", transport=ScriptedTransport(*given)) as client:
        assert [operation.ask(client) for _ in given] == [operation.result] * len(given)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_body_is_read_alike_in_an_event_loop(name: str) -> None:
    operation, given = OPERATIONS[name], [*_answers(OPERATIONS[name])]
    loop = asyncio.new_event_loop()
    with Blocking(AsyncOllamaClient(model="m", transport=AsyncScriptedTransport(*given)), loop) as client:
        assert [operation.ask(client) for _ in given] == [operation.result] * len(given)
    loop.close()


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.streams])
def test_a_stream_gives_the_same_pieces_however_it_is_split(name: str) -> None:
    operation, given = OPERATIONS[name], [*_answers(OPERATIONS[name])]
    with OllamaClient(model="m", transport=ScriptedTransport(*given)) as client:
        heard = [[*operation.ask(client, stream=True)] for _ in given]
    assert heard == [heard[0]] * len(given)
    assert len(heard[0]) > 1


CHAT = OPERATIONS["chat"]
PACKED = compressed(CHAT, None)
PACKED_TWICE = gzip.compress(PACKED + b"\0" * 8) + b"\0" * 8
WIRES: dict[str, list[Any]] = {
    "chunks": ended(CHAT, *CHAT.lines),
    "one length": [head(CHAT, f"Content-Length: {len(CHAT.body)}") + CHAT.body],
    "gzip in chunks": [
        head(CHAT, "Transfer-Encoding: chunked", "Content-Encoding: gzip") + chunk(PACKED),
        STREAM_END,
    ],
    "gzip twice, with zeros after it": [
        head(CHAT, f"Content-Length: {len(PACKED_TWICE)}", "Content-Encoding: gzip, identity", "Content-Encoding: GZIP")
        + PACKED_TWICE
    ],
    "after a 100": [b"HTTP/1.1 100 Continue\r\n\r\n", *ended(CHAT, *CHAT.lines)],
}


@pytest.mark.parametrize("wire", WIRES)
def test_a_response_is_read_alike_however_it_is_split(wire: str) -> None:
    whole = b"".join(WIRES[wire])
    for at in range(len(whole) + 1):
        assert _read([whole[:at], whole[at:]]) == CHAT.body
    assert _read([bytes([byte]) for byte in whole]) == CHAT.body


def _read(packets: list[bytes]) -> bytes:
    """The body of a response that comes in these packets."""
    exchange = Exchange()
    for _ in exchange.send(Request("GET", "/", (("Host", "h"),))):
        pass
    coming = iter([packet for packet in packets if packet])
    while (begun := exchange.head()) is None:
        exchange.feed(next(coming))
    assert begun.status == 200
    body = b""
    while (data := exchange.data()) != b"":
        if data is None:
            exchange.feed(next(coming))
        else:
            body += data
    return body
