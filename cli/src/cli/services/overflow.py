"""A question that is longer than the window: what is said of it, and how its material is cut until it fits."""

from __future__ import annotations

from cli.exit_status import Verdict
from cli.failure import Failure
from cli.services.choosing import can_chat
from cli.services.description import description_of
from cli.services.listing import described_models
from cli.services.question import Material, Question
from cli.services.servers import Server
from vuhitra.errors import OllamaContextError, OllamaError

_FILLED = 0.75
"""How much of a window a shortened question may take: the rest is for the answer."""
_ROOM = 512
"""Tokens that an answer should have beside its question."""
_WORTH_NAMING = 0.3
"""The part of a question from which on a material is what makes it long."""


def too_long(server: Server, model: str, question: Question, error: OllamaContextError) -> Failure:
    """The error: how much too long it is, by which part of it, and what would do."""
    numbers = ""
    if error.needed and error.window:
        numbers = f": {error.needed:,} tokens, and its window is {error.window:,}"
    largest = max(question.materials, key=lambda each: each.tokens, default=None)
    named = ""
    if largest is not None and (part := _part(largest, question)) > _WORTH_NAMING:
        tokens = _rounded(part * error.needed) if error.needed else largest.tokens
        named = f"{largest.name} is about {tokens:,} of them; " if error.needed else f"{largest.name} is the most; "
    instead, hint = _remedy(server, model, question, error)
    return Failure(
        f"too long for {model}{numbers}",
        why=f"{named}nothing was cut, nothing was answered",
        instead=instead,
        hint=hint,
        verdict=Verdict.TOO_LONG,
    )


def cut_by_the_server(error: OllamaContextError) -> str:
    """What is lost where a server cuts a question itself; how much more than it must, it doesn't say."""
    if error.needed and error.window:
        over = error.needed - error.window
        return (
            f"too long: the server left out {over:,} of {error.needed:,} tokens or more; its window is {error.window:,}"
        )
    return "longer than the window: the server left out a part"


def shortened(question: Question, error: OllamaContextError, window: int | None = None) -> Question | None:
    """The same with less material, from its end; None where no material is left to cut.

    window: what it shall fit by estimate, where the server doesn't count; None: half of it is cut.
    """
    material = sum(len(each.text) for each in question.materials)
    if not material:
        return None
    if error.needed and error.window:
        left = round(max(1 - _FILLED * error.window / error.needed, 0.05) * len(question.prompt))
        if left >= material:
            return None
    else:
        left = _estimated_excess(question, window, material)
    kept: list[Material] = []
    for each in reversed(question.materials):
        taken = min(left, len(each.text))
        left -= taken
        text = each.text[: len(each.text) - taken] if taken else each.text
        if text:
            kept.insert(0, each._replace(text=text))
    return question._replace(materials=kept)


def _estimated_excess(question: Question, window: int | None, material: int) -> int:
    """How many characters are to be cut where nobody counts: what is too much by estimate, or half of the material."""
    part = 1 - _FILLED * window / question.tokens if window else 0
    excess = round(part * len(question.prompt))
    return excess if 0 < excess < material else -(-material // 2)


def lost(whole: Question, shorter: Question) -> str:
    """What was cut of a question."""
    left = {each.name: each for each in shorter.materials}
    said = []
    for material in whole.materials:
        rest = left.get(material.name)
        if rest is None:
            said.append(f"{material.name} was left out")
        elif len(rest.text) < len(material.text):
            part = min(1 - len(rest.text) / len(material.text), 0.99)
            said.append(f"the last {part:.0%} of {material.name} was cut")
    return f"too long: {', '.join(said)}"


def _remedy(server: Server, model: str, question: Question, error: OllamaContextError) -> tuple[str | None, str]:
    """A larger window, where the model has one; else a model that has; and else less text."""
    is_file = any(each.fence for each in question.materials)
    shorter = "a shorter file" if is_file else "a shorter text"
    is_offered = question.materials and question.on_overflow != "trim"
    trimmed = f"{shorter}, or --on-overflow trim" if is_offered else shorter
    needed = error.needed or _estimated_need(question)
    wanted = needed + _ROOM
    limit = _limit_of(server, model)
    if limit is not None and limit > needed:
        size = min(limit, 1 << (wanted - 1).bit_length())
        most = ["the most it can"] if size == limit else []
        remarks = [*most, "loads it again"] if error.needed else [*most, "it may not be enough"]
        return None, f"--num-ctx {size} ({'; '.join(remarks)}), or {shorter}"
    if larger := _larger(server, wanted):
        name, takes = larger
        return name, f"whose window takes up to {takes:,}; or {shorter}"
    return None, trimmed


def _estimated_need(question: Question) -> int:
    """The tokens of a question that nobody counted, rather too many than too few, and more than its own window."""
    return max(round(question.tokens / _FILLED), int(question.options.get("num_ctx", 0)) + 1)


def _limit_of(server: Server, model: str) -> int | None:
    """The largest window that a model can have."""
    try:
        shown = server.client.show_model(model)
    except OllamaError:  # the error that is told already is the one that matters
        return None
    return description_of(shown).window


def _larger(server: Server, wanted: int) -> tuple[str, int] | None:
    """A model there whose window suffices, the one with the smallest that does."""
    try:
        listed = described_models(server)
    except OllamaError:  # as above
        return None
    sizes = (
        (each["name"], (each.get("details") or {}).get("context_length") or 0) for each in listed if can_chat(each)
    )
    return min((each for each in sizes if each[1] >= wanted), key=lambda each: each[1], default=None)


def _part(material: Material, question: Question) -> float:
    return material.tokens / max(question.tokens, 1)


def _rounded(tokens: float) -> int:
    """A number that is known roughly, to three digits at most."""
    step = 10 if tokens >= 1000 else 1
    return round(tokens / step) * step
