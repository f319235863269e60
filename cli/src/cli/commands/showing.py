"""What shows an answer and what comes before it: the view, where it goes, thinking, and what is waited for."""

from __future__ import annotations

from collections.abc import Callable

from cli.commands.invocation import Invocation
from cli.logger import get_logger
from cli.services.watching import Watch
from cli.terminal.answers import AnswerView, HeldAnswer, Layout, TextAnswer
from cli.terminal.numbers import size
from cli.terminal.presentation import Presentation
from cli.terminal.screen import Screen
from cli.terminal.waiting import Awaited

NO_CODE = "no code block in the answer; all of it is here"
NOT_CLOSED = "the code block isn't closed: the answer ends within it"


def holds_back(call: Invocation, presentation: Presentation) -> bool:
    """Whether nothing is printed before the answer is whole."""
    if (presentation.extract or presentation.is_checked) and not call.flags.json:
        return True
    return call.flags.json if presentation.stream is None else not presentation.stream


def view_of(call: Invocation, presentation: Presentation, out: Screen) -> AnswerView:
    """What shows the answer on `out`."""
    held = holds_back(call, presentation)
    extraction = _extraction(presentation)
    if call.flags.json:
        from cli.terminal.json_answers import JsonAnswer, JsonLines

        return (JsonAnswer if held else JsonLines)(out, extraction)
    if extraction or presentation.is_checked:  # code and data aren't laid out
        return HeldAnswer(TextAnswer(out), extraction, kept=False)
    view = TextAnswer(out, _layout(call, presentation, out))
    return HeldAnswer(view, kept=True) if held else view


def shows_thinking(call: Invocation, presentation: Presentation) -> bool:
    """Whether it is shown on stderr; a program finds it in its JSON."""
    if call.flags.json:
        return False
    if presentation.show_thinking is None:
        return call.tells and call.out.is_terminal
    return presentation.show_thinking


def awaited(watch: Watch) -> Awaited | None:
    """What a server is doing, as the waiting line says it; None where it doesn't tell."""
    phase = watch.look()
    if phase is None:
        return None
    words = f"{phase.words} ({size(phase.size)})" if phase.size else phase.words
    return Awaited(words, phase.last, phase.since)


def _layout(call: Invocation, presentation: Presentation, out: Screen) -> Layout | None:
    environment = call.environment
    has_colours = environment.colours(environment.stdout, call.flags.color)
    if presentation.plain or not out.may_rewrite or not has_colours:
        return None
    from cli.terminal.markdown import Markdown

    return Markdown(lambda: out.width, out.paint)


def _extraction(presentation: Presentation) -> Callable[[str], str | None] | None:
    """What takes the wanted block of code out of an answer, and warns where there is none, or no end of it."""
    which = presentation.extract
    if which is None:
        return None
    from cli.terminal.code_blocks import extracted

    def extraction(text: str) -> str | None:
        found = extracted(text, which)
        if found is None:
            get_logger("cli").warning(NO_CODE)
            return None
        if not found.is_closed:
            get_logger("cli").warning(NOT_CLOSED)
        return found.text

    return extraction
