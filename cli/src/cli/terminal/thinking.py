"""What a model thinks before it answers, as it is shown on stderr: between two lines that say what it is."""

from __future__ import annotations

from collections.abc import Callable

from cli.terminal.escape_filter import EscapeFilter
from cli.terminal.numbers import duration
from cli.terminal.screen import DIM, Screen
from cli.terminal.wrapping import Wrapping

BEGINS = "Thinking …"


class ThinkingShown:
    """Pieces in, dim text out, at a terminal broken between words; nothing is written where nothing is thought."""

    def __init__(self, screen: Screen, clock: Callable[[], float]) -> None:
        self._screen = screen
        self._clock = clock
        self._filter = EscapeFilter()
        self._lines = Wrapping(lambda: screen.width)
        self._began: float | None = None
        self._blanks = ""

    def feed(self, piece: str) -> None:
        """A piece of it."""
        if self._began is None:
            self._began = self._clock()
            self._screen.sentence((BEGINS, DIM))
            self._lines = Wrapping(lambda: self._screen.width)
            self._blanks = ""
            piece = piece.lstrip()
        if self._screen.is_terminal:
            piece = self._screen.translated(self._filter.feed(piece))
        text = self._blanks + piece
        said = text.rstrip()
        self._blanks = text[len(said) :]
        if said:
            self._screen.write(self._laid_out(said) if self._screen.is_terminal else self._screen.paint(said, DIM))

    def end(self, *, answered: bool) -> bool:
        """The answer begins, or there will be none. Whether any of it was shown."""
        if self._began is None:
            return False
        took = duration(self._clock() - self._began)
        self._began = None
        self._lines.finish_word()
        if held := self._taken():
            if not answered:  # it was stopped, and `^C` may stand where the word would
                self._screen.end_line()
            self._screen.write(held)
        self._screen.end_line()
        self._screen.sentence((f"… thought for {took}", DIM))
        if answered:
            self._screen.line()
        return True

    def _laid_out(self, text: str) -> str:
        first, *others = text.split("\n")
        self._lines.add(first, DIM)
        for line in others:
            self._lines.newline()
            self._lines.add(line, DIM)
        return self._taken()

    def _taken(self) -> str:
        return "".join(self._screen.paint(*segment) for segment in self._lines.taken())
