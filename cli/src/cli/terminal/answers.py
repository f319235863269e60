"""An answer on its way to stdout as text: byte by byte in a pipe, safe and laid out at a terminal.

One view is one answer. All of them are given the same calls, so a command doesn't know which it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

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

    def stopped(self, facts: Facts, error: Facts) -> int:
        """Stopped from outside: keeps what was said, and tells how many words that was."""
        ...

    def failed(self, facts: Facts, error: Facts) -> None:
        """The answer broke off."""


class Words:
    """Counts words that arrive in pieces."""

    def __init__(self) -> None:
        self.count = 0
        self._inside = False

    def feed(self, piece: str) -> None:
        """Count those of the next piece."""
        if not piece:
            return
        begins_inside = self._inside and not piece[:1].isspace()
        self.count += len(piece.split()) - (1 if begins_inside and piece.strip() else 0)
        self._inside = not piece[-1:].isspace()


class Layout(Protocol):
    """Lays text out that comes in pieces, as `terminal.markdown` does."""

    def feed(self, text: str) -> str:
        """What is to be written by now."""
        ...

    def end(self) -> str:
        """What is left of it."""
        ...


class TextAnswer:
    """The text itself, as it comes; it ends in exactly one newline.

    At a terminal it begins with its first line that isn't blank.

    layout: how it is laid out; None: as it is.
    """

    def __init__(self, screen: Screen, layout: Layout | None = None) -> None:
        self._screen = screen
        self._newlines = ""
        self._words = Words()
        self._filter = EscapeFilter() if screen.is_terminal else None
        self._has_begun = not screen.is_terminal
        self._indent = ""
        self._layout = layout

    def text(self, piece: str) -> None:
        """A piece of the answer."""
        self._words.feed(piece)
        shown = self._screen.translated(self._filter.feed(piece)) if self._filter else piece
        if not self._has_begun:
            shown = self._begun(shown)
        self._write(self._layout.feed(shown) if self._layout else shown)

    def thinking(self, piece: str) -> None:
        """Not part of the answer."""

    def tool_call(self, call: Facts) -> None:
        """Not part of the answer."""

    def done(self, facts: Facts) -> None:
        """The end."""
        self._end()

    def stopped(self, facts: Facts, error: Facts) -> int:
        """Keeps what was said; a word that was held back goes below the `^C`."""
        held = self._layout.end().lstrip() if self._layout else ""
        if held:
            self._screen.end_line()
            self._write(held)
        if self._words.count:
            self._screen.end_line()
        return self._words.count

    def failed(self, facts: Facts, error: Facts) -> None:
        """The answer broke off: what was written stays, on a line that ends."""
        if self._words.count:
            self._end()

    def _begun(self, piece: str) -> str:
        """What is there of the first line that isn't blank; until then its indent is kept for it."""
        text = self._indent + piece
        said = text.lstrip()
        self._indent = text[: len(text) - len(said)].rpartition("\n")[2]
        self._has_begun = bool(said)
        return self._indent + said if said else ""

    def _end(self) -> None:
        if self._layout:
            self._write(self._layout.end())
        self._screen.end_line()

    def _write(self, piece: str) -> None:
        """Write all but the newlines at the end: those are written once something follows them."""
        text = self._newlines + piece
        said = text.rstrip("\n")
        self._newlines = text[len(said) :]
        if said:
            self._screen.write(said)


class HeldAnswer:
    """The same, once it is whole.

    view: what shows it then. extract: takes the part out that is wanted, or None where it isn't there.
    kept: whether what was said by then is shown where it is stopped. A part of what has to be
        checked, or taken out of the whole, is shown to nobody: a program may be reading.
    """

    def __init__(self, view: TextAnswer, extract: Callable[[str], str | None] | None = None, *, kept: bool) -> None:
        self._view = view
        self._extract = extract
        self._kept = kept
        self._pieces: list[str] = []

    def text(self, piece: str) -> None:
        """A piece of the answer."""
        self._pieces.append(piece)

    def thinking(self, piece: str) -> None:
        """Not part of the answer."""

    def tool_call(self, call: Facts) -> None:
        """Not part of the answer."""

    def done(self, facts: Facts) -> None:
        """The end: show it."""
        text = "".join(self._pieces)
        part = self._extract(text) if self._extract else None
        self._view.text(text if part is None else part)
        self._view.done(facts)

    def stopped(self, facts: Facts, error: Facts) -> int:
        """Keeps what was said, where it may be shown."""
        text = "".join(self._pieces)
        if self._kept and text:
            self._view.text(text)
            return self._view.stopped(facts, error)
        return len(text.split())

    def failed(self, facts: Facts, error: Facts) -> None:
        """It is shown whole or not at all."""
