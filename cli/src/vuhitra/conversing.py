"""Answers that take several requests: asked again until they fit their schema, and rounds of tools.

This file knows no network. What it needs asked, it is given a flow for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from vuhitra.errors import OllamaError, OllamaIncompleteError, OllamaOutputError
from vuhitra.flows import Flow, Run

if TYPE_CHECKING:
    from vuhitra.reply import Reply
    from vuhitra.schema import Shape
    from vuhitra.tools import Toolbox
    from vuhitra.types import Message, Messages

Ask: TypeAlias = "Callable[[Messages], Flow[Reply]]"
Parse: TypeAlias = "Callable[[Reply, str], Any] | None"
"""What a reply of a server says."""
Asking: TypeAlias = "Callable[[Messages, Mapping[str, Any], Parse], Flow[Any]]"
"""Messages, more fields of the request, and how its reply is parsed -> the flow that asks."""

MAX_ROUNDS = 10
"""How many rounds of tools there are, unless the caller says otherwise."""
_MOST_COMPLAINTS = 20
"""Problems that a model is shown at once."""


class Manner(NamedTuple):
    """How an answer is come by.

    shape: what it must look like. repair: how often it is asked for again where it doesn't.
    toolbox: which functions the model may call. run_tools: whether they are run here, max_rounds
    times at most.
    """

    shape: Shape | None = None
    repair: int = 0
    toolbox: Toolbox | None = None
    run_tools: bool = False
    max_rounds: int = MAX_ROUNDS

    @classmethod
    def taken_from(cls, asked: MutableMapping[str, Any], *, stream: bool, may_await: bool) -> Manner:
        """What is asked for with `schema`, `repair`, `tools`, `run_tools` and `max_rounds`, which are taken out.

        Raises TypeError or ValueError for what can't be right, before anything is sent.
        """
        schema, tools = asked.pop("schema", None), asked.pop("tools", None)
        repair = _whole("repair", asked.pop("repair", None), 0, least=0)
        run_tools = bool(asked.pop("run_tools", False))
        max_rounds = _whole("max_rounds", asked.pop("max_rounds", None), MAX_ROUNDS, least=1)
        if schema is not None and asked.get("format") is not None:
            raise ValueError("schema and format exclude each other: a schema is sent as the format")
        if stream:
            _check_stream(repair=repair, run_tools=run_tools, both=schema is not None and bool(tools))
        return cls(_shape(schema), repair, _toolbox(tools, may_await or not run_tools), run_tools, max_rounds)


def converse(send: Asking, messages: Messages, manner: Manner, server: str) -> Flow[Any]:
    """The answer to messages, come by in a manner. server: who is asked, for messages.

    A server that is held to a schema calls no tools. So the model is left free while it has tools;
    where what it says in the end doesn't fit, it is asked once more, held to the schema and without tools.
    """
    shape, toolbox = manner.shape, manner.toolbox
    parse = shape.parse if shape else None

    def free(messages: Messages) -> Flow[Any]:
        return send(messages, {"tools": toolbox.definitions} if toolbox else {}, parse)

    ask: Ask = free
    if shape:

        def held(messages: Messages) -> Flow[Any]:
            return send(messages, {"format": shape.json_schema}, parse)

        mended: Ask = partial(repaired, held, repair=manner.repair)
        ask = partial(settled, free, mended) if toolbox else mended
    if toolbox and manner.run_tools:
        return rounds(ask, messages, toolbox, manner.max_rounds, server)
    return ask(messages)


def repaired(ask: Ask, messages: Messages, repair: int) -> Flow[Reply]:
    """Ask; where the answer doesn't fit its schema, show the model what is wrong, up to so many times.

    An answer that a limit cut is not asked for again: it would be cut again. What is raised knows the
    earlier answers by its `attempts`.
    """
    from vuhitra.schema import was_cut

    failed: list[OllamaOutputError] = []
    asked = messages
    while True:
        try:
            return (yield from ask(asked))
        except OllamaError as error:
            error.attempts = (*failed, *error.attempts)
            if not isinstance(error, OllamaOutputError) or was_cut(error.reply) or len(failed) >= repair:
                raise
            failed.append(error)
        asked = [*messages, failed[-1].reply.message, _complaint(failed[-1])]


def settled(free: Ask, held: Ask, messages: Messages) -> Flow[Reply]:
    """Ask in one way; where the answer doesn't fit its schema, in the other."""
    try:
        return (yield from free(messages))
    except OllamaOutputError:
        pass  # it was free to say what it likes
    return (yield from held(messages))


def rounds(ask: Ask, messages: Messages, toolbox: Toolbox, limit: int, server: str) -> Flow[Reply]:
    """Ask, run the tools that the reply calls, and ask again with what they gave, until a reply calls none.

    The reply's `messages` are all that was added to the conversation, itself included. A reply that
    calls a tool which was only described is given back as it is, and none of its calls is run.

    Raises OllamaIncompleteError with the last reply as `.partial` where it calls tools after so many
    rounds: it is not the answer. Whatever is raised knows what had been added by its `messages`.
    """
    added: list[Message] = []
    done = 0
    while True:
        try:
            reply = yield from ask([*messages, *added])
        except OllamaError as error:
            error.messages = tuple(added)
            raise
        added.append(reply.message)
        reply.messages = tuple(added)
        if not reply.tool_calls or not toolbox.can_run(reply.tool_calls):
            return reply
        if done == limit:
            raise _unending(reply, limit, server)
        done += 1
        for call in reply.tool_calls:
            outcome = yield Run(partial(toolbox.run, call))
            added.append(outcome.result)


def _unending(reply: Reply, limit: int, server: str) -> OllamaIncompleteError:
    took = f"{limit} round" if limit == 1 else f"{limit} rounds"
    error = OllamaIncompleteError(
        f"{reply.model or 'the model'} at {server} still calls tools after {took} of them",
        partial=reply,
        reason="rounds",
        hint="max_rounds= allows more; .messages is what was said so far",
    )
    error.messages = reply.messages
    return error


def _complaint(error: OllamaOutputError) -> Message:
    listed = "\n".join(f"- {problem}" for problem in error.problems[:_MOST_COMPLAINTS])
    text = f"That answer doesn't fit the schema:\n{listed}\nAnswer again, with JSON that fits it and nothing else."
    return {"role": "user", "content": text}


def _shape(schema: object) -> Shape | None:
    if schema is None:
        return None
    from vuhitra.schema import Shape

    return Shape.of(schema)


def _toolbox(tools: Any, may_await: bool) -> Toolbox | None:
    if tools is None:
        return None
    from vuhitra.tools import Toolbox

    toolbox = Toolbox(tools, may_await=may_await)
    return toolbox if toolbox.definitions else None


def _check_stream(*, repair: int, run_tools: bool, both: bool) -> None:
    """Raises ValueError for what takes whole replies."""
    if repair:
        raise ValueError("repair can't be had with stream=True: what was streamed was heard")
    if run_tools:
        raise ValueError("run_tools can't be had with stream=True: tools are run between whole replies")
    if both:
        raise ValueError("schema and tools can't be had together with stream=True: they take two requests")


def _whole(name: str, number: object, default: int, least: int) -> int:
    if number is None:
        return default
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{name} is a whole number, not {number!r}")
    if number < least:
        raise ValueError(f"{name} is at least {least}, not {number}")
    return number
