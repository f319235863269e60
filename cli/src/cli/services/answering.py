"""One prompt, one answer: the steps from a question to the pieces of its answer.

A step is given as it is reached, for whoever shows it; what happens in between may take long.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from cli.config import Settings
from cli.exit_status import ExitStatus
from cli.failure import Failure
from cli.services.choosing import choose_model, clear_choice
from cli.services.memory import BUILT_IN_INTRODUCED, Memory
from cli.services.servers import (
    BUILT_IN_OPTIONS,
    NotInstalled,
    Server,
    built_in,
    connected,
    may_stand_in,
    note_answer,
)
from vuhitra.errors import OllamaConnectionError, OllamaContextError, OllamaModelNotFoundError
from vuhitra.names import is_cloud, same_model

if TYPE_CHECKING:
    from vuhitra import ProgressStream, Stream


class StandingIn(NamedTuple):
    """No server is here, so the built-in engine starts. first: nobody was told of it before."""

    model: str
    first: bool


class Asking(NamedTuple):
    """It is settled who is asked."""

    server: Server
    model: str


class Pulling(NamedTuple):
    """The model isn't there and is fetched; all its records have to be taken."""

    model: str
    records: ProgressStream


class Answering(NamedTuple):
    """The answer has begun."""

    stream: Stream


Step: TypeAlias = StandingIn | Asking | Pulling | Answering


def answer(prompt: str, settings: Settings, memory: Memory, *, pull: bool = True) -> Generator[Step, None, None]:
    """The steps to an answer; the last is its stream, which ends with the generator.

    pull: whether a model that isn't there is fetched.
    """
    may_be_replaced = may_stand_in(settings, memory)
    try:
        # Where another engine stands ready, a refusal is an answer: it isn't asked for again.
        attempts = 1 if may_be_replaced else 3
        with connected(settings, attempts=attempts, instead="vuhitra chat --embedded") as server:
            yield from _asked(server, prompt, settings.model, memory, pull=pull)
            return
    except OllamaConnectionError as error:
        # Asked anew: a server that has answered meanwhile was there, and is missed.
        if error.reason != "refused" or not may_stand_in(settings, memory):
            raise
        refused = error
    try:
        with built_in() as server:
            choice = clear_choice(server.client.list_models(), server.own_model)
            if choice is None:
                raise refused
            model = settings.model or choice.model
            yield StandingIn(model, first=not memory.knows(BUILT_IN_INTRODUCED))
            yield from _asked(server, prompt, model, memory, pull=False)
    except NotInstalled as missing:
        refused.hint = f"ollama serve; or for a small model without a server: {missing.hint}"
        raise refused from missing


def _asked(server: Server, prompt: str, named: str | None, memory: Memory, *, pull: bool) -> Iterator[Step]:
    model = named or _only_model(server)
    yield Asking(server, model)
    try:
        stream = _begin(server, prompt, model)
    except OllamaContextError as error:
        raise _too_long(model, error) from error
    except OllamaModelNotFoundError as error:
        note_answer(server, memory)
        if error.suggestions or is_cloud(model) or server.engine == "embedded" or not pull:
            raise _not_there(server, model, error.suggestions) from error
        yield Pulling(model, server.client.pull_model(model, stream=True))
        stream = _begin(server, prompt, model)
    note_answer(server, memory)
    with stream:
        yield Answering(stream)


def _begin(server: Server, prompt: str, model: str) -> Stream:
    is_own = server.own_model is not None and same_model(model, server.own_model)
    options = BUILT_IN_OPTIONS if is_own else None
    return server.client.generate(prompt, model=model, stream=True, options=options)


def _only_model(server: Server) -> str:
    return choose_model(server.client.list_models(), server.name, preferred=server.own_model).model


def _not_there(server: Server, model: str, near: tuple[str, ...]) -> Failure:
    from shlex import quote

    hint = f"vuhitra models pull {quote(model)}"
    if server.engine == "embedded":
        hint = f"-m {quote(near[0] if near else _one_of(server))}, which is there"
    elif near:
        hint = f"-m {quote(near[0])}, or fetch it as written: {hint}"
    return Failure(
        f"no model '{model}' at {server.name}; nothing was pulled",
        why=f"near names: {', '.join(near)}" if near else None,
        hint=hint,
        status=ExitStatus.NO_SUCH_MODEL,
        code="no-such-model",
    )


def _one_of(server: Server) -> str:
    """A model that is there: the one that answers by itself, or any."""
    listed = server.client.list_models()
    choice = clear_choice(listed, server.own_model)
    return choice.model if choice else str(listed[0]["name"])


def _too_long(model: str, error: OllamaContextError) -> Failure:
    numbers = ""
    if error.needed and error.window:
        numbers = f": {error.needed:,} tokens, and its window is {error.window:,}"
    return Failure(
        f"too long for {model}{numbers}",
        why="nothing was cut, nothing was answered",
        hint="a shorter text, or a model with a larger window: vuhitra models list",
        status=ExitStatus.TOO_LONG,
        code="too-long",
    )
