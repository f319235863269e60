"""Questions to somebody who sits at the terminal; whether anybody does is known before one is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from cli.exit_status import Verdict
from cli.failure import Terminated
from cli.terminal.columns import wrapped
from cli.terminal.escape_filter import harmless_line
from cli.terminal.screen import Screen


def is_answered_with_yes(question: str, screen: Screen, stdin: BinaryIO) -> bool:
    """Ask for a yes; all else is a no."""
    return _answer_to(f"{question} [y/N] ", screen, stdin).lower() in ("y", "yes")


def chosen(title: str, names: Sequence[str], screen: Screen, stdin: BinaryIO) -> str:
    """Have somebody choose one of several, by its number or its name. An empty answer stops the command."""
    screen.sentence(title)
    for number, name in enumerate(names, 1):
        screen.sentence(f"  {number}  {harmless_line(name)}")
    while answer := _answer_to(f"1-{len(names)}, or nothing to stop: ", screen, stdin):
        if answer in names:
            return answer
        if answer.isdecimal() and 1 <= int(answer) <= len(names):
            return names[int(answer) - 1]
        screen.sentence(f"  none of them: {harmless_line(answer)}")
    raise Terminated(Verdict.INTERRUPTED)


def _answer_to(question: str, screen: Screen, stdin: BinaryIO) -> str:
    """A line from whoever sits there; empty at the end of stdin."""
    screen.write("\n".join(wrapped(screen.translated(question), screen.width)))
    line = stdin.readline()
    if line.endswith(b"\n"):
        screen.was_entered()
    else:
        screen.end_line()
    return line.decode(errors="replace").strip()
