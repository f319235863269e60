"""What to say where a model can't do what was asked of it: which of those that are there can."""

from __future__ import annotations

from cli.exit_status import Verdict
from cli.failure import Failure
from cli.services.choosing import Choice, can_chat
from cli.services.listing import Listed, described, described_models
from cli.services.question import Question
from cli.services.servers import Server
from vuhitra.errors import OllamaError
from vuhitra.names import same_model

_MOST = 3
"""Models that are named."""
_AT_MOST = 1.0
"""Seconds that a model may take to tell what it can do."""


def check_sight(server: Server, choice: Choice, question: Question) -> None:
    """Raises Failure where images are shown to a model that is known to see none: Ollama would leave them out.

    The built-in engine refuses by itself.
    """
    if server.engine == "embedded":
        return
    try:
        can = server.asked_once(_AT_MOST).show_model(choice.model).get("capabilities")
    except OllamaError:  # what is wrong, the question itself will meet with
        return
    if can and "vision" not in can:
        raise not_capable(server, choice, question)


def check_chat(server: Server, model: Listed, embed_model: str) -> None:
    """Raises Failure where a listed model is known not to chat. embed_model: the setting for one that embeds."""
    (known,) = described([model], server)
    if can_chat(known):
        return
    from shlex import join

    able = _able(server, "completion")
    ways = [server.command("models", "default", able[0])] if able else []
    if "embedding" in known["capabilities"]:
        ways.append(f"for embeddings: {join(['vuhitra', 'config', 'set', embed_model, known['name']])}")
    raise Failure(
        f"{known['name']} can't chat",
        why=_those(able, server),
        hint=", or ".join(ways) or None,
        verdict=Verdict.NOT_CAPABLE,
    )


def not_capable(server: Server, choice: Choice, question: Question, said: str = "") -> Failure:
    """The error, with models there that can do it. said: how the server refused, where it did."""
    wanted, what, without = _lacking(question, said)
    able = _able(server, wanted)
    if any(same_model(choice.model, each) for each in able):  # it can, but not so
        if wanted == "thinking" and isinstance(question.think, str):
            what, without = "takes no level of thinking", "the same with --think"
        else:
            without = ""
        able, wanted = [], ""
    return Failure(
        f"{choice.model}{choice.setting} {what}",
        why=_those(able, server) if wanted else said or None,
        instead=able[0] if able else None,
        hint=f"or {without}" if able and without else without or None,
        verdict=Verdict.NOT_CAPABLE,
    )


def _lacking(question: Question, said: str) -> tuple[str, str, str]:
    """The capability that is missing, that in words, and how to do without it."""
    if "think" in said.lower() or (question.think and not question.images):
        return "thinking", "can't think", "the same without --think"
    if question.images:
        return "vision", "can't see images", "the same without -a"
    if "generate" in said.lower():
        return "completion", "can't chat", ""
    return "", "can't do that", ""


def _able(server: Server, wanted: str) -> list[str]:
    try:
        listed = described_models(server)
    except OllamaError:  # the error that is told already is the one that matters
        return []
    return [each["name"] for each in listed if wanted in (each.get("capabilities") or ())]


def _those(able: list[str], server: Server) -> str:
    return f"models there that can: {', '.join(able[:_MOST])}" if able else f"no model at {server.name} can"
