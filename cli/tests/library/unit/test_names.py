"""Model names are read, compared and shown as the server does it."""

from __future__ import annotations

import pytest

from vuhitra.names import ModelName, checked, display, is_cloud, near_names, normalise, parse, same_model

DEFAULT = ("registry.ollama.ai", "library")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("llama3", (*DEFAULT, "llama3", "latest")),
        ("llama3:latest", (*DEFAULT, "llama3", "latest")),
        ("llama3:8b-instruct-q4_K_M", (*DEFAULT, "llama3", "8b-instruct-q4_K_M")),
        ("llama3:", (*DEFAULT, "llama3", "latest")),
        (" llama3 ", (*DEFAULT, "llama3", "latest")),
        ("me/mine", ("registry.ollama.ai", "me", "mine", "latest")),
        ("me/mine:1", ("registry.ollama.ai", "me", "mine", "1")),
        ("hf.co/me/mine:Q4", ("hf.co", "me", "mine", "Q4")),
        ("localhost:5000/me/mine", ("localhost:5000", "me", "mine", "latest")),
        ("127.0.0.1:5000/library/smollm2:nope", ("127.0.0.1:5000", "library", "smollm2", "nope")),
        ("Me/Mine:TAG", ("registry.ollama.ai", "Me", "Mine", "TAG")),
    ],
)
def test_a_name_has_four_parts_whatever_was_left_out(name: str, parts: tuple[str, str, str, str]) -> None:
    assert parse(name) == ModelName(*parts)


@pytest.mark.parametrize("name", ["", " ", ":latest", "me/", "me/:latest", "a//b", "hf.co//b", " /b/c", "http://x/y"])
def test_a_name_without_a_model_is_an_error_that_quotes_it(name: str) -> None:
    with pytest.raises(ValueError, match="not a model name") as caught:
        parse(name)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("smollm2", "registry.ollama.ai/library/smollm2:latest"),
        ("SmolLM2:135M", "registry.ollama.ai/library/smollm2:135m"),
        ("Registry.Ollama.AI/Library/smollm2", "registry.ollama.ai/library/smollm2:latest"),
        ("localhost:5000/me/mine:A", "localhost:5000/me/mine:a"),
    ],
)
def test_all_spellings_have_one_normal_form(name: str, whole: str) -> None:
    assert normalise(name) == whole
    assert normalise(whole) == whole


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("smollm2", "smollm2:latest"),
        ("SmolLM2:135M", "SmolLM2:135M"),
        ("registry.ollama.ai/library/smollm2:135m", "smollm2:135m"),
        ("registry.ollama.ai/me/mine", "me/mine:latest"),
        ("library/smollm2", "smollm2:latest"),
        ("hf.co/me/mine:Q4", "hf.co/me/mine:Q4"),
        ("localhost:5000/library/smollm2", "localhost:5000/library/smollm2:latest"),
    ],
)
def test_a_name_is_shown_as_a_server_lists_it(name: str, shown: str) -> None:
    assert display(name) == shown


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("llama3", "llama3:latest", True),
        ("llama3", "LLAMA3:Latest", True),
        ("llama3", "library/llama3", True),
        ("llama3", "registry.ollama.ai/library/llama3:latest", True),
        ("llama3", "llama3:8b", False),
        ("llama3", "llama3.1", False),
        ("llama3", "me/llama3", False),
        ("llama3", "hf.co/library/llama3", False),
        ("a:5000/b/c", "a/b/c:5000", False),
        ("", "", False),
        ("llama3", "no//name", False),
    ],
)
def test_names_are_compared_as_the_server_compares_them(one: str, other: str, same: bool) -> None:
    assert same_model(one, other) is same
    assert same_model(other, one) is same


@pytest.mark.parametrize(
    ("name", "cloud"),
    [
        ("gpt-oss:cloud", True),
        ("gpt-oss:120b-cloud", True),
        ("gpt-oss:120B-CLOUD", True),
        ("me/mine:cloud", True),
        ("localhost:5000/me/mine:cloud", True),
        ("gpt-oss", False),
        ("gpt-oss:20b", False),
        ("gpt-oss:local", False),
        ("cloud", False),
        ("me-cloud/cloud:latest", False),
        ("x:cloudy", False),
        ("host:cloud/me/mine", False),
        ("no//name", False),
    ],
)
def test_the_tag_says_whether_a_model_runs_elsewhere(name: str, cloud: bool) -> None:
    assert is_cloud(name) is cloud


THERE = [
    "smollm2:latest",
    "smollm2:135m",
    "llama3.2:latest",
    "llama3.1:8b",
    "llama3:1b",
    "qwen3:4b",
    "me/llama3.2:latest",
]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        pytest.param("smolm2", ["smollm2:latest", "smollm2:135m"], id="a letter is missing"),
        pytest.param("SMOLLM2:360m", ["smollm2:135m", "smollm2:latest"], id="another tag: the nearer tag first"),
        pytest.param("llama3.2:8b", ["me/llama3.2:latest", "llama3.2:latest", "llama3.1:8b"], id="three at most"),
        pytest.param("qwen2:4b", ["qwen3:4b"], id="another number"),
        pytest.param("mistral", [], id="nothing is near"),
        pytest.param("no//name", [], id="no name"),
    ],
)
def test_near_names(name: str, near: list[str]) -> None:
    assert near_names(name, THERE) == near


def test_no_more_near_names_than_asked_for() -> None:
    assert near_names("smolm2", THERE, limit=1) == ["smollm2:latest"]


def test_what_a_server_lists_need_not_be_names() -> None:
    assert near_names("smolm2", ["", "a//b", "smollm2:latest"]) == ["smollm2:latest"]


@pytest.mark.parametrize("name", ["bad name", "x:y:z", "me/my model:1", "a\tb", "a\x00b", "a//b", ":", ""])
def test_what_no_server_can_have_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="not a model name"):
        checked(name)


@pytest.mark.parametrize(
    "name",
    [" llama3:8b ", "hf.co/me/mine:Q4_K_M", "127.0.0.1:5000/me/mine", "m:1@sha256:ab", "m@sha256:ab", "modèle", "m+x"],
)
def test_what_one_may_have_is_a_name(name: str) -> None:
    assert checked(name) == name
