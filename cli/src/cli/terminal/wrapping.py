"""Lines broken between words, as the words come. This file writes nothing.

Near the end of a line a word is held back until it is whole. Where there is room it is written as it
comes; the few that turn out longer than that room are broken by the terminal, as those wider than a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby

from cli.terminal.columns import columns
from cli.terminal.screen import PLAIN
from cli.terminal.segments import Segment

_WIDE = (
    "\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\U00020000-\U0003fffd"
)
_PARTS = re.compile(f"[ \t]+|[{_WIDE}]|[^ \t{_WIDE}]+")
_IS_WIDE = re.compile(f"[{_WIDE}]")
# Punctuation that clings to what stands before it, and small kana; and what clings to what follows.
_NEVER_FIRST = frozenset(
    "\u3001\u3002\uff0c\uff0e\u30fb\uff1a\uff1b\uff1f\uff01\uff09\u300d\u300f\u3011\u3009\u300b\u3015\uff3d\uff5d\u30fc"
    "\u3041\u3043\u3045\u3047\u3049\u3063\u3083\u3085\u3087\u30a1\u30a3\u30a5\u30a7\u30a9\u30c3\u30e3\u30e5\u30e7"
    ",.:;?!)]}%\"'\u2019\u201d\u2026"
)
_NEVER_LAST = frozenset("\uff08\u300c\u300e\u3010\u3008\u300a\u3014\uff3b\uff5b([{\u201c\u2018")
_TAB = 8
_LONG_WORD = 24
"""Columns that hardly any word fills."""


class Wrapping:
    """Segments in, segments with line breaks among them out.

    width: the columns that a line may fill, asked anew for each.
    indent: what a line begins with that goes on where one is broken.
    """

    def __init__(self, width: Callable[[], int]) -> None:
        self._measure = width
        self._width = 0
        self.indent: list[Segment] = []
        self._written: list[Segment] = []
        self._column = 0
        self._has_words = False
        self._blanks, self._blanks_look = "", PLAIN
        self._word: list[Segment] = []
        self._word_columns = 0
        self._last = ""  # the last character of the word so far
        self._goes_on = False  # whether its beginning is written already

    def add(self, text: str, look: str) -> None:
        """More of the line."""
        for part in _PARTS.findall(text):
            if part[0] in " \t":
                self.finish_word()
                self._blanks, self._blanks_look = self._blanks + part, look
                if self._has_room():
                    self._put_blanks()
            else:
                self._begin_word(part)
                self._add_to_word(part, look)

    def add_whole(self, text: str, look: str) -> None:
        """The same where its words are known to their ends: none is begun in a line that is too short for it."""
        for part in _PARTS.findall(text):
            if part[0] in " \t":
                self.add(part, look)
            else:
                self._begin_word(part, columns(part))
                self._add_to_word(part, look)

    def verbatim(self, text: str, look: str) -> None:
        """More of the line, which isn't broken."""
        self.finish_word()
        self._put_blanks()
        self._put(text, look)

    def newline(self) -> None:
        """The line ends."""
        self.finish_word()
        self._blanks = ""
        self._break()
        self.indent = []

    def finish_word(self) -> None:
        """The word ends."""
        if self._word:
            self._put_word()
        self._last = ""
        self._goes_on = False

    def taken(self) -> list[Segment]:
        """What is to be written by now; it isn't given again."""
        written, self._written = self._written, []
        return [("".join(text for text, _ in same), look) for look, same in groupby(written, lambda each: each[1])]

    def _begin_word(self, part: str, known: int = 0) -> None:
        """A word begins, unless this belongs to the one before. known: the columns that it has at least."""
        if self._last and self._may_break_before(part):
            self.finish_word()
        if not self._last:
            self._goes_on = self._has_room(known)

    def _add_to_word(self, part: str, look: str) -> None:
        self._last = part[-1]
        self._word.append((part, look))
        self._word_columns += columns(part)
        if self._goes_on or self._word_columns >= self._line_width():
            self._put_word()
            self._goes_on = True

    def _has_room(self, known: int = 0) -> bool:
        """Whether any word but a very long one fits into the line, behind so many columns that are known of it."""
        width = self._line_width()
        return self._column + columns(self._blanks) + known + min(_LONG_WORD, width // 2) <= width

    def _may_break_before(self, part: str) -> bool:
        """Whether a word may end here without a blank, as it may between the characters of Chinese."""
        if part[0] in _NEVER_FIRST or self._last in _NEVER_LAST or not columns(part[0]):
            return False
        return bool(_IS_WIDE.match(part) or _IS_WIDE.match(self._last))

    def _put_word(self) -> None:
        """Write the word, on a line of its own where it doesn't fit into this one any more."""
        filled = self._column + columns(self._blanks) + self._word_columns
        if self._has_words and not self._goes_on and filled > self._line_width():
            self._break()
            self._blanks = ""
            if sum(columns(text) for text, _ in self.indent) <= self._line_width() // 2:
                for segment in self.indent:
                    self._put(*segment)
        self._put_blanks()
        for segment in self._word:
            self._put(*segment)
        self._word, self._word_columns = [], 0
        self._has_words = True

    def _put_blanks(self) -> None:
        blanks, self._blanks = self._blanks, ""
        self._put(blanks, self._blanks_look)

    def _put(self, text: str, look: str) -> None:
        if not text:
            return
        self._written.append((text, look))
        *before_tabs, last = text.split("\t")
        for part in before_tabs:
            self._column = (self._column + columns(part)) // _TAB * _TAB + _TAB
        self._column += columns(last)
        width = self._line_width()
        if self._column > width:  # the terminal has broken it
            self._column = (self._column - 1) % width + 1

    def _break(self) -> None:
        self._written.append(("\n", PLAIN))
        self._column, self._width = 0, 0
        self._has_words = False

    def _line_width(self) -> int:
        if not self._width:
            self._width = max(self._measure(), 1)
        return self._width
