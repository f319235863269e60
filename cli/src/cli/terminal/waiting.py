"""The line that says what is being waited for, and how long already. It is gone at the first word.

At a terminal it appears after a second and is rewritten in place; elsewhere it is a plain line after
ten seconds, then one a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from math import inf
from threading import Thread
from typing import NamedTuple

from cli.narration import LOOKING, attempts_heard
from cli.terminal.escape_filter import harmless_line
from cli.terminal.numbers import duration
from cli.terminal.screen import DIM, Screen
from cli.terminal.ticker import Ticker

SPINNER = "⠋⠙⠹⠸"
_SHOWN_AFTER = 1.0
_PLAIN_AFTER = 10.0
_PLAIN_EVERY = 60.0
_LOOKS_AFTER = 0.6
_PLAIN_LOOKS_AFTER = 7.0
"""Early enough for an answer, or for none, by the time that there is something to draw."""
_LOOKS_EVERY = 1.0

Clock = Callable[[], float]


class Awaited(NamedTuple):
    """What is being waited for.

    last: how many seconds it took the last time, where that is known. since: when it began, where it wasn't now.
    """

    words: str
    last: float | None = None
    since: float | None = None


Look = Callable[[], Awaited | None]


class Waiting:
    """A context manager around whatever may take long.

    phase: what is being waited for. While it is, each attempt that the library makes anew is told.
    look: may be set to what is asked once a second for a better word, in a thread of its own; it
        answers None where it knows none. What is told meanwhile goes before its answer.
    """

    def __init__(self, screen: Screen, clock: Clock, phase: str, *, quiet: bool = False) -> None:
        self._screen = screen
        self._clock = clock
        self._quiet = quiet
        self.look: Look | None = None
        self._looking = False
        self._began = self._phase_began = clock()
        self._looks_from = self._began + (_LOOKS_AFTER if screen.is_terminal else _PLAIN_LOOKS_AFTER)
        self._looked_at = -inf
        self._first = self._awaited = Awaited(harmless_line(phase))
        self._announced: tuple[str, float] | None = None
        self._frame = 0
        self._ticker = Ticker(self.tick)
        self._hearing = ExitStack()

    def __enter__(self) -> Waiting:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """The wait begins."""
        if not self._quiet:
            self._hearing.enter_context(attempts_heard(self.again))
            self._ticker.start()

    def now(self, phase: str, last: float | None = None, since: float | None = None) -> None:
        """Something else is being waited for. last, since: see `Awaited`."""
        words = harmless_line(phase)
        if words != self._awaited.words:
            self._phase_began = self._clock() if since is None else since
        self._awaited = Awaited(words, last)

    def again(self, attempt: str, seconds: float) -> None:
        """Another attempt will be made in so many seconds; until then there is nothing to look for."""
        self._looks_from = self._clock() + seconds
        self.now(f"trying again ({attempt})")

    def stop(self) -> None:
        """The wait is over; harmless when it was over before."""
        self._hearing.close()
        self._ticker.stop()
        self._screen.erase()

    def tick(self) -> None:
        """Draw what is to be drawn by now."""
        self._look_again()
        waited = self._clock() - self._began
        if waited < (_SHOWN_AFTER if self._screen.is_terminal else _PLAIN_AFTER):
            return
        if self._screen.may_rewrite:
            self._draw()
        elif not (self._looking and self._awaited is self._first):  # what is written stays, so the look is awaited
            self._announce(waited)

    def _draw(self) -> None:
        spinner = SPINNER[self._frame % len(SPINNER)]
        self._frame += 1
        self._screen.rewrite([(f"{spinner} {self._told(max(1.0, self._clock() - self._phase_began))}", DIM)])

    def _announce(self, waited: float) -> None:
        """A line of its own: at first, for each new phase at a terminal, and once a minute."""
        words = self._awaited.words
        if self._announced is not None:
            earlier, at = self._announced
            is_news = self._screen.is_terminal and words != earlier
            if not is_news and waited - at < _PLAIN_EVERY:
                return
            self._screen.sentence(words if is_news else self._told(self._clock() - self._phase_began))
        else:
            self._screen.sentence(words)
        self._announced = (words, waited)

    def _told(self, seconds: float) -> str:
        words, last, _ = self._awaited
        told = f"{words} … {duration(seconds)}"
        return f"{told}, last time {duration(last)}" if last else told

    def _look_again(self) -> None:
        if self.look is None or self._looking or self._clock() < max(self._looks_from, self._looked_at + _LOOKS_EVERY):
            return
        self._looking = True
        Thread(target=self._take_a_look, args=(self.look, self._awaited), name=LOOKING, daemon=True).start()

    def _take_a_look(self, look: Look, before: Awaited) -> None:
        seen = look()
        if seen is not None and self._awaited is before and self.look is look:
            began = self._phase_began
            self.now(*seen)
            if before is self._first:  # so it was from the beginning
                self._phase_began = began
        self._looked_at = self._clock()
        self._looking = False
