"""A `.env` that names a server beyond this machine, and the questions that somebody at a terminal is asked."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path

import pytest

from cli.commands.command import Flags
from cli.commands.invocation import Invocation
from cli.config import Settings, read_settings
from cli.config_file import ConfigFile, Profile
from cli.exit_status import Verdict
from cli.failure import Failure
from cli.services.trust import Trust
from cli.terminal.screen import screens
from tests.commands.conftest import InTurn, Serve, generated, listed
from tests.commands.running import World
from tests.scripted_server import answer, stream

FAR = "http://vuhitra.invalid:11434"
ASK = ("models", "list")


@pytest.fixture
def astray(world: World) -> World:
    """A folder whose `.env` names a server beyond this machine."""
    (world.home / ".env").write_text(f"OLLAMA_IP={FAR}\n")
    return world.with_(variables={"NO_COLOR": "1"})


def said(error: str) -> str:
    return error.splitlines()[0]


def test_without_a_terminal_it_is_said(astray: World) -> None:
    for args in (ASK, (*ASK, "-q")):
        ran = astray.run(*args)
        assert ran.status == 3
        assert said(ran.err) == f"warning: ./.env names a server beyond this machine: {FAR}"
    record, error = map(json.loads, astray.run(*ASK, "--json").err.splitlines())
    assert record["message"].endswith(FAR)
    assert error["error"]["exit"] == 3


def test_a_no_sends_nothing(astray: World) -> None:
    for typed in (b"\n", b"n\n", b"", b"what\n"):
        ran = astray.at_terminal.with_(stdin=typed).run(*ASK)
        assert ran.status == 4
        assert f"Error: nothing was sent to {FAR}, which ./.env names" in ran.err


def test_a_yes_holds_for_this_folder_and_this_server(astray: World, tmp_path: Path) -> None:
    question = "Send there what you ask, from now on? [y/N] "
    ran = astray.at_terminal.with_(stdin=b"y\n").run(*ASK)
    assert ran.status == 3
    assert question in ran.err
    assert said(astray.at_terminal.run(*ASK).err).startswith("Error: ")
    assert said(astray.run(*ASK).err).startswith("Error: ")
    (astray.home / ".env").write_text("OLLAMA_IP=http://other.invalid\n")
    assert question in astray.at_terminal.run(*ASK).err


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost:1", "[::1]:1", "embedded", "unix:///tmp/none.sock"])
def test_this_machine_is_no_news(world: World, host: str) -> None:
    (world.home / ".env").write_text(f"OLLAMA_IP={host}\n")
    assert "beyond" not in world.run("models", "health").err


def test_what_the_user_names_is_no_news(astray: World) -> None:
    for ran in (astray.run(*ASK, "--host", FAR), astray.with_(variables={"OLLAMA_IP": FAR}).run(*ASK)):
        assert "beyond" not in ran.err


def test_what_sends_nothing_says_nothing(astray: World) -> None:
    assert astray.run("config", "show").err == ""


@pytest.mark.parametrize("line", ["OLLAMA_API_KEY=${SECRET}", "MODEL=${SECRET}", "OLLAMA_IP={url}/${SECRET}"])
def test_what_a_folder_names_is_filled_with_nothing_of_the_environment(world: World, serve: Serve, line: str) -> None:
    server = serve(says=["a"])
    (world.home / ".env").write_text(f"OLLAMA_IP={server.url}\nMODEL=m\n{line.replace('{url}', server.url)}\n")
    ran = world.with_(variables={"SECRET": "swordfish"}).run_process("chat", "x")
    sent = "".join(f"{each.path}{each.headers}{each.body!r}" for each in server.requests)
    assert "swordfish" not in sent + ran.err
    assert ran.status in (0, 2, 5)


@pytest.mark.parametrize(("model", "is_fetched"), [("llama3.2", True), ("evil.example/ns/x", False), ("ns/x", False)])
def test_what_a_folder_names_is_fetched_from_the_library_alone(
    world: World, serve: Serve, model: str, is_fetched: bool
) -> None:
    (world.home / ".env").write_text(f"MODEL={model}\n")
    missing = answer({"error": f"model '{model}' not found"}, 404)
    server = serve(
        {
            "/api/generate": InTurn(missing, stream(generated("a"))),
            "/api/pull": stream([{"status": "success"}]),
            "/api/tags": listed(),
        }
    )
    ran = world.with_(variables={"OLLAMA_IP": server.url}).run("chat", "x")
    assert ("/api/pull" in server.paths, ran.status) == (is_fetched, 0 if is_fetched else 5)
    assert world.with_(variables={"OLLAMA_IP": server.url}).run("chat", "x", "-m", model).status == 0


def test_a_profile_is_the_user_s_own_whatever_it_is_called() -> None:
    file = ConfigFile(profile="./.env", profiles={"./.env": Profile("./.env", "h", model="m")})
    assert read_settings({}, {}, file).source("model") == "model in profile ./.env"
    assert not read_settings({}, {}, file).model_is_of_dotenv
    assert read_settings({}, {"MODEL": "m"}, file).model_is_of_dotenv
    assert not read_settings({"MODEL": "m"}, {"MODEL": "m"}, file).model_is_of_dotenv


class TestTrust:
    def test_nobody_else_may_read_it(self, tmp_path: Path) -> None:
        trust = Trust(str(tmp_path / "state"))
        trust.add("/a", FAR)
        trust.add("/b\n/c", FAR)
        trust.add("/not utf-8 \udcff", FAR)
        assert trust.has("/a", FAR)
        assert trust.has("/b\n/c", FAR)
        assert trust.has("/not utf-8 \udcff", FAR)
        assert not trust.has("/b", FAR)
        assert not trust.has("/a", "http://other")
        assert stat.S_IMODE(os.stat(tmp_path / "state").st_mode) == 0o700
        assert stat.S_IMODE(os.stat(tmp_path / "state" / "trusted-folders").st_mode) == 0o600

    def test_a_folder_that_can_not_be_written_is_no_error(self, tmp_path: Path) -> None:
        (tmp_path / "state").write_text("")
        trust = Trust(str(tmp_path / "state"))
        trust.add("/a", FAR)
        assert not trust.has("/a", FAR)


class TestAsking:
    def call(self, world: World, flags: Flags = Flags()) -> Invocation:  # noqa: B008  a value
        environment = world.environment()
        return Invocation(environment, Settings(), flags, *screens(environment, "never"))

    @pytest.mark.parametrize(("typed", "yes"), [(b"y\n", True), (b" YES \n", True), (b"\n", False), (b"yo\n", False)])
    def test_only_a_yes_is_one(self, world: World, typed: bytes, yes: bool) -> None:
        assert self.call(world.at_terminal.with_(stdin=typed)).confirm("Sure?") is yes

    def test_where_nobody_can_be_asked_the_flag_is_named(self, world: World) -> None:
        for call in (self.call(world), self.call(world.at_terminal, Flags(json=True))):
            with pytest.raises(Failure) as raised:
                call.confirm("Sure?")
            assert raised.value.verdict is Verdict.NEEDS_YES
            assert raised.value.hint == "the same with --yes"

    @pytest.mark.parametrize(
        ("typed", "chosen"), [(b"2\n", "b:latest"), (b"a\n", "a"), (b"3\n0\nx\n1\n", "a"), (b" 1 \n", "a")]
    )
    def test_one_of_several_by_number_or_name(self, world: World, typed: bytes, chosen: str) -> None:
        assert self.call(world.at_terminal.with_(stdin=typed)).choose("Which?", ["a", "b:latest"]) == chosen

    def test_the_choices_are_no_wider_than_the_terminal(self, world: World) -> None:
        call = self.call(world.at_terminal.with_(stdin=b"1\n", width=20))
        call.choose("Which?", ["a", "a-name-of-19-columns"])
        written = call.environment.stderr.bytes
        assert isinstance(written, io.BytesIO)
        assert all(len(line) <= 24 for line in written.getvalue().decode().splitlines())
        assert "  2\n    a-name-of-19-columns\n" in written.getvalue().decode()

    def test_nothing_stops(self, world: World) -> None:
        for typed in (b"", b"\n"):
            with pytest.raises(KeyboardInterrupt):
                self.call(world.at_terminal.with_(stdin=typed)).choose("Which?", ["a", "b"])
