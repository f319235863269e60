"""Bytes become lines and records, however the bytes were cut up on their way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.library.unit.arriving import every_way
from vuhitra.lines import MalformedError, Splitter, decode, decode_document, decode_record, snippet

NEXT_LINE = "\u0085"
LINE_SEPARATOR = "\u2028"


def split(pieces: list[bytes], limit: int = 1000) -> list[bytes]:
    """The lines of a stream that arrives in these pieces."""
    splitter = Splitter(limit)
    return [line for piece in pieces for line in splitter.feed(piece)] + splitter.flush()


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b'{"a":1}\n', [b'{"a":1}'], id="one"),
        pytest.param(b"1\n2\n3\n", [b"1", b"2", b"3"], id="three"),
        pytest.param(b"1\r\n2\r\n", [b"1", b"2"], id="CRLF"),
        pytest.param(b"1\n2\r\n3", [b"1", b"2", b"3"], id="mixed, and no newline at the end"),
        pytest.param(b"1\r", [b"1"], id="a lone CR at the end"),
        pytest.param(b"\n\r\n1\n\n \t\n2\n\n", [b"1", b"2"], id="blank lines"),
        pytest.param(b'"a\rb"\n', [b'"a\rb"'], id="a CR inside a line ends nothing"),
        pytest.param(b'"a\x0bb\x0cc\x1cd"\n', [b'"a\x0bb\x0cc\x1cd"'], id="other control characters neither"),
        pytest.param(f'"{NEXT_LINE}"\n1\n'.encode(), [f'"{NEXT_LINE}"'.encode(), b"1"], id="U+0085"),
        pytest.param(f'"{LINE_SEPARATOR}"\n1\n'.encode(), [f'"{LINE_SEPARATOR}"'.encode(), b"1"], id="U+2028"),
        pytest.param('"🌍"\n'.encode(), ['"🌍"'.encode()], id="four bytes of UTF-8"),
        pytest.param(b"\xef\xbb\xbf1\n2\n", [b"1", b"2"], id="a BOM before the first"),
        pytest.param(b"\xef\xbb\xbf1", [b"1"], id="a BOM before the only one"),
        pytest.param(b"\xef\xbb\xbf\r\n1\n", [b"1"], id="a BOM and no more on the first"),
        pytest.param(b"1\n\xef\xbb\xbf2\n", [b"1", b"\xef\xbb\xbf2"], id="a BOM in the middle is kept"),
        pytest.param(b"\n\xef\xbb\xbf2\n", [b"\xef\xbb\xbf2"], id="a BOM after a blank line is in the middle"),
    ],
)
def test_lines_end_at_newlines_only(data: bytes, lines: list[bytes]) -> None:
    for pieces in every_way(data):
        assert split(pieces) == lines


def test_a_line_is_given_as_soon_as_it_is_whole() -> None:
    splitter = Splitter()
    assert splitter.feed(b"on") == []
    assert splitter.feed(b"e\ntwo\nthr") == [b"one", b"two"]
    assert splitter.feed(b"ee\n") == [b"three"]
    assert splitter.flush() == []


def test_what_was_flushed_is_not_given_again() -> None:
    splitter = Splitter()
    splitter.feed(b"one")
    assert splitter.flush() == [b"one"]
    assert splitter.flush() == []


@pytest.mark.parametrize("data", [b"12345\n", b"12345", b"1\n12345\n", b"1\n12345", b"1\n12345\n2\n"])
def test_a_line_longer_than_the_limit_raises_wherever_it_is_cut(data: bytes) -> None:
    for pieces in every_way(data):
        with pytest.raises(MalformedError, match="longer than 4 bytes") as caught:
            split(pieces, limit=4)
        assert caught.value.snippet.startswith("1234")


def test_the_limit_is_for_one_line_and_not_for_all() -> None:
    for pieces in every_way(b"1234\n" * 3):
        assert split(pieces, limit=4) == [b"1234"] * 3


class Counted(bytes):
    """Bytes that count how often they are searched."""

    searched = 0

    def split(self, sep: Any = None, maxsplit: Any = -1) -> list[bytes]:
        Counted.searched += len(self)
        return super().split(sep, maxsplit)


def test_what_was_searched_once_is_not_searched_again() -> None:
    splitter = Splitter()
    Counted.searched = 0
    for _ in range(10_000):
        splitter.feed(Counted(b"x"))
    assert splitter.feed(Counted(b"\n")) == [b"x" * 10_000]
    assert Counted.searched == 10_001


@settings(database=None, derandomize=True, deadline=None)
@given(pieces=st.lists(st.lists(st.sampled_from(list(b"\n\r \t{}\xef\xbb\xbf\x85")), max_size=6).map(bytes)))
def test_any_bytes_in_any_pieces_give_the_lines_of_the_whole(pieces: list[bytes]) -> None:
    lines = b"".join(pieces).removeprefix(b"\xef\xbb\xbf").split(b"\n")
    assert split(pieces) == [line.strip(b" \t\r") for line in lines if line.strip(b" \t\r")]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(), lambda inner: st.lists(inner, max_size=3)
)
RECORDS = st.lists(st.dictionaries(st.text(max_size=3), JSON_VALUES, max_size=3), max_size=5)
SIZES = st.lists(st.integers(1, 9), min_size=1)


@settings(database=None, derandomize=True, deadline=None)
@given(records=RECORDS, sizes=SIZES, newline=st.sampled_from([b"\n", b"\r\n", b"\n\n"]), escaped=st.booleans())
def test_whatever_was_sent_is_what_arrives(
    records: list[dict[str, Any]], sizes: list[int], newline: bytes, escaped: bool
) -> None:
    data = b"".join(json.dumps(record, ensure_ascii=escaped).encode() + newline for record in records)
    pieces: list[bytes] = []
    while data:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[:size])
        data = data[size:]
    assert [decode_record(line) for line in split(pieces, limit=10_000)] == records


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="HTML"),
        pytest.param(b'{"response":"a', id="cut"),
        pytest.param(b'{"a":1}}', id="more after the end"),
        pytest.param(b'{"a":NaN}', id="NaN"),
        pytest.param(b'{"a":-Infinity}', id="infinity"),
        pytest.param(b'{"a":1e999}', id="a number without bounds"),
        pytest.param(b'{"a":%s}' % (b"1" * 5000), id="an integer without bounds"),
        pytest.param(b'{"a":"\xff"}', id="invalid UTF-8"),
        pytest.param(b'{"a":"\xf0\x9f\x8c"}', id="half a character"),
        pytest.param(b'{"a":"\\ud83c"}', id="half a pair of surrogates"),
        pytest.param(b'{"a":"\x00"}', id="a control character"),
        pytest.param(b"[" * 100_000, id="too deep, and cut"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="too deep"),
        pytest.param(b"\xef\xbb\xbf{}", id="BOM"),
        pytest.param(b'{"a":\xef\xbb\xbf1}', id="BOM in the middle"),
    ],
)
def test_what_is_not_json_is_a_protocol_error(data: bytes) -> None:
    with pytest.raises(MalformedError, match="not JSON") as caught:
        decode(data)
    assert caught.value.snippet == snippet(data)


@pytest.mark.parametrize("line", [b"1", b'"text"', b"null", b"true", b"[]", b'[{"done":true}]'])
def test_a_record_is_an_object(line: bytes) -> None:
    with pytest.raises(MalformedError, match="not a JSON object") as caught:
        decode_record(line)
    assert caught.value.snippet == line.decode()


def test_a_snippet_is_short_and_can_be_shown() -> None:
    assert snippet(b"\xff" + b"x" * 1000) == "\\xff" + "x" * 199


CUT = [
    json.dumps({"a": [1.5e-7, -2, True, None, {"b": "grün \\ \u2028"}], "c": "🌍"}, ensure_ascii=escaped).encode()
    for escaped in (True, False)
]


@pytest.mark.parametrize("record", CUT, ids=["ASCII", "UTF-8"])
def test_an_object_that_lacks_its_end_is_cut(record: bytes) -> None:
    for end in range(len(record)):
        with pytest.raises(MalformedError) as caught:
            decode(record[:end])
        assert caught.value.is_cut, record[:end]


@pytest.mark.parametrize("string", [b'"' + b'\\"' * 1_000_000, b'"' + b"x" * 10_000_000], ids=["quotes", "plain"])
def test_however_long_the_string_that_is_cut_it_is_read_once(string: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        decode(b'{"a":' + string)
    assert caught.value.is_cut


@pytest.mark.parametrize(
    "data",
    [b"<html", b"[1,", b'"text', b'{"a":1}}', b'{"a":NaN', b'{"a":-,', b'{"a":[1}', b"{]", b'{"a":"\\ud83c"}'],
)
def test_what_is_no_beginning_of_an_object_is_not_cut(data: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        decode(data)
    assert not caught.value.is_cut


def test_a_document_may_begin_with_a_bom() -> None:
    assert decode_document(b"\xef\xbb\xbf{}") == {}
    with pytest.raises(MalformedError):
        decode_document(b"\xef\xbb\xbf\xef\xbb\xbf{}")


def test_of_a_key_given_twice_the_last_counts() -> None:
    assert decode(b'{"a":1,"a":2}') == {"a": 2}
