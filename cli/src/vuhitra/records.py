"""Answers that are a record a line -> events or steps, while they arrive. This file knows no network.

What follows the last record means nothing, however the bytes were cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from vuhitra import documents, journal
from vuhitra.errors import (
    OllamaConnectionError,
    OllamaError,
    OllamaIncompleteError,
    OllamaProtocolError,
    OllamaPullError,
    OllamaTimeoutError,
)
from vuhitra.lines import MalformedError, Splitter, decode_record, shown
from vuhitra.readers import Bounded
from vuhitra.refusals import error_line
from vuhitra.reply import Done, Gathered, Reply, Sent

if TYPE_CHECKING:
    from vuhitra.errors import IncompleteReason
    from vuhitra.http import Head
    from vuhitra.reply import Event
    from vuhitra.subjects import Subject
    from vuhitra.types import Progress


class _RecordReader(Bounded):
    """An answer that is a record a line."""

    def __init__(self, subject: Subject, head: Head) -> None:
        super().__init__(subject, head)
        self._splitter = Splitter()
        self._arrived = False

    def _lines(self, data: bytes) -> list[bytes]:
        self._count(data)
        return self._splitter.feed(data)

    def _nothing(self) -> MalformedError:
        """What an answer without any record is: cut, unless it says itself that this is its end."""
        return MalformedError("an answer with nothing in it", is_cut=True)

    def _last_line(self, held: Iterable[bytes] = ()) -> Iterator[dict[str, Any]]:
        """The record on the line that the body's end ends. held: the lines before it that belong to it."""
        self._is_over = True
        line = b"\n".join([*held, *self._splitter.flush()])
        return map(decode_record, [line] if line else [])


def _is_of_the_connection(error: OllamaError) -> TypeGuard[OllamaConnectionError]:
    """Whether the connection broke: nothing took too long, and nobody on this side closed it."""
    if isinstance(error, OllamaTimeoutError) or not isinstance(error, OllamaConnectionError):
        return False
    return error.reason != "stopped"


_IN_EACH = frozenset(["model", "remote_model", "remote_host", "created_at", "message", "role"])
"""What a record holds that needs nothing to tell."""


def _says_something(record: dict[str, Any]) -> bool:
    """Whether a record is more than a sign of life."""
    said = record | (record.get("message") or {})
    return any(value for name, value in said.items() if name not in _IN_EACH)


class ReplyReader(_RecordReader):
    """The answer of `/api/generate` and `/api/chat`.

    Finished means `done: true` or a `done_reason`. Outside NDJSON, as some compatible servers and
    mocks answer, one object without `done` is finished too; one with `done: false` is not.
    parse: what the whole reply of a server says, for `reply.parsed`; it may raise OllamaOutputError.
    """

    def __init__(
        self, subject: Subject, head: Head, sent: Sent, parse: Callable[[Reply, str], object] | None = None
    ) -> None:
        super().__init__(subject, head)
        from vuhitra.pieces import plain_text

        self._plain_text = plain_text
        self._is_stream = "ndjson" in (head.header("content-type") or "").lower()
        self._held: list[bytes] = []
        self._gathered = Gathered(sent)
        self._parse = parse
        self._reply: Reply | None = None

    def feed(self, data: bytes) -> Iterator[Event]:
        lines = self._lines(data)
        return self._pieces(iter(lines)) if self._is_stream else self._events(self._joined(lines))

    def end(self) -> Iterator[Event]:
        yield from self._events(self._last_line(self._held))
        if self._arrived and not (self.finished or self._is_stream) and self._gathered.says_nothing_of_its_end:
            yield self._done()
        if not self._arrived:
            raise self._nothing()
        if not self.finished:
            raise self._unfinished()

    def broken(self, error: OllamaError) -> OllamaError:
        if self._arrived and isinstance(error, OllamaTimeoutError | OllamaProtocolError):
            error.partial = self._gathered.partial()
        elif self._arrived and _is_of_the_connection(error):
            return self._cut(error.why or error.reason)
        return error

    def malformed(self, error: MalformedError) -> OllamaError:
        if self._arrived and self._is_cut(error):
            return self._cut(str(error))
        return self.broken(super().malformed(error))

    def result(self) -> Reply:
        if self._reply is None:
            raise RuntimeError("the answer isn't whole yet")
        return self._reply

    def _pieces(self, lines: Iterator[bytes]) -> Iterator[Event]:
        """The events of records, a line each. Most are a piece of text, so these are read fast."""
        for line in lines:
            text = self._plain_text(line)
            if text is None:
                yield from self._events(map(decode_record, chain((line,), lines)))
                return
            self._arrived = True
            yield self._gathered.add_text(text, line)

    def _joined(self, lines: list[bytes]) -> Iterator[dict[str, Any]]:
        """The records on lines of their own; from the first that is not on one, all is held to the end."""
        for line in lines:
            if not self._held:
                try:
                    yield decode_record(line)
                    continue
                except MalformedError:
                    if not line.startswith(b"{"):  # nor will it be more than that, whatever follows
                        raise
            self._held.append(line)

    def _events(self, records: Iterator[dict[str, Any]]) -> Iterator[Event]:
        gathered = self._gathered
        for record in records:
            if record.get("error") is not None:
                raise self._failed(record["error"])
            events = gathered.add(record)
            if not events and _says_something(record):
                self.records += 1
            yield from events
            self._arrived = True
            if gathered.finished:
                yield self._done()
                return

    def _done(self) -> Done:
        """The answer is whole."""
        reply = self._gathered.reply()
        if reply.stopped_by == "window":
            self._warn_of_the_window(reply.stats.prompt_eval_count + reply.stats.eval_count)
        self.is_read = True
        if self._parse is not None:
            reply.parsed = self._parse(reply, str(self._subject.host))
        self._reply = reply
        self.finished = True
        return Done(reply)

    def _warn_of_the_window(self, tokens: int) -> None:
        says = "the answer of %s at %s ends where its context window of %d tokens does"
        model = self._subject.model
        journal.warning(says, model, self._subject.host, tokens, model=model, stopped_by="window")

    def _failed(self, error: object) -> OllamaError:
        plain = error_line(self._subject, error)
        return (
            self._incomplete("failed in the middle of the answer", "server-error", plain.why)
            if self._arrived
            else plain
        )

    def _cut(self, why: str) -> OllamaError:
        return self._incomplete("broke off in the middle of the answer", "cut", why)

    def _unfinished(self) -> OllamaError:
        if self._gathered.repeats_itself:
            error = self._incomplete("ended the answer", "repetition", "the model repeated one token 30 times")
            error.hint = "a higher repeat_penalty or temperature"
            return error
        return self._incomplete("ended the answer without saying that it is complete", "no-end")

    def _incomplete(self, what: str, reason: IncompleteReason, why: str | None = None) -> OllamaError:
        return OllamaIncompleteError(
            f"Ollama at {self._subject.host} {what}", why=why, partial=self._gathered.partial(), reason=reason
        )


_DOING = {"/api/pull": "pull", "/api/push": "push", "/api/create": "creation"}


class ProgressReader(_RecordReader):
    """The answer of `/api/pull`, `/api/push` and `/api/create`: steps, the last of which is `success`."""

    def __init__(self, subject: Subject, head: Head) -> None:
        super().__init__(subject, head)
        self._last: dict[str, Any] = {}

    def feed(self, data: bytes) -> Iterator[Progress]:
        return self._steps(map(decode_record, self._lines(data)))

    def end(self) -> Iterator[Progress]:
        yield from self._steps(self._last_line())
        if not self._arrived:
            raise self._nothing()
        if not self.finished:
            raise self._unfinished()

    def broken(self, error: OllamaError) -> OllamaError:
        if not self._arrived or not _is_of_the_connection(error):
            return error
        return OllamaConnectionError(
            f"the {self._doing} of {self._subject.model!r} by Ollama at {self._subject.host} broke off",
            why=error.why or error.reason,
            reason=error.reason,
            hint=self._hint,
        )

    def malformed(self, error: MalformedError) -> OllamaError:
        if self._arrived and self._is_cut(error):
            closed = self._closed()
            closed.why = "closed in the middle of a step"
            return self.broken(closed)
        return super().malformed(error)

    def result(self) -> None:
        return None

    @property
    def _doing(self) -> str:
        return _DOING.get(self._subject.path, self._subject.path)

    @property
    def _hint(self) -> str | None:
        return "the same call, which goes on from there" if self._doing != "creation" else None

    def _unfinished(self) -> OllamaError:
        model, host = self._subject.model, self._subject.host
        what = f"the {self._doing} of {model!r} by Ollama at {host} ended without saying that it is done"
        why = self._subject.hide(f"its last step: {_in_words(self._last)}")
        if self._doing != "pull":
            return OllamaIncompleteError(what, why=why, hint=self._hint, partial=Reply(), reason="no-end")
        return OllamaPullError(what, why=why, hint=self._hint, model=model, reason="no-end")

    def _steps(self, records: Iterable[dict[str, Any]]) -> Iterator[Progress]:
        for record in records:
            if record.get("error") is not None:
                raise error_line(self._subject, record["error"])
            step = documents.step(record)
            self._arrived = True
            self._last = {**step}  # whoever takes it may change it
            self.finished = step["status"] == "success"
            yield cast("Progress", step)
            if self.finished:
                return


def _in_words(step: Mapping[str, Any]) -> str:
    done = f", {step.get('completed', 0):,} of {step['total']:,} bytes" if "total" in step else ""
    return f"{shown(step['status'])}{done}"
