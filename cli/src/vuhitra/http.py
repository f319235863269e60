"""One HTTP exchange as a state machine over h11: bytes in, head and body out.

This file knows no socket. Whether the connection or the peer is at fault is the exception's type.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import h11

from vuhitra.chunks import ChunkJoiner
from vuhitra.hosts import Host
from vuhitra.lines import snippet
from vuhitra.secrets import hide, secrets_in

if TYPE_CHECKING:
    from pathlib import Path

    from vuhitra.codings import Decoder

_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEADER_VALUE = r"(?![\t ])[\t\x20-\x7e\x80-\xff]*(?<![\t ])"

Headers = tuple[tuple[str, str], ...]

_PIECE = 1024 * 1024
"""Bytes of a file that are in memory at a time."""

_WHAT_CAME = r"(?s):? (?:bytearray\()?b['\"].*"
"""What h11's messages quote."""

_MOST_INTERIM = 100
"""1xx responses before the one that is waited for."""

_SHOWN = 200
"""Bytes of what can't be read that are worth keeping for its error."""


class BrokenOffError(Exception):
    """The peer closed the connection in the middle of a response, or before one."""


class UnreadableError(Exception):
    """The peer sends what can't be read. snippet: the start of it, without the secrets that were sent."""

    def __init__(self, why: str, start: bytes, sent: Headers) -> None:
        super().__init__(why)
        self.snippet = hide(snippet(start), secrets_in(sent))


class NotHTTPError(UnreadableError):
    """The peer sends what is not HTTP/1.1."""


class CodingError(UnreadableError):
    """The peer sends a body that was compressed badly, or in a way that wasn't asked for and isn't known."""


class Upload(NamedTuple):
    """A file as a request's body; it is never in memory as a whole. size: in bytes."""

    path: Path
    size: int

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file. Raises OSError, and ValueError where it has become shorter meanwhile."""
        left = self.size
        with self.path.open("rb") as file:
            while left:
                piece = file.read(min(left, _PIECE))
                if not piece:
                    raise ValueError(f"{self.path} became shorter while it was sent: {left} bytes are missing")
                left -= len(piece)
                yield piece


class Request(NamedTuple):
    """What is sent. target: the path from the server's root. headers: all of them, see `request_headers`.

    body: JSON as bytes, or a file.
    """

    method: str
    target: str
    headers: Headers = ()
    body: bytes | Upload | None = None


class Head(NamedTuple):
    """A response's status and headers; the headers' names are in lower case.

    received: when it came, in seconds since the epoch.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    received: float = 0.0

    def header(self, name: str) -> str | None:
        """The value of a header, or None."""
        wanted = name.lower().encode()
        for key, value in self.headers:
            if key == wanted:
                return value.decode("latin-1")
        return None


def request_headers(host: Host, given: Mapping[str, str]) -> Headers:
    """The headers of each request to a host; those that are given win.

    Raises ValueError for what HTTP doesn't allow; a value isn't quoted in it, since it may be a secret.
    """
    for name, value in given.items():
        if not re.fullmatch(_HEADER_NAME, name) or not re.fullmatch(_HEADER_VALUE, value):
            raise ValueError(f"the header {name!r} holds what HTTP doesn't allow")
    headers = {
        "Host": host.authority,
        "Accept": "application/json, application/x-ndjson",
        "Accept-Encoding": "identity",
        "User-Agent": "vuhitra",
    }
    if host.authorization is not None:
        headers["Authorization"] = host.authorization
    ours = {name.lower() for name in given}
    return (*((name, value) for name, value in headers.items() if name.lower() not in ours), *given.items())


class Exchange:
    """Requests and their responses on one connection, one after the other.

    `send` gives the bytes to write; `head`, then `data` again and again, say None while they
    need more bytes by `feed`.
    """

    def __init__(self) -> None:
        self._connection = h11.Connection(h11.CLIENT)
        self._sent: Headers = ()
        self._seen = b""
        self._last = b""
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        self._seen = b""
        self._over = False
        self._may_hold_more = True
        self._in_body = False
        self._interim = 0
        self._head: Head | None = None
        self._failure: BrokenOffError | UnreadableError | None = None
        self._joiner: ChunkJoiner | None = None
        self._decoder: Decoder | None = None

    @property
    def is_unanswered(self) -> bool:
        """Whether nothing of an answer has come."""
        return not self._seen

    def send(self, request: Request) -> Generator[bytes]:
        """The bytes of a request; a file goes piece by piece, and all else at once.

        Raises ValueError for headers that can't be sent, and what a file's `pieces` raises.
        """
        self._sent = request.headers
        headers = [*request.headers, *_body_headers(request)]
        start = None
        with suppress(h11.LocalProtocolError, UnicodeEncodeError):  # they quote a value, which may be a secret
            encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
            start = self._connection.send(h11.Request(method=request.method, target=request.target, headers=encoded))
        if start is None:
            names = ", ".join(name for name, _ in headers)
            raise ValueError(f"one of these headers holds what HTTP doesn't allow: {names}")
        if isinstance(request.body, Upload):
            yield start
            for piece in request.body.pieces():
                yield self._connection.send(h11.Data(data=piece)) or b""
            self._connection.send(h11.EndOfMessage())
            return
        body = self._connection.send(h11.Data(data=request.body)) if request.body else b""
        end = self._connection.send(h11.EndOfMessage())
        yield start + (body or b"") + (end or b"")

    def feed(self, data: bytes) -> None:
        """Takes bytes from the peer; none of them: the peer closed the connection."""
        if not self._in_body and len(self._seen) < _SHOWN:
            self._seen += data[:_SHOWN]
        self._closed = not data
        self._may_hold_more = True
        self._last = self._last[-_SHOWN:] + data
        if self._joiner is not None:
            data = self._joiner.feed(data) if data else self._joiner.flush()
        if data:
            self._connection.receive_data(data)
        if self._closed:
            self._connection.receive_data(b"")

    @property
    def is_asked_for_more(self) -> bool:
        """Whether what has come leaves it to send the rest of a request: nothing that answers it, or ends it."""
        with suppress(BrokenOffError, UnreadableError):  # which whoever reads the head meets with
            return self.head() is None
        return False

    def head(self) -> Head | None:
        """The response's head, once it is there, as often as it is asked for. 1xx responses are passed over."""
        if self._failure is not None:
            raise self._failure
        if self._head is None:
            try:
                self._head = self._next_head()
            except (BrokenOffError, UnreadableError) as error:
                self._failure = error
                raise
        return self._head

    def _next_head(self) -> Head | None:
        while True:
            event = self._next()
            if event is h11.NEED_DATA:
                return None
            if isinstance(event, h11.Response):
                head = Head(event.status_code, tuple(event.headers))
                self._in_body = True
                self._decoder = _decoder(head, self._sent)
                if (head.header("Transfer-Encoding") or "").lower() == "chunked":
                    self._joiner = ChunkJoiner(self._connection.trailing_data[0])
                return head
            if not isinstance(event, h11.InformationalResponse):
                raise BrokenOffError("closed before it answered")
            self._interim += 1
            if self._interim > _MOST_INTERIM:
                raise NotHTTPError(f"more than {_MOST_INTERIM} interim answers", self._seen, self._sent)

    def data(self) -> bytes | None:
        """The body's bytes that have come by now, decompressed, or `b""` at its end. Raises CodingError."""
        if self._decoder is None:
            return self._body()
        while not (decoded := self._decoder.take()):
            body = self._body()
            if body is None:
                return None
            if not body:
                self._decoder.end()
                return b""
            self._decoder.feed(body)
        return decoded

    def reuse(self, rest: bytes | None = None) -> bool:
        """Whether the connection may carry another exchange; if so, it is made ready for it.

        rest: what has come since the answer was read, `b""` for a connection that was closed.
        """
        try:
            if rest is not None:
                self.feed(rest)
            if (left := self._body()) is not None and left.strip():
                return False
            self._connection.start_next_cycle()
        except (BrokenOffError, NotHTTPError, h11.LocalProtocolError):
            return False
        self._begin()
        return not self._closed and not self._connection.trailing_data[0]

    def _body(self) -> bytes | None:
        """The body's bytes as they came. What is wrong is raised once all that came before it was given."""
        if self._failure is not None:
            raise self._failure
        pieces = []
        try:
            while not self._over and self._may_hold_more:
                event = self._next()
                if event is h11.NEED_DATA:
                    self._may_hold_more = False
                elif isinstance(event, h11.Data):
                    pieces.append(event.data)
                    self._may_hold_more = not self._is_between_chunks()
                else:
                    self._over = True
        except (BrokenOffError, NotHTTPError) as error:
            if not pieces:
                raise
            self._failure = error
        return b"".join(pieces) if pieces or self._over else None

    def _is_between_chunks(self) -> bool:
        """Whether nothing more is to be had of a chunked body by now: h11 need not be asked, which is slow."""
        return self._joiner is not None and not self._closed and self._connection.trailing_data[0] in (b"", b"\r\n")

    def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            return self._connection.next_event()
        except h11.RemoteProtocolError as error:
            fault = self._fault(error)
        raise fault  # out here, so that h11's error stays behind: it quotes what came, and that may be a secret

    def _fault(self, error: Exception) -> BrokenOffError | NotHTTPError:
        begins_as_http = self._seen[:5] == b"HTTP/"[: len(self._seen)]
        if self._closed and begins_as_http:
            return BrokenOffError("closed the connection too soon" if self._seen else "closed before it answered")
        return NotHTTPError(
            re.sub(_WHAT_CAME, "", str(error)), self._garbled() if self._in_body else self._seen, self._sent
        )

    def _garbled(self) -> bytes:
        """Of what came last, the line that was read when all went wrong, and what follows it."""
        unread = self._connection.trailing_data[0]
        read = self._last[: len(self._last) - len(unread)]
        return read[read.rstrip(b"\r\n").rfind(b"\n") + 1 :] + unread


def _body_headers(request: Request) -> Iterator[tuple[str, str]]:
    """What the body's own headers are."""
    if request.body is None:
        return
    if not any(name.lower() == "content-type" for name, _ in request.headers):
        is_file = isinstance(request.body, Upload)
        yield "Content-Type", "application/octet-stream" if is_file else "application/json"
    size = request.body.size if isinstance(request.body, Upload) else len(request.body)
    yield "Content-Length", str(size)


def _decoder(head: Head, sent: Headers) -> Decoder | None:
    """What undoes the codings of the body that follows a head, where it names any."""
    values = [value.decode("latin-1") for name, value in head.headers if name == b"content-encoding"]
    if not values:
        return None
    from vuhitra.codings import decoder_for

    return decoder_for(",".join(values), sent, matters=head.status < 300)
