"""An HTTP client that hides nothing: what was sent, and what came back, byte for byte."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from vuhitra.hosts import Host

MODEL = "smollm2:135m"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def records(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def text(self) -> str:
        return "".join(said(record) for record in self.records)


def ask(
    host: Host,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Sends a request and reads all of its answer. body: bytes as they are, anything else as JSON."""
    with asking(host, method, path, body, headers) as response:
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())


@contextmanager
def asking(
    host: Host,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Generator[HTTPResponse]:
    """An answer that is coming in; leaving the block closes the connection."""
    connection = sent(host, method, path, body, headers)
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def sent(
    host: Host,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> HTTPConnection:
    """A connection on which a request was sent, and nothing read."""
    connection = HTTPConnection("127.0.0.1", host.port, timeout=60)
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    shown = {"Authorization": host.authorization or ""} | dict(headers or {})
    connection.request(method, path, data, shown)
    return connection


def basic(key: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f":{key}".encode()).decode()}


def said(record: Mapping[str, Any]) -> str:
    """The text in a record of an answer."""
    return str(record.get("response", "") or record.get("message", {}).get("content", ""))


def children() -> set[int]:
    """The processes that this one has started and that are still there."""
    pids: set[int] = set()
    for listed in Path("/proc/self/task").glob("*/children"):
        with suppress(FileNotFoundError):  # that thread has ended by now
            pids.update(int(pid) for pid in listed.read_text().split())
    return pids
