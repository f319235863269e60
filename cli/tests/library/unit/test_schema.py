"""What an answer is held to: which schema is sent, what fits it, and what is said of that which doesn't."""

from __future__ import annotations

import dataclasses
import enum
import json
import sys
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vuhitra import OllamaOutputError, Reply
from vuhitra.reply import StoppedBy, ToolCall
from vuhitra.schema import Shape, UnfitError, inlined, was_cut


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("x is to the left of everything")


class Pet(TypedDict):
    name: str
    size: NotRequired[int]


class Drawing(msgspec.Struct):
    title: str
    lines: list[Point]
    colour: Colour | None = None


@dataclasses.dataclass
class Tree:
    value: int
    children: list[Tree] = dataclasses.field(default_factory=list)


class ModelError(ValueError):
    """As pydantic's: it lists what is wrong, and where."""

    def errors(self) -> list[dict[str, Any]]:
        return [{"loc": ("items", 0, "a/b"), "msg": "should be even"}, {"loc": ("total",), "msg": "is off"}]


class Model:
    """A class that does what pydantic's models do."""

    def __init__(self, n: int) -> None:
        self.n = n

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        reference = {"$ref": "#/$defs/Number"}
        return {"type": "object", "properties": {"n": reference}, "required": ["n"], "$defs": {"Number": INTEGER}}

    @classmethod
    def model_validate(cls, value: Any) -> Model:
        if value["n"] % 2:
            raise ModelError
        return cls(value["n"])


INTEGER = {"type": "integer"}


def problems(schema: Any, text: str) -> tuple[str, ...]:
    with pytest.raises(UnfitError) as caught:
        Shape.of(schema).read(text)
    return caught.value.problems


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "object"}, '{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        ({}, '"x"', "x"),
        (Point, '{"x": 3, "other": 1}', Point(3)),
        (Pet, '{"name": "Rex"}', {"name": "Rex"}),
        (
            Drawing,
            '{"title": "t", "lines": [{"x": 1, "y": 2}], "colour": "red"}',
            Drawing("t", [Point(1, 2)], Colour.RED),
        ),
        (Tree, '{"value": 1, "children": [{"value": 2}]}', Tree(1, [Tree(2)])),
        (list[Point], '[{"x": 1}]', [Point(1)]),
        (Point | None, "null", None),
        (int | str, '"3"', "3"),
        (Literal["a", 3], "3", 3),
        (Colour, '"blue"', Colour.BLUE),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (dict[int, date], '{"1": "2026-11-22"}', {1: date(2026, 11, 22)}),
        (Annotated[int, msgspec.Meta(ge=0)], "3.0", 3),
        (str, '"x"', "x"),
        (bool, " true\n", True),
        (Literal["null", "x"] | None, '"null"', "null"),
        (Literal[1, "1"], '"1"', "1"),
        (datetime | None, '"2026-11-22T12:00:00Z"', datetime(2026, 11, 22, 12, tzinfo=UTC)),
        (list[float], "[1, 2.5]", [1.0, 2.5]),
    ],
    ids=repr,
)
def test_what_fits_becomes_a_value_of_the_type(schema: Any, text: str, value: object) -> None:
    shape = Shape.of(schema)
    assert shape.read(text) == value
    assert type(shape.read(text)) is type(value)
    assert jsonschema_rs.is_valid(shape.json_schema, json.loads(text))


def test_models_are_known_by_what_they_can_do() -> None:
    shape = Shape.of(Model)
    assert shape.json_schema == {"type": "object", "properties": {"n": INTEGER}, "required": ["n"]}
    assert shape.read('{"n": 4}').n == 4
    assert [each.n for each in Shape.of(list[Model]).read('[{"n": 2}]')] == [2]
    assert "pydantic" not in sys.modules


def test_models_say_all_that_is_wrong() -> None:
    assert problems(Model, '{"n": 3}') == ("/items/0/a~1b: should be even", "/total: is off")


def test_a_schema_of_ones_own_is_sent_as_it_is() -> None:
    own = {"$defs": {"n": INTEGER}, "type": "array", "items": {"$ref": "#/$defs/n"}}
    assert Shape.of(own).json_schema == own
    assert problems(own, '["a"]') == ('/0: "a" is not of type "integer"',)


def test_references_give_way_to_what_they_refer_to() -> None:
    assert "$ref" not in json.dumps(Shape.of(Drawing).json_schema)
    assert Shape.of(Point).json_schema["properties"]["x"] == INTEGER


def test_only_what_contains_itself_refers_to_itself() -> None:
    schema = Shape.of(dict[str, Tree]).json_schema
    tree = schema["additionalProperties"]
    assert tree["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    assert schema["$defs"] == {"Tree": tree}


def test_schemas_that_contain_each_other_stay_small() -> None:
    names = [f"t{number}" for number in range(12)]
    each = {"type": "object", "properties": {name: {"$ref": f"#/$defs/{name}"} for name in names}}
    made = inlined({"$ref": "#/$defs/t0", "description": "first", "$defs": dict.fromkeys(names, each)})
    assert made["description"] == "first"
    assert made["properties"]["t1"] == {"$ref": "#/$defs/t1"}
    assert set(made["$defs"]) == set(names)


def test_all_that_is_wrong_is_said_and_where() -> None:
    schema = {
        "type": "object",
        "properties": {"a/b~": {"maxItems": 1, "items": {"type": "string"}}, "n": {"maximum": 3}},
        "required": ["k"],
        "additionalProperties": False,
    }
    found = problems(schema, '{"a/b~": ["x", 1], "n": 5, "more": 0}')
    assert sorted(problem.partition(": ")[0] for problem in found) == [
        "/a~1b~0",
        "/a~1b~0/1",
        "/n",
        "the answer",
        "the answer",
    ]
    assert '/a~1b~0/1: 1 is not of type "string"' in found
    assert 'the answer: "k" is a required property' in found


def test_of_several_schemas_the_one_that_was_meant_is_spoken_of() -> None:
    assert problems(Point | None, '{"x": "1", "y": []}') == (
        '/x: "1" is not of type "integer"',
        '/y: [] is not of type "number"',
    )
    assert problems(int | str | None, "[]") == ('the answer: [] is not of type "integer" or "string" or "null"',)


def test_a_problem_is_short_however_long_the_answer_is() -> None:
    (problem,) = problems(int, json.dumps("x" * 100_000))
    assert len(problem) < 200
    assert problem.endswith('is not of type "integer"')


def test_what_a_type_does_not_take_is_said_with_its_place() -> None:
    assert problems(list[Point], '[{"x": 1}, {"x": -1}]') == ("/1: x is to the left of everything",)
    assert problems(dict[str, list[Point]], '{"a": [{"x": -1}]}')[0].startswith("/*/0: ")


def test_formats_are_checked() -> None:
    (problem,) = problems({"type": "string", "format": "date"}, '"soon"')
    assert '"soon"' in problem


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("```json\n{}\n```", "fences"),
        ("Sure! {}", "not JSON"),
        ("{} {}", "not JSON"),
        ('{"a": NaN}', "not JSON"),
        ("Infinity", "not JSON"),
        ("1e999", "not JSON"),
        ("'a'", "not JSON"),
        ('{"a"', "not JSON"),
        ("\ufeff{}", "not JSON"),
        ('"\\ud800"', "not JSON"),
        ("[" * 100_000, "nested too deep"),
        ('"\ud800"', "not JSON"),
        ("9" * 5000, "not JSON"),
    ],
)
def test_what_is_not_json_does_not_fit_even_where_anything_would(text: str, why: str) -> None:
    (problem,) = problems({}, text)
    assert why in problem
    assert len(problem) < 200


def test_what_is_too_deep_to_be_checked_does_not_fit() -> None:
    (problem,) = problems({"items": INTEGER}, "[" * 400 + "]" * 400)
    assert "can't be checked" in problem


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_text_fits_or_is_said_not_to(text: str) -> None:
    for schema in (Point, {"type": "array"}, list[int | None]):
        shape = Shape.of(schema)
        with suppress(UnfitError):
            shape.read(text)
            jsonschema_rs.validate(shape.json_schema, json.loads(text))


@pytest.mark.parametrize(
    "schema",
    [
        3,
        "json",
        Point(1),
        [INTEGER],
        object,
        complex,
        Point | Tree,
        list["Unknown"],  # type: ignore[name-defined]  # noqa: F821  no such type is the point
    ],
    ids=repr,
)
def test_what_no_schema_can_be_made_from_is_refused(schema: Any) -> None:
    with pytest.raises(TypeError, match="schema"):
        Shape.of(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "colour"},
        {"properties": []},
        {"pattern": "("},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "https://example.invalid/schema.json"},
        {"$ref": "file:///etc/hosts"},
        {"$schema": "https://example.invalid/schema", "type": "integer"},
        {"enum": [{1, 2}]},
        {"enum": [object()]},
        {1: 2},
    ],
    ids=repr,
)
def test_a_schema_that_can_not_be_used_is_refused(schema: Any) -> None:
    with pytest.raises(ValueError, match="this schema can't be used") as raised:
        Shape.of(schema)
    assert "the answer" not in str(raised.value)


def test_nothing_is_read_for_a_schema_not_even_from_a_file(tmp_path: Path) -> None:
    elsewhere = tmp_path / "schema.json"
    elsewhere.write_text('{"type": "integer"}')
    with pytest.raises(ValueError, match="can't be used"):
        Shape.of({"$ref": elsewhere.as_uri()})


def reply(text: str, stopped_by: StoppedBy = "stop") -> Reply:
    made = Reply(text)
    made.stopped_by = stopped_by
    return made


def refused(schema: Any, answer: Reply) -> OllamaOutputError:
    with pytest.raises(OllamaOutputError) as caught:
        Shape.of(schema).parse(answer, "there")
    assert caught.value.reply is answer
    return caught.value


def test_a_reply_says_a_value() -> None:
    assert Shape.of(Point).parse(reply('{"x": 1}'), "there") == Point(1)


def test_a_reply_that_does_not_fit_is_an_error_that_has_it() -> None:
    answer = reply('["a", "b", "c", "d", "e"]')
    answer.model = "smollm2"
    error = refused(list[int], answer)
    assert len(error.problems) == 5
    assert str(error) == (
        'the answer of smollm2 at there doesn\'t fit the schema: /0: "a" is not of type "integer"; '
        '/1: "b" is not of type "integer"; /2: "c" is not of type "integer"; and 2 more'
    )


@pytest.mark.parametrize("stopped_by", ["limit", "window", "length"])
def test_a_reply_that_was_cut_says_so(stopped_by: StoppedBy) -> None:
    error = refused(Point, reply('{"x": 1', stopped_by))
    assert "was cut by a limit" in str(error)
    assert error.hint
    assert was_cut(error.reply)


def test_a_cut_reply_whose_json_is_whole_is_an_answer() -> None:
    assert Shape.of(Point).parse(reply('{"x": 1}\n\n\n', "limit"), "there") == Point(1)
    assert Shape.of(int).parse(reply("12 ", "limit"), "there") == 12
    assert "may go on" in str(refused(int, reply("12", "limit")))


def test_a_reply_that_calls_tools_or_answers_nothing_is_not_looked_at() -> None:
    calling = reply("")
    calling.tool_calls = (ToolCall("f", {}),)
    assert Shape.of(Point).parse(calling, "there") is None
    assert Shape.of(Point).parse(reply("", "load"), "there") is None


def test_a_model_that_only_thought_is_told_apart() -> None:
    thoughtful = reply("")
    thoughtful.thinking = "hm"
    assert "think=False" in str(refused(Point, thoughtful).hint)
    assert refused(Point, reply("")).hint is None
