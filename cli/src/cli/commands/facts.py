"""What is known about an answer besides what it says: for `--json`, for `--stats`, and what a person should be told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cli.services.answering import Asking
from cli.terminal.escape_filter import harmless_line
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


def notes_on(reply: Reply, asked: str) -> Iterator[str]:
    """What the text of an answer doesn't show about it. asked: the model, where the reply names none."""
    model = harmless_line(reply.model or asked)
    match reply.stopped_by:
        case "limit":
            yield f"{model} was stopped after {reply.stats.eval_count} tokens"
        case "window":
            yield f"{model} stopped after {reply.stats.eval_count} tokens: its window is full"
        case "length":  # the server doesn't say which
            yield f"{model} stopped after {reply.stats.eval_count} tokens: its window is full, or its limit reached"
        case _:
            pass
    if not (reply.strip() or reply.tool_calls):
        yield f"{model} answered nothing"
