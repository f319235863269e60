"""Joins the chunks of a body that arrive together into one, since each costs h11 as much as a large one.

Plain chunks only: whatever else comes is handed on as it is, for h11 to judge.
"""

from __future__ import annotations

import re

_SIZE_LINE = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")
_PART_OF_ONE = re.compile(rb"[0-9a-fA-F]{1,8}\r?")


class ChunkJoiner:
    """Rewrites a chunked body, so that it says the same in fewer chunks."""

    def __init__(self, begun: bytes) -> None:
        """begun: the bytes of the body that h11 already has."""
        self._left = 0  # bytes of a chunk that are still to come, its end among them
        self._held = b""
        self._is_lost = False  # what comes isn't plain, or is the last chunk; from there on, all is handed on
        self.feed(begun)
        if self._held:
            self._held, self._is_lost = b"", True

    def feed(self, data: bytes) -> bytes:
        """What to hand on for these bytes; a line with a size that isn't whole is held back."""
        if self._is_lost:
            return data
        data = self._held + data
        self._held = b""
        if len(data) <= self._left:
            self._left -= len(data)
            return data
        start = self._left
        end, payloads = self._whole_chunks(data, start)
        joined = b"".join(payloads)
        whole = b"%x\r\n%b\r\n" % (len(joined), joined) if joined else b""
        return data[:start] + whole + data[end : len(data) - len(self._held)]

    def flush(self) -> bytes:
        """What was held back, once nothing more comes."""
        held, self._held = self._held, b""
        return held

    def _whole_chunks(self, data: bytes, at: int) -> tuple[int, list[bytes]]:
        """The payloads of the chunks that are whole, from a place on where one begins, and where they end."""
        payloads: list[bytes] = []
        self._left = 0
        while line := _SIZE_LINE.match(data, at):
            begin, size = line.end(), int(line[1], 16)
            end = begin + size + 2
            if size and end > len(data):
                self._left = end - len(data)
                return at, payloads
            if not size or data[end - 2 : end] != b"\r\n":
                self._is_lost = True
                return at, payloads
            payloads.append(data[begin : end - 2])
            at = end
        if at < len(data):
            is_part = _PART_OF_ONE.fullmatch(data, at) is not None
            self._held, self._is_lost = (data[at:], False) if is_part else (b"", True)
        return at, payloads
