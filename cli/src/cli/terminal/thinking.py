"""What a model thinks before it answers, as it is shown on stderr: between two lines that say what it is."""

from __future__ import annotations

from collections.abc import Callable

from cli.terminal.escape_filter import EscapeFilter
from cli.terminal.numbers import duration
from cli.terminal.screen import DIM, Screen

BEGINS = "Thinking …"


class ThinkingShown:
    """Pieces in, dim text out; nothing is written where nothing is thought."""

    def __init__(self, screen: Screen, clock: Callable[[], float]) -> None:
        self._screen = screen
        self._clock = clock
        self._filter = EscapeFilter()
        self._began: float | None = None
        self._blanks = ""

    def feed(self, piece: str) -> None:
        """A piece of it."""
        if self._began is None:
            self._began = self._clock()
            self._screen.line(BEGINS, DIM)
            self._blanks = ""
            piece = piece.lstrip()
        text = self._blanks + (self._filter.feed(piece) if self._screen.is_terminal else piece)
        said = text.rstrip()
        self._blanks = text[len(said) :]
        if said:
            self._screen.write(self._screen.paint(said, DIM))

    def end(self, *, answered: bool) -> bool:
        """The answer begins, or there will be none. Whether any of it was shown."""
        if self._began is None:
            return False
        took = duration(self._clock() - self._began)
        self._began = None
        self._screen.end_line()
        self._screen.line(f"… thought for {took}", DIM)
        if answered:
            self._screen.line()
        return True
