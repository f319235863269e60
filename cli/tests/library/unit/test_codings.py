"""Bodies that were compressed, once or several times, in answers that arrive in every way; no socket."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib
from collections.abc import Callable
from itertools import chain, repeat

import pytest

from tests.library.unit.arriving import every_way
from vuhitra.http import BrokenOffError, CodingError, Exchange, Request

MB = 1024 * 1024
ASK = Request("GET", "/api/version", (("Host", "gpu"),))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n"


def answer(body: bytes, *codings: bytes) -> bytes:
    """A response whose body is in these codings, with a header for each."""
    headers = b"".join(b"Content-Encoding: %s\r\n" % coding for coding in codings)
    return HEAD % len(body) + headers + b"\r\n" + body


def receive(pieces: list[bytes]) -> tuple[bytes, Exchange]:
    """The whole body of an answer that arrives in these pieces; after them, the peer closes."""
    exchange = Exchange()
    list(exchange.send(ASK))
    left = chain(pieces, repeat(b""))
    while exchange.head() is None:
        exchange.feed(next(left))
    body = b""
    while (data := exchange.data()) != b"":
        if data is None:
            exchange.feed(next(left))
        body += data or b""
    return body, exchange


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def raw(data: bytes) -> bytes:
    """Deflate without zlib's two bytes before it."""
    packing = zlib.compressobj(wbits=-15)
    return packing.compress(data) + packing.flush()


FINE = {
    "gzip": answer(zipped(b"hello"), b"gzip"),
    "x-gzip": answer(zipped(b"hello"), b"X-GZip"),
    "spaces and capitals": answer(zipped(b"hello"), b"  GZIP\t "),
    "two members": answer(zipped(b"hel") + zipped(b"lo"), b"gzip"),
    "many members, some of them empty": answer(b"".join(map(zipped, [b"", b"he", b"", b"", b"llo", b""])), b"gzip"),
    "a zero after it": answer(zipped(b"hello") + b"\0", b"gzip"),
    "zeros after it": answer(zipped(b"hello") + b"\0" * 50, b"gzip"),
    "zeros after each member": answer(zipped(b"hel") + b"\0" * 5 + zipped(b"lo") + b"\0" * 5, b"gzip"),
    "deflate": answer(zlib.compress(b"hello"), b"deflate"),
    "raw deflate": answer(raw(b"hello"), b"deflate"),
    "identity": answer(b"hello", b"identity"),
    "no name": answer(b"hello", b""),
    "identity, gzip": answer(zipped(b"hello"), b"identity, gzip"),
    "gzip, identity": answer(zipped(b"hello"), b"gzip, identity"),
    "empty names": answer(zipped(b"hello"), b", gzip,,"),
    "gzip, gzip": answer(zipped(zipped(b"hello")), b"gzip, gzip"),
    "deflate, gzip": answer(zipped(zlib.compress(b"hello")), b"deflate, gzip"),
    "gzip, raw deflate": answer(raw(zipped(b"hello")), b"gzip,deflate"),
    "two headers": answer(zipped(raw(b"hello")), b"deflate", b"gzip"),
    "zeros and members in a chain": answer(
        zipped(zipped(b"hel") + zipped(b"lo") + b"\0" * 9) + b"\0" * 9, b"gzip, gzip"
    ),
    "five": answer(zipped(zipped(zipped(zipped(zipped(b"hello"))))), b"gzip, gzip, gzip", b"gzip, gzip"),
}


@pytest.mark.parametrize("data", FINE.values(), ids=FINE)
def test_a_compressed_body_however_it_arrives(data: bytes) -> None:
    for pieces in every_way(data):
        body, exchange = receive(pieces)
        assert body == b"hello"
        assert exchange.reuse()


@pytest.mark.parametrize("codings", [b"gzip", b"br", b"deflate, gzip", b"gzip" + b", gzip" * 9])
def test_no_body_needs_no_decoding(codings: bytes) -> None:
    assert receive([answer(b"", codings)])[0] == b""


def test_as_many_zeros_as_there_may_be() -> None:
    assert receive([answer(zipped(b"hello") + b"\0" * 10 * MB, b"gzip")])[0] == b"hello"


CUT = {
    "gzip": (b"gzip", zipped(b"hello")),
    "deflate": (b"deflate", zlib.compress(b"hello")),
    "raw deflate": (b"deflate", raw(b"hello")),
    "deflate, gzip": (b"deflate, gzip", zipped(zlib.compress(b"hello"))),
}


@pytest.mark.parametrize(("coding", "packed"), CUT.values(), ids=CUT)
def test_a_compressed_body_that_ends_too_soon_was_broken_off(coding: bytes, packed: bytes) -> None:
    for end in range(1, len(packed)):
        with pytest.raises(BrokenOffError, match="too soon"):
            receive([answer(packed[:end], coding)])


@pytest.mark.parametrize("packed", [zipped(zipped(b"hello")[:-3]), zipped(zipped(b"hello") + zipped(b"!")[:-3])])
def test_what_was_cut_before_it_was_compressed_again_was_broken_off(packed: bytes) -> None:
    for pieces in every_way(answer(packed, b"gzip, gzip")):
        with pytest.raises(BrokenOffError, match="too soon"):
            receive(pieces)


@pytest.mark.parametrize(
    ("codings", "body"),
    [
        pytest.param(b"gzip", b"no gzip at all", id="not gzip"),
        pytest.param(b"gzip", b"\0\0" + zipped(b"hello"), id="zeros before it"),
        pytest.param(b"gzip", zipped(b"hello")[:-8] + b"\0" * 8, id="a wrong checksum"),
        pytest.param(b"gzip", zipped(b"hello") + b"garbage", id="garbage after it"),
        pytest.param(b"gzip", zipped(b"hello") + b"\0\0\0garbage", id="garbage after zeros"),
        pytest.param(b"deflate", b"\xff\xff\xff", id="not deflate"),
        pytest.param(b"deflate", zlib.compress(b"hello") + b"garbage", id="garbage after deflate"),
        pytest.param(b"deflate", zlib.compress(b"hello") + b"\0", id="a zero after deflate"),
        pytest.param(b"br", b"hello", id="a coding that isn't known"),
        pytest.param(b"gzip, br", zipped(b"hello"), id="one that isn't known among others"),
        pytest.param(b"gzip, gzip", zipped(b"hello"), id="one coding less than it says"),
        pytest.param(b"deflate, gzip", zlib.compress(zipped(b"hello")), id="the wrong order"),
        pytest.param(b"gzip" + b",gzip" * 5, b"hello", id="too many"),
    ],
)
def test_a_body_that_can_not_be_decompressed(codings: bytes, body: bytes) -> None:
    for pieces in every_way(answer(body, codings)):
        with pytest.raises(CodingError):
            receive(pieces)


@pytest.mark.parametrize("codings", [b"br", b"gzip" + b",gzip" * 5])
def test_the_status_of_an_error_is_heard_in_whatever_coding_its_text_is(codings: bytes) -> None:
    assert receive([answer(b"hello", codings).replace(b"200 OK", b"502 X")])[0] == b""


@pytest.mark.parametrize("secret", ["OpenSesame", "open,sesame"])
def test_a_secret_in_the_name_of_a_coding_is_not_shown(secret: str) -> None:
    exchange = Exchange()
    list(exchange.send(ASK._replace(headers=(*ASK.headers, ("X-Api-Key", secret)))))
    exchange.feed(answer(b"hello", secret.encode()))
    assert exchange.head()
    with pytest.raises(CodingError, match=r"\*\*\*") as caught:
        exchange.data()
    assert "sesame" not in str(caught.value).lower()


ZEROS = gzip.compress(b"\0" * 50 * MB)


@pytest.mark.parametrize(("codings", "body"), [(b"gzip", ZEROS), (b"gzip, gzip", gzip.compress(ZEROS))])
def test_a_bomb_is_decompressed_in_steps(codings: bytes, body: bytes) -> None:
    exchange = Exchange()
    list(exchange.send(ASK))
    exchange.feed(answer(body, codings))
    assert exchange.head()
    steps = []
    while data := exchange.data():
        steps.append(len(data))
    assert sum(steps) == 50 * MB
    assert max(steps) <= MB


@pytest.mark.parametrize(
    "fill", [lambda: b"\0" * 50 * MB, lambda: zipped(b"") * (5 * MB // 20)], ids=["padding", "empty members"]
)
def test_a_bomb_that_never_goes_off_is_given_up(fill: Callable[[], bytes]) -> None:
    with pytest.raises(CodingError, match="next to nothing"):
        receive([answer(gzip.compress(zipped(b"hello") + fill()), b"gzip, gzip")])


def test_who_is_not_sent_a_coding_imports_none() -> None:
    program = f"""
import sys
from vuhitra.http import Exchange, Request
exchange = Exchange()
list(exchange.send(Request("GET", "/", (("Host", "gpu"),))))
exchange.feed({answer(b"hello")!r})
exchange.head()
assert exchange.data() == b"hello"
assert not {{"zlib", "gzip", "vuhitra.codings"}} & {{*sys.modules}}
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("packed", [zipped(b"hello")[:-8] + b"\1" * 8, zlib.compress(b"hello")[:-4] + b"\1" * 4])
def test_what_came_before_a_wrong_checksum_is_given(packed: bytes) -> None:
    exchange = Exchange()
    list(exchange.send(ASK))
    exchange.feed(answer(packed, b"gzip" if packed[:1] == b"\x1f" else b"deflate"))
    assert exchange.head()
    given: list[bytes | None] = []
    with pytest.raises(CodingError):
        given.extend(iter(exchange.data, b""))
    assert b"".join(each or b"" for each in given) == b"hello"
