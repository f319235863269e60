"""The escape filter: each case whole, character by character, and at every split."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.terminal.escape_filter import EscapeFilter, harmless, harmless_line

CASES = {
    "plain text": ("blue sky", "blue sky"),
    "lines and tabs": ("a\n\tb\n", "a\n\tb\n"),
    "other scripts and emoji": ("schön 你好 🌍 ‍עברית", "schön 你好 🌍 ‍עברית"),
    "controls": ("a\x00\x07\x08\x0b\x0c\r\x0e\x1f\x7fb", "ab"),
    "CSI, a colour": ("a\x1b[31mred\x1b[0mb", "aredb"),
    "CSI with private and intermediate": ("\x1b[?25l\x1b[1 qx", "x"),
    "CSI cut off by a letter of another script": ("\x1b[3é", "é"),
    "CSI, unterminated": ("a\x1b[31", "a"),
    "CSI begun anew": ("\x1b[3\x1b[31mx", "x"),
    "OSC, a title": ("a\x1b]0;title\x07b", "ab"),
    "OSC ended by ST": ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
    "OSC, unterminated": ("a\x1b]52;c;cm0gLXJm", "a"),
    "OSC, unterminated, costs a line": ("a\x1b]0;title\nnext", "a\nnext"),
    "OSC cancelled": ("\x1b]0;ti\x18x\x1b]0;ti\x1ay", "xy"),
    "OSC broken off by another sequence": ("\x1b]0;ti\x1b[31mx", "x"),
    "DCS": ("\x1bPq#0;2\x1b\\x", "x"),
    "APC, PM, SOS": ("\x1b_a\x1b\\\x1b^b\x1b\\\x1bXc\x1b\\x", "x"),
    "two-character sequences": ("\x1bc\x1b7\x1b=x", "x"),
    "with an intermediate": ("\x1b(0\x1b#8x", "x"),
    "ESC before text of another script": ("\x1bé", "é"),
    "a lone ESC at the end": ("a\x1b", "a"),
    "ESC ESC": ("\x1b\x1b[31mx", "x"),
    "C1: CSI": ("\x9b31mx", "x"),
    "C1: OSC ended by C1 ST": ("\x9d0;title\x9cx", "x"),
    "C1: DCS, APC, PM, SOS": ("\x90a\x9c\x9fb\x9c\x9ec\x9c\x98d\x9cx", "x"),
    "C1: others": ("\x84\x85\x8ex", "x"),
    "bidirectional overrides": ("\u202eevil\u202c \u2066x\u2069", "<U+202E>evil<U+202C> <U+2066>x<U+2069>"),
    "tags and separators": ("a\U000e0041\u2028b\ufff9", "a<U+E0041><U+2028>b<U+FFF9>"),
    "halves of surrogate pairs": ("a\ud83cb", "a?b"),
    "marks that scripts need": ("\u200e\u200c\u00ad\ufeffx", "\u200e\u200c\u00ad\ufeffx"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_case(text: str, expected: str) -> None:
    assert harmless(text) == expected
    by_character = EscapeFilter()
    assert "".join(by_character.feed(character) for character in text) == expected
    for split in range(len(text) + 1):
        halves = EscapeFilter()
        assert halves.feed(text[:split]) + halves.feed(text[split:]) == expected


SUSPECTS = "a\n\t\r\x1b[]31;mP\\\x07\x08\x18\x1a\x90\x9b\x9c\x9d\u202e\u2067\U000e0041\ud800é"


@given(st.text(st.sampled_from(SUSPECTS) | st.characters(), max_size=80), st.lists(st.integers(0, 80), max_size=8))
def test_for_any_text_in_any_pieces(text: str, cuts: list[int]) -> None:
    at = sorted({0, len(text), *(each for each in cuts if each < len(text))})
    in_pieces = EscapeFilter()
    safe = harmless(text)
    assert "".join(in_pieces.feed(text[begin:end]) for begin, end in pairwise(at)) == safe
    assert not {each for each in safe if unicodedata.category(each) in ("Cc", "Cs")} - {"\n", "\t"}
    assert not re.search("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]", safe)


def test_nothing_that_a_terminal_obeys_comes_through() -> None:
    every = "".join(map(chr, range(0x100))) + "".join(map(chr, range(0x2000, 0x2070)))
    for first in every:
        dirty = harmless("".join(f"{first}{second}x" for second in every))
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", dirty)


def test_text_for_one_line_stays_in_it() -> None:
    assert harmless_line("two \n\n lines\x1b[2J\tand  blanks\n") == "two lines and  blanks"
