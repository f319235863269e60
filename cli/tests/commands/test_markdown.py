"""Markdown at a terminal: each construct, what only looks like one, and what holds for any text in any pieces."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from itertools import cycle, islice, pairwise
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cli.terminal import code_blocks, markdown, spans, wrapping
from cli.terminal.columns import columns
from cli.terminal.markdown import Markdown

NAMES = {"1": "B", "2": "D", "36": "C", "1;36": "BC"}
MARKS = "*_`#[]()\\>-+~|•│─"


def paint(text: str, look: str) -> str:
    """A text with what it looks like around it, to be read in a test."""
    return f"«{NAMES[look]}:{text}»" if look else text


def rendered(*pieces: str, width: int = 60) -> str:
    markdown = Markdown(lambda: width, paint)
    return "".join([*map(markdown.feed, pieces), markdown.end()])


def looks(*pieces: str, width: int = 20) -> list[tuple[str, str]]:
    """Each character that is shown, and what it looks like."""
    seen: list[tuple[str, str]] = []
    markdown = Markdown(lambda: width, lambda text, look: seen.extend((each, look) for each in text) or "")  # type: ignore[func-returns-value]
    for piece in pieces:
        markdown.feed(piece)
    markdown.end()
    return seen


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# A heading", "«B:A heading»"),
        ("### With `code`\ntext", "«B:With »«BC:code»\ntext"),
        ("so **bold** it is", "so «B:bold» it is"),
        ("**a whole line**", "«B:a whole line»"),
        ("*i* and _j_ and ***k***", "«B:i» and «B:j» and «B:k»"),
        ("**bold with `code` in it**", "«B:bold with »«BC:code»«B: in it»"),
        ("`code` and ``a ` b``", "«C:code» and «C:a ` b»"),
        ("(**in brackets**), *end*.", "(«B:in brackets»), «B:end»."),
        ("这是**粗体**文字", "这是«B:粗体»文字"),
        ("- one\n* two\n  + deeper", "• one\n• two\n  • deeper"),
        ("1. one\n2) two", "1. one\n2) two"),
        ("> said\n> > twice", "«D:│ »said\n«D:│ │ »twice"),
        ("see [the **page**](http://x.y/z).", "see the «B:page»«D: (http://x.y/z)»."),
        ("[a](http://b \"a title\") and [c](d 'e')", "a«D: (http://b \"a title\")» and c«D: (d 'e')»"),
        ("[Foo](https://x/Foo_(bar)), [b](c)", "Foo«D: (https://x/Foo_(bar))», b«D: (c)»"),
        ("a\n---\nb", f"a\n«D:{'─' * 60}»\nb"),
        ("```py\nx = **y**\n```\n*z*", "«D:```py»\nx = **y**\n«D:```»\n«B:z»"),
        ("~~~\n```\n~~~", "«D:~~~»\n```\n«D:~~~»"),
        ("````\n```\n````", "«D:````»\n```\n«D:````»"),
        ("> ```\n> __init__\n> ```\n> *x*", "«D:│ ```»\n«D:│ »__init__\n«D:│ ```»\n«D:│ »«B:x»"),
        ("- a\n\n  ```\n  __x__\n  ```", "• a\n\n«D:  ```»\n  __x__\n«D:  ```»"),
        ("text\n\n    x = __y__\n    **z", "text\n\n    x = __y__\n    **z"),
        ("- a\n\n    *b*", "• a\n\n    «B:b»"),
        ("| a | *b* |\n|---|---|", "| a | *b* |\n|---|---|"),
        (r"\*no\* and \`no\`", "*no* and `no`"),
    ],
)
def test_what_is_marked(text: str, shown: str) -> None:
    assert rendered(text) == shown
    assert looks(*text, width=60) == looks(text, width=60)


@pytest.mark.parametrize(
    "text",
    [
        "2 * 3 * 4", "2*3*4 and 2**3**4", "snake_case_names and __dunder", "an unclosed **bold", "*", "**", "`", "``x`",
        "f(*args, **kwargs)", "*.py and *.txt", "/* a comment */", "#hashtag", "#", "1.5 is not 2.5", "-5 and -x", "+1",
        "a [list] of (things)", "[x] done", "[a](b c)", '[a](b "c)', "[a](b(c)", "[a]( 'b')", "[open",
        "`open", "a < b > c", "C:\\new\\dir", "a\\", "~~no~~",
        "___x", "====", "--", "1234567890. no", "___init___x", "~", "$\\alpha_1 + \\beta_2$",
    ],
)  # fmt: skip
def test_what_only_looks_marked_stays_as_it_is(text: str) -> None:
    assert rendered(text) == text
    assert rendered(*text) == text
    assert rendered(f"{text}\nnext") == f"{text}\nnext"


def test_lines_are_broken_between_words() -> None:
    text = "- one two three four five\n> six seven eight nine ten\n"
    assert rendered(text, width=16) == "• one two three\n  four five\n«D:│ »six seven\n«D:│ »eight nine ten\n"


def test_code_and_tables_are_not_broken() -> None:
    line = "a line of many words, longer than the screen"
    assert rendered(f"```\n{line}\n```", width=20) == f"«D:```»\n{line}\n«D:```»"
    assert rendered(f"| {line} |", width=20) == f"| {line} |"


def test_wide_characters_are_counted_and_need_no_blanks() -> None:
    assert rendered("模型" * 6 + "。", width=8) == "模型模型\n模型模型\n模型模\n型。"


def test_a_word_wider_than_the_screen_is_the_terminals_to_break() -> None:
    assert rendered("see " + "x" * 30 + " and more", width=20) == f"see {'x' * 30} and\nmore"


@pytest.mark.parametrize("text", ["`{}`", "**{}**", "[at]({})", "[{}](x)"])
def test_what_was_held_back_begins_no_line_that_is_too_short_for_it(text: str) -> None:
    address = "http://x.y/" + "z" * 24
    shown = re.sub("[«»]|[BDC]+:", "", rendered(f"it stands here {text.format(address)}. So", width=48))
    assert all(len(line) <= 48 for line in shown.splitlines())
    assert shown.splitlines()[1].lstrip("(").startswith(address)


def test_the_width_is_asked_anew_for_each_line() -> None:
    widths = iter([20, 10, 40, 40])
    markdown = Markdown(lambda: next(widths), paint)
    text = "aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii"
    assert markdown.feed(text) + markdown.end() == "aaaa bbbb cccc dddd\neeee ffff\ngggg hhhh iiii"


def test_a_word_is_seen_as_it_comes_where_there_is_room() -> None:
    markdown = Markdown(lambda: 60, paint)
    assert markdown.feed("The ") == "The "
    assert markdown.feed("sea wa") == "sea wa"
    assert markdown.feed("s **calm") == "s "
    assert markdown.feed("**!") == "«B:calm»!"


@pytest.mark.parametrize("mark", ["**", "*", "`", "``", "_", "[", "**a *b", "[x] `"])
def test_no_more_than_a_hundred_characters_are_held_back_for_a_mark(mark: str) -> None:
    markdown = Markdown(lambda: 60, paint)
    shown = ""
    for count, character in enumerate(text := mark + "word " * 200, 1):
        shown += markdown.feed(character)
        assert len(shown) >= count - 110
    assert (shown + markdown.end()).split() == text.split()


@pytest.mark.parametrize("mark", ["[x](", "[x](y ", '[x](y "', "[x](y(", "```py ", "- " * 50, "#" * 50])
def test_no_more_than_a_few_hundred_are_held_back_for_anything_else(mark: str) -> None:
    text = mark + "word-" * 200
    shown = Markdown(lambda: 60, paint).feed(text)
    assert len(shown) > len(text) - 350


TEXT = st.text(st.sampled_from(f"ab c\n\n\t{MARKS}1.)模é") | st.characters(exclude_categories=["C", "Z"]), max_size=200)


@given(TEXT, st.lists(st.integers(0, 200)), st.integers(1, 40))
@example("a **b* c** `d", [3], 10)
@example('[a](b "c" [d](e(f)g "h")', [6, 12, 20], 10)
@example("> ```\na\n> ```", [1, 4], 10)
def test_pieces_make_no_difference(text: str, cuts: list[int], width: int) -> None:
    at = sorted({0, len(text), *(each for each in cuts if each < len(text))})
    pieces = [text[begin:end] for begin, end in pairwise(at)]
    assert looks(*pieces, width=width) == looks(text, width=width)
    assert looks(*text, width=width) == looks(text, width=width)


@given(TEXT, st.integers(1, 40))
def test_nothing_is_lost_but_marks(text: str, width: int) -> None:
    shown = "".join(character for character, _ in looks(text, width=width))
    blank_or_mark = f"[\\s{re.escape(MARKS)}]"
    assert re.sub(blank_or_mark, "", shown) == re.sub(blank_or_mark, "", text)


@given(st.text(st.sampled_from("ab  \n模é,."), max_size=200), st.integers(1, 40))
def test_without_marks_nothing_is_lost_and_nothing_is_wider_than_the_screen(text: str, width: int) -> None:
    shown = "".join(character for character, _ in looks(text, width=width))
    assert "".join(shown.split()) == "".join(text.split())
    for line in shown.split("\n"):
        assert columns(line) <= width or len(line.split()) == 1 or len(max(line.split(), key=len)) > min(24, width // 2)


class Counted:
    """A pattern that tells how many characters it looks at, or may have looked at where it finds nothing."""

    def __init__(self, pattern: re.Pattern[str], tell: Callable[[int], object]) -> None:
        self._pattern = pattern
        self._tell = tell

    def search(self, text: str, begin: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        return self._told(self._pattern.search(text, begin, end), min(len(text), end) - begin)

    def match(self, text: str, begin: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        return self._told(self._pattern.match(text, begin, end), min(len(text), end) - begin)

    def findall(self, text: str) -> list[Any]:
        self._tell(len(text))
        return self._pattern.findall(text)

    def _told(self, found: re.Match[str] | None, most: int) -> re.Match[str] | None:
        self._tell(found.end() - found.pos if found else most)
        return found


def count_searched(monkeypatch: pytest.MonkeyPatch, tell: Callable[[int], object]) -> None:
    """Have all patterns of Markdown tell what they look at."""
    for module in (code_blocks, markdown, spans, wrapping):
        for name, value in list(vars(module).items()):
            if isinstance(value, re.Pattern):
                monkeypatch.setattr(module, name, Counted(value, tell))
            elif name == "_COUNTERPARTS":
                monkeypatch.setattr(module, name, {marks: Counted(each, tell) for marks, each in value.items()})
    monkeypatch.setattr(spans, "re", SimpleNamespace(compile=lambda pattern: Counted(re.compile(pattern), tell)))


@pytest.mark.parametrize(
    "text",
    ["some words and **more** of `them`. ", "**", "`", "[", "*a ", "> ", "\\", "x", "#", "-"]
    + [pytest.param(mark + "word " * 4_000, id=f"{mark} and no end") for mark in ("**", "`", "[", "[x](", '[x](y "')],
)
def test_the_cost_grows_with_the_length_and_no_faster(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spent: list[int] = []

    def step(_frame: FrameType, _event: str, _argument: object) -> Any:
        spent.append(1)
        return step

    def steps(size: int) -> int:
        """How many lines of Python it takes to show so much text in small pieces, and characters searched."""
        whole = "".join(islice(cycle(text), size))
        pieces = [whole[begin : begin + 4] for begin in range(0, size, 4)]
        spent.clear()
        shown = Markdown(lambda: 80, paint)
        before = sys.gettrace()
        sys.settrace(step)
        try:
            for piece in pieces:
                shown.feed(piece)
            shown.end()
        finally:
            sys.settrace(before)
        return sum(spent)

    count_searched(monkeypatch, spent.append)
    steps(1_000)
    assert steps(20_000) < 12 * steps(2_000)
