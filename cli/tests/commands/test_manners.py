"""Manners that all commands share: flags anywhere, help, colours, encodings, waiting, logs, pipes."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cli.environment import Environment, Stream
from cli.main import COMMANDS, cli
from cli.terminal import waiting
from cli.terminal.screen import Screen, screens
from tests.commands.conftest import Serve, generated, listed
from tests.commands.running import SOON, World, in_terminal
from tests.scripted_server import (
    STREAM_END,
    STREAM_HEAD,
    Hang,
    WaitFor,
    answer,
    chunk,
    stream,
    unused_url,
)


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
        assert listed_commands == ["list", "pull", "health"]

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
    helps = [[], ["chat"], ["models"], *(["models", name] for name in ("list", "pull", "health"))]
    pages = [here.run(*command, "--help").out for command in helps]
    examples = re.findall(r"^ +((?:echo .*\| )?vuhitra .*)$", "\n".join(pages), re.MULTILINE)
    assert len(examples) >= 12
    script = 'vuhitra() { python -m cli "$@"; }; set -e\n' + "\n".join(examples)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        cwd=world.home,
        env={**here.process_variables(), "PATH": _path_with_this_python()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert "Error" not in done.stderr.decode()
    assert done.returncode == 0


def _path_with_this_python() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.mark.parametrize("before", [True, False])
def test_common_flags_stand_before_the_command_or_after_it(world: World, serve: Serve, before: bool) -> None:
    flags = ["--json", "--host", serve({"/api/tags": listed("m")}).url]
    command = ["models", "list"]
    ran = world.run(*flags, *command) if before else world.run(*command, *flags)
    assert ran.json["models"][0]["name"] == "m"
    between = world.run("models", *flags, "list")
    assert between.json["models"][0]["name"] == "m"


@pytest.mark.parametrize(
    ("variables", "wish", "is_terminal", "coloured"),
    [
        ({}, "auto", True, True),
        ({}, "auto", False, False),
        ({"NO_COLOR": "1"}, "auto", True, False),
        ({"NO_COLOR": ""}, "auto", True, True),
        ({"NO_COLOR": "1"}, "always", False, True),
        ({"FORCE_COLOR": "1"}, "auto", False, True),
        ({"FORCE_COLOR": "0"}, "auto", True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, "auto", True, False),
        ({"TERM": "dumb"}, "auto", True, False),
        ({"TERM": "dumb"}, "always", True, True),
        ({"FORCE_COLOR": "1"}, "never", True, False),
    ],
)
def test_when_there_are_colours(
    world: World, variables: dict[str, str], wish: str, is_terminal: bool, coloured: bool
) -> None:
    environment = world.with_(variables=variables).environment()
    stream = Stream(io.BytesIO(), is_terminal)
    assert environment.colours(stream, wish) is coloured


@pytest.mark.parametrize(
    ("args", "coloured"),
    [
        (["--color", "always"], True),
        (["--color=always"], True),
        (["--color", "always", "--color=never"], False),
        (["always", "--color", "auto"], False),
        (["--", "--color", "always"], False),
    ],
)
def test_the_word_behind_the_flag_says_whether_an_error_is_coloured(
    world: World, args: list[str], coloured: bool
) -> None:
    ran = world.run("chat", "-m", "m", "--host", unused_url(), *args)
    assert ran.err.startswith("\x1b[1;31mError: " if coloured else "Error: ")


class TestEncodings:
    def test_what_a_terminal_cannot_show_is_replaced(self) -> None:
        for encoding, shown in (
            ("ascii", "... - ok # | ? ?"),
            ("latin-1", "... · ok # | é ?"),
            ("utf-8", "… · ✓ ━ ⠋ é 你"),
        ):
            written = io.BytesIO()
            Screen(Stream(written, is_terminal=True, encoding=encoding)).write("… · ✓ ━ ⠋ é 你")
            assert written.getvalue().decode(encoding) == shown

    def test_a_pipe_gets_utf_8_whatever_the_locale(self, world: World, serve: Serve) -> None:
        here = world.with_(variables={"LC_ALL": "C"})
        ran = here.run_process("chat", "schön", "-m", "m", "--host", serve(says=["你好"]).url)
        assert (ran.status, ran.out, ran.err) == (0, "你好\n", "")

    def test_a_terminal_under_the_c_locale_is_shown_ascii(self, world: World, serve: Serve) -> None:
        here = world.with_(variables={"LC_ALL": "C"})
        with in_terminal(here, "chat", "x", "-m", "m", "--host", serve(says=["a…你"]).url) as terminal:
            assert terminal.end() == 0
        assert "a...?" in terminal.screen


class TestPipes:
    def test_a_closed_pipe_is_no_error(self, world: World, serve: Serve, released: threading.Event) -> None:
        first, *others = [chunk(record) for record in generated("one\ntwo\n", *["more\n"] * 100)]
        script = [STREAM_HEAD, first, WaitFor(released), *others, STREAM_END]
        server = serve({"/api/generate": script})
        with world.start("chat", "x", "-m", "m", "--host", server.url, stdin=subprocess.DEVNULL) as process:
            assert process.stdout
            assert process.stderr
            assert process.stdout.readline() == b"one\n"
            process.stdout.close()
            released.set()
            assert process.wait(SOON) == 0
            assert process.stderr.read() == b""

    @pytest.mark.parametrize("args", [["--help"], ["--version"], ["models", "list", "--host", "x:1"]])
    def test_nobody_at_stdout_is_no_traceback(self, world: World, args: list[str]) -> None:
        with world.start(*args, stdin=subprocess.DEVNULL) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.close()
            process.wait(SOON)
            assert b"Traceback" not in process.stderr.read()

    def test_a_full_disk_is_an_error(self, world: World, serve: Serve) -> None:
        host = serve(says=["a"]).url
        with (
            open("/dev/full", "wb") as full,
            world.start("chat", "x", "-m", "m", "--host", host, stdin=subprocess.DEVNULL, stdout=full) as process,
        ):
            assert process.stderr
            assert process.wait(SOON) == 1
            assert process.stderr.read() == b"Error: cannot write to stdout\n  No space left on device\n"

    def test_pieces_are_written_as_they_come(self, world: World, serve: Serve, released: threading.Event) -> None:
        one, two, end = [chunk(record) for record in generated("one ", "two")]
        server = serve({"/api/generate": [STREAM_HEAD, one, WaitFor(released), two, end, STREAM_END]})
        with world.start("chat", "x", "-m", "m", "--host", server.url, stdin=subprocess.DEVNULL) as process:
            assert process.stdout
            assert process.stdout.read(4) == b"one "
            released.set()
            assert process.stdout.read() == b"two\n"

    def test_stdin_that_stays_silent_is_noticed(self, world: World, serve: Serve) -> None:
        server = serve(says=["a"])
        with world.start("chat", "x", "-m", "m", "--host", server.url) as process:
            assert process.stderr
            assert process.stdin
            assert process.stderr.readline() == (b"note: waiting for stdin; --no-stdin if there is none\n")
            process.communicate(b"text", timeout=SOON)
        assert server.requests[0].json["prompt"] == "text\n\nx"

    def test_a_process_without_any_stream_lives(self, world: World, serve: Serve) -> None:
        command = f"{' '.join(['python', '-m', 'cli'])} chat x -m m --host {serve(says=['a']).url}"
        done = subprocess.run(
            ["bash", "-c", f"{command} <&- 2>&-"],
            cwd=world.home,
            env={**world.process_variables(), "PATH": _path_with_this_python()},
            stdout=subprocess.PIPE,
            timeout=SOON,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, b"a\n")


class Person:
    """Somebody who waits at a screen, with a clock that the test moves."""

    def __init__(self, *, is_terminal: bool, accessible: bool = False) -> None:
        self.now = 0.0
        self._written = io.BytesIO()
        screen = Screen(Stream(self._written, is_terminal), accessible=accessible)
        self.waiting = waiting.Waiting(screen, lambda: self.now, "connecting")

    def at(self, seconds: float) -> str:
        """What is written when the clock stands there."""
        self.now = seconds
        before = len(self._written.getvalue())
        self.waiting.tick()
        return self._written.getvalue()[before:].decode()


class TestWaiting:
    def test_at_a_terminal_it_is_told_after_a_second_and_rewritten(self) -> None:
        person = Person(is_terminal=True)
        assert person.at(0.8) == ""
        assert person.at(1.0) == "\r\x1b[K⠋ connecting … 1 s"
        assert person.at(2.0) == "\r\x1b[K⠙ connecting … 2 s"
        person.waiting.now("loading m (98 MB)")
        assert person.at(3.0) == "\r\x1b[K⠹ loading m (98 MB) … 1 s"
        assert person.at(16.0) == "\r\x1b[K⠸ loading m (98 MB) … 14 s"

    def test_in_a_log_it_is_a_line_after_ten_seconds_and_one_a_minute(self) -> None:
        log = Person(is_terminal=False)
        told = {at: text for at in range(140) if (text := log.at(at))}
        assert told == {10: "connecting\n", 70: "connecting … 1 min 10 s\n", 130: "connecting … 2 min 10 s\n"}

    def test_where_nothing_may_move_changes_are_lines(self) -> None:
        reader = Person(is_terminal=True, accessible=True)
        told = [reader.at(1.0), reader.at(2.0)]
        reader.waiting.now("loading m")
        told += [reader.at(3.0), reader.at(4.0)]
        assert told == ["connecting\n", "", "loading m … 3 s\n", ""]

    def test_a_better_word_is_looked_for(self) -> None:
        person = Person(is_terminal=True)
        looked = threading.Event()

        def look() -> str:
            looked.set()
            return "reading the prompt"

        person.waiting.look = look
        person.at(1.0)
        assert looked.wait(SOON)
        assert any("reading the prompt" in person.at(1.0 + n / 10) for n in range(100))

    def test_it_is_gone_at_the_first_word(self, world: World, serve: Serve, released: threading.Event) -> None:
        server = serve(
            {
                "/api/generate": [WaitFor(released), *stream(generated("word"))],
                "/api/ps": answer({"models": []}),
                "/api/tags": listed("slow:latest"),
            }
        )
        with in_terminal(world, "chat", "x", "-m", "slow", "--host", server.url) as terminal:
            terminal.wait_for(r"loading slow \(98 MB\) … \d s")
            released.set()
            assert terminal.end() == 0
        assert terminal.screen == ["", "Model: slow", "word", ""]

    def test_trying_again_is_told(self, world: World) -> None:
        with in_terminal(world, "chat", "x", "-m", "m", "--host", "http://vuhitra.invalid") as terminal:
            assert terminal.end() == 3
        assert "Error: " in terminal.seen

    def test_quiet_is_quiet(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": [Hang()], "/api/ps": answer({"models": []})})
        with in_terminal(world, "chat", "x", "-q", "-m", "m", "--host", server.url) as terminal:
            while not server.requests:
                pass
            threading.Event().wait(1.5)
            terminal.send("\x03")
            assert terminal.end() == 130
        assert server.paths == ["/api/generate"]
        assert "connecting" not in terminal.seen


class TestLogs:
    def test_attempts_are_logged_when_asked_for(self, world: World) -> None:
        args = ("chat", "x", "-m", "m", "--host", unused_url())
        assert "attempt" not in world.run(*args).err
        assert "warning: POST /api/generate m: " in world.with_(variables={"LOG_LEVEL": "warning"}).run(*args).err

    def test_json_is_an_object_a_line_without_prompts(self, world: World) -> None:
        loud = world.with_(variables={"LOG_LEVEL": "DEBUG", "LOG_FORMAT": "json"})
        ran = loud.run("--json", "chat", "secret words", "-m", "m", "--host", f"{unused_url()}")
        *records, error = map(json.loads, ran.err.splitlines())
        assert {"time", "level", "logger", "message", "attempt", "reason"} <= set(records[0])
        assert error["error"]["exit"] == 3
        assert "secret words" not in ran.err

    def test_a_credential_is_never_shown(self, world: World) -> None:
        host = unused_url().replace("http://", "http://me:topsecret@")
        loud = world.with_(variables={"LOG_LEVEL": "DEBUG"})
        for args in (["--debug"], ["--json"]):
            assert "topsecret" not in loud.run("chat", "x", "-m", "m", "--host", host, *args).err


class TestEnvironment:
    def test_folders(self, world: World) -> None:
        def state(platform: str = "linux", **variables: str) -> str:
            empty = Stream(io.BytesIO())
            environment = Environment(empty, empty, empty, variables={"HOME": "/h", **variables}, platform=platform)
            return environment.state_dir

        assert state() == "/h/.local/state/vuhitra"
        assert state(XDG_STATE_HOME="/x") == "/x/vuhitra"
        assert state(XDG_STATE_HOME="relative") == "/h/.local/state/vuhitra"
        assert state("darwin") == "/h/Library/Application Support/vuhitra"
        assert state("win32", LOCALAPPDATA="/appdata") == "/appdata/vuhitra"

    def test_the_streams_are_judged_apart(self, world: World) -> None:
        environment = world.with_(stdout_is_terminal=True).environment()
        out, err = screens(environment, "auto")
        assert (out.is_terminal, err.is_terminal) == (True, False)

    def test_an_unknown_width_is_79(self, world: World) -> None:
        assert world.environment().width == 79
        assert world.with_(width=120).environment().width == 120
