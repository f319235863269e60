"""Where things are written: colours, encodings, pipes that close, disks that are full, and the folders of a user."""

from __future__ import annotations

import io
import re
import subprocess
import threading
from functools import partial

import pytest

from cli.environment import Environment, Stream
from cli.services.prompts import read_stdin
from cli.terminal.screen import Screen, screens
from tests.commands.conftest import Serve, generated, listed
from tests.commands.running import COMMAND, SOON, World, in_terminal
from tests.scripted_server import STREAM_END, STREAM_HEAD, WaitFor, chunk, stream, unused_url


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

    def test_what_stands_instead_is_laid_out(self, world: World, serve: Serve) -> None:
        thought = {"model": "m", "response": "", "thinking": "hm… hm… hm… hm… hm…", "done": False}
        server = serve({"/api/generate": stream([thought, *generated("so… so… so… so… so… so…")])})
        person = world.at_terminal.with_(encoding="ascii", width=20, variables={"TERM": "xterm"})
        ran = person.run("chat", "x", "-m", "m", "--host", server.url)
        for text in (ran.out, ran.err):
            lines = re.sub("\x1b.*?m", "", text).splitlines()
            assert all(len(line) <= 20 for line in lines), lines


class Hesitating(io.BytesIO):
    """A stdin that has more to say, and is silent for a while once it has said so many bytes."""

    def __init__(self, said: int) -> None:
        super().__init__(b"text")
        self._said = said

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() == self._said:
            threading.Event().wait(0.5)
        return super().read(size)


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

    @pytest.mark.parametrize("args", [["chat", "x", "-m", "m"], ["--help"], ["models", "list", "--json"]])
    def test_a_stdout_that_was_closed_beforehand_is_an_error(self, world: World, serve: Serve, args: list[str]) -> None:
        host = serve({"/api/tags": listed("m"), "/api/generate": stream(generated("a"))}).url
        shell = ("sh", "-c", '"$@" >&-', "sh", *COMMAND)
        with world.start(*args, "--host", host, program=shell, stdin=subprocess.DEVNULL) as process:
            assert process.stderr
            assert process.wait(SOON) == 1
            assert b"cannot write to stdout" in process.stderr.read()

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

    def test_stdin_that_has_begun_is_not_silent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("cli.services.prompts.SILENT_FOR", 0.1)
        noted: list[int] = []
        for said in (0, 1):
            assert read_stdin(Hesitating(said), partial(noted.append, said)) == b"text"
        assert noted == [0]

    def test_stdin_that_is_all_there_is_to_ask_is_awaited_without_a_word(
        self, world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("cli.services.prompts.SILENT_FOR", 0.1)
        args = ("chat", "-m", "m", "--host", serve(says=["a"]).url)
        assert world.run(*args, stdin=Stream(Hesitating(0))).err == ""
        told = world.run(*args, "x", stdin=Stream(Hesitating(0))).err
        assert told == "note: waiting for stdin; --no-stdin if there is none\n"

    def test_a_process_without_any_stream_lives(self, world: World, serve: Serve) -> None:
        command = f"{' '.join(['python', '-m', 'cli'])} chat x -m m --host {serve(says=['a']).url}"
        done = subprocess.run(
            ["bash", "-c", f"{command} <&- 2>&-"],
            cwd=world.home,
            env=world.process_variables(),
            stdout=subprocess.PIPE,
            timeout=SOON,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, b"a\n")


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

    @pytest.mark.parametrize("columns", ["²", "0", "-1", "wide"])
    def test_a_width_that_is_none_is_no_error(self, world: World, columns: str) -> None:
        assert world.with_(variables={"COLUMNS": columns}).run_process("--help").status == 0
