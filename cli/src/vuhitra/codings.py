"""The codings of a body, undone: some proxies compress, though nobody asked them to.

Nothing grows without a bound: what comes out is given in steps, and what goes from one coding to the next is
counted. Imported only for an answer that names a coding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from vuhitra.http import BrokenOffError, CodingError, Headers
from vuhitra.secrets import hide, secrets_in

if TYPE_CHECKING:
    import zlib

_KNOWN = ("gzip", "x-gzip", "deflate")
_MOST = 5
"""Codings that one body may have."""

_STEP = 1024 * 1024
"""Bytes that come out in one step, at most."""

_SIP = 16 * 1024
"""Bytes that go in at a time: all that follow a member of gzip are copied, and members may be tiny."""

_CHECKSUM = 8
"""Bytes that a body in gzip ends with; one in deflate ends with fewer."""

_MOST_IN_VAIN = 4 * 1024 * 1024
"""Bytes that may go from one coding to the next without any coming out at the end."""


class Decoder(Protocol):
    """What makes a body readable again."""

    def feed(self, data: bytes) -> None:
        """Takes what came; called once `take` gives nothing. Raises CodingError."""
        ...

    def take(self) -> bytes:
        """The next readable bytes; none where more must come first. Raises CodingError."""
        ...

    def end(self) -> None:
        """The body has ended. Raises BrokenOffError where that is too soon."""
        ...


def decoder_for(value: str, sent: Headers, *, matters: bool) -> Decoder | None:
    """What undoes the codings that a Content-Encoding header lists in the order they were applied; None for none.

    sent: the request's headers, which no error shows. matters: whether the status alone doesn't say enough.
    """
    codings = [name for part in value.lower().split(",") if (name := part.strip()) not in ("", "identity")]
    if not codings:
        return None
    if len(codings) > _MOST or not all(name in _KNOWN for name in codings):
        return _Undecodable(value.strip(), sent, matters=matters)
    stages = [_Inflating(sent, is_gzip=name != "deflate") for name in reversed(codings)]
    return stages[0] if len(stages) == 1 else _Chain(stages, sent)


class _Undecodable:
    """A body in codings that aren't known, or are too many. matters: whether the status alone doesn't say enough."""

    def __init__(self, value: str, sent: Headers, *, matters: bool) -> None:
        self._value = value
        self._sent = sent
        self._matters = matters

    def feed(self, data: bytes) -> None:
        if self._matters:
            shown = hide(self._value, secrets_in(self._sent))[:40]
            raise CodingError(f"its coding wasn't asked for, and can't be undone: {shown}", data, self._sent)

    def take(self) -> bytes:
        return b""

    def end(self) -> None:
        pass


class _Chain:
    """Several codings, one undone after the other. stages: the last that was applied comes first."""

    def __init__(self, stages: list[_Inflating], sent: Headers) -> None:
        self._stages = stages
        self._sent = sent
        self._in_vain = 0

    def feed(self, data: bytes) -> None:
        self._stages[0].feed(data)

    def take(self) -> bytes:
        if taken := self._take(len(self._stages) - 1):
            self._in_vain = 0
        return taken

    def end(self) -> None:
        for stage in self._stages:
            stage.end()

    def _take(self, at: int) -> bytes:
        """The next bytes of a stage, which is fed by the one before it."""
        stage = self._stages[at]
        while not (taken := stage.take()) and at and (more := self._take(at - 1)):
            self._in_vain += len(more)
            if self._in_vain > _MOST_IN_VAIN:
                raise CodingError("a compressed body that holds next to nothing", more, self._sent)
            stage.feed(more)
        return taken


class _Inflating:
    """Decompresses a body, in steps of bounded size."""

    def __init__(self, sent: Headers, *, is_gzip: bool) -> None:
        self._sent = sent
        self._is_gzip = is_gzip
        self._stream: zlib._Decompress | None = None  # pyright: ignore[reportPrivateUsage]  it has no other name
        self._waiting = b""
        self._at = 0  # how much of what waits has gone in
        self._fed = False
        self._has_more = False

    def feed(self, data: bytes) -> None:
        self._fed = True
        self._waiting = self._waiting[self._at :] + data
        self._at = 0

    def take(self) -> bytes:
        while self._is_stream_ready():
            if decoded := self._step():
                return decoded
        return b""

    def end(self) -> None:
        if self._fed and (self._at < len(self._waiting) or self._stream is None or not self._stream.eof):
            raise BrokenOffError("its compressed answer ends too soon")

    def _is_stream_ready(self) -> bool:
        """Whether there is something to decompress, and what does it; a new member of gzip needs a new one."""
        if self._stream is not None and self._stream.eof and self._is_gzip:
            self._skip_padding()
        if self._at == len(self._waiting) and not self._has_more:
            return False
        if self._stream is None or (self._stream.eof and self._is_gzip):
            import zlib

            bits = self._window_bits()
            if bits is None:
                return False
            self._stream = zlib.decompressobj(bits)
        return True

    def _step(self) -> bytes:
        """What comes out when a little more goes in."""
        import zlib

        stream, sip = self._stream, self._sip()
        if stream is None or stream.eof:
            raise CodingError("bytes follow a compressed body", sip, self._sent)
        try:
            decoded = stream.decompress(sip, _STEP)
        except zlib.error as error:
            raise CodingError(f"a body that can't be decompressed: {error}", sip, self._sent) from error
        self._at += len(sip) - len(stream.unconsumed_tail or stream.unused_data)
        self._has_more = len(decoded) == _STEP and not stream.eof
        return decoded

    def _sip(self) -> bytes:
        """What goes in next; the end byte by byte: with a wrong checksum, zlib gives nothing of what it came in."""
        left = len(self._waiting) - self._at
        return self._waiting[self._at : self._at + min(_SIP, max(left - _CHECKSUM, 1))]

    def _skip_padding(self) -> None:
        """Passes over the zeros that may follow a member of gzip, which come from files that fill whole blocks."""
        while self._waiting.startswith(b"\0", self._at):
            sip = self._waiting[self._at : self._at + _SIP]
            self._at += len(sip) - len(sip.lstrip(b"\0"))

    def _window_bits(self) -> int | None:
        """As zlib wants them: gzip, or deflate with zlib's two bytes before it, as it should be, or without."""
        if self._is_gzip:
            return 31
        if len(self._waiting) - self._at < 2:
            return None
        first, second = self._waiting[self._at : self._at + 2]
        is_wrapped = first & 15 == 8 and (first * 256 + second) % 31 == 0
        return 15 if is_wrapped else -15
