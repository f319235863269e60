"""One question, one answer: the steps from a question to the pieces of its answer.

A step is given as it is reached, for whoever shows it; what happens in between may take long.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from cli.config import Settings
from cli.failure import Failure
from cli.services.choosing import Choice, choose_model, clear_choice, named_model
from cli.services.memory import BUILT_IN_INTRODUCED, Memory
from cli.services.question import Question
from cli.services.servers import (
    BUILT_IN_MODEL,
    BUILT_IN_OPTIONS,
    NotInstalled,
    Server,
    built_in,
    connected,
    fits_built_in,
    hint_with,
    may_stand_in,
    note_answer,
)
from vuhitra.errors import OllamaCapabilityError, OllamaConnectionError, OllamaContextError, OllamaModelNotFoundError
from vuhitra.names import checked, is_cloud, same_model

if TYPE_CHECKING:
    from vuhitra import ProgressStream, Stream

_ATTEMPTS = 3
_CUTS = 30
"""How often a text that is too long is cut before that is given up: halved so often, the longest is gone."""
_AT_MOST = 1.0
"""Seconds that a question beside the point may take."""


class StandingIn(NamedTuple):
    """No server is here, so the built-in engine starts. first: nobody was told of it before."""

    model: str
    first: bool


class Looking(NamedTuple):
    """No model is named, and the server tells of each alone what it can do. models: how many it is asked about."""

    models: int


class Asking(NamedTuple):
    """It is settled who is asked, and what. window: the tokens that the model takes, where that is known."""

    server: Server
    model: str
    question: Question
    window: int | None = None


class Pulling(NamedTuple):
    """The model isn't there and is fetched; all its records have to be taken."""

    model: str
    records: ProgressStream


class Shortening(NamedTuple):
    """The question was too long, and is sent with less. tokens: about how many that are."""

    tokens: int


class Shortened(NamedTuple):
    """The question was too long, and not all of it was read. said: what was lost."""

    said: str


class Answering(NamedTuple):
    """The answer has begun."""

    stream: Stream


Step: TypeAlias = StandingIn | Looking | Asking | Pulling | Shortening | Shortened | Answering


def answer(
    question: Question,
    settings: Settings,
    memory: Memory,
    instead: Callable[[str | None], str],
    *,
    pull: bool = True,
    retries: int | None = None,
    wait: float | None = None,
    looks: bool = False,
) -> Generator[Step, None, None]:
    """The steps to an answer; the last is its stream, which ends with the generator.

    instead: says how the built-in engine is asked the same; it is given the model to name there, if one has to be.
    pull: whether a model that isn't there is fetched. retries: how often a call is sent again, None: as is usual.
    wait: seconds that the server has to come up. looks: whether the window is worth a request beforehand.
    """
    check_name(settings)
    named = named_model(settings)
    may_be_replaced = wait is None and may_stand_in(settings, memory)
    # Where another engine stands ready, a refusal is an answer: it isn't asked for again.
    attempts = 1 if may_be_replaced else _ATTEMPTS
    try:
        attempts = attempts if retries is None else 1 + retries
        with connected(settings, memory, attempts=attempts, wait=wait) as server:
            yield from _asked(server, question, named, memory, pull=pull, looks=looks)
            return
    except OllamaConnectionError as error:
        # Asked anew: a server that has answered meanwhile was there, and is missed.
        if error.reason != "refused" or not may_be_replaced or not may_stand_in(settings, memory):
            error.hint = hint_with(_instead(settings.model, instead), error, settings)
            raise
        refused = error
    yield from _stood_in(question, settings, memory, refused, looks=looks)


def check_name(settings: Settings) -> None:
    """Raises Failure where the model that is set can't be one: no server is asked for it."""
    try:
        checked(settings.model or BUILT_IN_MODEL)
    except ValueError as error:
        hint = "vuhitra config show"
        raise Failure(f"{settings.source('model')} is {settings.model!r}, which names no model", hint=hint) from error


def _instead(named: str | None, instead: Callable[[str | None], str]) -> str | None:
    """How the built-in engine is asked; None where the model that is named is none of its own."""
    from vuhitra.names import near_names

    if fits_built_in(named):
        return instead(None)
    return instead(BUILT_IN_MODEL) if near_names(named or "", [BUILT_IN_MODEL]) else None


def _stood_in(
    question: Question, settings: Settings, memory: Memory, refused: OllamaConnectionError, *, looks: bool
) -> Iterator[Step]:
    """The steps where the built-in engine answers. Raises what the server was refused with, where it can't."""
    try:
        with built_in(settings.timeout) as server:
            choice = clear_choice(server.client.list_models(), server.own_model)
            if choice is None:
                raise refused
            choice = named_model(settings) or choice
            yield StandingIn(choice.model, first=not memory.knows(BUILT_IN_INTRODUCED))
            yield from _asked(server, question, choice, memory, pull=False, looks=looks)
    except NotInstalled as missing:
        refused.hint = f"ollama serve; or for a small model without a server: {missing.hint}"
        raise refused from missing


def _asked(
    server: Server, question: Question, named: Choice | None, memory: Memory, *, pull: bool, looks: bool
) -> Iterator[Step]:
    choice = named or (yield from _chosen(server, memory))
    model = choice.model
    yield Asking(server, model, question, _window(server, question, model) if looks else None)
    try:
        stream, lost = yield from _begun(server, question, choice)
    except OllamaModelNotFoundError as error:
        if error.suggestions or is_cloud(model) or server.engine == "embedded" or not pull:
            raise _not_there(server, choice, error.suggestions) from error
        yield Pulling(model, server.client.pull_model(model, stream=True))
        stream, lost = yield from _begun(server, question, choice)
    note_answer(server, memory)
    with stream:
        if lost:
            yield Shortened(lost)
        yield Answering(stream)


def _chosen(server: Server, memory: Memory) -> Generator[Step, None, Choice]:
    from cli.services.listing import described, listed_models, says_nothing

    listed = listed_models(server)
    if silent := sum(map(says_nothing, listed)):
        yield Looking(silent)
    told = described(listed, server)
    note_answer(server, memory)
    return choose_model(told, server)


def _begun(server: Server, question: Question, choice: Choice) -> Generator[Step, None, tuple[Stream, str]]:
    """The stream of an answer, and what of the question was lost for it, or ""."""
    model = choice.model
    try:
        if question.images:
            from cli.services.capable import check_sight

            check_sight(server, choice, question)
        try:
            return _begin(server, question, model), ""
        except OllamaContextError as error:
            return (yield from _begun_shorter(server, question, model, error))
    except OllamaContextError as error:
        from cli.services.overflow import too_long

        raise too_long(server, model, question, error) from error
    except OllamaCapabilityError as error:
        from cli.services.capable import not_capable

        raise not_capable(server, choice, question, error.why or "") from error


def _begun_shorter(
    server: Server, question: Question, model: str, error: OllamaContextError
) -> Generator[Step, None, tuple[Stream, str]]:
    """The same for a question that is too long. Raises the error where it isn't to be shortened, or can't be."""
    from cli.services.overflow import cut_by_the_server, lost, shortened

    if question.on_overflow == "warn":
        return _begin(server, question, model, may_cut=True), cut_by_the_server(error)
    if question.on_overflow == "error":
        raise error
    shorter, window = question, error.window or _window(server, question, model)
    for _ in range(_CUTS):
        cut = shortened(shorter, error, window)
        if cut is None:
            break
        shorter, window = cut, None
        yield Shortening(shorter.tokens)
        try:
            return _begin(server, shorter, model), lost(question, shorter)
        except OllamaContextError as again:
            error = again
    raise error


def _begin(server: Server, question: Question, model: str, *, may_cut: bool = False) -> Stream:
    options = options_for(question, model, server.own_model)
    asked = question.asked
    if may_cut:  # a server that may not shift its window doesn't cut a prompt either
        asked["truncate"] = asked["shift"] = True
    return server.client.generate(question.prompt, model=model, stream=True, options=options, **asked)


def options_for(question: Question, model: str, own_model: str | None) -> dict[str, Any] | None:
    """The options that are sent: those of the question, and below them those that suit the built-in model."""
    is_own = own_model is not None and same_model(model, own_model)
    return {**(BUILT_IN_OPTIONS if is_own else {}), **question.options} or None


def _window(server: Server, question: Question, model: str) -> int | None:
    """The tokens that the model takes, where that takes one short request to know, or none."""
    from vuhitra import OllamaError

    if not question.materials:
        return None
    if asked := question.options.get("num_ctx"):
        return int(asked)
    try:
        running = server.asked_once(_AT_MOST).running_models()
    except OllamaError:  # what is wrong, the question itself will meet with
        return None
    return next((each.get("context_length") for each in running if same_model(each["name"], model)), None)


def _not_there(server: Server, choice: Choice, near: tuple[str, ...]) -> Failure:
    from cli.exit_status import Verdict

    instead, hint = near[0] if near else None, server.command("models", "pull", choice.model)
    if server.engine == "embedded":
        instead, hint = instead or _one_of(server), "which is there"
    elif instead:
        hint = f"or fetch it as written: {hint}"
    return Failure(
        f"no model {choice.model!r} at {server.name}{choice.setting}; nothing was pulled",
        near=near,
        instead=instead,
        hint=hint,
        verdict=Verdict.NO_SUCH_MODEL,
    )


def _one_of(server: Server) -> str:
    """A model that is there: the one that answers by itself, or any."""
    listed = server.client.list_models()
    choice = clear_choice(listed, server.own_model)
    return choice.model if choice else str(listed[0]["name"])
