"""Settings: which value counts, where it came from, and what is said about one that can't be read."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from cli.config import Settings, read_settings, settings_of
from tests.commands.conftest import Serve, generated, listed
from tests.commands.running import World
from tests.scripted_server import stream


@pytest.mark.parametrize(
    ("variables", "dotenv", "value", "source"),
    [
        ({}, {}, "http://127.0.0.1:11434", "the default"),
        ({}, {"OLLAMA_IP": "d"}, "d", "OLLAMA_IP in ./.env"),
        ({"OLLAMA_IP": "e"}, {"OLLAMA_IP": "d"}, "e", "OLLAMA_IP"),
        ({"OLLAMA_HOST": "h"}, {}, "h", "OLLAMA_HOST"),
        ({"OLLAMA_HOST": "h"}, {"OLLAMA_IP": "d"}, "d", "OLLAMA_IP in ./.env"),
        ({"OLLAMA_HOST": "h", "OLLAMA_IP": "e"}, {}, "e", "OLLAMA_IP"),
        ({"OLLAMA_IP": ""}, {"OLLAMA_IP": "d"}, "d", "OLLAMA_IP in ./.env"),
        ({"OLLAMA_IP": ""}, {"OLLAMA_IP": None}, "http://127.0.0.1:11434", "the default"),
    ],
)
def test_the_host_and_where_it_came_from(
    variables: dict[str, str], dotenv: dict[str, str | None], value: str, source: str
) -> None:
    settings = read_settings(variables, dotenv)
    assert (settings.ollama_ip, settings.source("ollama_ip")) == (value, source)
    assert settings.host_is_set is (source != "the default")


def test_a_flag_goes_before_everything() -> None:
    settings = read_settings({"OLLAMA_IP": "e", "MODEL": "m"}, {}).with_flags(host="f")
    assert (settings.ollama_ip, settings.source("ollama_ip")) == ("f", "--host")
    assert (settings.model, settings.source("model")) == ("m", "MODEL")
    assert settings.with_flags(model="n").source("model") == "--model"


@pytest.mark.parametrize("host", ["embedded", "Embedded", " embedded "])
def test_embedded_is_a_host(host: str) -> None:
    assert read_settings({"OLLAMA_IP": host}, {}).embedded


def test_any_object_with_the_two_names_will_do() -> None:
    settings = settings_of(SimpleNamespace(ollama_ip="http://h:1", model="m"))
    assert (settings.ollama_ip, settings.model) == ("http://h:1", "m")
    assert settings.source("ollama_ip") == "the configuration"
    assert settings_of(SimpleNamespace(ollama_ip="h", model=None)).model is None
    assert settings_of(None) == Settings()


def test_dotenv_in_the_working_folder_is_read(world: World, serve: Serve) -> None:
    server = serve(says=["a"])
    text = f"\ufeffOLLAMA_IP={server.url}\nexport MODEL='m'\n# nothing\n"
    (world.home / ".env").write_text(text, encoding="utf-8")
    assert world.run("chat", "x").out == "a\n"
    assert server.requests[0].json["model"] == "m"


@pytest.mark.parametrize(
    ("variables", "what"),
    [
        ({"OLLAMA_IP": "ftp://h"}, "OLLAMA_IP: http, https or unix, not 'ftp'"),
        ({"OLLAMA_HOST": "http://h:port"}, "OLLAMA_HOST: "),
        (
            {"OLLAMA_HOST": "http://h/x?y=1"},
            (
                "OLLAMA_HOST: no server can be read from 'http://h/***': a server has no ? and no #; a key goes into "
                "OLLAMA_API_KEY\n"
            ),
        ),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is 'loud', which is none of DEBUG, "),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT is 'xml', which is none of text, json"),
    ],
)
def test_a_broken_value_is_wrong_usage_and_named(world: World, variables: dict[str, str], what: str) -> None:
    ran = world.with_(variables=variables).run("chat", "x")
    assert ran.status == 2
    assert ran.err.startswith(f"Error: {what}")
    (world.home / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    ran = world.run("chat", "x")
    assert ran.status == 2
    assert " in ./.env" in ran.err.splitlines()[0]


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_a_blank_setting_is_none(world: World, serve: Serve, blank: str) -> None:
    server = serve({"/api/tags": listed("m:latest"), "/api/generate": stream(generated("a"))})
    (world.home / ".env").write_text(f'MODEL="{blank}"\nLOG_LEVEL="{blank}"\n')
    ran = world.with_(variables={"MODEL": blank, "OLLAMA_IP": server.url}).run("chat", "x")
    assert (ran.status, ran.out) == (0, "a\n")


def test_a_broken_setting_takes_no_help_away(world: World) -> None:
    (world.home / ".env").write_text("LOG_LEVEL=loud\n")
    for args in (["chat", "--help"], ["models"], ["models", "list", "-h"]):
        assert world.run(*args).status == 0
    assert world.run("chat", "--modle", "m").err.startswith("Error: no such flag '--modle'")


def test_a_line_of_a_dotenv_that_cannot_be_read_is_named(world: World, serve: Serve) -> None:
    (world.home / ".env").write_text("MODEL=m\n=what\n")
    args = ("chat", "x", "--host", serve(says=["a"]).url)
    ran = world.run(*args)
    assert (ran.status, ran.err) == (0, "warning: ./.env, line 2: not understood\n")
    assert json.loads(world.run(*args, "--json").err)["message"] == "./.env, line 2: not understood"


def test_a_dotenv_that_is_no_text_is_named(world: World) -> None:
    (world.home / ".env").write_bytes("MODEL=m".encode("utf-16"))
    ran = world.run("chat", "x")
    assert (ran.status, ran.err) == (2, "Error: cannot read ./.env\n  it is not UTF-8 text\n")


def test_a_flag_makes_a_broken_setting_harmless(world: World, serve: Serve) -> None:
    broken = world.with_(variables={"OLLAMA_IP": "ftp://h"})
    assert broken.run("chat", "x", "-m", "m", "--host", serve(says=["a"]).url).status == 0


def test_no_key_is_shown_where_settings_are() -> None:
    settings = read_settings({"OLLAMA_API_KEY": "hunter2", "MODEL": "m"}, {})
    assert settings.api_key == "hunter2"
    assert "hunter2" not in repr(settings)
    assert "model='m'" in repr(settings)
