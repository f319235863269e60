"""Bytes as a network may hand them over: what reads them must not care where they were cut."""

from __future__ import annotations

from collections.abc import Iterator


def every_way(data: bytes) -> Iterator[list[bytes]]:
    """The same bytes whole, byte by byte, and cut in two at every point."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]
