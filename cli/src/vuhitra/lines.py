r"""NDJSON: bytes in, records out.

Lines end at `\n` and nowhere else: U+0085 and U+2028 inside a JSON string are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain
from typing import Any

import msgspec

LINE_LIMIT = 64 * 1024 * 1024
"""The longest line that is taken, in bytes."""

_DEEPEST = 100
"""Levels of JSON that are taken."""

_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r"
_STRING = rb'(?s)"(?:[^"\\]++|\\.?+)*+"?+'
"""A string, or the beginning of one that goes to the end. Nothing in it is tried twice: the cost is linear."""
_decode = msgspec.json.Decoder().decode


class MalformedError(ValueError):
    """What arrived is not what the protocol says it is.

    snippet: the start of it. is_cut: whether it is the beginning of a JSON object, or less, and only the rest is
        missing.
    """

    def __init__(self, why: str, start: str = "", *, is_cut: bool = False) -> None:
        super().__init__(why)
        self.snippet = start
        self.is_cut = is_cut


class Splitter:
    """Cuts a stream of bytes into lines. Blank lines are left out, and so is a byte order mark before the first.

    What is unfinished is kept in pieces and joined once, when its end comes, so the cost is
    linear however the bytes arrive.
    """

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_first = True

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends. Raises MalformedError."""
        *whole, tail = data.split(b"\n")
        if whole and self._pieces:
            self._keep(whole[0])
            whole[0] = self._take()
        if tail:
            self._keep(tail)
        if len(data) > self._limit:
            for line in whole:
                self._check(line)
        if self._is_first and whole:
            self._is_first = False
            whole[0] = without_bom(whole[0])
        return [stripped for line in whole if (stripped := line.strip(_BLANK))]

    def flush(self) -> list[bytes]:
        """The last line, where the stream ended without a newline."""
        line = self._take()
        if self._is_first:
            line = without_bom(line)
        line = line.strip(_BLANK)
        return [line] if line else []

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > self._limit:
            self._check(self._take())

    def _take(self) -> bytes:
        line = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        return line

    def _check(self, line: bytes) -> None:
        if len(line) > self._limit:
            raise MalformedError(f"a line is longer than {self._limit} bytes", snippet(line))


def decode(data: bytes) -> Any:
    """The JSON value in `data`. Raises MalformedError for anything that is not JSON."""
    try:
        value = _decode(data)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise not_json(data, error) from error
    if data.count(b"[") + data.count(b"{") > _DEEPEST and not _is_shallow(value):
        raise MalformedError(f"JSON that is more than {_DEEPEST} levels deep", snippet(data))
    return value


def decode_record(line: bytes) -> dict[str, Any]:
    """The record on one line of a stream. Raises MalformedError where it is not an object."""
    record = decode(line)
    if not isinstance(record, dict):
        raise MalformedError("a record that is not a JSON object", snippet(line))
    return record


def decode_document(body: bytes) -> Any:
    """The JSON value that a body is; a byte order mark before it means nothing. Raises MalformedError."""
    return decode(without_bom(body))


def without_bom(data: bytes) -> bytes:
    """A text without the byte order mark that may stand before it."""
    return data.removeprefix(_BOM)


def not_json(data: bytes, error: Exception) -> MalformedError:
    """What is wrong with data that msgspec can't decode for `error`."""
    why = str(error)
    at_the_end = "truncated" in why or why.endswith(f"invalid number (byte {len(data)})")
    return MalformedError(f"not JSON: {why}", snippet(data), is_cut=at_the_end and _is_open_object(data))


def _is_shallow(value: object) -> bool:
    """Whether a value goes no deeper than others can follow: those who walk through it, and pickle."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for each in level if isinstance(each, dict | list) for inner in _inside(each)]
        if not level:
            return True
    return False


def _inside(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _is_open_object(data: bytes) -> bool:
    """Whether data begins an object that it doesn't end, or hasn't even begun."""
    text = data.strip()
    if not text.startswith(b"{"):
        return not text
    depth = begin = 0
    for start, end in chain((string.span() for string in re.finditer(_STRING, text)), [(len(text), len(text))]):
        depth += text.count(b"{", begin, start) - text.count(b"}", begin, start)
        begin = end
    return depth > 0


def snippet(data: bytes, length: int = 200) -> str:
    """The start of some bytes, as they may be shown in a message."""
    return data[:length].decode("utf-8", "backslashreplace")


def shown(value: object) -> str:
    """The start of a decoded value, as it may be shown in a message. Only its end is cut off: see `secrets`."""
    return snippet(msgspec.json.encode(value))
