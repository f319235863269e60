"""The server that all clients are measured against: a process of its own on loopback, which answers at once.

The name of a model says what is answered. Nothing here thinks, waits for a model or reads a prompt: what is
measured is the client.
"""

from __future__ import annotations

import json
import random
import socket
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from itertools import cycle, islice
from typing import Any, NamedTuple

from tests.scripted_server import STREAM_END, STREAM_HEAD, chunk

DIMENSIONS = 768
"""Numbers in a vector, as many as common models for embeddings give."""

WORDS = (
    "The",
    " sky",
    " is",
    " blue",
    ":",
    " short",
    " waves",
    ' "',
    "sc",
    "atter",
    '"',
    ".",
    "\n\n",
    " Für",
    "…",
    " -",
)
"""What pieces are like: words, parts of words, and what JSON has to escape."""
KILOBYTE = ("x" * 999 + " ",)


class Answer(NamedTuple):
    """A streamed answer: its pieces, so many in a packet, and the packets so many seconds apart.

    texts: what the pieces say, one after the other and then from the first again.
    """

    pieces: int
    in_a_packet: int = 1
    gap: float = 0.0
    texts: Sequence[str] = WORDS


ANSWERS = {
    "instant": Answer(1),
    "pieces": Answer(20_000, in_a_packet=200),
    "packets": Answer(2_000, gap=0.0005),  # in which any client has read a packet before the next one comes
    "megabyte": Answer(1_000, in_a_packet=20, texts=KILOBYTE),
    "hundred-megabytes": Answer(100_000, in_a_packet=20, texts=KILOBYTE),
}
"""What each model answers. The texts of the last two are as long as their names say."""

_DIFFERENT = 16
"""Packets that differ; after them they come again."""


def main() -> None:
    """Say the port on stdout, and serve until stdin ends: until whoever started it has gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener,), daemon=True).start()
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        sys.stdin.buffer.read()


def _accept(listener: socket.socket) -> None:
    with suppress(OSError):  # it is closed at the end
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    data = b""
    with connection, suppress(ConnectionError):
        while (request := _request(connection, data)) is not None:
            path, body, data = request
            _respond(connection, path, json.loads(body or b"{}"))


def _request(connection: socket.socket, data: bytes) -> tuple[str, bytes, bytes] | None:
    """The path and the body of the next request, and what came behind it; None where the client has hung up."""
    while True:
        head, end, rest = data.partition(b"\r\n\r\n")
        length = _length(head) if end else 0
        if end and len(rest) >= length:
            return head.split(b" ")[1].decode(), rest[:length], rest[length:]
        more = connection.recv(65536)
        if not more:
            return None
        data += more


def _length(head: bytes) -> int:
    _, found, value = head.lower().partition(b"\r\ncontent-length:")
    return int(value.split(b"\r\n")[0]) if found else 0


def _respond(connection: socket.socket, path: str, body: dict[str, Any]) -> None:
    wanted = ANSWERS.get(body.get("model", "").removesuffix(":latest"))
    if path == "/api/embed":
        connection.sendall(_embeddings(body["input"]))
    elif path in {"/api/generate", "/api/chat"} and wanted:
        _stream(connection, path, wanted)
    elif path in _DOCUMENTS:
        connection.sendall(_document(json.dumps(_DOCUMENTS[path]).encode()))
    else:
        connection.sendall(_document(b'{"error":"not found"}', 404))


def _document(body: bytes, status: int = 200) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _stream(connection: socket.socket, path: str, wanted: Answer) -> None:
    connection.sendall(STREAM_HEAD)
    packets = cycle(_packets(path, wanted))
    for packet in islice(packets, wanted.pieces // wanted.in_a_packet):
        connection.sendall(packet)
        if wanted.gap:
            time.sleep(wanted.gap)
    last = _record(path, 0, "", done=True, done_reason="stop", eval_count=wanted.pieces)
    connection.sendall(chunk(last) + STREAM_END)


@cache
def _packets(path: str, wanted: Answer) -> list[bytes]:
    """The packets of an answer that differ, written once."""
    texts = islice(cycle(wanted.texts), wanted.in_a_packet * _DIFFERENT)
    chunks = [chunk(_record(path, number, text)) for number, text in enumerate(texts)]
    starts = range(0, len(chunks), wanted.in_a_packet)
    return [b"".join(chunks[start : start + wanted.in_a_packet]) for start in starts]


def _record(path: str, number: int, text: str, *, done: bool = False, **more: Any) -> dict[str, Any]:
    said = {"response": text} if path == "/api/generate" else {"message": {"role": "assistant", "content": text}}
    return {"model": "m", "created_at": f"2026-01-02T15:04:05.{number:09}Z", **said, "done": done, **more}


def _embeddings(texts: list[str] | str) -> bytes:
    count = 1 if isinstance(texts, str) else len(texts)
    return _document(b'{"model":"m","embeddings":[' + b",".join([_vector()] * count) + b"]}")


@cache
def _vector() -> bytes:
    """A vector about as long as 1, its numbers as Ollama writes them."""
    numbers = random.Random(1)  # noqa: S311  the same in every run
    return json.dumps([round(numbers.gauss(0, DIMENSIONS**-0.5), 9) for _ in range(DIMENSIONS)]).encode()


_DETAILS = {"format": "gguf", "family": "llama", "parameter_size": "1B", "quantization_level": "Q4_0"}
_MODEL = {"name": "instant:latest", "modified_at": "2026-01-02T15:04:05Z", "size": 1, "digest": "0" * 64}
_DOCUMENTS: dict[str, Any] = {
    "/api/tags": {"models": [{**_MODEL, "model": _MODEL["name"], "details": _DETAILS}]},
    "/api/show": {"details": _DETAILS, "model_info": {}, "capabilities": ["completion"]},
}
"""What some clients ask for before they ask for an answer."""


if __name__ == "__main__":
    main()
