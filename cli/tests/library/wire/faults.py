"""All that a server can do wrong, as scripts made from what would have been the right answer of each operation."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.scripted_server import STREAM_END, Close, Dribble, Flood, Hang, Pause, Reset, Step, chunk
from vuhitra import Retry, Timeouts

NDJSON, JSON = "application/x-ndjson", "application/json"
Record = dict[str, Any]

ONCE = Retry(attempts=1)
PATIENT = Timeouts(connect=5, start=20, idle=20)
STARTING = Timeouts(connect=5, start=0.1, idle=20)
IDLING = Timeouts(connect=5, start=20, idle=0.1)


class Operation(NamedTuple):
    """One operation. kind: which others it behaves like. records: its right answer. result: what comes of that.

    wrong: an answer with a wrong type in a known field. streams: whether it takes `stream=True`.
    """

    kind: str
    ask: Callable[..., Any]
    records: tuple[Record, ...]
    result: Any
    wrong: Record
    streams: bool = False

    @property
    def loads(self) -> bool:
        """Whether the model must be loaded for it, which may be why nothing comes for a while."""
        return self.kind in ("reply", "vectors", "load")

    @property
    def content_type(self) -> str:
        """How the real server labels it."""
        return NDJSON if self.streams else JSON

    @property
    def lines(self) -> list[bytes]:
        """The records as they are sent; one alone has no newline."""
        encoded = [json.dumps(record, ensure_ascii=False).encode() for record in self.records]
        return [line + b"\n" for line in encoded] if self.streams else encoded

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.lines)

    @property
    def before(self) -> list[bytes]:
        """The first of several records; nothing of what has only one."""
        return self.lines[:1] if self.streams else []

    @property
    def half(self) -> bytes:
        """The body up to the middle of what comes after the first record, and of a character."""
        start = sum(map(len, self.before))
        return self.body[: self.body.index("🌍".encode(), start) + 2]


WORLD = {"note": "🌍"}
FIRST, SECOND = "grün 🌍", "🌍 \x85 \u2028"
TEXT = FIRST + SECOND
ENDED = {"done": True, "done_reason": "stop", "model": "m"}
SAID = ({"response": FIRST, "done": False}, {"response": SECOND, "done": False}, {"response": "", **ENDED})
ANSWERED = (
    {"message": {"role": "assistant", "content": FIRST}, "done": False},
    {"message": {"role": "assistant", "content": SECOND}, "done": False},
    {"message": {"role": "assistant", "content": ""}, **ENDED},
)
STEPS = (
    {"status": "pulling manifest"},
    {"status": "pulling 🌍", "digest": "sha256:aa", "total": 10, "completed": 10},
    {"status": "success"},
)
MODELS = ({"models": [{"name": "m:latest", **WORLD}]},)
LOADED = {"model": "m", "response": "", "done": True, "done_reason": "load", **WORLD}
SHOWN = {"modelfile": "FROM m", "capabilities": ["completion"], **WORLD}
HELLO = [{"role": "user", "content": "hello"}]

OPERATIONS: dict[str, Operation] = {
    "generate": Operation(
        "reply", lambda client, **o: client.generate("hello", **o), SAID, TEXT, {"response": 3}, streams=True
    ),
    "chat": Operation("reply", lambda client, **o: client.chat(HELLO, **o), ANSWERED, TEXT, {"message": "x"}, True),
    "embed": Operation(
        "vectors",
        lambda client: client.embed(["hello", "there"]),
        ({"embeddings": [[0.6, 0.8], [0.8, 0.6]], **WORLD},),
        [[0.6, 0.8], [0.8, 0.6]],
        {"embeddings": "0.6"},
    ),
    "list_models": Operation(
        "document", lambda client: client.list_models(), MODELS, MODELS[0]["models"], {"models": 3}
    ),
    "show_model": Operation(
        "document", lambda client: client.show_model("m"), (SHOWN,), SHOWN, {"modelfile": "", "details": 3}
    ),
    "running_models": Operation(
        "document", lambda client: client.running_models(), MODELS, MODELS[0]["models"], {"models": ["m"]}
    ),
    "has_model": Operation("document", lambda client: client.has_model("m"), MODELS, True, {"models": [{"name": 3}]}),
    "version": Operation(
        "document", lambda client: client.version(), ({"version": "1", **WORLD},), "1", {"version": 1}
    ),
    "pull_model": Operation("pull", lambda client, **o: client.pull_model("m", **o), STEPS, None, {"status": 3}, True),
    "push_model": Operation("push", lambda client, **o: client.push_model("m", **o), STEPS, None, {"status": 3}, True),
    "create_model": Operation(
        "push", lambda client, **o: client.create_model("m", from_="n", **o), STEPS, None, {"status": 3}, True
    ),
    "copy_model": Operation("nothing", lambda client: client.copy_model("m", "n"), (WORLD,), None, {"status": 3}),
    "delete_model": Operation("nothing", lambda client: client.delete_model("m"), (WORLD,), None, {"status": 3}),
    "load_model": Operation("load", lambda client: client.load_model("m"), (LOADED,), None, {"response": 3}),
    "unload_model": Operation("load", lambda client: client.unload_model("m"), (LOADED,), None, {"response": 3}),
    "health_check": Operation("health", lambda client: client.health_check(), MODELS, True, {"models": 3}),
}
"""Kinds: a reply is made of records, and a load's is one; pull and push (and create) report steps; copying and
deleting are answered with nothing."""


class Fault(NamedTuple):
    """What goes wrong. script: made from the operation whose answer it spoils. retry, timeouts: the client's."""

    script: Callable[[Operation], list[Step]]
    retry: Retry = ONCE
    timeouts: Timeouts = PATIENT


def head(operation: Operation, *more: str, status: int = 200, kind: str | None = None) -> bytes:
    """The head of an answer, with more headers."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind or operation.content_type}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def sized(operation: Operation, body: bytes, *more: str, status: int = 200, kind: str | None = None) -> list[Step]:
    """A whole answer with this body."""
    return [head(operation, f"Content-Length: {len(body)}", *more, status=status, kind=kind) + body]


def chunked(operation: Operation, *bodies: bytes) -> bytes:
    """An answer in chunks, that has no end yet; all in one packet."""
    return b"".join([head(operation, "Transfer-Encoding: chunked"), *map(chunk, bodies)])


def ended(operation: Operation, *bodies: bytes) -> list[Step]:
    """An answer in chunks that ends as HTTP should."""
    return [chunked(operation, *bodies) + STREAM_END]


def after_the_first(operation: Operation, line: bytes) -> list[Step]:
    """The first record, or the only one, and then another line; and it ends as HTTP should."""
    return ended(operation, operation.lines[0].rstrip(b"\n") + b"\n", line + b"\n")


def refusal(status: int, body: bytes, *more: str, kind: str = JSON) -> Callable[[Operation], list[Step]]:
    """An error status with this body."""
    return lambda operation: sized(operation, body, *more, status=status, kind=kind)


def silence(operation: Operation) -> list[Step]:
    """All but the last record; what has only one says that it isn't done."""
    if operation.kind == "load":
        return sized(operation, json.dumps({**operation.records[0], "done": False, "done_reason": ""}).encode())
    return ended(operation, *operation.lines[:-1])


def compressed(operation: Operation, keep: int | None) -> bytes:
    """The body, gzipped, so that its first record can be had at once; only so many bytes of what follows."""
    start, rest = b"".join(operation.before), operation.body[sum(map(len, operation.before)) :]
    packing = zlib.compressobj(wbits=31)
    first = packing.compress(start) + packing.flush(zlib.Z_SYNC_FLUSH)
    return first + (packing.compress(rest) + packing.flush())[:keep]


def error_line(text: str) -> bytes:
    """What a server sends that fails."""
    return json.dumps({"error": text}).encode()


HTML = b"<!DOCTYPE html><title>Welcome</title>"
GZIP = "Content-Encoding: gzip"
BUSY = error_line("server busy, please try again.")
SLOW_DOWN = error_line("too many requests")
NOW, IN_7_SECONDS = "Sun, 22 Nov 2026 12:00:00 GMT", "Sun, 22 Nov 2026 12:00:07 GMT"
MANIFEST = error_line("pull model manifest: file does not exist")
BACKWARDS = [{**STEPS[1], "completed": completed} for completed in (2, 6, 4, 10)]


def replaced(*records: object) -> Callable[[Operation], list[Step]]:
    """Other records than the right ones, and it ends as it should."""
    lines = [json.dumps(record).encode() + b"\n" for record in records]
    return lambda operation: ended(operation, *lines)


FAULTS: dict[str, Fault] = {
    "silence at the end": Fault(silence),
    "an empty body": Fault(lambda operation: sized(operation, b""), retry=Retry(first_wait=0)),
    "an empty body in chunks": Fault(ended, retry=Retry(first_wait=0)),
    "closed at once": Fault(lambda _: [Close()]),
    "reset at once": Fault(lambda _: [Reset()]),
    "closed in the head": Fault(lambda _: [b"HTTP/1.1 200 O", Close()]),
    "closed after the head": Fault(lambda operation: [chunked(operation), Close()]),
    "cut inside a line": Fault(lambda operation: [chunked(operation, operation.half[:-4]), Close()]),
    "cut inside a character": Fault(lambda operation: [chunked(operation, operation.half), Close()]),
    "reset after the first record": Fault(
        lambda operation: [chunked(operation, operation.half), Pause(0.05), Reset()]  # which overtakes what is unread
    ),
    "an end inside a character": Fault(lambda operation: ended(operation, operation.half)),
    "an error line first": Fault(lambda operation: sized(operation, error_line("out of memory") + b"\n")),
    "an error line in the middle": Fault(lambda operation: after_the_first(operation, error_line("out of memory"))),
    "a stall before the headers": Fault(lambda _: [Hang()], timeouts=STARTING),
    "a stall inside the headers": Fault(lambda _: [b"HTTP/1.1 200 OK\r\nContent-", Hang()], timeouts=STARTING),
    "a stall before the first record": Fault(lambda operation: [chunked(operation), Hang()], timeouts=STARTING),
    "a stall between records": Fault(lambda operation: [chunked(operation, operation.half), Hang()], timeouts=IDLING),
    "a truncated chunk": Fault(
        lambda operation: [chunked(operation, *operation.before) + b'40\r\n{"response": "', Close()]
    ),
    "no last chunk": Fault(lambda operation: [chunked(operation, *operation.lines), Close()]),
    "a short body": Fault(
        lambda operation: [head(operation, f"Content-Length: {len(operation.body)}") + operation.half, Close()]
    ),
    "a length that is too small": Fault(
        lambda operation: [head(operation, f"Content-Length: {len(operation.body) - 5}") + operation.body]
    ),
    "a length that is no number": Fault(lambda operation: [head(operation, "Content-Length: some") + operation.body]),
    "gzip": Fault(lambda operation: sized(operation, gzip.compress(operation.body), GZIP)),
    "gzip, cut": Fault(lambda operation: sized(operation, compressed(operation, 10), GZIP)),
    "gzip that is none": Fault(lambda operation: sized(operation, operation.body, GZIP)),
    "an unknown coding": Fault(lambda operation: sized(operation, operation.body, "Content-Encoding: br")),
    "HTML": Fault(lambda operation: sized(operation, HTML, kind="text/html")),
    "a document of another kind": Fault(lambda operation: sized(operation, b'{"detail": "Not Found"}', kind=JSON)),
    "an object that is too deep": Fault(lambda operation: sized(operation, b'{"a":' * 200 + b"1" + b"}" * 200)),
    "a list": Fault(lambda operation: sized(operation, b"[]")),
    "null": Fault(lambda operation: sized(operation, b"null")),
    "a scalar": Fault(lambda operation: sized(operation, b"4")),
    "a line that is a list": Fault(lambda operation: after_the_first(operation, b"[]")),
    "a line that is null": Fault(lambda operation: after_the_first(operation, b"null")),
    "a line that is a scalar": Fault(lambda operation: after_the_first(operation, b"4")),
    "wrong types": Fault(lambda operation: sized(operation, json.dumps(operation.wrong).encode())),
    "unknown fields": Fault(
        lambda operation: ended(operation, *[line.replace(b"{", b'{"unknown": [{}], ', 1) for line in operation.lines])
    ),
    "invalid UTF-8": Fault(lambda operation: ended(operation, operation.half + b'\xff"}\n')),
    "CRLF and blank lines": Fault(
        lambda operation: ended(operation, b"\r\n", *[line.rstrip() + b"\r\n\n\r\n" for line in operation.lines])
    ),
    "U+0085 and U+2028": Fault(lambda operation: sized(operation, operation.body)),
    "byte by byte": Fault(lambda operation: [Dribble(chunked(operation, *operation.lines) + STREAM_END, 0)]),
    "a line without end": Fault(
        lambda operation: [head(operation, "Connection: close"), Flood(b"x" * (4 << 20))],
        timeouts=Timeouts(start=20, idle=10),
    ),
    "429, wait some seconds": Fault(refusal(429, SLOW_DOWN, "Retry-After: 7")),
    "429, wait until a date": Fault(refusal(429, SLOW_DOWN, f"Date: {NOW}", f"Retry-After: {IN_7_SECONDS}")),
    "429, wait too long": Fault(refusal(429, SLOW_DOWN, "Retry-After: 3600"), retry=Retry(first_wait=0)),
    "502 with HTML": Fault(refusal(502, HTML, kind="text/html")),
    "503 with HTML": Fault(refusal(503, HTML, kind="text/html")),
    "504 with HTML": Fault(refusal(504, HTML, kind="text/html")),
    "503 for ever": Fault(refusal(503, BUSY), retry=Retry(first_wait=0)),
    "a redirect": Fault(refusal(302, b"", "Location: https://login.example/")),
    "not allowed": Fault(refusal(401, error_line("unauthorized"))),
    "not at home": Fault(refusal(403, b"")),
    "a wrong path": Fault(refusal(404, b"404 page not found", kind="text/plain")),
    "a crash": Fault(refusal(500, error_line("the model runner has unexpectedly stopped"))),
    "not HTTP": Fault(lambda _: [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Close()]),
    "garbage before the status line": Fault(lambda operation: [b"\x00garbage\r\n", *sized(operation, operation.body)]),
    "endless headers": Fault(lambda _: [b"HTTP/1.1 200 OK\r\nX: ", Flood(b"x" * 65536)]),
    "a transfer that fails": Fault(lambda operation: after_the_first(operation, MANIFEST)),
    "progress running back": Fault(replaced(STEPS[0], *BACKWARDS, STEPS[2])),
    "vectors missing": Fault(replaced({"model": "m"})),
    "too few vectors": Fault(replaced({"embeddings": [[0.6, 0.8]]})),
    "null for vectors": Fault(replaced({"embeddings": None})),
    "null for a vector": Fault(replaced({"embeddings": [[0.6, 0.8], None]})),
    "an empty vector": Fault(replaced({"embeddings": [[0.6, 0.8], []]})),
    "NaN in a vector": Fault(lambda operation: sized(operation, b'{"embeddings": [[0.6, 0.8], [0.6, NaN]]}')),
    "infinity in a vector": Fault(lambda operation: sized(operation, b'{"embeddings": [[0.6, 0.8], [0.6, 1e999]]}')),
    "null in a vector": Fault(replaced({"embeddings": [[0.6, 0.8], [0.6, None]]})),
    "vectors of two lengths": Fault(replaced({"embeddings": [[0.6], [0.6, 0.8]]})),
    "thirty identical pieces": Fault(
        lambda operation: ended(operation, operation.lines[0], *[operation.lines[1]] * 31)
    ),
}
