"""`vuhitra models default`: which model answers by default, and setting it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.commands.conftest import Serve, generated, listed
from tests.commands.running import World, in_terminal
from tests.scripted_server import WaitFor, answer, stream, unused_url

PROFILES = """\
# mine
profile = "{name}"

[profiles.{as_key}]
url = "{url}"
"""


def config_of(world: World) -> Path:
    return world.home / ".config" / "vuhitra" / "config.toml"


def test_it_is_the_one_that_answers_from_then_on(world: World, serve: Serve) -> None:
    server = serve({"/api/tags": listed("a:latest", "b:latest"), "/api/generate": stream(generated("4"))})
    here = world.with_(variables={"OLLAMA_IP": server.url})
    ran = here.run("models", "default", "b")
    assert (ran.status, ran.out, ran.err) == (0, "✓ Default model: b:latest\n", "")
    assert config_of(world).read_text() == 'model = "b:latest"\n'
    assert config_of(world).stat().st_mode & 0o777 == 0o600
    assert here.run("chat", "x").status == 0
    assert server.requests[-1].json["model"] == "b:latest"


def test_shown_with_where_it_comes_from(world: World, serve: Serve) -> None:
    here = world.with_(variables={"MODEL": "a", "OLLAMA_IP": serve({"/api/tags": listed("b:latest")}).url})
    assert here.run("models", "default").out == "a\n"
    assert here.run("models", "default", "--json").json == {"version": 1, "model": "a", "source": "MODEL"}
    assert here.at_terminal.with_(variables={"NO_COLOR": "1"}).run("models", "default").err == "  MODEL\n"


def test_where_none_is_set_it_is_the_only_one_that_can_chat(world: World, serve: Serve) -> None:
    here = world.with_(variables={"OLLAMA_IP": serve({"/api/tags": listed("b:latest")}).url})
    document = here.run("models", "default", "--json").json
    assert (document["model"], document["source"]) == ("b:latest", "the only one that can chat")


def test_where_there_is_no_default_it_says_so(world: World, serve: Serve) -> None:
    server = serve({"/api/tags": listed("a", "b", capabilities=["completion"])})
    ran = world.run("models", "default", "--host", server.url)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == (
        f"Error: no default is set; 2 of those at 127.0.0.1:{server.port} can chat\n  a, b\n"
        f"  try: vuhitra models default a --host {server.url}\n"
    )
    server.routes["/api/tags"] = listed("a", "b")
    assert " may be able to chat\n" in world.run("models", "default", "--host", server.url).err


def test_one_that_is_not_there_is_not_set(world: World, serve: Serve) -> None:
    here = world.with_(variables={"OLLAMA_IP": serve({"/api/tags": listed("llama3:8b")}).url})
    ran = here.run("models", "default", "lama3:8b")
    assert ran.status == 5
    assert ran.err.endswith("  near names: llama3:8b\n  try: vuhitra models default llama3:8b\n")
    assert not config_of(world).exists()


EMBEDDER = {"name": "all-minilm:latest", "capabilities": ["embedding"]}
CHATS = {"name": "a:latest", "capabilities": ["completion"]}


def test_one_that_can_not_chat_is_not_set(world: World, serve: Serve) -> None:
    here = world.with_(variables={"OLLAMA_IP": serve({"/api/tags": answer({"models": [EMBEDDER, CHATS]})}).url})
    ran = here.run("models", "default", "all-minilm")
    instead = "vuhitra config set embed_model all-minilm:latest"
    assert (ran.status, ran.out) == (5, "")
    assert ran.err == (
        "Error: all-minilm:latest can't chat\n"
        "  models there that can: a:latest\n"
        f"  try: vuhitra models default a:latest, or for embeddings: {instead}\n"
    )
    assert not config_of(world).exists()
    assert here.run(*instead.split()[1:]).status == 0
    assert config_of(world).read_text() == 'embed_model = "all-minilm:latest"\n'


def test_a_server_that_lists_no_capabilities_is_asked_for_those_of_that_model(world: World, serve: Serve) -> None:
    routes = {"/api/tags": listed("b:latest"), "/api/show": answer({"details": {}, "capabilities": ["embedding"]})}
    here = world.with_(variables={"OLLAMA_IP": serve(routes).url})
    ran = here.run("models", "default", "b", "--json")
    assert (ran.status, ran.error["code"]) == (5, "not-capable")
    assert ran.error["message"].startswith("b:latest can't chat: no model at 127.0.0.1:")


def test_of_a_profile_in_use_it_is_the_model_that_embeds(world: World, serve: Serve) -> None:
    config_of(world).parent.mkdir(parents=True)
    url = serve({"/api/tags": answer({"models": [EMBEDDER]})}).url
    config_of(world).write_text(PROFILES.format(url=url, name="lan", as_key="lan"))
    hint = world.run("models", "default", "all-minilm", "--json").error["hint"]
    assert hint == "for embeddings: vuhitra config set profiles.lan.embed_model all-minilm:latest"


def test_without_a_server_nothing_is_set(world: World) -> None:
    assert world.run("models", "default", "m", "--host", unused_url()).status == 3
    assert not config_of(world).exists()


@pytest.mark.parametrize("in_file", [False, True])
def test_a_stronger_setting_is_warned_of(world: World, serve: Serve, in_file: bool) -> None:
    here = world.with_(variables={"OLLAMA_IP": serve({"/api/tags": listed("a:latest", "b:latest")}).url})
    if in_file:
        (world.home / ".env").write_text("MODEL=a\n")
    else:
        here = here.with_(variables={"MODEL": "a"})
    source = "MODEL in ./.env" if in_file else "MODEL"
    assert here.run("models", "default", "b").err == f"warning: {source} is stronger, so a answers here\n"
    assert here.run("models", "default", "a").err == ""


@pytest.mark.parametrize(("name", "as_key"), [("lan", "lan"), ("gpu.lan", '"gpu.lan"')])
def test_a_profile_in_use_gets_it(world: World, serve: Serve, name: str, as_key: str) -> None:
    config_of(world).parent.mkdir(parents=True)
    url = serve({"/api/tags": listed("a:latest")}).url
    config_of(world).write_text(PROFILES.format(url=url, name=name, as_key=as_key))
    ran = world.run("models", "default", "a", "--json")
    assert (ran.status, ran.json["model"], ran.json["profile"]) == (0, "a:latest", name)
    text = config_of(world).read_text()
    assert text.startswith("# mine\n")
    assert text.endswith('model = "a:latest"\n')


def test_looking_at_models_one_by_one_is_told(world: World, serve: Serve, released: threading.Event) -> None:
    looked_at = [WaitFor(released), *answer({"capabilities": ["completion"]})]
    url = serve({"/api/tags": listed("a:latest"), "/api/show": looked_at}).url
    with in_terminal(world, "models", "default", "--host", url) as terminal:
        terminal.wait_for("looking at 1 model … 1 s")
        released.set()
        assert terminal.end() == 0
    assert "a:latest" in terminal.screen
