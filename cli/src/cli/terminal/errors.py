"""An error as a person reads it: what, the cause, what to try; and as a program does, as JSON."""

from __future__ import annotations

import re
from typing import NamedTuple

from cli.terminal.escape_filter import shown_in_line
from cli.terminal.screen import BOLD, DIM, RED, Screen

_URL = re.compile(r"https?://[^\s,()]+|unix:///[^\s,()]+")
_COMMAND = re.compile(r"\b(?:vuhitra|ollama|pip|cat) [^;,]*[^;,\s]")
_INDENT = "  "


class Report(NamedTuple):
    """All there is to say about an error. code, exit: see `cli.exit_status`."""

    what: str
    why: str | None
    hint: str | None
    code: str
    exit: int


def render(report: Report, screen: Screen) -> None:
    """Write an error in at most three lines, wrapped between words where the terminal is narrow."""
    _write(screen, "Error: ", RED, _bare(report.what), _URL)
    if report.why:
        _write(screen, _INDENT, "", _bare(report.why), None)
    if report.hint:
        _write(screen, f"{_INDENT}try: ", DIM, _bare(report.hint), _COMMAND)


def as_object(report: Report) -> dict[str, object]:
    """The error as the object that `--json` promises."""
    message = f"{report.what}: {report.why}" if report.why else report.what
    return {"code": report.code, "message": message, "hint": report.hint, "exit": report.exit}


def _write(screen: Screen, label: str, look: str, text: str, bold: re.Pattern[str] | None) -> None:
    lines = _wrapped(label + text, screen.width) if screen.is_terminal else [label + text]
    for number, line in enumerate(lines):
        head, rest = (label, line[len(label) :]) if number == 0 else ("", line)
        if bold is not None:
            rest = bold.sub(lambda found: screen.paint(found.group(), BOLD), rest)
        screen.line(screen.paint(head, look) + rest)


def _wrapped(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]
    from textwrap import wrap

    return wrap(
        text,
        width,
        subsequent_indent=2 * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def _bare(text: str) -> str:
    """One line, safe to show; the message of a server or a model's name may be part of it."""
    return shown_in_line(text)
