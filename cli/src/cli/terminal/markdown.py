"""Markdown at a terminal, while it is still being written: what is shown is never drawn again.

Each character is looked at a bounded number of times. What may turn out to be a mark is held back until
that is clear: to the end of its line, or a hundred characters, for a link three. What isn't one is shown as written.
Only the marks themselves go: `**`, `*`, `_`, backquotes, `#`, the brackets of a link.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cli.terminal.code_blocks import Fence, fence_in
from cli.terminal.screen import BOLD, DIM, PLAIN
from cli.terminal.spans import spans
from cli.terminal.wrapping import Wrapping

_LONGEST_BEGINNING = 200
"""Characters after which the beginning of a line is no longer a mark of any kind."""
_RULE_WIDTH = 79
_CODE_INDENT = 4

_QUOTE = re.compile(r"( {0,3})> ?")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]")
_ITEM = re.compile(r"([ \t]*)([-*+]|\d{1,9}[.)])([ \t])")
_RULE = re.compile(r" {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")

_UNDECIDED = re.compile(
    r"[ \t]*(?:#{1,6}|[-*+]|\d{1,9}[.)]?|>|`{1,2}|~{1,2}|(?P<rule>[-*_])(?:[ \t]*(?P=rule))*[ \t]*)?$"
)
"""What a line has begun with where the next character decides what it is."""

_BULLETS = "-*+"
_BAR = "│ "


class Markdown:
    """Pieces of text in, pieces for a terminal out; lines are broken between words.

    width: the columns that a line may fill; asked anew for each line.
    paint: makes a text look as it should.
    """

    def __init__(self, width: Callable[[], int], paint: Callable[[str, str], str]) -> None:
        self._width = width
        self._paint = paint
        self._lines = Wrapping(width)
        self._rest = ""
        self._begun = False  # whether it is settled what the line is
        self._before = ""
        self._verbatim = False
        self._look = PLAIN
        self._fence: Fence | None = None
        self._quoted = 0
        self._in_list = False
        self._after_blank = True

    def feed(self, text: str) -> str:
        """What is to be written by now."""
        *lines, last = text.split("\n")
        for line in lines:
            self._take(line, ends=True)
        self._take(last, ends=False)
        return self._written()

    def end(self) -> str:
        """What was held back."""
        self._go_on(ends=True)
        self._lines.finish_word()
        return self._written()

    def _take(self, text: str, *, ends: bool) -> None:
        self._rest += text
        if text or ends:
            self._go_on(ends=ends)
        if ends:
            self._lines.newline()
            self._begun = self._verbatim = False
            self._look, self._before = PLAIN, ""

    def _go_on(self, *, ends: bool) -> None:
        if not self._begun:
            self._begun = self._begin(ends=ends)
        if self._begun and self._rest:
            if self._verbatim:
                self._lines.verbatim(self._rest, self._look)
                self._rest = ""
            else:
                told, self._rest, self._before = spans(self._rest, self._look, self._before, whole=ends)
                for text, look, was_held in told:
                    (self._lines.add_whole if was_held else self._lines.add)(text, look)

    def _begin(self, *, ends: bool) -> bool:
        """Whether it can be said what this line is; what marks it is shown then."""
        line = self._rest
        is_long = len(line) >= _LONGEST_BEGINNING
        is_whole = ends and not is_long
        may_wait = not (ends or is_long)
        quoted = self._quotes(line)
        if quoted is None and may_wait:
            return False
        depth, at = quoted or (0, 0)
        inner = line[at:]
        if self._fence and depth >= self._quoted:
            if may_wait and not inner.strip(" \t" + self._fence.mark[0]):
                return False  # it may be the end of the block
            self._mark_quotes(depth)
            self._begin_code(inner, is_whole=is_whole)
        else:
            if may_wait and (_UNDECIDED.match(inner) or _is_fence_like(inner)):
                return False
            self._fence = None
            self._mark_quotes(depth)
            self._begin_text(inner, is_whole=is_whole)
        self._quoted = depth
        return True

    def _quotes(self, line: str) -> tuple[int, int] | None:
        """How often a line is quoted, and where what is quoted begins; None where that isn't clear yet."""
        depth = at = 0
        most = self._quoted if self._fence else _LONGEST_BEGINNING
        while depth < most and (found := _QUOTE.match(line, at)):
            depth, at = depth + 1, found.end()
        if depth < most and self._fence and not line[at:].strip(" "):
            return None
        return depth, at

    def _mark_quotes(self, depth: int) -> None:
        self._lines.indent = [(_BAR, DIM)] * depth
        for _ in range(depth):
            self._lines.verbatim(_BAR, DIM)

    def _begin_code(self, inner: str, *, is_whole: bool) -> None:
        """A line of a block of code, which may be its last."""
        self._rest, self._verbatim, self._look = inner, True, PLAIN
        if is_whole and self._fence and self._fence.ends_at(inner):
            self._fence, self._look, self._after_blank = None, DIM, True

    def _begin_text(self, inner: str, *, is_whole: bool) -> None:
        self._rest = inner
        indent = inner[: len(inner) - len(inner.lstrip(" \t"))]
        is_blank = is_whole and indent == inner
        item = _ITEM.match(inner)
        is_code = not is_blank and not item and self._is_code(indent)
        if is_whole and (fence := fence_in(inner)):
            self._fence, self._verbatim, self._look = fence, True, DIM
        elif is_whole and _RULE.match(inner):
            self._lines.verbatim("─" * min(self._width(), _RULE_WIDTH), DIM)
            self._rest = ""
        elif item:
            self._begin_item(item)
        elif heading := _HEADING.match(inner):
            self._rest, self._look = inner[heading.end() :], BOLD
        elif is_code or inner.startswith("|", len(indent)):
            self._verbatim = True
        elif is_blank:
            self._rest = ""
        else:
            self._lines.verbatim(indent, PLAIN)
            self._lines.indent = [*self._lines.indent, (indent, PLAIN)]
            self._rest = inner[len(indent) :]
        if not is_blank:
            self._in_list = bool(item) or (self._in_list and bool(indent))
        self._after_blank = is_blank or is_code

    def _is_code(self, indent: str) -> bool:
        """Whether a line so far in is code: in a list, it belongs to an item."""
        return self._after_blank and not self._in_list and len(indent.expandtabs(_CODE_INDENT)) >= _CODE_INDENT

    def _begin_item(self, item: re.Match[str]) -> None:
        indent, mark, blanks = item.groups()
        shown = "•" if mark in _BULLETS else mark
        self._lines.verbatim(f"{indent}{shown}{blanks}", PLAIN)
        self._lines.indent = [*self._lines.indent, (indent + " " * len(mark) + blanks, PLAIN)]
        self._rest = item.string[item.end() :]

    def _written(self) -> str:
        return "".join(self._paint(text, look) for text, look in self._lines.taken())


def _is_fence_like(text: str) -> bool:
    """Whether this may become a fence, which is clear at the end of its line."""
    return text.lstrip(" \t").startswith(("```", "~~~"))
