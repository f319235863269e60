"""`--schema` and `--format`: what they are given, what is sent, and what becomes of an answer that doesn't fit."""

from __future__ import annotations

import json
from shlex import join

import pytest

from cli.services.schemas import fields_of
from tests.commands.conftest import Serve
from tests.commands.running import World

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def test_fields_and_their_types() -> None:
    assert fields_of("name, age int") == PERSON
    properties = fields_of("a str, b int, c float, d bool, e list")["properties"]
    kinds = ["string", "integer", "number", "boolean", "array"]
    assert [each["type"] for each in properties.values()] == kinds
    assert properties["e"]["items"] == {"type": "string"}


def test_fields_may_be_described() -> None:
    assert fields_of("age int: in years, name")["properties"]["age"] == {
        "type": "integer",
        "description": "in years",
    }
    lines = fields_of("age int: in years, rounded\n\nname: as it is written: first, last\n")["properties"]
    assert lines["age"]["description"] == "in years, rounded"
    assert lines["name"] == {"type": "string", "description": "as it is written: first, last"}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("name, age integer", "field 2 of --schema, 'age integer': no type 'integer'"),
        ("na.me", "field 1 of --schema, 'na.me': 'na.me' is no name of a field"),
        ("a b c", "field 1 of --schema, 'a b c': a name and a type, and what it is for behind a colon"),
        (": x", "field 1 of --schema, ': x': '' is no name of a field"),
        ("a, a int", "--schema names the field 'a' twice"),
        (" ", "--schema is empty"),
        ('{"type": ', "--schema is not JSON"),
        ('{"type": "objekt"}', "--schema is not a JSON Schema"),
        ("@missing.json", "no file missing.json"),
        ("missing.json", "no file missing.json"),
    ],
)
def test_what_is_no_schema_is_an_error_before_anything_is_sent(world: World, given: str, error: str) -> None:
    ran = world.run("chat", "x", "-m", "m", "--schema", given)
    assert (ran.status, ran.err.splitlines()[0]) == (2, f"Error: {error}")


def test_where_a_schema_is_wrong(world: World) -> None:
    (world.home / "s.json").write_text('{"type":\n  objekt}')
    assert world.run("chat", "x", "--schema", "@s.json").err == (
        "Error: s.json is not JSON\n  expecting value, line 2, column 3\n"
    )
    assert "  /type: " in world.run("chat", "x", "--schema", '{"type": 1}').err
    said = world.run("chat", "x", "--schema", '{"$ref": "http://h/s.json"}').err
    assert said.startswith("Error: --schema is not a JSON Schema\n  the schema: Resource 'http://h/s.json' is not ")
    for misspelt in ("age integer", "age itn"):
        assert "try: age int\n" in world.run("chat", "x", "--schema", misspelt).err
    assert "try: --schema @s.txt, if" in world.run("chat", "x", "--schema", "s.txt").err


@pytest.mark.parametrize("given", ["name, age int", json.dumps(PERSON), "@person.txt", "person.json"])
def test_all_forms_are_sent_as_a_json_schema(world: World, serve: Serve, given: str) -> None:
    for name in ("person.txt", "person.json"):
        (world.home / name).write_text(json.dumps(PERSON))
    server = serve(says=['{"name": "Ann", ', '"age": 41}'])
    ran = world.run("chat", "x", "-m", "m", "--host", server.url, "--schema", given)
    assert (ran.status, ran.out) == (0, '{"name": "Ann", "age": 41}\n')
    assert server.requests[0].json["format"] == PERSON


@pytest.mark.parametrize("flags", [[], ["--stream"]])
def test_an_answer_that_does_not_fit_is_not_printed(world: World, serve: Serve, flags: list[str]) -> None:
    server = serve(says=['{"name": ', '"Ann"}'])
    ran = world.run("chat", "x", "-m", "m", "--host", server.url, "--schema", "name, age int", *flags)
    assert (ran.status, ran.out) == (9, "")
    assert "age" in ran.err
    line = ["vuhitra", "--json", "chat", "x", "-m", "m", "--host", server.url, "--schema", "name, age int", *flags]
    assert ran.err.endswith(f"  try: {join(line)}\n")


def test_as_json_it_comes_with_the_error(world: World, serve: Serve) -> None:
    server = serve(says=['{"name": "Ann"}'])
    args = ("chat", "x", "-m", "m", "--host", server.url, "--json")
    ran = world.run(*args, "--schema", "name, age int")
    assert (ran.status, ran.error["code"]) == (9, "misfit")
    assert (ran.json["parsed"], ran.json["error"]["exit"]) == (None, 9)
    assert (ran.json["done_reason"], ran.json["stats"] is None) == ("stop", False), "it is whole, all the same"
    assert world.run(*args, "--schema", "name").json["parsed"] == {"name": "Ann"}


def test_any_json(world: World, serve: Serve) -> None:
    server = serve(says=["{}"])
    assert world.run("chat", "x", "-m", "m", "--host", server.url, "--format", "json").out == "{}\n"
    assert server.requests[0].json["format"] == "json"
    assert world.run("chat", "x", "--format", "xml").status == 2


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--format", "json", "--schema", "a"], "--format and --schema exclude each other: a schema is a format"),
        (["-x", "--schema", "a"], "-x and --schema exclude each other: an answer in JSON has no code block"),
        (["--xl", "--format", "json"], "--xl and --format exclude each other: an answer in JSON has no code block"),
        (
            ["--raw", "-s", "be brief"],
            "--raw takes no -s: what the model is told to be has its place in the template",
        ),
    ],
)
def test_flags_that_exclude_each_other_are_wrong_usage(world: World, serve: Serve, flags: list[str], said: str) -> None:
    server = serve(says=["{}"])
    ran = world.run("chat", "x", "-m", "m", "--host", server.url, *flags)
    assert (ran.status, ran.err, server.requests) == (2, f"Error: {said}\n", [])


@pytest.mark.parametrize(
    ("said", "parsed"), [('{"a": [1]}', {"a": [1]}), (" 4\n", 4), ("null", None), ('{"a": ', None)]
)
@pytest.mark.parametrize("flags", [[], ["--stream"]])
def test_any_json_is_data_for_a_program(
    world: World, serve: Serve, said: str, parsed: object, flags: list[str]
) -> None:
    server = serve(says=[said[:2], said[2:]])
    ran = world.run("chat", "x", "-m", "m", "--host", server.url, "--format", "json", "--json", *flags)
    assert (ran.status, ran.err) == (0, "")
    last = ran.lines[-1] if flags else ran.json
    assert last["parsed"] == parsed
    assert flags or last["text"] == said


def test_json_that_nobody_asked_for_is_text(world: World, serve: Serve) -> None:
    ran = world.run("chat", "x", "-m", "m", "--host", serve(says=["{}"]).url, "--json")
    assert (ran.json["text"], ran.json["parsed"]) == ("{}", None)
