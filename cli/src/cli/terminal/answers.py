"""An answer on its way to stdout: as text, as one JSON document, or as lines of JSON.

One view is one answer. Each is given the same calls, so a command doesn't know which it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from cli.terminal import documents
from cli.terminal.escape_filter import EscapeFilter
from cli.terminal.screen import Screen

Facts = Mapping[str, object]


class AnswerView(Protocol):
    """Where the pieces of an answer go."""

    def text(self, piece: str) -> None:
        """A piece of the answer."""

    def thinking(self, piece: str) -> None:
        """A piece of what the model thinks before it answers."""

    def tool_call(self, call: Facts) -> None:
        """A function that the model wants called."""

    def done(self, facts: Facts) -> None:
        """The end, and what is known about the answer."""

    def stopped(self, error: Facts) -> int:
        """Stopped from outside: keeps what was said, and tells how many words that was."""
        ...

    def failed(self, error: Facts) -> None:
        """The answer broke off."""


class _Words:
    """Counts words that arrive in pieces."""

    def __init__(self) -> None:
        self.count = 0
        self._inside = False

    def feed(self, piece: str) -> None:
        begins_inside = self._inside and not piece[:1].isspace()
        self.count += len(piece.split()) - (1 if begins_inside and piece.strip() else 0)
        self._inside = not piece[-1:].isspace()


class TextAnswer:
    """The text itself, as it comes; it ends in exactly one newline.

    held_back: whether to wait for the end, and then write it whole.
    """

    def __init__(self, screen: Screen, *, held_back: bool) -> None:
        self._screen = screen
        self._held_back = held_back
        self._held: list[str] = []
        self._newlines = ""
        self._words = _Words()
        self._filter = EscapeFilter() if screen.is_terminal else None

    def text(self, piece: str) -> None:
        """A piece of the answer."""
        self._words.feed(piece)
        if self._held_back:
            self._held.append(piece)
        else:
            self._write(piece)

    def thinking(self, piece: str) -> None:
        """Not part of the answer."""

    def tool_call(self, call: Facts) -> None:
        """Not part of the answer."""

    def done(self, facts: Facts) -> None:
        """The end."""
        self._write("".join(self._held))
        self._screen.write("\n")

    def stopped(self, error: Facts) -> int:
        """Keeps what was said."""
        if self._words.count:
            self._write("".join(self._held))
            self._screen.write("\n")
        return self._words.count

    def failed(self, error: Facts) -> None:
        """The answer broke off: what was written stays, on a line that ends."""
        if self._words.count and not self._held_back:
            self._screen.write("\n")

    def _write(self, piece: str) -> None:
        """Write all but the newlines at the end: those are written once something follows them."""
        text = self._newlines + (self._filter.feed(piece) if self._filter else piece)
        said = text.rstrip("\n")
        self._newlines = text[len(said) :]
        if said:
            self._screen.write(said)


class JsonAnswer:
    """One document, once the answer is whole."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._tool_calls: list[Facts] = []

    def text(self, piece: str) -> None:
        """A piece of the answer."""
        self._text.append(piece)

    def thinking(self, piece: str) -> None:
        """A piece of what the model thinks."""
        self._thinking.append(piece)

    def tool_call(self, call: Facts) -> None:
        """A function that the model wants called."""
        self._tool_calls.append(call)

    def done(self, facts: Facts) -> None:
        """The end: print the document."""
        documents.document(self._screen, {**self._said(), **facts})

    def stopped(self, error: Facts) -> int:
        """Keeps what was said, as a document that says it isn't whole."""
        words = len("".join(self._text).split())
        if words:
            documents.document(self._screen, {**self._said(), "done_reason": "interrupted"})
        return words

    def failed(self, error: Facts) -> None:
        """A document is printed whole or not at all."""

    def _said(self) -> dict[str, object]:
        return {
            "text": "".join(self._text),
            "thinking": "".join(self._thinking),
            "tool_calls": self._tool_calls,
        }


class JsonLines:
    """A line of JSON for each piece, at once."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._words = _Words()

    def text(self, piece: str) -> None:
        """A piece of the answer."""
        self._words.feed(piece)
        documents.record(self._screen, "text", {"text": piece})

    def thinking(self, piece: str) -> None:
        """A piece of what the model thinks."""
        documents.record(self._screen, "thinking", {"text": piece})

    def tool_call(self, call: Facts) -> None:
        """A function that the model wants called."""
        documents.record(self._screen, "tool_call", call)

    def done(self, facts: Facts) -> None:
        """The end."""
        documents.record(self._screen, "done", facts)

    def stopped(self, error: Facts) -> int:
        """All that was said is out already; the last line says that it isn't whole."""
        self.failed(error)
        return self._words.count

    def failed(self, error: Facts) -> None:
        """The last line says why there are no more."""
        documents.record(self._screen, "error", {"error": error})
