"""One HTTP exchange as a state machine over h11: bytes in, head and body out.

This file knows no socket. Whether the connection or the peer is at fault is the exception's type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import h11

from vuhitra.hosts import Host
from vuhitra.lines import snippet

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class BrokenOffError(Exception):
    """The peer closed the connection in the middle of a response, or before one."""


class NotHTTPError(Exception):
    """The peer sends what is not HTTP/1.1. snippet: the start of it."""

    def __init__(self, why: str, start: bytes) -> None:
        super().__init__(why)
        self.snippet = snippet(start)


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. target: the path from the server's root. body: JSON, where there is one."""

    method: str
    target: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A response's status and headers; the headers' names are in lower case."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]

    def header(self, name: str) -> str | None:
        """The value of a header, or None."""
        wanted = name.lower().encode()
        for key, value in self.headers:
            if key == wanted:
                return value.decode("latin-1")
        return None


def request_headers(host: Host, given: Mapping[str, str]) -> list[tuple[str, str]]:
    """The headers of each request to a host; those that are given win.

    Raises ValueError for what HTTP doesn't allow; a value isn't quoted in it, since it may be a secret.
    """
    for name, value in given.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
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
    return [*((name, value) for name, value in headers.items() if name.lower() not in ours), *given.items()]


class Exchange:
    """Requests and their responses on one connection, one after the other.

    `send` gives the bytes to write; `head`, then `data` again and again, say None while they
    need more bytes by `feed`.
    """

    def __init__(self) -> None:
        self._connection = h11.Connection(h11.CLIENT)
        self._seen = b""
        self._ended = False

    def send(self, request: Request, headers: list[tuple[str, str]]) -> bytes:
        """The bytes of a request. Raises ValueError for headers that can't be sent."""
        if request.body is not None:
            headers = [
                *headers,
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(request.body))),
            ]
        try:
            start = self._connection.send(h11.Request(method=request.method, target=request.target, headers=headers))
        except (h11.LocalProtocolError, UnicodeEncodeError):
            # The error's own words quote the value, which may be a secret.
            names = ", ".join(name for name, _ in headers)
            raise ValueError(f"one of these headers holds what HTTP doesn't allow: {names}") from None
        body = self._connection.send(h11.Data(data=request.body)) if request.body else b""
        end = self._connection.send(h11.EndOfMessage())
        return (start or b"") + (body or b"") + (end or b"")

    def feed(self, data: bytes) -> None:
        """Takes bytes from the peer; none of them: the peer closed the connection."""
        if len(self._seen) < 200:
            self._seen += data[:200]
        self._ended = not data
        try:
            self._connection.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise self._fault(error) from error

    def head(self) -> Head | None:
        """The response's head, once it is there. 1xx responses are passed over."""
        while True:
            event = self._next()
            if event is h11.NEED_DATA:
                return None
            if isinstance(event, h11.Response):
                return Head(event.status_code, tuple(event.headers))
            if not isinstance(event, h11.InformationalResponse):
                raise BrokenOffError("closed before it answered")

    def data(self) -> bytes | None:
        """The body's next bytes, or `b""` at its end."""
        event = self._next()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        return None if event is h11.NEED_DATA else b""

    def reuse(self, rest: bytes | None = None) -> bool:
        """Whether the connection may carry another exchange; if so, it is made ready for it.

        rest: what has come since the answer was read, `b""` for a connection that was closed.
        """
        try:
            if rest is not None:
                self.feed(rest)
            while isinstance(event := self._next(), h11.Data):
                if event.data.strip():
                    return False
            self._connection.start_next_cycle()
        except (BrokenOffError, NotHTTPError, h11.LocalProtocolError):
            return False
        self._seen = b""
        return not self._connection.trailing_data[0]

    def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            return self._connection.next_event()
        except h11.RemoteProtocolError as error:
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> BrokenOffError | NotHTTPError:
        begins_as_http = self._seen[:5] == b"HTTP/"[: len(self._seen)]
        if self._ended and begins_as_http:
            return BrokenOffError("closed in the middle of its answer" if self._seen else "closed before it answered")
        return NotHTTPError(str(error), self._seen)
