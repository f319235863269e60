"""The help: where it goes, how wide it is, and that its examples run; flags that all commands share."""

from __future__ import annotations

import re
import subprocess

import pytest

from cli.main import COMMANDS, cli
from tests.commands.conftest import Serve, generated, listed
from tests.commands.running import World
from tests.scripted_server import answer, stream

VERBS = "list show pull push create copy remove running load unload default health bench"


class TestHelp:
    def test_alone_it_says_enough_to_begin_with(self, world: World) -> None:
        ran = world.run()
        assert (ran.status, ran.err) == (0, "")
        assert len(ran.out.splitlines()) <= 12
        assert ran.out.count('vuhitra chat "') == 2

    @pytest.mark.parametrize("args", [["-h"], ["--help"], ["chat", "-h"], ["models", "--help"]])
    def test_it_goes_to_stdout(self, world: World, args: list[str]) -> None:
        ran = world.run(*args)
        assert (ran.status, ran.err) == (0, "")
        assert ran.out.startswith("Usage: vuhitra ")
        assert "Common flags:" in ran.out

    def test_a_group_lists_its_commands(self, world: World) -> None:
        listed_commands = re.findall(r"^  (\w+)  +\w", world.run("models", "--help").out, re.MULTILINE)
        assert listed_commands == VERBS.split()

    @pytest.mark.parametrize("width", [40, 60, 79])
    @pytest.mark.parametrize("args", [[], ["--help"], ["models", "--help"], ["models", "pull", "-h"]])
    def test_it_is_no_wider_than_the_terminal(self, world: World, args: list[str], width: int) -> None:
        lines = world.with_(width=width).run(*args).out.splitlines()
        prose = [line for line in lines if "vuhitra" not in line]
        assert max(map(len, prose)) <= max(width, 50)

    def test_the_table_of_commands_says_what_the_commands_say(self) -> None:
        for name, entry in COMMANDS.items():
            command = cli.get_command(cli.make_context("vuhitra", [name]), name)
            assert command is not None
            assert command.name == name
            assert command.help is not None
            assert command.help.splitlines()[0] == entry.summary

    def test_version(self, world: World) -> None:
        for flag in ("-V", "--version"):
            assert re.fullmatch(r"vuhitra \d+\.\d+\.\d+\n", world.run(flag).out)


def test_every_example_in_the_help_runs(world: World, serve: Serve) -> None:
    layer = {"status": "pulling", "digest": "a", "total": 5, "completed": 5}
    server = serve(
        {
            "/api/version": answer({"version": "1"}),
            "/api/tags": listed("m:latest"),
            "/api/ps": answer({"models": []}),
            "/api/generate": stream(generated("4")),
            "/api/pull": stream([layer, {"status": "success"}]),
        }
    )
    here = world.with_(variables={"OLLAMA_IP": server.url})
    (world.home / "questions.txt").write_text("Why?\nHow?\n")
    helps = [[], ["chat"], ["models"], *(["models", name] for name in ("list", "pull", "health"))]
    pages = [here.run(*command, "--help").out for command in helps]
    examples = re.findall(r"^ +((?:(?:echo|while) .*[|;] .*)?vuhitra .*)$", "\n".join(pages), re.MULTILINE)
    assert len(examples) >= 12
    script = 'vuhitra() { python -m cli "$@"; }; set -e\n' + "\n".join(examples)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        cwd=world.home,
        env=here.process_variables(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert "Error" not in done.stderr.decode()
    assert [each.json["prompt"] for each in server.requests if each.path == "/api/generate"][-2:] == ["Why?", "How?"]
    assert done.returncode == 0


@pytest.mark.parametrize("before", [True, False])
def test_common_flags_stand_before_the_command_or_after_it(world: World, serve: Serve, before: bool) -> None:
    flags = ["--json", "--host", serve({"/api/tags": listed("m")}).url]
    command = ["models", "list"]
    ran = world.run(*flags, *command) if before else world.run(*command, *flags)
    assert ran.json["models"][0]["name"] == "m"
    between = world.run("models", *flags, "list")
    assert between.json["models"][0]["name"] == "m"
