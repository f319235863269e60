"""What a model is told of a function, and what becomes of its calls."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import functools
import json
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal, TypedDict

import jsonschema_rs
import msgspec
import pytest

from vuhitra import Reply
from vuhitra.reply import ToolCall
from vuhitra.tools import Toolbox, text_of


class Unit(enum.Enum):
    CELSIUS = "c"
    FAHRENHEIT = "f"


class Kind(str, enum.Enum):  # noqa: UP042  as people write it: its str() is another text
    BIG = "big"


@dataclasses.dataclass
class Place:
    city: str
    state: str | None = None


class Box(TypedDict):
    parts: list[Place]


class Circle(msgspec.Struct):
    place: Place
    size: float = 1.0


@dataclasses.dataclass
class Tree:
    value: int
    children: list[Tree] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Picky:
    n: int

    def __post_init__(self) -> None:
        raise KeyError("not a number I like")


class Model:
    """A class that does what pydantic's models do."""

    def __init__(self, n: int) -> None:
        self.n = n

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        return {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}, "$defs": {"N": {"type": "integer"}}}

    @classmethod
    def model_validate(cls, value: Any) -> Model:
        if value["n"] < 0:
            raise ValueError("n is negative")
        return cls(value["n"])

    def model_dump(self, mode: str) -> dict[str, Any]:
        return {"n": self.n, "mode": mode}


def told(function: Callable[..., Any]) -> Any:
    """What a model is told of a function."""
    (definition,) = Toolbox([function], may_await=True).definitions
    assert json.loads(json.dumps(definition)) == definition
    assert definition["type"] == "function"
    jsonschema_rs.meta.validate(definition["function"]["parameters"])
    return definition["function"]


def run(function: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """What a model hears of a call."""
    message = Toolbox([function], may_await=False).run(ToolCall(told(function)["name"], arguments))
    assert not isinstance(message, Awaitable)
    return message["content"]


def property_of(hint: Any) -> Any:
    """The schema of a parameter with this hint."""

    def tool(x: Any) -> None: ...

    tool.__annotations__["x"] = hint
    return told(tool)["parameters"]["properties"]["x"]


def heard(hint: Any, value: Any) -> Any:
    """What a function is given for a parameter with this hint; a text where the call was refused."""
    given: list[Any] = []

    def tool(x: Any) -> str:
        given.append(x)
        return ""

    tool.__annotations__["x"] = hint
    return run(tool, {"x": value}) or given[0]


def weather(city: str, days: int = 3, unit: Unit = Unit.CELSIUS) -> str:
    """Looks up the weather.

    city: where to look. days: how many, from today.
    """
    return f"{city} {days} {unit.name}"


anything: Any = weather


def test_a_model_is_told_all_that_a_function_says_of_itself() -> None:
    assert told(weather) == {
        "name": "weather",
        "description": "Looks up the weather.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "where to look."},
                "days": {"type": "integer", "description": "how many, from today.", "default": 3},
                "unit": {"title": "Unit", "type": "string", "enum": ["c", "f"], "default": "c"},
            },
            "required": ["city"],
        },
    }


def test_a_function_need_say_nothing_of_itself() -> None:
    def bare(x, y=None):  # type: ignore[no-untyped-def]  # as people write them
        return f"{x} {y}"

    parameters = {"type": "object", "properties": {"x": {}, "y": {"default": None}}, "required": ["x"]}
    assert told(bare) == {"name": "bare", "parameters": parameters}
    assert run(bare, {"x": {"a": 1}}) == "{'a': 1} None"


PLACE = {
    "title": "Place",
    "type": "object",
    "properties": {"city": {"type": "string"}, "state": {"type": ["string", "null"], "default": None}},
    "required": ["city"],
}


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (int, {"type": "integer"}),
        (list[str], {"type": "array", "items": {"type": "string"}}),
        (dict[str, bool], {"type": "object", "additionalProperties": {"type": "boolean"}}),
        (str | None, {"type": ["string", "null"]}),
        (int | str | None, {"type": ["integer", "string", "null"]}),
        (list[int] | None, {"type": ["array", "null"], "items": {"type": "integer"}}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a", 1], {"type": ["integer", "string"], "enum": [1, "a"]}),
        (Literal["a"] | None, {"type": ["string", "null"], "enum": ["a", None]}),
        (Annotated[int, msgspec.Meta(ge=1, description="one or more")], {"type": "integer", "minimum": 1}),
        (Annotated[str, "a name"], {"type": "string", "description": "a name"}),
        (date, {"type": "string", "format": "date"}),
        (Literal["a"] | int, {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "integer"}]}),
        (date | str, {}),
        (Place, PLACE),
        (Place | None, {**PLACE, "type": ["object", "null"]}),
        (Model, {"type": "object", "properties": {"n": {"type": "integer"}}}),
        ("date", {"type": "string", "format": "date"}),
        (Any, {}),
        (object, {}),
        (complex, {}),
        ("Unknown", {}),
        ("1 +", {}),
        (Place | Tree, {}),
    ],
    ids=str,
)
def test_types(hint: Any, schema: Any) -> None:
    made = property_of(hint)
    if "description" not in schema:
        made.pop("description", None)
    assert made == schema


class Dated(Model):
    """Holds a union that can't be told by one type."""

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        either = [{"type": "string", "format": "date"}, {"type": "string"}]
        return {"type": "object", "properties": {"when": {"anyOf": either}}}


def test_a_union_that_one_type_can_not_tell_stays_one() -> None:
    assert property_of(Dated) == Dated.model_json_schema()


def test_nothing_in_a_type_is_left_to_a_reference() -> None:
    assert property_of(Box)["properties"]["parts"]["items"] == PLACE
    assert property_of(Circle)["properties"]["place"] == PLACE


def test_what_contains_itself_is_told_once_and_refers_to_itself_from_there() -> None:
    def plant(tree: Tree, other: Tree) -> None: ...

    parameters = told(plant)["parameters"]
    assert parameters["properties"]["tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    assert parameters["properties"]["tree"] == parameters["properties"]["other"] == parameters["$defs"]["Tree"]


class Station:
    """A station."""

    def reading(self, hours: float) -> str:
        """Reads the station."""
        return f"{hours!r}"

    @staticmethod
    def count(of: int) -> str:
        return f"{of!r}"

    @classmethod
    def made(cls, of: int) -> str:
        return f"{cls.__name__} {of!r}"

    def __call__(self, hours: float) -> str:
        """Calls the station.

        hours: how many.
        """
        return f"called {hours!r}"


@functools.lru_cache
def cached(n: int) -> str:
    """Kept."""
    return f"{n!r}"


def logged(function: Callable[..., str]) -> Callable[..., str]:
    @functools.wraps(function)
    def wrapper(*arguments: Any, **named: Any) -> str:
        return f"logged {function(*arguments, **named)}"

    return wrapper


@logged
def decorated(n: int) -> str:
    """Logged."""
    return f"{n!r}"


class Counted:
    """Counts how often a function is called."""

    def __init__(self, function: Callable[..., str]) -> None:
        functools.update_wrapper(self, function)
        self._function = function

    def __call__(self, *arguments: Any, **named: Any) -> str:
        return self._function(*arguments, **named)


@Counted
def counted(n: int) -> str:
    """Doubles."""
    return f"{2 * n!r}"


@pytest.mark.parametrize(
    ("function", "name", "description", "argument", "result"),
    [
        (Station().reading, "reading", "Reads the station.", "hours", "3.0"),
        (Station.count, "count", None, "of", "3"),
        (Station.made, "made", None, "of", "Station 3"),
        (Station(), "Station", "Calls the station.", "hours", "called 3.0"),
        (cached, "cached", "Kept.", "n", "3"),
        (decorated, "decorated", "Logged.", "n", "logged 3"),
        (counted, "counted", "Doubles.", "n", "6"),
        (functools.partial(weather, "Rome"), "weather", "Looks up the weather.", "days", "Rome 3 CELSIUS"),
        (Place, "Place", None, "city", '{"city":"3","state":null}'),
    ],
    ids=str,
)
def test_all_kinds_of_callables(function: Any, name: str, description: str | None, argument: str, result: str) -> None:
    definition = told(function)
    assert definition["name"] == name
    if description:
        assert definition["description"] == description
    assert argument in definition["parameters"]["properties"]
    assert run(function, {argument: "3"}) == result


def test_what_a_partial_names_is_not_the_models_business() -> None:
    def search(key: str, *, words: str, limit: int = 5) -> str:
        return f"{key} {words} {limit}"

    bound = functools.partial(search, key="secret")
    assert "secret" not in json.dumps(told(bound))
    assert list(told(bound)["parameters"]["properties"]) == ["words", "limit"]
    assert run(bound, {"words": "x"}) == "secret x 5"
    assert "no argument 'key'" in run(bound, {"words": "x", "key": "mine"})


def test_arguments_by_place_only() -> None:
    def ratio(a: int, b: int = 2, /, c: int = 3) -> str:
        return f"{a} {b} {c}"

    assert run(ratio, {"a": 1}) == "1 2 3"
    assert run(ratio, {"a": 1, "c": 5}) == "1 2 5"
    assert run(ratio, {"c": 5, "b": 4, "a": 1}) == "1 4 5"
    assert run(math.sqrt, {"x": 4}) == "2.0"


def test_a_default_that_is_not_for_json_is_left_out() -> None:
    nothing = object()

    def tool(x: Any = nothing, y: Any = frozenset([1])) -> None: ...

    assert told(tool)["parameters"]["properties"] == {"x": {}, "y": {"default": [1]}}


@pytest.mark.parametrize(
    ("tool", "part"),
    [
        (lambda x: x, "needs a name"),
        (print, r"print takes \*args"),
        (functools.partial(anything, nothing=1), "no signature"),
        (int, "no signature"),
        ("weather", "a tool is a function or a dict"),
        (3, "a tool is a function or a dict"),
    ],
    ids=str,
)
def test_what_is_no_tool_is_refused(tool: Any, part: str) -> None:
    with pytest.raises(TypeError, match=part):
        Toolbox([tool], may_await=True)


@pytest.mark.parametrize("tools", [weather, {"type": "function"}, "weather", 3])
def test_tools_are_a_list(tools: Any) -> None:
    with pytest.raises(TypeError, match="tools is a list"):
        Toolbox(tools, may_await=True)


def test_a_name_is_of_one_tool() -> None:
    described = {"type": "function", "function": {"name": "weather"}}
    with pytest.raises(ValueError, match="two tools have the name 'weather'"):
        Toolbox([weather, described], may_await=False)


def test_what_is_only_described_is_sent_as_it_is_and_not_run() -> None:
    described = {"type": "function", "function": {"name": "search", "anything": 1}}
    toolbox = Toolbox([described, {"type": "odd"}, {"type": "odd"}, weather], may_await=False)
    assert toolbox.definitions[0] is described
    assert toolbox.can_run([ToolCall("weather", {}), ToolCall("unheard of", {})])
    assert not toolbox.can_run([ToolCall("weather", {}), ToolCall("search", {})])


def test_a_call_is_answered_by_its_name_and_its_id() -> None:
    toolbox = Toolbox([weather], may_await=False)
    rome = {"city": "Rome", "unit": Unit.FAHRENHEIT.value}
    assert toolbox.run(ToolCall("weather", rome, "call_1")) == {
        "role": "tool",
        "tool_name": "weather",
        "content": "Rome 3 FAHRENHEIT",
        "tool_call_id": "call_1",
    }
    assert toolbox.run(ToolCall("weather", rome)) == {
        "role": "tool",
        "tool_name": "weather",
        "content": "Rome 3 FAHRENHEIT",
    }


@pytest.mark.parametrize(
    ("hint", "value", "given"),
    [
        (int, "3", 3),
        (int, 3.0, 3),
        (float, 3, 3.0),
        (bool, "true", True),
        (str, 10115, "10115"),
        (str | None, 1.5, "1.5"),
        (str, True, "error: tool can't be called so: x: Expected `str`, got `bool`"),
        (str, "[1]", "[1]"),
        (list[int], '["1", 2]', [1, 2]),
        (dict[int, str], {"1": 2}, "error: tool can't be called so: x: /*: Expected `str`, got `int`"),
        (Place, '{"city": "Rome"}', Place("Rome")),
        (Place, {"city": "Rome", "more": 1}, Place("Rome")),
        (list[Circle], [{"place": {"city": "Rome"}, "size": "2"}], [Circle(Place("Rome"), 2.0)]),
        (tuple[int, ...], [1, "2"], (1, 2)),
        (set[str], ["a"], {"a"}),
        (date, "2026-11-22", date(2026, 11, 22)),
        (Literal["1", "2"], 2, "2"),
        (object, [1], [1]),
        (bool, 3, "error: tool can't be called so: x: Expected `bool`, got `int`"),
        (int, 3.5, "error: tool can't be called so: x: Expected `int`, got `float`"),
        (int, "three", "error: tool can't be called so: x: Expected `int`, got `str`"),
        (Unit, "k", "error: tool can't be called so: x: Invalid enum value 'k'"),
        (Place, '{"city": []}', "error: tool can't be called so: x: /city: Expected `str`, got `array`"),
        (list[int], [1, "x"], "error: tool can't be called so: x: /1: Expected `int`, got `str`"),
        (int, None, "error: tool can't be called so: x: Expected `int`, got `null`"),
        (Model, {"n": -1}, "error: tool can't be called so: x: n is negative"),
        (Picky, {"n": 1}, "error: KeyError: 'not a number I like'"),
    ],
    ids=str,
)
def test_sloppy_arguments_become_what_was_meant_or_are_refused(hint: Any, value: Any, given: Any) -> None:
    assert heard(hint, value) == given


def test_null_is_the_same_as_nothing_where_there_is_a_default() -> None:
    assert run(weather, {"city": "Rome", "days": None}) == "Rome 3 CELSIUS"


def test_all_that_is_wrong_with_a_call_is_said() -> None:
    assert run(weather, {"town": "Rome", "days": "many"}) == (
        "error: weather can't be called so: there is no argument 'town'; city: is required; "
        "days: Expected `int`, got `str`"
    )


def test_a_tool_that_is_not_there() -> None:
    message: Any = Toolbox([weather], may_await=False).run(ToolCall("wether", {}))
    assert message["content"] == "error: there is no tool 'wether'; there is weather"
    assert message["tool_name"] == "wether"


def test_what_a_tool_raises_is_told_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("the secret is 42")

    with caplog.at_level(logging.DEBUG):
        assert run(fail, {}) == "error: RuntimeError: the secret is 42"
    assert [record.getMessage() for record in caplog.records] == ["the tool fail failed: RuntimeError"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_ends_the_program_passes(kind: type[BaseException]) -> None:
    def fail() -> None:
        raise kind

    with pytest.raises(kind):
        run(fail, {})


class Odd:
    def __str__(self) -> str:
        return "odd"


def endless() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("as it is\n", "as it is\n"),
        (Reply("said"), "said"),
        (Kind.BIG, "big"),
        ([Reply("said"), Kind.BIG], '["said","big"]'),
        (None, "null"),
        (2.5, "2.5"),
        ({"a": [1, True]}, '{"a":[1,true]}'),
        (Place("Rome"), '{"city":"Rome","state":null}'),
        (date(2026, 11, 22), '"2026-11-22"'),
        (Model(2), '{"n":2,"mode":"json"}'),
        (Odd(), "odd"),
        (endless(), "[[...]]"),
        ("a\ud800b", "a?b"),
        (["a\ud800b"], "['a\\ud800b']"),
    ],
    ids=ascii,
)
def test_what_a_tool_gave_as_a_model_reads_it(result: object, text: str) -> None:
    assert text_of(result) == text


async def slow(n: int) -> str:
    """Takes its time."""
    await asyncio.sleep(0)
    return f"{n!r} at last"


class Slow:
    async def __call__(self, n: int) -> str:
        return await slow(n)


@pytest.mark.parametrize("tool", [slow, Slow(), functools.partial(slow), Slow().__call__], ids=repr)
def test_an_asynchronous_tool_is_awaited_or_refused(tool: Any) -> None:
    toolbox = Toolbox([tool], may_await=True)
    name = toolbox.definitions[0]["function"]["name"]

    async def call(arguments: Mapping[str, Any]) -> Any:
        message = toolbox.run(ToolCall(name, arguments))
        return await message if isinstance(message, Awaitable) else message

    assert asyncio.run(call({"n": "3"}))["content"] == "3 at last"
    assert "is required" in asyncio.run(call({}))["content"]
    with pytest.raises(TypeError, match=f"{name} is asynchronous"):
        Toolbox([tool], may_await=False)


def test_what_an_asynchronous_tool_raises_is_told() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def call() -> Any:
        message = Toolbox([fail], may_await=True).run(ToolCall("fail", {}))
        assert isinstance(message, Awaitable)
        return await message

    assert asyncio.run(call())["content"] == "error: ValueError: no"


def test_something_to_await_that_nobody_can_await_is_told_and_leaks_nothing() -> None:
    def sly(n: int) -> Any:
        return slow(n)

    assert run(sly, {"n": 1}) == "error: TypeError: sly gave something to await"
