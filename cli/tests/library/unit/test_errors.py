"""The tree of errors is the one that is drawn; each error says what it knows, pickles and copies."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest

import vuhitra
from vuhitra import Reply, errors
from vuhitra.errors import (
    OllamaAuthenticationError,
    OllamaBusyError,
    OllamaCapabilityError,
    OllamaConnectionError,
    OllamaContextError,
    OllamaError,
    OllamaIncompleteError,
    OllamaModelError,
    OllamaModelNotFoundError,
    OllamaOutputError,
    OllamaProtocolError,
    OllamaPullError,
    OllamaResponseError,
    OllamaTimeoutError,
)


def drawn_tree() -> dict[str, str]:
    """Each class of the drawing in the docstring of `vuhitra.errors`, and the class it hangs on."""
    above: dict[int, str] = {}
    found: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"([│├└─ ]*)(Ollama\w+)", line):
            depth = len(match[1]) // 4
            above[depth] = match[2]
            found[match[2]] = above[depth - 1] if depth else "Exception"
    return found


def real_tree() -> dict[str, str]:
    """Each error class there is, and its base class."""
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    return {each.__name__: each.__base__.__name__ for each in classes if each.__base__}


def test_the_tree_is_the_one_that_is_drawn() -> None:
    assert len(drawn_tree()) == 14
    assert drawn_tree() == real_tree()


def test_every_error_is_public() -> None:
    assert set(real_tree()) == {name for name in vuhitra.__all__ if name.endswith("Error")}


def reply(text: str) -> Reply:
    made = Reply(text)
    made.thinking = "hm"
    return made


EARLIER = OllamaConnectionError("first", reason="reset", why="gone")
ONE_OF_EACH: list[OllamaError] = [
    OllamaError("what"),
    OllamaError("what", why="why", hint="hint", attempts=(EARLIER,)),
    OllamaConnectionError("what", reason="refused", why="why"),
    OllamaTimeoutError("what", phase="start", seconds=600.0),
    OllamaModelError("what", model="m"),
    OllamaModelNotFoundError("what", model="m"),
    OllamaCapabilityError("what", model="m", why="why"),
    OllamaPullError("what", model="m", hint="hint"),
    OllamaResponseError("what", status=500, body="{}"),
    OllamaAuthenticationError("what", status=401, body=""),
    OllamaBusyError("what", status=503, body="busy"),
    OllamaContextError("what", window=256, needed=None),
    OllamaIncompleteError("what", partial=reply("half"), reason="cut"),
    OllamaOutputError("what", reply=reply("{"), problems=("a", "b")),
    OllamaProtocolError("what", snippet="<html>"),
]


def test_there_is_one_of_each() -> None:
    assert {type(error).__name__ for error in ONE_OF_EACH} == set(real_tree())


def attributes(error: OllamaError) -> dict[str, Any]:
    """All that an error carries, with errors and replies in a form that can be compared."""

    def plain(value: Any) -> Any:
        if isinstance(value, OllamaError):
            return type(value), attributes(value)
        if isinstance(value, tuple):
            return tuple(plain(each) for each in value)
        return (str(value), vars(value)) if isinstance(value, Reply) else value

    return {"args": error.args, **{name: plain(value) for name, value in vars(error).items()}}


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, *(lambda e, p=p: pickle.loads(pickle.dumps(e, p)) for p in range(2, 6))],
    ids=["copy", "deepcopy", "pickle 2", "pickle 3", "pickle 4", "pickle 5"],
)
def test_a_copy_is_the_same_in_all(error: OllamaError, copied: Any) -> None:
    made = copied(error)
    assert made is not error
    assert type(made) is type(error)
    assert attributes(made) == attributes(error)
    assert str(made) == str(error)


def test_what_is_set_later_is_copied_too() -> None:
    missing = OllamaModelNotFoundError("what", model="smolm2")
    missing.suggestions = ("smollm2",)
    busy = OllamaBusyError("what", status=429, body="")
    busy.retry_after, busy.quota = 1.5, True
    late = OllamaTimeoutError("what", phase="idle", seconds=1)
    late.partial, late.loaded = reply("half"), False
    garbled = OllamaProtocolError("what", snippet="<")
    garbled.partial = reply("half")
    loading = OllamaResponseError("what", status=500, body="")
    loading.loading = True
    denied = OllamaAuthenticationError("what", status=401, body="")
    denied.signin_url = "https://ollama.com/connect"
    late.attempts = (busy, missing, garbled, loading, denied)
    for made in (pickle.loads(pickle.dumps(late)), copy.copy(late), copy.deepcopy(late)):
        assert attributes(made) == attributes(late)


def test_what_it_was_raised_from_does_not_travel() -> None:
    error = OllamaConnectionError("what", reason="reset")
    error.__cause__ = ValueError("reset")
    for made in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert made.__cause__ is None
        assert attributes(made) == attributes(error)


def test_the_text_is_what_and_why() -> None:
    assert str(OllamaError("no answer")) == "no answer"
    assert str(OllamaError("no answer", why="refused", hint="start it")) == "no answer: refused"
    assert str(OllamaTimeoutError("no answer", phase="start", seconds=1, why="asleep")) == "no answer: asleep"


@pytest.mark.parametrize("kind", [OllamaError, OllamaConnectionError, OllamaModelError, OllamaPullError])
def test_a_text_is_all_that_it_takes_to_raise_one(kind: type[OllamaError]) -> None:
    assert str(kind("cannot connect")) == "cannot connect"


def test_what_is_given_is_kept() -> None:
    error = OllamaPullError("what", model="m", why="why", hint="hint", attempts=(EARLIER,))
    assert (error.what, error.model, error.why, error.hint, error.attempts) == ("what", "m", "why", "hint", (EARLIER,))


def test_what_is_not_given_is_none_or_empty() -> None:
    error = OllamaError("what")
    assert (error.why, error.hint, error.attempts) == (None, None, ())
    assert OllamaModelNotFoundError("what", model="m").suggestions == ()
    late = OllamaTimeoutError("what", phase="idle", seconds=1)
    assert (late.partial, late.loaded) == (None, None)
    assert OllamaProtocolError("what").partial is None
    assert OllamaResponseError("what", status=500, body="").loading is False
    assert OllamaAuthenticationError("what", status=401, body="").signin_url is None
    busy = OllamaBusyError("what", status=503, body="")
    assert (busy.retry_after, busy.quota) == (None, False)


def test_a_time_out_is_a_connection_error_with_that_reason() -> None:
    assert OllamaTimeoutError("what", phase="idle", seconds=1).reason == "timeout"


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
def test_every_attribute_is_described(error: OllamaError) -> None:
    kinds = type(error).__mro__
    described = " ".join(kind.__doc__ or "" for kind in kinds if issubclass(kind, OllamaError))
    drawn = errors.__doc__ or ""
    for name in vars(error):
        assert re.search(rf"\b{name}\b", described + drawn), name
