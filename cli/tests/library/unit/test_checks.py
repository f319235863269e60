"""What can't be right is refused before anything is sent, and what the server may know is passed on."""

from __future__ import annotations

import os
from collections import UserDict, UserList
from collections.abc import Callable
from datetime import timedelta
from math import inf, nan
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_type_hints

import pytest

from vuhitra import Reply, checks
from vuhitra.types import Options

KINDS: dict[str, Any] = get_type_hints(Options)
WHOLE = [name for name, kind in KINDS.items() if kind is int]
NUMBERS = [name for name, kind in KINDS.items() if kind is float]
SWITCHES = [name for name, kind in KINDS.items() if kind is bool]
LISTS = [name for name in KINDS if name not in {*WHOLE, *NUMBERS, *SWITCHES}]


def test_none_is_the_same_as_nothing() -> None:
    assert checks.without_none({"a": None, "b": False, "c": 0, "d": ""}) == {"b": False, "c": 0, "d": ""}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("system", b"be kind"),
        ("suffix", 5),
        ("template", ["a"]),
        ("raw", "yes"),
        ("truncate", 0),
        ("shift", 1.5),
        ("logprobs", "true"),
        ("keep_alive", timedelta(minutes=5)),
        ("keep_alive", True),
        ("think", b"low"),
        ("think", 1),
        ("format", 5),
        ("format", ["json"]),
    ],
)
def test_a_field_that_servers_can_not_take_so_raises(field: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{field} is "):
        checks.without_none({field: value})


@pytest.mark.parametrize(
    "given",
    [
        {"keep_alive": 300},
        {"keep_alive": -1.5},
        {"keep_alive": "5m"},
        {"think": False},
        {"think": "high"},
        {"format": "json"},
        {"format": {"type": "object"}},
        {"raw": True, "system": "", "mood": b"?"},
    ],
    ids=repr,
)
def test_a_field_that_they_can_or_that_nobody_knows_is_passed_on(given: dict[str, Any]) -> None:
    assert checks.without_none(given) == given


@pytest.mark.parametrize("name", ["", " ", "\n"])
def test_a_call_names_a_model(name: str) -> None:
    with pytest.raises(ValueError, match="no model is named"):
        checks.model_name(name)


def test_a_model_is_named_by_a_text() -> None:
    assert checks.model_name("hf.co/a/b:Q4_K_M") == "hf.co/a/b:Q4_K_M"
    nothing: Any = None
    with pytest.raises(TypeError, match="name is a str, not NoneType"):
        checks.model_name(nothing)


def test_a_message_is_passed_on_with_what_nobody_knows() -> None:
    given = {"role": "critic", "content": "no", "mood": "bad"}
    assert checks.message(given) == given
    assert checks.message({"role": "assistant", "tool_calls": []}) == {"role": "assistant", "tool_calls": []}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("hello", "a dict with a str 'role', not 'hello'"),
        (None, "a dict with a str 'role', not None"),
        ({"content": "hello"}, "a dict with a str 'role'"),
        ({"role": 1, "content": "hello"}, "a dict with a str 'role'"),
        ({"role": "user", "content": None}, "content of a message is a str, not NoneType"),
        ({"role": "user", "content": ["a"]}, "content of a message is a str, not list"),
        ({"role": "user", "content": "a", "images": "AAAA"}, "images is a list, not str"),
        ({"role": "assistant", "content": "", "thinking": b"hm"}, "thinking is a str, not bytes"),
        ({"role": "tool", "content": "4", "tool_name": 5}, "tool_name is a str, not int"),
    ],
    ids=repr,
)
def test_a_message_that_can_not_be_right_raises(given: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        checks.message(given)


def test_a_long_message_is_not_quoted_whole() -> None:
    with pytest.raises(TypeError) as caught:
        checks.message({"content": "x" * 10_000})
    assert len(str(caught.value)) < 200


def test_images_are_bytes_or_paths_or_base64_that_is_never_looked_up(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"\x00PNG")
    assert checks.images([b"\x00PNG", path, str(path)]) == ["AFBORw==", "AFBORw==", str(path)]
    with os.scandir(tmp_path) as entries:
        assert checks.images([*entries]) == ["AFBORw=="]


@pytest.mark.parametrize("given", ["AAAA", b"PNG", 3, {"a": 1}], ids=repr)
def test_images_are_a_list(given: object) -> None:
    with pytest.raises(TypeError, match="images is a list, not "):
        checks.images(given)


def test_every_known_option_is_checked() -> None:
    right = {int: 1, float: 0.5, bool: True}
    for name, kind in KINDS.items():
        assert checks.options({name: right.get(kind, ["\n"])})
        with pytest.raises(TypeError, match=f"the option {name} is "):
            checks.options({name: {}})


@pytest.mark.parametrize("option", WHOLE)
@pytest.mark.parametrize("value", ["1", 1.5, True, None, [1]])
def test_an_option_that_is_a_whole_number_is_one(option: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"option {option} is a whole number, not "):
        checks.options({option: value})


@pytest.mark.parametrize("option", NUMBERS)
@pytest.mark.parametrize("value", ["1", True, None, float("nan"), float("inf")])
def test_an_option_that_is_a_number_is_one(option: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"option {option} is a number, not "):
        checks.options({option: value})
    assert checks.options({option: 1})


@pytest.mark.parametrize("option", SWITCHES)
@pytest.mark.parametrize("value", ["true", 1, 0, None])
def test_an_option_that_is_true_or_false_is(option: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"option {option} is true or false, not "):
        checks.options({option: value})


@pytest.mark.parametrize("option", LISTS)
@pytest.mark.parametrize("value", [b"end", 1, None, [1], ["a", None]])
def test_an_option_that_is_a_list_of_texts_is_one(option: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"option {option} is a text or a list of texts, not "):
        checks.options({option: value})
    assert checks.options({option: ("a", "b")})


@pytest.mark.parametrize("option", LISTS)
def test_a_single_text_is_sent_as_a_list_of_one(option: str) -> None:
    given = {option: "end", "seed": 1}
    assert checks.options(given) == {option: ["end"], "seed": 1}
    assert given[option] == "end"


@pytest.mark.parametrize("value", [nan, inf, [nan], {"deep": [{"down": -inf}]}], ids=repr)
def test_a_number_that_json_does_not_have_is_not_sent_as_null(value: object) -> None:
    with pytest.raises(ValueError, match=r"options\.brand_new\S* is a number that JSON doesn't have"):
        checks.without_none({"options": {"brand_new": value}})
    with pytest.raises(ValueError, match="keep_alive is a number that JSON doesn't have"):
        checks.without_none({"keep_alive": nan})


def deep() -> object:
    value: object = {}
    for _ in range(5000):
        value = [value]
    return value


def round_and_round() -> object:
    circle: list[object] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize("make", [deep, round_and_round], ids=["deep", "in a circle"])
def test_what_goes_too_deep_to_be_sent_raises(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="options goes deeper than can be sent, or contains itself"):
        checks.without_none({"options": {"x": make()}})


@pytest.mark.parametrize("value", ["xml", "JSON", "{}"])
def test_a_format_is_json_or_a_schema(value: str) -> None:
    with pytest.raises(ValueError, match=r"^format is 'json' or a JSON Schema"):
        checks.without_none({"format": value})


def test_an_option_that_nobody_knows_is_passed_on() -> None:
    assert checks.options({"brand_new": {"x": None}}) == {"brand_new": {"x": None}}
    assert checks.options(None) == {}
    with pytest.raises(TypeError, match="options is a dict, not list"):
        checks.options(["seed"])


@pytest.mark.parametrize(("given", "error"), [(21, ValueError), (-1, ValueError), (True, TypeError), ("5", TypeError)])
def test_top_logprobs_is_0_to_20(given: object, error: type[Exception]) -> None:
    for right in (0, 5, 20):
        checks.top_logprobs(right)
    with pytest.raises(error, match="top_logprobs is "):
        checks.top_logprobs(given)


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ([], ValueError, "no text to embed"),
        ([""], ValueError, "text 0 is empty"),
        (["a", ""], ValueError, "text 1 is empty"),
        (["a", 3], TypeError, "text 1 is a str, not int"),
    ],
    ids=repr,
)
def test_there_is_something_to_embed(given: Any, error: type[Exception], says: str) -> None:
    checks.texts(["a", " "])
    with pytest.raises(error, match=says):
        checks.texts(given)


@pytest.mark.parametrize(("given", "error"), [(0, ValueError), (-5, ValueError), (True, TypeError), (1.0, TypeError)])
def test_dimensions_are_a_length(given: object, error: type[Exception]) -> None:
    assert (checks.dimensions(None), checks.dimensions(64)) == (None, 64)
    with pytest.raises(error, match="dimensions is "):
        checks.dimensions(given)


def test_other_kinds_of_texts_mappings_and_lists_are_sent_as_what_they_are_at_heart() -> None:
    encoded = checks.encode(Reply("so"))
    assert (type(encoded), encoded) == (str, "so")
    assert checks.encode(MappingProxyType({"a": 1})) == checks.encode(UserDict({"a": 1})) == {"a": 1}
    assert checks.encode(UserList([1])) == [1]
    with pytest.raises(TypeError, match="object can't be sent as JSON"):
        checks.encode(object())


@pytest.mark.parametrize("image", [5, None, {}], ids=repr)
def test_an_image_is_one(image: Any) -> None:
    with pytest.raises(TypeError, match=r"images: one is bytes, a path \(os\.PathLike\) or base64, not "):
        checks.images([image])


@pytest.mark.parametrize("images", ["", b"", 0, {}], ids=repr)
def test_images_are_checked_however_little_they_are(images: object) -> None:
    with pytest.raises(TypeError, match="images is a list, not "):
        checks.message({"role": "user", "content": "a", "images": images})


@pytest.mark.parametrize("given", [None, 5, "hello", {"role": "user"}], ids=repr)
def test_messages_are_a_list(given: object) -> None:
    with pytest.raises(TypeError, match="messages is a list, not "):
        checks.messages(given)


@pytest.mark.parametrize("given", [5, None, b"a", {"a"}], ids=repr)
def test_texts_are_a_list(given: Any) -> None:
    with pytest.raises(TypeError, match="text is a str or a list of them, not "):
        checks.texts(given)
