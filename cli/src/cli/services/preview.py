"""What would be sent for a question, as it goes over the wire. This file sends nothing."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from cli.config import Settings
from cli.services.answering import check_name, options_for
from cli.services.question import Question
from cli.services.servers import BUILT_IN_MODEL, configured_host

_PATH = "/api/generate"


class Preview(NamedTuple):
    """A request. where: whereto. body: its JSON; the model is None where none is named."""

    where: str
    body: dict[str, Any]


def preview(question: Question, settings: Settings) -> Preview:
    """The request that a question would be sent as. Raises Failure where it wouldn't be sent."""
    from vuhitra import calls

    check_name(settings)
    asked = question.asked
    if question.schema is not None:
        del asked["schema"]
        asked["format"] = question.schema
    own = BUILT_IN_MODEL if settings.embedded else None
    model = settings.model or own
    options = options_for(question, model or "", own)
    call = calls.generate(model or "?", question.prompt, options, asked)
    where = f"{_PATH} of the built-in engine" if settings.embedded else configured_host(settings).url + _PATH
    return Preview(where, {**cast("dict[str, Any]", call.body), "model": model})
