"""The names of Ollama's own commands: they work, they are nowhere listed, and their help is that of the real ones."""

from __future__ import annotations

import pytest

from cli.commands.chat import chat
from cli.commands.run import run
from tests.commands.conftest import Serve, generated, listed
from tests.commands.running import World
from tests.scripted_server import answer, stream

LAYER = {"status": "pulling", "digest": "a", "total": 5, "completed": 5}
ROUTES = {
    "/api/tags": listed("m:latest"),
    "/api/ps": answer({"models": []}),
    "/api/pull": stream([LAYER, {"status": "success"}]),
    "/api/push": stream([LAYER, {"status": "success"}]),
    "/api/create": stream([{"status": "success"}]),
    "/api/show": answer({"details": {"family": "llama"}}),
    "/api/copy": answer(b""),
    "/api/delete": answer(b""),
    "/api/generate": stream(generated("4")),
}
TOP = {
    "list": "list",
    "ls": "list",
    "ps": "running",
    "pull m": "pull m",
    "push m": "push m",
    "show m": "show m",
    "cp m n": "copy m n",
    "rm m -y": "remove m -y",
    "stop m": "unload m",
    "create n --from m": "create n --from m",
}
BELOW_MODELS = {name: real for name, real in TOP.items() if name.split()[0] in ("ls", "ps", "cp", "rm", "stop")}


@pytest.mark.parametrize(("words", "real"), TOP.items())
def test_at_the_top_they_do_what_the_real_ones_do(world: World, serve: Serve, words: str, real: str) -> None:
    one, other = serve(ROUTES), serve(ROUTES)
    ran = world.run(*words.split(), "--json", "--host", one.url)
    expected = world.run("models", *real.split(), "--json", "--host", other.url)
    assert ran.status == expected.status == 0
    assert ran.json.keys() == expected.json.keys()
    assert one.paths == other.paths


@pytest.mark.parametrize(("words", "real"), BELOW_MODELS.items())
def test_below_models_too(world: World, serve: Serve, words: str, real: str) -> None:
    one, other = serve(ROUTES), serve(ROUTES)
    assert world.run("models", *words.split(), "--host", one.url).status == 0
    assert world.run("models", *real.split(), "--host", other.url).status == 0
    assert one.paths == other.paths


@pytest.mark.parametrize("name", ["ls", "ps", "cp", "rm", "stop"])
@pytest.mark.parametrize("group", [[], ["models"]])
def test_their_help_is_that_of_the_real_ones(world: World, group: list[str], name: str) -> None:
    real = {"ls": "list", "ps": "running", "cp": "copy", "rm": "remove", "stop": "unload"}[name]
    ran = world.run(*group, name, "--help")
    assert (ran.status, ran.out) == (0, world.run("models", real, "--help").out)


def test_no_list_names_them(world: World) -> None:
    for args in ([], ["--help"]):
        commands = world.run(*args).out.partition("Commands:")[2]
        assert not [line for line in commands.splitlines() if line.split()[:1] in (["run"], ["ls"], ["ps"], ["stop"])]
    assert "near names" not in world.run("sto").err
    commands = world.run("models", "--help").out.partition("Commands:")[2]
    assert not [line for line in commands.splitlines() if line.split()[:1] in (["rm"], ["cp"])]


class TestRun:
    def test_it_asks_the_model(self, world: World, serve: Serve) -> None:
        server = serve(says=["4"])
        ran = world.run("run", "m", "What", "is", "2+2?", "--host", server.url)
        assert (ran.status, ran.out) == (0, "4\n")
        assert server.requests[-1].json["model"] == "m"
        assert server.requests[-1].json["prompt"] == "What is 2+2?"

    def test_material_comes_in_as_for_chat(self, world: World, serve: Serve) -> None:
        server = serve(says=["4"])
        world.with_(stdin=b"2 + 2").run("run", "m", "How much?", "--host", server.url)
        assert server.requests[-1].json["prompt"] == "2 + 2\n\nHow much?"

    def test_it_takes_all_that_chat_takes(self) -> None:
        taken = {name for each in run.params for name in each.opts}
        for each in chat.params:
            if each.name not in ("model", "prompt"):
                assert set(each.opts) <= taken

    @pytest.mark.parametrize(
        "flags",
        [
            ["--verbose"],
            ["--format", "json"],
            ["--keepalive", "5m"],
            ["--think"],
            ["--think=false"],
            ["--hidethinking"],
            ["--insecure"],
            ["--nowordwrap"],
        ],
    )
    def test_ollamas_own_flags_do_no_harm(self, world: World, serve: Serve, flags: list[str]) -> None:
        ran = world.run("run", "m", "x", *flags, "--host", serve(says=["4"]).url)
        assert (ran.status, ran.out) == (0, "4\n")

    def test_what_it_tells_to_try_is_written_as_it_takes_it(self, world: World, serve: Serve) -> None:
        missing = answer({"error": "model 'x' not found"}, 404)
        server = serve({"/api/generate": missing, "/api/tags": listed("smollm2:latest")})
        here = world.with_(variables={"OLLAMA_IP": server.url})
        ran = here.run("--quiet", "run", "smolm2", "--temperature", "0", "it's")
        assert ran.err.splitlines()[2] == (
            """  try: vuhitra --quiet run smollm2:latest --temperature 0 'it'"'"'s', or fetch it as written:"""
            " vuhitra models pull smolm2"
        )
        ran = here.run("run", "--system", "smolm2", "smolm2", "hi")
        assert "try: vuhitra run --system smolm2 smollm2:latest hi, or" in ran.err
        ran = here.run("run", "smolm2", "hi " * 99)
        assert "try: vuhitra run smollm2:latest …, or" in ran.err
        ran = here.run("run", "smolm2", "hi " * 99, "--host", server.url)
        assert f"try: vuhitra run smollm2:latest --host {server.url} …, or" in ran.err
        server.routes["/api/generate"] = answer({"error": '"m" does not support thinking'}, 400)
        server.routes["/api/tags"] = listed("thinker:latest", capabilities=["thinking"])
        ran = here.run("run", "m", "--think", "hi")
        assert ran.err.splitlines()[2] == ("  try: vuhitra run thinker:latest --think hi, or the same without --think")

    def test_a_question_in_the_place_of_the_model_is_for_chat(self, world: World) -> None:
        ran = world.run("run", "why is the sky blue", "--no-stdin")
        assert ran.status == 2
        assert ran.err == (
            "Error: no model is named, and 'why is the sky blue' is no name of one\n"
            "  try: vuhitra chat 'why is the sky blue' --no-stdin\n"
        )
        assert world.run("run", "x:y:z", "hi").err.startswith("Error: invalid value for 'MODEL': not a model name")

    def test_without_a_model_it_says_so(self, world: World) -> None:
        ran = world.run("run")
        assert ran.status == 2
        assert "MODEL" in ran.err
