r"""NDJSON: bytes in, records out.

Lines end at `\n` and nowhere else: U+0085 and U+2028 inside a JSON string are text.
"""

from __future__ import annotations

import reprlib
from typing import Any

import msgspec

LINE_LIMIT = 64 * 1024 * 1024
"""The longest line that is taken, in bytes."""


class MalformedError(ValueError):
    """What arrived is not what the protocol says it is. snippet: the start of it."""

    def __init__(self, why: str, start: str = "") -> None:
        super().__init__(why)
        self.snippet = start


class Splitter:
    """Cuts a stream of bytes into lines. Blank lines are left out.

    What is unfinished is kept in pieces and joined once, when its end comes, so the cost is
    linear however the bytes arrive.
    """

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends. Raises MalformedError."""
        *whole, tail = data.split(b"\n")
        if whole:
            self._keep(whole[0])
            whole[0] = self._take()
        self._keep(tail)
        return [stripped for line in whole if (stripped := self._bounded(line).strip(b" \t\r"))]

    def flush(self) -> list[bytes]:
        """The last line, where the stream ended without a newline."""
        line = self._take().strip(b" \t\r")
        return [line] if line else []

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > self._limit:
            self._bounded(self._take())

    def _take(self) -> bytes:
        line = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        return line

    def _bounded(self, line: bytes) -> bytes:
        if len(line) > self._limit:
            raise MalformedError(f"a line is longer than {self._limit} bytes", snippet(line))
        return line


def decode(data: bytes) -> Any:
    """The JSON value in `data`. Raises MalformedError for anything that is not JSON."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"not JSON: {error}", snippet(data)) from error


def decode_record(line: bytes) -> dict[str, Any]:
    """The record on one line of a stream. Raises MalformedError where it is not an object."""
    record = decode(line)
    if not isinstance(record, dict):
        raise MalformedError("a record that is not a JSON object", snippet(line))
    return record


def snippet(data: bytes, length: int = 200) -> str:
    """The start of some bytes, as they may be shown in a message."""
    return data[:length].decode("utf-8", "backslashreplace")


def shown(value: object) -> str:
    """The start of a value, however large or deep it is, as it may be shown in a message."""
    return reprlib.repr(value)[:200]
