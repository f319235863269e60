"""What is said before an answer: who answers, and how much of the window the material fills."""

from __future__ import annotations

from collections.abc import Iterator

from cli.commands.invocation import Invocation
from cli.services.answering import Asking
from cli.services.memory import BUILT_IN_INTRODUCED
from cli.services.question import Question
from cli.terminal.escape_filter import harmless_line
from cli.terminal.numbers import tokens
from cli.terminal.screen import BOLD, DIM


def introduce(call: Invocation, model: str, *, at_length: bool) -> None:
    """Who answers where no server is; at length once, to a person, and in a line from then on."""
    err = call.err
    err.sentence(("No Ollama server here, so the built-in model answers: ", DIM), (model, BOLD), (".", DIM))
    if at_length:
        err.sentence(("It is small and often wrong. Better: ollama.com/download, or set OLLAMA_IP.", DIM))
        err.line()
        call.memory.remember(BUILT_IN_INTRODUCED)


def head(call: Invocation, asking: Asking) -> None:
    """Which model answers, and where, if that isn't this machine."""
    server = asking.server
    where = f" at {server.host.name}" if server.is_remote else ""
    if server.engine == "embedded":
        where = ", built in"
    call.aside(f"Model: {harmless_line(asking.model)}{where}")


def tell_material(call: Invocation, asking: Asking) -> None:
    """How much there is to read, held against the window where that is known."""
    for line in material_lines(asking.question, asking.window):
        call.aside(line)


def material_lines(question: Question, window: int | None) -> Iterator[str]:
    """A line for each material, and one for all of them where there are several."""
    of_window = f" of {tokens(window)}" if window else ""
    materials = question.materials
    for each in materials:
        alone = of_window if len(materials) == 1 else ""
        noun = "token" if each.tokens == 1 and not alone else "tokens"
        yield f"{harmless_line(each.name)}, about {_rounded(each.tokens)}{alone} {noun}"
    if len(materials) > 1:
        yield f"together about {_rounded(question.tokens)}{of_window} tokens"


def _rounded(count: int) -> str:
    """A number that is no more than an estimate: `812`, `6.2k`, `120k`."""
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 99_950 else f"{count / 1000:.0f}k"
