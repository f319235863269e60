"""What is known about an answer besides what it says: for `--json`, for `--stats`, and what a person should be told."""

from __future__ import annotations

from typing import Any

from cli.services.answering import Asking
from cli.services.question import Question
from cli.terminal.escape_filter import harmless_line
from cli.terminal.numbers import counted
from cli.terminal.statistics import Taken
from vuhitra.reply import Reply


def facts_of(asked: Asking | None, reply: Reply | None, first_word: float | None) -> dict[str, object]:
    """What a program is told. asked: who was asked, once that is settled. reply: the answer, where it is whole."""
    facts: dict[str, object] = {
        "parsed": None,
        "model": asked.model if asked else None,
        "host": asked.server.host.url if asked else None,
        "engine": asked.server.engine if asked else None,
        "done_reason": None,
        "stopped_by": None,
        "stats": None,
    }
    if reply is None:
        return facts
    return facts | {
        "parsed": _data_in(reply) if asked and asked.question.format else reply.parsed,
        "model": reply.model or facts["model"],
        "done_reason": reply.done_reason,
        "stopped_by": reply.stopped_by,
        "stats": taken_by(reply, first_word).as_object,
    }


def _data_in(reply: Reply) -> Any:
    """What an answer is as data; None where it is not JSON, as one that a limit has cut."""
    from vuhitra.lines import decode

    try:
        return decode(reply.encode())
    except ValueError:  # MalformedError is one, and so is what half a character raises
        return None


def taken_by(reply: Reply, first_word: float | None) -> Taken:
    """What an answer took. first_word: the seconds until it began."""
    stats = reply.stats
    return Taken(
        read=stats.prompt_eval_count,
        written=stats.eval_count,
        total=stats.total_duration,
        load=stats.load_duration,
        reading=stats.prompt_eval_duration,
        writing=stats.eval_duration,
        rate=stats.tokens_per_second,
        first_word=first_word,
    )


def cut_of(reply: Reply, asked: str) -> str | None:
    """How an answer was cut; None where it wasn't. asked: the model, where the reply names none."""
    model, written = harmless_line(reply.model or asked), counted(reply.stats.eval_count, "token")
    match reply.stopped_by:
        case "limit":
            return f"{model} was stopped after {written}"
        case "window":
            return f"{model} stopped after {written}: its window is full"
        case "length":  # the server doesn't say which
            return f"{model} stopped after {written}: its window is full, or its limit reached"
        case _:
            return None


def is_cut_as_asked(reply: Reply, question: Question) -> bool:
    """Whether what cut an answer is the limit that was set for it."""
    return reply.stopped_by == "limit" and "num_predict" in question.options


def silence_of(reply: Reply, asked: str) -> str | None:
    """That an answer says nothing; None where it does. asked: as above."""
    return None if reply.strip() or reply.tool_calls else f"{harmless_line(reply.model or asked)} answered nothing"
