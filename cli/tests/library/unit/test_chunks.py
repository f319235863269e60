"""A chunked body says the same in fewer chunks, however it arrives; what isn't plain is left to h11."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.library.unit.arriving import every_way
from vuhitra.chunks import ChunkJoiner


def fed(pieces: list[bytes], begun: bytes = b"") -> bytes:
    joiner = ChunkJoiner(begun)
    return b"".join(map(joiner.feed, pieces)) + joiner.flush()


def test_chunks_that_come_together_are_one() -> None:
    assert fed([b"2\r\nhe\r\n3\r\nllo\r\n"]) == b"5\r\nhello\r\n"
    assert fed([b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"]) == b"5\r\nhello\r\n0\r\n\r\n"
    assert fed([b"2\r\nhe\r\n3\r\nllo\r\n4\r\nwo"]) == b"5\r\nhello\r\n4\r\nwo"
    assert fed([b"wo\r\n2\r\nhe\r\n3\r\nllo\r\n"], begun=b"4\r\nwo") == b"wo\r\n5\r\nhello\r\n"
    assert fed([b"2\r\nhe\r\n3\r\nllo\r\n1", b"\r\nx\r\n1\r\ny\r\n"]) == b"5\r\nhello\r\n2\r\nxy\r\n"


def test_nothing_is_held_back_but_a_size() -> None:
    joiner = ChunkJoiner(b"")
    assert joiner.feed(b"5\r\nhel") == b"5\r\nhel"
    assert joiner.feed(b"lo") == b"lo"
    assert joiner.feed(b"\r\n1") == b"\r\n"
    assert joiner.feed(b"0\r\n") == b"10\r\n"


PLAIN = b"2\r\nhe\r\n3\r\nllo\r\nA\r\n0123456789\r\n0\r\n\r\n"


def payload(data: bytes) -> bytes:
    """What plain chunks say."""
    said = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        if not int(size, 16):
            return said
        said, data = said + data[: int(size, 16)], data[int(size, 16) + 2 :]


def test_they_say_the_same_however_they_arrive() -> None:
    for pieces in every_way(PLAIN):
        assert payload(fed(pieces)) == b"hello0123456789"
    for at in range(len(PLAIN)):
        assert payload(PLAIN[:at] + fed([PLAIN[at:]], begun=PLAIN[:at])) == b"hello0123456789"


@pytest.mark.parametrize(
    "data",
    [
        b"2;x=y\r\nhe\r\n3\r\nllo\r\n",
        b"hello\r\n",
        b"2\r\nhello\r\n",
        b"0x2\r\nhe\r\n",
        b"+2\r\nhe\r\n",
        b"2 \r\nhe\r\n",
        b"2\nhe\n",
        b"-1\r\nhe\r\n",
        b"123456789\r\nhe\r\n",
        b"\r\nhe",
        b"0\r\nX-Trailer: 1\r\n\r\n",
    ],
)
def test_what_is_not_plain_is_handed_on_as_it_is(data: bytes) -> None:
    for pieces in every_way(data):
        assert fed(pieces) == data
        assert fed([b"1\r\na\r\n1\r\nb\r\n", *pieces]) == b"2\r\nab\r\n" + data


@given(st.lists(st.sampled_from([b"1", b"2", b"a", b"\r", b"\n", b"\r\n", b"xy", b"0", b"2\r\nab\r\n", b";"])))
def test_nothing_is_lost_or_made_up(pieces: list[bytes]) -> None:
    joiner = ChunkJoiner(b"")
    out = b"".join(map(joiner.feed, pieces)) + joiner.flush()
    sizes_and_ends = b"\r\n0123456789abcdef"
    assert out.translate(None, sizes_and_ends) == b"".join(pieces).translate(None, sizes_and_ends)
