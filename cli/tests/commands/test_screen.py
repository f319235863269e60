"""A stream as a place to write on: columns, encodings, a line that is rewritten, and a screen that dies."""

from __future__ import annotations

import errno
import io
from typing import Any

import pytest

from cli.environment import Environment, Stream
from cli.exit_status import Verdict
from cli.failure import Failure, ReaderGone, Terminated
from cli.terminal.columns import columns, cut, fitted, wrapped
from cli.terminal.numbers import milliseconds
from cli.terminal.screen import BOLD, DIM, PLAIN, Screen, screens
from cli.terminal.segments import Command


@pytest.mark.parametrize(
    ("text", "filled"),
    [("", 0), ("abc", 3), ("模型", 4), ("e\u0301", 1), ("\u200b", 0), ("é", 1), ("❤\ufe0f", 2), ("🌍", 2), ("한", 2)],
)
def test_columns(text: str, filled: int) -> None:
    assert columns(text) == filled


@pytest.mark.parametrize(
    ("text", "most", "fits"),
    [
        ("abc", 2, "ab"),
        ("abc", -1, ""),
        ("模型", 4, "模型"),
        ("模型", 3, "模"),
        ("a模型", 3, "a模"),
        ("e\u0301e\u0301", 1, "e\u0301"),
        ("模", 0, ""),
    ],
)
def test_cut(text: str, most: int, fits: str) -> None:
    assert cut(text, most) == fits


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a short one", ["a short one"]),
        ("one two three four", ["one two", "  three", "  four"]),
        ("averyveryverylongword x", ["averyveryverylongword", "  x"]),
        ("模型 模型 模型", ["模型 模型", "  模型"]),
        ("  indented words here", ["  indented", "  words", "  here"]),
    ],
)
def test_wrapped(text: str, lines: list[str]) -> None:
    assert wrapped(text, 11, "  ") == lines


def test_fitted_breaks_long_lines_alone() -> None:
    assert fitted("short\n  a line too long\n", 10) == "short\n  a line\n      too\n      long\n"


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (27, ["  try: vuhitra models list,", "    or not at all"]),
        (20, ["  try:", "    vuhitra models list,", "    or not at all"]),
        (9, ["  try:", "    vuhitra models list,", "    or", "    not", "    at", "    all"]),
    ],
)
def test_no_line_is_broken_within_a_command(width: int, lines: list[str]) -> None:
    written = io.BytesIO()
    screen = Screen(Stream(written, is_terminal=True), width=lambda: width)
    screen.sentence("  try: ", Command("vuhitra models list", BOLD), ", or not at all")
    assert written.getvalue().decode().splitlines() == lines


def test_a_command_is_what_the_encoding_can_show() -> None:
    written = io.BytesIO()
    Screen(Stream(written, is_terminal=True, encoding="ascii")).sentence(Command('vuhitra chat "…"', PLAIN))
    assert written.getvalue() == b'vuhitra chat "..."\n'


def drawn(screen: Screen, written: io.BytesIO) -> str:
    before = len(written.getvalue())
    screen.rewrite([("模型 ", BOLD), ("is loading", DIM), (" now", PLAIN)])
    return written.getvalue()[before:].decode()


def test_a_rewritten_line_is_cut_and_written_again_only_when_it_changed() -> None:
    written, width = io.BytesIO(), [79]
    screen = Screen(Stream(written, is_terminal=True), width=lambda: width[0])
    assert drawn(screen, written) == "\r\x1b[K模型 is loading now"
    assert drawn(screen, written) == ""
    width[0] = 9
    assert drawn(screen, written) == "\r\x1b[K模型 i"
    width[0] = 5
    assert drawn(screen, written) == "\r\x1b[K模"
    screen.line("x")
    assert written.getvalue().endswith(b"\r\x1b[Kx\n")


def test_what_an_encoding_cannot_show_is_never_an_error() -> None:
    for encoding, shown in (("ascii", "... - ok #|? ?"), ("latin-1", "... · ok #|? ?"), ("cp437", "... · ok #|? ?")):
        written = io.BytesIO()
        Screen(Stream(written, is_terminal=True, encoding=encoding)).write("… · ✓ ━⠋\ud800 你")
        assert written.getvalue().decode(encoding) == shown
    pipe = io.BytesIO()
    Screen(Stream(pipe, encoding="ascii")).write("… 你\r\n")
    assert pipe.getvalue() == "… 你\r\n".encode()


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.0041, "4 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (1.49, "1.5 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (75, "1 min 15 s"),
    ],
)
def test_short_times(seconds: float, written: str) -> None:
    assert milliseconds(seconds) == written


class Dead(io.BytesIO):
    """A stream whose other end has gone."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, data: Any) -> int:
        raise OSError(self._number, "gone")


def at_one_terminal(*, accessible: bool = False) -> tuple[Screen, Screen, io.BytesIO]:
    """The screens of stdout and of stderr on the same terminal, and what is written there."""
    written = io.BytesIO()
    stream = Stream(written, is_terminal=True)
    variables = {"VUHITRA_ACCESSIBLE": "1"} if accessible else {}
    return *screens(Environment(Stream(io.BytesIO()), stream, stream, variables), "never"), written


def test_a_whole_line_ends_what_another_has_begun() -> None:
    out, err, written = at_one_terminal()
    out.write("Hello world")
    err.line("info: answered")
    out.end_line()
    err.write("thinking")
    err.sentence("info: more")
    assert written.getvalue() == b"Hello world\ninfo: answered\nthinking\ninfo: more\n"


def test_a_line_in_a_file_ends_nothing_at_a_terminal() -> None:
    out, err = io.BytesIO(), io.BytesIO()
    environment = Environment(Stream(io.BytesIO()), Stream(out, is_terminal=True), Stream(err))
    answer, log = screens(environment, "never")
    answer.write("Hello ")
    log.line("info: answered")
    answer.write("world")
    answer.end_line()
    assert (out.getvalue(), err.getvalue()) == (b"Hello world\n", b"info: answered\n")


@pytest.mark.parametrize(
    ("accessible", "stop", "begun", "stands"),
    [
        (False, KeyboardInterrupt(), "Sure? ", "Sure? \n"),
        (True, KeyboardInterrupt(), "Sure? ", "Sure? \n"),
        (False, KeyboardInterrupt(), "said\n", "said\n\r\x1b[K"),
        (True, KeyboardInterrupt(), "said\n", "said\n\n"),
        (False, Terminated(Verdict.TERMINATED), "Sure? ", "Sure? \n"),
        (True, Terminated(Verdict.TERMINATED), "Sure? ", "Sure? \n"),
        (True, Terminated(Verdict.TERMINATED), "said\n", "said\n"),
    ],
)
def test_after_ctrl_c_a_line_begins_once(accessible: bool, stop: KeyboardInterrupt, begun: str, stands: str) -> None:
    out, err, written = at_one_terminal(accessible=accessible)
    out.write(begun)
    err.start_afresh(stop)
    err.start_afresh(stop)
    assert written.getvalue().decode() == stands


@pytest.mark.parametrize("number", [errno.EIO, errno.EPIPE, errno.EBADF])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_nobody_is_told_that_stderr_died(number: int, is_terminal: bool) -> None:
    Screen(Stream(Dead(number), is_terminal)).line("to nobody")


def test_a_stdout_that_died_ends_the_command() -> None:
    def write(number: int, is_terminal: bool) -> None:
        Screen(Stream(Dead(number), is_terminal), carries_the_answer=True).line("to nobody")

    with pytest.raises(ReaderGone):
        write(errno.EPIPE, is_terminal=False)
    with pytest.raises(Terminated) as hung_up:
        write(errno.EIO, is_terminal=True)
    assert hung_up.value.verdict is Verdict.HUNG_UP
    with pytest.raises(Failure, match="cannot write to stdout"):
        write(errno.ENOSPC, is_terminal=False)
