"""What users import: the names, both clients alike, every one of them described, and an import that costs nothing."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Any, get_overloads, is_typeddict

import pytest

import vuhitra
from vuhitra import AsyncOllamaClient, AsyncProgressStream, AsyncStream, OllamaClient, ProgressStream, Stream, types

TWINS = [(OllamaClient, AsyncOllamaClient), (Stream, AsyncStream), (ProgressStream, AsyncProgressStream)]
ASYNC_NAMES = {
    "close": "aclose",
    "__enter__": "__aenter__",
    "__exit__": "__aexit__",
    "__iter__": "__aiter__",
    "__next__": "__anext__",
}


def test_the_public_names_are_sorted_and_there() -> None:
    assert vuhitra.__all__ == sorted(set(vuhitra.__all__))
    for name in vuhitra.__all__:
        assert getattr(vuhitra, name) is not None
    assert set(vuhitra.__all__) <= set(dir(vuhitra))


def test_a_star_import_gives_exactly_these_names() -> None:
    names: dict[str, object] = {}
    exec("from vuhitra import *", names)  # noqa: S102  the only way to do it in a function
    assert sorted(names.keys() - {"__builtins__"}) == vuhitra.__all__


def test_a_name_that_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match="module 'vuhitra' has no attribute 'Ollama'"):
        _ = vuhitra.Ollama


def modules_after(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_importing_the_library_loads_nothing_heavy() -> None:
    loaded = modules_after("import vuhitra")
    assert {name for name in loaded if name.startswith("vuhitra")} == {"vuhitra"}
    assert not loaded & {"msgspec", "h11", "socket", "ssl", "asyncio", "json", "dataclasses", "urllib.parse"}


def test_the_blocking_client_loads_no_event_loop_and_no_tls() -> None:
    loaded = modules_after("from vuhitra import OllamaClient; OllamaClient('127.0.0.1').close()")
    assert "vuhitra.client" in loaded
    assert not loaded & {"asyncio", "ssl", "http.client", "urllib.request", "email", "pathlib"}


def members(cls: type) -> dict[str, Any]:
    """The public members of a class, and the special methods that have an asynchronous twin."""
    twins = {*ASYNC_NAMES.keys(), *ASYNC_NAMES.values()}
    return {name: member for name, member in inspect.getmembers(cls) if not name.startswith("_") or name in twins}


def as_if_async(text: str) -> str:
    """A signature with the asynchronous names in place of the others."""
    text = re.sub(r"\b(?=OllamaClient|ProgressStream|Stream\b|Receiving)", "Async", text)
    return re.sub(r"\bIterator\b", "AsyncIterator", text)


@pytest.mark.parametrize(("blocking", "asynchronous"), TWINS, ids=[twin[0].__name__ for twin in TWINS])
def test_both_colours_have_the_same_names_signatures_and_docstrings(blocking: type, asynchronous: type) -> None:
    ours, theirs = members(blocking), members(asynchronous)
    assert {ASYNC_NAMES.get(name, name) for name in ours} == set(theirs)
    for name, member in ours.items():
        twin = theirs[ASYNC_NAMES.get(name, name)]
        if callable(member):
            assert as_if_async(str(inspect.signature(member))) == str(inspect.signature(twin)), name
        if name != "close" or blocking is OllamaClient:
            described = (inspect.getdoc(member) or "").replace("that threads share", "that tasks share")
            assert described == (inspect.getdoc(twin) or ""), name


STREAMING = ["generate", "chat", "pull_model", "push_model", "create_model"]


def overloads(client: type, name: str) -> list[str]:
    return [str(inspect.signature(overload)) for overload in get_overloads(getattr(client, name))]


@pytest.mark.parametrize("name", [*STREAMING, "embed"])
def test_both_colours_have_the_same_overloads(name: str) -> None:
    assert [as_if_async(each) for each in overloads(OllamaClient, name)] == overloads(AsyncOllamaClient, name)


@pytest.mark.parametrize("name", STREAMING)
def test_what_streams_has_an_overload_for_each_way_to_ask(name: str) -> None:
    flags = [
        re.search(r"stream: '([^']+)'", signature).group(1)  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
        for signature in overloads(OllamaClient, name)
    ]
    assert flags == ["Literal[False]", "Literal[True]", "bool"]


def test_what_stands_in_the_first_places_stays_there() -> None:
    def places(function: Any) -> list[str]:
        parameters = inspect.signature(function).parameters.values()
        return [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]

    assert places(OllamaClient) == ["base_url", "model", "timeout"]
    assert places(OllamaClient.generate) == ["self", "prompt", "model", "stream", "options"]
    assert places(OllamaClient.chat) == ["self", "messages", "model", "stream"]
    assert places(OllamaClient.embed) == ["self", "text", "model"]
    assert places(OllamaClient.pull_model) == ["self", "name", "stream"]
    assert places(OllamaClient.copy_model) == ["self", "source", "destination"]


def test_every_operation_of_the_async_client_is_awaited() -> None:
    plain = {"with_options", "base_url"}
    for name, member in members(AsyncOllamaClient).items():
        assert inspect.iscoroutinefunction(member) == (name not in plain), name


PUBLIC = [(name, getattr(vuhitra, name)) for name in vuhitra.__all__ if name != "Event"]


@pytest.mark.parametrize(("name", "value"), PUBLIC, ids=[name for name, _ in PUBLIC])
def test_every_public_thing_is_described(name: str, value: Any) -> None:
    assert inspect.getdoc(value), name
    if inspect.isclass(value):
        for member_name, member in inspect.getmembers(value):
            is_ours = (getattr(member, "__module__", None) or "vuhitra").startswith("vuhitra")
            if not member_name.startswith("_") and (isinstance(member, property) or callable(member)) and is_ours:
                assert inspect.getdoc(member), f"{name}.{member_name}"


def test_the_parameters_of_a_client_are_described() -> None:
    described = OllamaClient.__init__.__doc__ or ""
    for parameter in list(inspect.signature(OllamaClient).parameters):
        assert f"{parameter}: " in described, parameter


SHAPES = [shape for shape in vars(types).values() if is_typeddict(shape) and shape.__module__ == types.__name__]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_key_of_a_shape_is_described(shape: Any) -> None:
    keys = shape.__annotations__.keys()
    described = " ".join(base.__doc__ or "" for base in SHAPES if base.__annotations__.keys() <= keys)
    for key in keys:
        assert re.search(rf"\b{key}\b", described), key


def test_the_types_are_sorted_and_there() -> None:
    assert types.__all__ == sorted(set(types.__all__))
    assert all(hasattr(types, name) for name in types.__all__)
    assert {shape.__name__ for shape in SHAPES} <= set(types.__all__)
