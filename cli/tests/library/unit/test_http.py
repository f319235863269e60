"""One HTTP exchange after another, each response whole, byte by byte and cut at every point; no socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.library.unit.arriving import every_way
from vuhitra.hosts import resolve_host
from vuhitra.http import (
    BrokenOffError,
    Exchange,
    Head,
    NotHTTPError,
    Request,
    UnreadableError,
    Upload,
    request_headers,
)

HEADERS = (("Host", "gpu"),)
ASK = Request("GET", "/api/version", HEADERS)
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.0 200 OK\r\n\r\nhello"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def asked() -> Exchange:
    """An exchange whose request was sent."""
    exchange = Exchange()
    send(exchange, ASK)
    return exchange


def send(exchange: Exchange, request: Request) -> bytes:
    """All that is written for a request."""
    return b"".join(exchange.send(request))


def receive(exchange: Exchange, pieces: list[bytes]) -> tuple[Head, bytes]:
    """The head and the whole body of a response that arrives in these pieces; after them, the peer closes."""
    left = [*pieces, b""]
    body = b""
    while (head := exchange.head()) is None:
        exchange.feed(left.pop(0))
    while (data := exchange.data()) != b"":
        if data is None:
            exchange.feed(left.pop(0))
        body += data or b""
    return head, body


@pytest.mark.parametrize(
    ("request_", "sent"),
    [
        (ASK, b"GET /api/version HTTP/1.1\r\nHost: gpu\r\n\r\n"),
        (
            Request("POST", "/x/api/chat", HEADERS, b"{}"),
            b"POST /x/api/chat HTTP/1.1\r\nHost: gpu\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        ),
        (
            Request("POST", "/empty", HEADERS, b""),
            b"POST /empty HTTP/1.1\r\nHost: gpu\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n",
        ),
    ],
    ids=["no body", "a body", "an empty body"],
)
def test_what_is_sent(request_: Request, sent: bytes) -> None:
    assert list(Exchange().send(request_)) == [sent]


@pytest.mark.parametrize(
    "header",
    [
        ("Authorization", "Bearer sesame\n"),
        ("Authorization", "Bearer sesame\r\nX: y"),
        ("Authorization", "Bearer sesam\u20ac"),
        ("Authorization", "Bearer sesame\0"),
        ("Not a name", "sesame"),
    ],
)
def test_a_header_that_can_not_be_sent_is_named_and_its_value_never_shown(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=header[0]) as caught:
        send(Exchange(), ASK._replace(headers=(*HEADERS, header)))
    assert "sesam" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_header_that_is_no_ascii_is_sent_as_latin_1() -> None:
    (sent,) = Exchange().send(ASK._replace(headers=(*HEADERS, ("X-Team", "sesamé"))))
    assert b"X-Team: sesam\xe9\r\n" in sent


@pytest.mark.parametrize("value", ["sesame ", " sesame", "\tsesame", " ", "sesame\n", "sesam\u20ac"])
def test_a_header_that_can_not_be_sent_is_refused_before_anything_is(value: str) -> None:
    with pytest.raises(ValueError, match="'X-Api-Key' holds what HTTP doesn't allow") as caught:
        request_headers(resolve_host("gpu"), {"X-Api-Key": value})
    assert "sesam" not in str(caught.value)


def test_the_headers_of_each_request() -> None:
    host = resolve_host("http://me:sesame@gpu:1")
    headers = dict(request_headers(host, {"X-Team": "blue", "User-Agent": "mine"}))
    assert headers["Host"] == "gpu:1"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Authorization"] == "Basic bWU6c2VzYW1l"
    assert (headers["X-Team"], headers["User-Agent"]) == ("blue", "mine")
    assert "Authorization" not in dict(request_headers(resolve_host("gpu"), {}))


@pytest.mark.parametrize(
    ("data", "body"),
    [
        pytest.param(LENGTH, b"hello", id="content length"),
        pytest.param(CHUNKED, b"hello", id="chunked"),
        pytest.param(CHUNKED[:-2] + b"X-Trailer: 1\r\n\r\n", b"hello", id="trailers"),
        pytest.param(UNTIL_CLOSED, b"hello", id="until closed"),
        pytest.param(EMPTY, b"", id="empty"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", b"", id="204"),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + LENGTH, b"hello", id="1xx"
        ),
        pytest.param(LENGTH.replace(b" OK", b""), b"hello", id="no reason"),
        pytest.param(LENGTH.replace(b"\r\n", b"\n"), b"hello", id="bare newlines"),
    ],
)
def test_a_response_however_it_arrives(data: bytes, body: bytes) -> None:
    for pieces in every_way(data):
        head, got = receive(asked(), pieces)
        assert (head.status, got) == (204 if b"204" in data else 200, body)


def test_a_head_is_there_before_the_body() -> None:
    exchange = asked()
    exchange.feed(LENGTH[:-5])
    assert exchange.head() is not None
    assert exchange.data() is None
    exchange.feed(b"he")
    assert exchange.data() == b"he"
    assert exchange.data() is None


def test_headers_are_found_whatever_their_case() -> None:
    head, _ = receive(asked(), [b"HTTP/1.1 503 Busy\r\nRETRY-After: 7\r\nX: \xe9\r\nContent-Length: 0\r\n\r\n"])
    assert head.status == 503
    assert (head.header("Retry-After"), head.header("retry-after"), head.header("X")) == ("7", "7", "é")
    assert head.header("Location") is None


@pytest.mark.parametrize("data", [LENGTH, CHUNKED], ids=["content length", "chunked"])
def test_a_peer_that_closes_early_broke_off_wherever_that_is(data: bytes) -> None:
    for end in range(len(data)):
        for pieces in ([data[:end]] if end else [], [data[at : at + 1] for at in range(end)]):
            with pytest.raises(BrokenOffError, match="closed the connection too soon" if end else "before it answered"):
                receive(asked(), pieces)


def test_interim_responses_alone_are_no_answer() -> None:
    with pytest.raises(BrokenOffError):
        receive(asked(), [b"HTTP/1.1 100 Continue\r\n\r\n"])


def test_so_many_interim_responses_are_no_answer_either() -> None:
    with pytest.raises(NotHTTPError, match="more than 100 interim answers"):
        receive(asked(), [b"HTTP/1.1 102 Processing\r\n\r\n"] * 101)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", id="SSH"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x16", id="TLS"),
        pytest.param(b'{"response": "4"}\n\n', id="JSON"),
        pytest.param(b"HTTP/2 200\r\n\r\n", id="HTTP/2"),
        pytest.param(b"HTTP/1.1 abc\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", id="no header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA\r\n : b\r\n\r\n", id="a space before a colon"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhello", id="no length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello", id="another transfer encoding"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, id="a head without end"),
    ],
)
def test_what_is_not_http_shows_its_start(data: bytes) -> None:
    for pieces in every_way(data) if len(data) < 1000 else [[data]]:
        with pytest.raises(NotHTTPError) as caught:
            receive(asked(), pieces)
        assert data[:10].startswith(caught.value.snippet.encode("latin-1")[:10])
        assert len(caught.value.snippet) <= 200


SECRET = "open/sesame"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"the key open/sesame is wrong\r\n\r\n", id="no head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nopen/sesame\r\n\r\n", id="no header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nopen/sesame\r\n", id="no chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcopen/sesame\r\n", id="its end"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Encoding: open/sesame\r\n\r\nx", id="a coding's name"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nopen/sesame", id="what was not compressed"),
        pytest.param(b"x" * 190 + b"open/sesame\r\n\r\n", id="the end of what is shown"),
    ],
)
def test_a_secret_that_was_sent_and_comes_back_is_not_shown(data: bytes) -> None:
    exchange = Exchange()
    send(exchange, ASK._replace(headers=(*HEADERS, ("X-Api-Key", SECRET))))
    with pytest.raises(UnreadableError) as caught:
        receive(exchange, [data])
    shown = f"{caught.value} {caught.value!r} {caught.value.snippet} {caught.value.__context__!r}"
    assert "sesame" not in shown
    assert "open/ses" not in shown


CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def read_into(got: list[bytes], exchange: Exchange, pieces: list[bytes]) -> None:
    for piece in pieces:
        exchange.feed(piece)
        while data := exchange.data():
            got.append(data)


@pytest.mark.parametrize(
    ("body", "before", "snippet"),
    [
        pytest.param(b"hello\r\n", b"", "hello\r\n", id="no chunk"),
        pytest.param(b"3\r\nabc\r\nxyz\r\n", b"abc", "xyz\r\n", id="no second chunk"),
        pytest.param(b"3\r\nabc\r\n<html>\r\n", b"abc", "<html>\r\n", id="HTML between chunks"),
        pytest.param(b"3\r\nabcdef\r\n", b"abc", "abcde", id="a chunk longer than it says"),
    ],
)
def test_a_garbled_body_gives_what_came_before_and_shows_the_garbled_part(
    body: bytes, before: bytes, snippet: str
) -> None:
    for pieces in every_way(body):
        exchange = asked()
        exchange.feed(CHUNKED_HEAD)
        assert exchange.head()
        got: list[bytes] = []
        with pytest.raises(NotHTTPError) as caught:
            read_into(got, exchange, pieces)
        assert b"".join(got) == before
        assert caught.value.snippet.startswith(snippet[:3])
        assert "HTTP" not in caught.value.snippet


def test_all_that_has_come_is_one_read() -> None:
    exchange = asked()
    exchange.feed(CHUNKED_HEAD + b"2\r\nhe\r\n" * 20)
    assert exchange.head()
    assert exchange.data() == b"he" * 20
    assert exchange.data() is None
    exchange.feed(b"0\r\n\r\n")
    assert (exchange.data(), exchange.data()) == (b"", b"")


def test_a_file_is_sent_piece_by_piece(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "model.gguf").write_bytes(content)
    upload = Upload(tmp_path / "model.gguf", len(content))
    head, *pieces = Exchange().send(Request("POST", "/api/blobs/x", HEADERS, upload))
    assert head == (
        b"POST /api/blobs/x HTTP/1.1\r\nHost: gpu\r\n"
        b"Content-Type: application/octet-stream\r\nContent-Length: 2560000\r\n\r\n"
    )
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 1024 * 1024


def test_a_file_that_became_shorter_is_an_error_and_one_that_grew_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"hello")
    assert b"".join(Upload(path, 4).pieces()) == b"hell"
    with pytest.raises(ValueError, match="1 bytes are missing"):
        list(Upload(path, 6).pieces())
    with pytest.raises(FileNotFoundError):
        list(Upload(tmp_path / "gone", 6).pieces())


def test_a_content_type_that_is_given_wins() -> None:
    asking = Request("POST", "/x", (*HEADERS, ("content-type", "text/plain")), b"{}")
    assert send(Exchange(), asking).lower().count(b"content-type") == 1


@pytest.mark.parametrize("data", [LENGTH, CHUNKED, EMPTY], ids=["content length", "chunked", "empty"])
def test_a_connection_is_used_again_after_a_whole_answer(data: bytes) -> None:
    for pieces in every_way(data):
        exchange = asked()
        for _ in range(3):
            receive(exchange, pieces)
            assert exchange.reuse()
            send(exchange, ASK)


@pytest.mark.parametrize("rest", [b"0\r\n\r\n", b"1\r\n\n\r\n0\r\n\r\n"], ids=["the end", "a newline and the end"])
def test_the_end_may_come_late(rest: bytes) -> None:
    exchange = asked()
    exchange.feed(CHUNKED.removesuffix(b"0\r\n\r\n"))
    assert (exchange.head(), exchange.data())[1:] == (b"hello",)
    assert exchange.reuse(rest)
    send(exchange, ASK)
    assert receive(exchange, [LENGTH])[1] == b"hello"


@pytest.mark.parametrize(
    ("data", "rest"),
    [
        pytest.param(CHUNKED.removesuffix(b"0\r\n\r\n"), None, id="an answer that has not ended"),
        pytest.param(CHUNKED.removesuffix(b"0\r\n\r\n"), b"3\r\nmor\r\n", id="more of the answer"),
        pytest.param(CHUNKED.removesuffix(b"0\r\n\r\n"), b"garbage\r\n", id="garbage instead of an end"),
        pytest.param(LENGTH, b"", id="closed"),
        pytest.param(LENGTH, b"HTTP/1.1 408 Too late\r\n\r\n", id="bytes nobody asked for"),
        pytest.param(LENGTH + b"!", None, id="bytes nobody asked for, at once"),
        pytest.param(LENGTH.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), None, id="the peer will close"),
        pytest.param(LENGTH.replace(b"1.1", b"1.0"), None, id="HTTP/1.0"),
        pytest.param(UNTIL_CLOSED, None, id="until closed"),
    ],
)
def test_a_connection_is_not_used_again_after_anything_else(data: bytes, rest: bytes | None) -> None:
    exchange = asked()
    exchange.feed(data)
    assert exchange.head()
    while exchange.data():
        pass
    assert exchange.reuse(rest) is False
