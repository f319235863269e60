"""Makes text from a server or a model safe for a terminal: no escape sequences, no control characters.

Stateful, so that a sequence split over two pieces is taken out too. This file writes nothing.

Line feeds and tabs stay. Carriage returns, backspaces and all other controls are taken out: what was
written is never written over. What changes the order in which text is read is shown by its number,
`<U+202E>`, and so is what carries text that nobody sees: tags, the selectors of variants that only few
fonts have, separators of lines, annotations.
Joiners, direction marks and zero-width spaces stay: scripts and emoji need them, and they hide nothing.
A half of a surrogate pair, which no encoding can write, is shown as `?`.
"""

from __future__ import annotations

import re
from enum import Enum

_NUMBERED = "\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\U000e0000-\U000e01ef"
# Compiled when a text first needs them: most are plain.
_SHOWN_BY_NUMBER = f"[{_NUMBERED}]"
_SUSPECT = f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{_NUMBERED}]"
_KEPT = "\n\t"
_BREAKING_OFF = "\n\x18\x1a"
"""Line feed, and the two controls that cancel a sequence."""

_STRING_OPENERS = "]PX^_"
_C1_STRINGS = "\x90\x98\x9d\x9e\x9f"


class _State(Enum):
    """Where in a sequence the text stands."""

    TEXT = "outside of any"
    ESCAPE = "after ESC"
    INTERMEDIATE = "after ESC and an intermediate"
    CSI = "in ESC [ …"
    STRING = "in an OSC, DCS, SOS, PM or APC"
    STRING_ESCAPE = "after an ESC in one of these"


def _is_plain(text: str) -> bool:
    """Whether a text is made of the letters that every terminal shows, and of no others."""
    return text.isascii() and text.isprintable()


class EscapeFilter:
    """Pieces of text in, pieces that a terminal may show out.

    An unterminated string sequence ends with its line, so it can't swallow the rest of an answer.
    """

    def __init__(self) -> None:
        self._state = _State.TEXT

    def feed(self, text: str) -> str:
        """What may be shown of the next piece. What follows a sequence that goes on is held back."""
        if self._state is _State.TEXT and (_is_plain(text) or not re.search(_SUSPECT, text)):
            return text
        return "".join(map(self._step, text))

    def _step(self, character: str) -> str:
        if character in _BREAKING_OFF:
            self._state = _State.TEXT
            return character if character in _KEPT else ""
        match self._state:
            case _State.TEXT:
                return self._in_text(character)
            case _State.ESCAPE:
                return self._after_escape(character)
            case _State.INTERMEDIATE:
                return self._until(character, " ", "/", "0", "~")
            case _State.CSI:
                return self._until(character, " ", "?", "@", "~")
            case _State.STRING | _State.STRING_ESCAPE:
                return self._in_string(character)

    def _in_text(self, character: str) -> str:
        self._state = _State.TEXT
        if character in _KEPT:
            return character
        if character == "\x1b":
            self._state = _State.ESCAPE
        elif character == "\x9b":
            self._state = _State.CSI
        elif character in _C1_STRINGS:
            self._state = _State.STRING
        elif re.match(_SHOWN_BY_NUMBER, character):
            return f"<U+{ord(character):04X}>"
        elif "\ud800" <= character <= "\udfff":
            return "?"
        elif not re.match(_SUSPECT, character):
            return character
        return ""

    def _after_escape(self, character: str) -> str:
        if character == "[":
            self._state = _State.CSI
        elif character in _STRING_OPENERS:
            self._state = _State.STRING
        elif " " <= character <= "/":
            self._state = _State.INTERMEDIATE
        elif "0" <= character <= "~":
            self._state = _State.TEXT
        else:
            return self._in_text(character)
        return ""

    def _until(self, character: str, low: str, high: str, first: str, last: str) -> str:
        """Goes on through `low` to `high`, ends with one of `first` to `last`; all else breaks it off."""
        if low <= character <= high:
            return ""
        if first <= character <= last:
            self._state = _State.TEXT
            return ""
        return self._in_text(character)

    def _in_string(self, character: str) -> str:
        if self._state is _State.STRING_ESCAPE:
            if character == "\\":
                self._state = _State.TEXT
                return ""
            self._state = _State.ESCAPE
            return self._after_escape(character)
        if character in "\x07\x9c":
            self._state = _State.TEXT
        elif character == "\x1b":
            self._state = _State.STRING_ESCAPE
        return ""


def harmless(text: str) -> str:
    """A text that is whole, with nothing in it that a terminal would obey."""
    return EscapeFilter().feed(text)


def harmless_line(text: str) -> str:
    """The same for text that belongs into one line: line breaks and tabs become blanks."""
    return re.sub(r"\s*[\n\t]\s*", " ", harmless(text)).rstrip()
