"""What each fault must become: a table of faults by kinds of operations. Each cell is written down; none is guessed."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from tests.library.wire.faults import FIRST, TEXT
from vuhitra import (
    OllamaAuthenticationError,
    OllamaBusyError,
    OllamaConnectionError,
    OllamaError,
    OllamaIncompleteError,
    OllamaProtocolError,
    OllamaPullError,
    OllamaResponseError,
    OllamaTimeoutError,
)

KINDS = ("reply", "load", "document", "vectors", "pull", "push", "nothing", "health")


class Succeeds(NamedTuple):
    """The fault does no harm: the answer is the right one. forwards: progress is never less than it was."""

    forwards: bool = False


class Fails(NamedTuple):
    """It ends in this error. attributes: some of the error's. requests: how many arrived at the server.

    heard: the text that came before it, or "" where none did; a stream gives it first, and the error carries it.
    says: what stands in its message, besides the server's address.
    """

    error: type[OllamaError]
    attributes: dict[str, Any]
    heard: str = ""
    requests: int = 1
    says: str = "127.0.0.1"


class Unfit(NamedTuple):
    """There is no such fault for this kind. why: what it has none of."""

    why: str


Expected: TypeAlias = Succeeds | Fails | Unfit
Row: TypeAlias = dict[str, Expected]

FINE = Succeeds()


def fails(error: type[OllamaError], **attributes: Any) -> Fails:
    """Before a first record, or for an answer in one piece."""
    return Fails(error, attributes)


def later(error: type[OllamaError], heard: str = FIRST, **attributes: Any) -> Fails:
    """After a first record."""
    return Fails(error, attributes, heard)


def incomplete(reason: str, heard: str = FIRST) -> Fails:
    """An answer that began and did not end."""
    return later(OllamaIncompleteError, heard, reason=reason)


def row(every: Expected, **cells: Expected) -> Row:
    """A row of the table: what every kind becomes, unless a cell says otherwise. Health is told, and never raised."""
    healthy = cells.pop("health", every if isinstance(every, Succeeds) else fails(OllamaError))
    push = cells.get("pull", every)
    return {**dict.fromkeys(KINDS, every), "push": push, "health": healthy, **cells}


def only(kind: str, expected: Expected, why: str, **cells: Expected) -> Row:
    """A row of a fault that only some kinds know."""
    return {**dict.fromkeys(KINDS, Unfit(why)), kind: expected, **cells}


CLOSED = fails(OllamaConnectionError, reason="closed")
BROKE_OFF = later(OllamaConnectionError, reason="closed")
RESET = fails(OllamaConnectionError, reason="reset")
GARBLED = fails(OllamaProtocolError)
GARBLED_LATER = later(OllamaProtocolError)
STALLED = fails(OllamaTimeoutError, phase="start", reason="timeout")
STALLED_LATER = fails(OllamaTimeoutError, phase="idle")
CUT = row(CLOSED, reply=incomplete("cut"), pull=BROKE_OFF)
MISREAD = row(GARBLED)
HALF_A_RECORD = row(GARBLED, reply=incomplete("cut"), pull=BROKE_OFF)
MISREAD_LATER = row(GARBLED, reply=GARBLED_LATER, pull=GARBLED_LATER)
NO_REPLY = "no model speaks in it"
NO_VECTORS = "it has no vectors"
NO_TRANSFER = "nothing is transferred"


def failed(**attributes: Any) -> Row:
    """The server says that it failed, before all else."""
    return row(
        fails(OllamaResponseError, **attributes),
        pull=fails(OllamaPullError, model="m"),
        push=fails(OllamaResponseError, **attributes),
    )


def busy(status: int, requests: int = 1, **attributes: Any) -> Row:
    """The server has no time; health is asked for once."""
    expected = Fails(OllamaBusyError, {"status": status, "quota": False, **attributes}, requests=requests)
    return row(expected)


def vectors(says: str = "") -> Row:
    """Vectors that are not what they should be; the message names the one that isn't."""
    return only("vectors", GARBLED._replace(says=says), NO_VECTORS)


EXPECTED: dict[str, Row] = {
    "silence at the end": row(
        GARBLED,
        reply=incomplete("no-end", TEXT),
        load=incomplete("no-end", ""),
        pull=later(OllamaPullError, reason="no-end", model="m"),
        push=incomplete("no-end"),
        nothing=FINE,
    ),
    "an empty body": row(GARBLED, nothing=FINE),
    "an empty body in chunks": row(GARBLED, nothing=FINE),
    "closed at once": row(CLOSED),
    "reset at once": row(RESET),
    "closed in the head": row(CLOSED),
    "closed after the head": row(CLOSED),
    "cut inside a line": CUT,
    "cut inside a character": CUT,
    "reset after the first record": row(
        RESET, reply=incomplete("cut"), pull=later(OllamaConnectionError, reason="reset")
    ),
    "an end inside a character": HALF_A_RECORD,
    "an error line first": failed(status=200, why="out of memory"),
    "an error line in the middle": row(
        GARBLED,
        reply=incomplete("server-error"),
        load=FINE,
        pull=later(OllamaPullError, why="out of memory"),
        push=later(OllamaResponseError, why="out of memory", status=200),
    ),
    "a stall before the headers": row(STALLED),
    "a stall inside the headers": row(STALLED),
    "a stall before the first record": row(STALLED),
    "a stall between records": row(
        STALLED_LATER,
        reply=later(OllamaTimeoutError, phase="idle"),
        pull=later(OllamaTimeoutError, phase="idle"),
    ),
    "a truncated chunk": CUT,
    "no last chunk": row(CLOSED, reply=FINE, pull=FINE),
    "a short body": CUT,
    "a length that is too small": {**HALF_A_RECORD, "reply": incomplete("cut", TEXT)},
    "a length that is no number": row(GARBLED),
    "gzip": row(FINE),
    "gzip, cut": CUT,
    "gzip that is none": row(GARBLED),
    "an unknown coding": row(GARBLED),
    "HTML": MISREAD,
    "a document of another kind": row(GARBLED, nothing=FINE),
    "an object that is too deep": row(GARBLED),
    "a list": MISREAD,
    "null": MISREAD,
    "a scalar": MISREAD,
    "a line that is a list": {**MISREAD_LATER, "load": FINE},
    "a line that is null": {**MISREAD_LATER, "load": FINE},
    "a line that is a scalar": {**MISREAD_LATER, "load": FINE},
    "wrong types": row(GARBLED, nothing=FINE),
    "unknown fields": row(FINE),
    "invalid UTF-8": MISREAD_LATER,
    "CRLF and blank lines": row(FINE),
    "U+0085 and U+2028": row(FINE),
    "byte by byte": row(FINE),
    "a line without end": row(GARBLED),
    "429, wait some seconds": busy(429, retry_after=7.0),
    "429, wait until a date": busy(429, retry_after=7.0),
    "429, wait too long": busy(429, retry_after=3600.0, attempts=()),
    "502 with HTML": busy(502, retry_after=None),
    "503 with HTML": busy(503),
    "504 with HTML": busy(504),
    "503 for ever": {**busy(503, requests=3), "health": fails(OllamaError)},
    "a redirect": row(fails(OllamaResponseError, status=302)),
    "not allowed": row(fails(OllamaAuthenticationError, status=401)),
    "not at home": row(fails(OllamaAuthenticationError, status=403)),
    "a wrong path": row(fails(OllamaResponseError, status=404)),
    "a crash": failed(status=500),
    "not HTTP": row(GARBLED),
    "garbage before the status line": row(GARBLED),
    "endless headers": row(GARBLED),
    "a transfer that fails": only(
        "pull",
        later(OllamaPullError, missing=True, model="m"),
        NO_TRANSFER,
        push=later(OllamaResponseError, status=200),
    ),
    "progress running back": only("pull", Succeeds(forwards=True), NO_TRANSFER, push=FINE),
    "vectors missing": vectors(),
    "too few vectors": vectors("1 vectors for 2 texts"),
    "null for vectors": vectors(),
    "null for a vector": vectors("vector 1 "),
    "an empty vector": vectors("vector 1 "),
    "NaN in a vector": vectors("vector 1 "),
    "infinity in a vector": vectors("vector 1 "),
    "null in a vector": vectors("vector 1 "),
    "vectors of two lengths": vectors("vector 1 "),
    "thirty identical pieces": only("reply", incomplete("repetition", FIRST + "🌍 \x85 \u2028" * 31), NO_REPLY),
}
