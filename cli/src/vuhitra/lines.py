r"""NDJSON: bytes in, records out.

Lines end at `\n` and nowhere else: U+0085 and U+2028 inside a JSON string are text.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vuhitra.errors import OllamaProtocolError

LINE_LIMIT = 64 * 1024 * 1024
"""The longest line that is taken, in bytes."""


class LineTooLongError(ValueError):
    """A line is longer than the limit. start: its first bytes."""

    def __init__(self, limit: int, start: bytes) -> None:
        super().__init__(f"a line is longer than {limit} bytes")
        self.start = start


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
        """The lines that `data` completes, without their ends. Raises LineTooLongError."""
        head, newline, rest = data.partition(b"\n")
        self._keep(head)
        if not newline:
            return []
        *whole, tail = rest.split(b"\n")
        lines = [self._take(), *whole]
        for too_long in (line for line in whole if len(line) > self._limit):
            raise LineTooLongError(self._limit, too_long[:200])
        self._keep(tail)
        return [stripped for line in lines if (stripped := line.strip(b" \t\r"))]

    def flush(self) -> list[bytes]:
        """The last line, where the stream ended without a newline."""
        line = self._take().strip(b" \t\r")
        return [line] if line else []

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._size += len(piece)
        if self._size > self._limit:
            raise LineTooLongError(self._limit, b"".join(self._pieces)[:200])

    def _take(self) -> bytes:
        line = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        return line


def decode(data: bytes) -> Any:
    """The JSON value in `data`. Raises OllamaProtocolError for anything that is not JSON."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json(data, error) from error


def decode_record(line: bytes) -> dict[str, Any]:
    """The record on one line of a stream. Raises OllamaProtocolError where it is not an object."""
    record = decode(line)
    if not isinstance(record, dict):
        raise OllamaProtocolError("a record that is not a JSON object", snippet=snippet(line))
    return record


def not_json(data: bytes, error: Exception) -> OllamaProtocolError:
    """The error for bytes that can't be decoded."""
    return OllamaProtocolError("an answer that is not JSON", why=str(error), snippet=snippet(data))


def snippet(data: bytes, length: int = 200) -> str:
    """The start of some bytes, as they may be shown in a message."""
    return data[:length].decode("utf-8", "backslashreplace")
