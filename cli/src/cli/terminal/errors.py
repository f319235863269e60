"""An error as a person reads it: what, the cause, what to try; and as a program does, as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from cli.exit_status import Verdict
from cli.terminal.escape_filter import harmless_line
from cli.terminal.screen import BOLD, DIM, PLAIN, RED, Screen
from cli.terminal.segments import Command, Segment

_URL_OR_COUNT = re.compile(
    r"(?:https?://|unix:///)[^\s,()'\"]+(?<![:;.])|\b\d[\d,]{0,15}(?= tokens\b)|(?<=window is )\d[\d,]*\d"
)
_WORD = r"""(?:'[^']*'|"[^"]*"|[^\s;,]|,(?=\S))++"""
"""A word as a shell reads it: what stands in quotes may hold anything."""
_PROGRAMS = "vuhitra|ollama|pip|cat|curl|docker|export|iconv|journalctl|openssl"
_COMMAND = re.compile(rf"\b(?:[A-Z_]+=[^\s;,]+ )*(?:{_PROGRAMS})(?: +{_WORD})+")
_INDENT = "  "
_LONGEST_CAUSE = 500
"""Characters of a cause that a person reads; a program gets all of it, and so does a traceback."""


class Report(NamedTuple):
    """All there is to say about an error. traceback: for `--debug` alone."""

    what: str
    why: str | None
    hint: str | None
    verdict: Verdict
    traceback: str | None = None


def render(report: Report, screen: Screen) -> None:
    """Write an error in at most three lines, wrapped between words and around commands where the terminal is narrow."""
    screen.sentence(("Error: ", RED), *_segments(harmless_line(report.what), _URL_OR_COUNT))
    if report.why:
        screen.sentence(_INDENT + _cut(harmless_line(report.why)))
    if report.hint:
        tell_hint(report.hint, screen)


def tell_hint(hint: str, screen: Screen, indent: str = _INDENT) -> None:
    """Write what to try, its command in bold. indent: what stands before it."""
    screen.sentence((f"{indent}try: ", DIM), *_segments(harmless_line(hint), _COMMAND), indent=indent + "  ")


def as_object(report: Report) -> dict[str, object]:
    """The error as the object that `--json` promises."""
    message = f"{report.what}: {report.why}" if report.why else report.what
    described: dict[str, object] = {
        "code": report.verdict.code,
        "message": message,
        "hint": report.hint,
        "exit": report.verdict.status,
    }
    return {**described, "traceback": report.traceback} if report.traceback else described


def _cut(cause: str) -> str:
    return cause if len(cause) <= _LONGEST_CAUSE else cause[: _LONGEST_CAUSE - 1] + "…"


def _segments(text: str, strong: re.Pattern[str]) -> Iterator[Segment]:
    """A text in which what the pattern finds is bold, and can be pasted."""
    at = 0
    for found in strong.finditer(text):
        yield text[at : found.start()], PLAIN
        yield Command(found.group(), BOLD)
        at = found.end()
    yield text[at:], PLAIN
