"""`--show-prompt`: the request as it would be sent, for a person or as JSON; nothing is sent."""

from __future__ import annotations

from typing import Any

from cli.commands.invocation import Invocation
from cli.config import Settings
from cli.services.preview import Preview, preview
from cli.services.question import Question
from cli.terminal.escape_filter import harmless
from cli.terminal.numbers import counted, size


def show_prompt(call: Invocation, question: Question) -> None:
    """Print what would be sent on stdout, and on stderr about how many tokens it comes to."""
    seen = preview(question, call.settings)
    if call.flags.json:
        call.document({"url": seen.where, "request": seen.body, "tokens": question.tokens})
        return
    safe = harmless if call.out.is_terminal else str
    call.out.write(safe(_in_words(seen, call.settings, question)))
    if said := _lost_if_too_long(question):
        call.note(said)
    images = f" and {counted(len(question.images), 'image')}" if question.images else ""
    call.note(f"about {counted(question.tokens, 'token')}{images}; nothing was sent")


def _lost_if_too_long(question: Question) -> str | None:
    """What may be left out of what is shown: whether it fits, the server alone knows."""
    if question.on_overflow == "trim" and question.materials:
        return "all of the material is shown; of what doesn't fit the window, its end would be cut"
    if question.on_overflow == "warn":
        return "all of it is shown; of what doesn't fit the window, the server would leave out a part"
    return None


def _in_words(seen: Preview, settings: Settings, question: Question) -> str:
    """The fields in their order, short ones in a line, and long ones below their names; the prompt is the last."""
    body = dict(seen.body)
    lines = [f"POST {seen.where}", f"model: {_model(body.pop('model'), settings)}"]
    prompt, system = body.pop("prompt"), body.pop("system", None)
    if images := body.pop("images", None):
        body["images"] = f"{len(images)} ({', '.join(size(len(each)) for each in question.images)})"
    lines += [f"{name}: {_value(value)}" for name, value in body.items()]
    if system is not None:
        lines += ["", "system:", system]
    return "\n".join([*lines, "", "prompt:", prompt, ""])


def _model(name: str | None, settings: Settings) -> str:
    if name is None:
        return "none is named: the only one there that can chat, if there is just one"
    return f"{name} (from {settings.source('model')})" if settings.model else f"{name} (the built-in one)"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value, ensure_ascii=False)
