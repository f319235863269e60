"""A stream as a place to write on: encoding, colours, and one line that may be rewritten.

Only bold, dim and the basic colours are used, and a word always stands where a colour does.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from threading import RLock
from typing import cast

from cli.environment import Environment, Stream
from cli.exit_status import Verdict
from cli.failure import Failure, ReaderGone, Terminated
from cli.terminal.segments import Command, Segment, cut_segments, wrapped_segments

PLAIN, BOLD, DIM, RED, GREEN, YELLOW = "", "1", "2", "1;31", "32", "33"
"""What a text can look like, as parameters of SGR."""

_FALLBACKS = {
    "…": "...",
    "·": "-",
    "✓": "ok",
    "━": "#",
    "─": "-",
    "│": "|",
    "•": "*",
    "⠋": "|",
    "⠙": "/",
    "⠹": "-",
    "⠸": "\\",
}

_FURTHER_IN = "    "
"""What begins a line on which another one goes on."""

_LEFT_FREE = 3
"""Columns behind a line that is rewritten: `^C` stays in it, and can be erased with it."""


class Cursor:
    """Where a terminal stands, for all screens that write on it.

    is_in_line: whether something stands in the line already.
    stop: the last Ctrl-C after which a line was begun.
    """

    def __init__(self) -> None:
        self.is_in_line = False
        self.stop: KeyboardInterrupt | None = None
        self.lock = RLock()


class Screen:
    """stdout or stderr.

    cursor: where its terminal stands. has_ended: whether the last of several lines for a program is out.
    On stdout a write that fails ends the command; on stderr there is nobody left to tell. A terminal
    that has gone away ends it silently, as its hanging up does.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        colour: bool = False,
        accessible: bool = False,
        width: Callable[[], int] = lambda: 79,
        carries_the_answer: bool = False,
        cursor: Cursor | None = None,
    ) -> None:
        self.is_terminal = stream.is_terminal
        self.may_rewrite = stream.is_terminal and not accessible
        self._stream = stream
        self._colour = colour
        self._measure = width
        self._carries_the_answer = carries_the_answer
        self._fallbacks = _missing_in(stream.encoding) if stream.is_terminal else {}
        self.has_ended = False
        self._rewritten = ""
        self._drawn_at = 0
        self._cursor = cursor or Cursor()

    @property
    def width(self) -> int:
        """The columns that a line may fill."""
        return self._measure()

    @property
    def rewritable(self) -> int:
        """The columns that a line may fill which is rewritten."""
        return self.width - _LEFT_FREE

    def paint(self, text: str, look: str) -> str:
        """`text`, looking as told where this stream has colours."""
        return f"\x1b[{look}m{text}\x1b[0m" if self._colour and look and text else text

    def safe(self, text: str) -> str:
        """What others wrote, for a part of a line: with nothing that a terminal would obey, or that ends a line."""
        from cli.terminal.escape_filter import harmless_line

        return self.translated(harmless_line(text))

    def translated(self, text: str) -> str:
        """A text as this terminal can show it, to be measured before it is laid out."""
        return text.translate(self._fallbacks)

    def write(self, text: str) -> None:
        """Write at once; a line that was being rewritten is erased first."""
        with self._cursor.lock:
            self.erase()
            if text:  # noted before it is written: Ctrl-C may come in between
                self._cursor.is_in_line = self.is_terminal and not text.endswith("\n")
            self._put(text)

    def line(self, text: str = "", look: str = PLAIN) -> None:
        """Write a line; one that another text has begun is ended first."""
        self._write_lines(self.paint(text, look) + "\n")

    def end_line(self) -> None:
        """End the line; at a terminal only where something stands in it."""
        with self._cursor.lock:
            if self._cursor.is_in_line or not self.is_terminal:
                self.write("\n")

    def was_entered(self) -> None:
        """Somebody has ended the line with Enter."""
        self._cursor.is_in_line = False

    def sentence(self, *parts: Segment | str, indent: str = _FURTHER_IN) -> None:
        """Write a line; at a terminal it is broken between words, so that it is no wider than that; no command is.

        indent: what begins a line on which it goes on.
        """
        segments = [(part, PLAIN) if isinstance(part, str) else part for part in parts]
        if not self.is_terminal:
            self._write_lines("".join(self.paint(*each) for each in segments) + "\n")
            return
        shown = [self._shown(each) for each in segments]
        lines = wrapped_segments(shown, self.width, indent)
        self._write_lines("".join("".join(self.paint(*each) for each in line) + "\n" for line in lines))

    def rewrite(self, segments: Sequence[Segment]) -> None:
        """Show a line that can be rewritten, in place of the one before; cut to the width."""
        with self._cursor.lock:
            width = self.rewritable
            shown = [(self.translated(text), look) for text, look in segments]
            painted = "".join(self.paint(*each) for each in cut_segments(shown, width))
            if painted != self._rewritten or width != self._drawn_at:
                if not self._rewritten:
                    self._end_begun()
                self._put(f"\r\x1b[K{painted}")
                self._rewritten, self._drawn_at = painted, width

    def erase(self) -> None:
        """Take the line away that was being rewritten."""
        with self._cursor.lock:
            if self._rewritten:
                self._rewritten = ""
                self._put("\r\x1b[K")

    def start_afresh(self, stop: KeyboardInterrupt) -> None:
        """Begin a line after Ctrl-C, once for each: the terminal may have shown `^C` where the cursor stands."""
        with self._cursor.lock:
            if not self.is_terminal or self._cursor.stop is stop:
                return
            self._cursor.stop, self._rewritten = stop, ""
            if self._cursor.is_in_line:
                self.write("\n")
            elif self.may_rewrite:
                self._put("\r\x1b[K")
            elif not isinstance(stop, Terminated):  # of which a terminal shows nothing
                self.write("\n")

    def _shown(self, segment: Segment) -> Segment:
        """A segment as this terminal can show it."""
        text, look = self.translated(segment[0]), segment[1]
        return Command(text, look) if isinstance(segment, Command) else (text, look)

    def _write_lines(self, text: str) -> None:
        with self._cursor.lock:
            self._end_begun()
            self.write(text)

    def _end_begun(self) -> None:
        if self.is_terminal:
            self.end_line()

    def _put(self, text: str) -> None:
        if self.is_terminal:
            data = self.translated(text).encode(self._stream.encoding, errors="replace")
        else:
            data = text.encode(errors="replace")
        try:
            _write_all(self._stream, data)
        except BrokenPipeError:
            if self._carries_the_answer:
                raise ReaderGone from None
        except OSError as error:
            if error.errno == errno.EIO and self.is_terminal:  # it was closed, and the signal was ignored
                if self._carries_the_answer:
                    raise Terminated(Verdict.HUNG_UP) from None
            elif self._carries_the_answer:
                raise Failure("cannot write to stdout", why=error.strerror, verdict=Verdict.UNEXPECTED) from error


def screens(environment: Environment, colour: str) -> tuple[Screen, Screen]:
    """The screens of stdout and of stderr, judged apart; `colour` is the flag `--color`."""
    terminal = Cursor()

    def screen(stream: Stream, carries_the_answer: bool) -> Screen:
        return Screen(
            stream,
            colour=environment.colours(stream, colour),
            accessible=environment.is_accessible,
            width=lambda: environment.width,
            carries_the_answer=carries_the_answer,
            cursor=terminal if stream.is_terminal else None,
        )

    return screen(environment.stdout, True), screen(environment.stderr, False)


def _missing_in(encoding: str) -> dict[int, str]:
    """What to write instead of those of our own characters that an encoding lacks."""
    lacks = {}
    for character, instead in _FALLBACKS.items():
        try:
            character.encode(encoding)
        except UnicodeEncodeError:
            lacks[ord(character)] = instead
    return lacks


def _write_all(stream: Stream, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = cast("int | None", stream.bytes.write(view))
        if written is None:  # somebody made the pipe non-blocking, and it is full
            import select

            select.select([], [stream.bytes], [])
        else:
            view = view[written:]
    stream.bytes.flush()
