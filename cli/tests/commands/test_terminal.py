"""The program in a real terminal: widths that change, wide characters, stopping and going on, and what it leaves.

Each test looks at the window as a person does.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

import pytest

from tests.commands.conftest import InTurn, RoutedServer, Serve, generated, listed
from tests.commands.running import SOON, World, in_shell, in_terminal
from tests.scripted_server import STREAM_HEAD, Close, Hang, Step, WaitFor, answer, chunk, stream, unused_url

WIDTHS = (40, 80, 200)
MOVES = re.compile(r"\x1b(?!\[[0-9;]*m)|\r(?!\n)|[\x07\x08]")
"""What moves the cursor, or does anything but colour."""


def chat_with(server: RoutedServer, model: str = "m") -> tuple[str, ...]:
    return ("chat", "x", "-m", model, "--host", server.url)


def loading(serve: Serve, *script: Step, model: str = "m") -> RoutedServer:
    """A server that loads a model until its script goes on."""
    return serve({"/api/generate": script, "/api/ps": answer({"models": []}), "/api/tags": listed(model)})


class TestWidth:
    def test_a_window_that_changes_while_waiting(self, world: World, serve: Serve, released: threading.Event) -> None:
        model = "a-model-with-a-name-that-fills-forty-columns"
        server = loading(serve, WaitFor(released), *stream(generated("word")), model=model)
        with in_terminal(world, *chat_with(server, model)) as terminal:
            terminal.wait_for(rf"loading {model} \(98 MB\) … \d s")
            terminal.resize(30)
            terminal.wait_for_more(r"loading a-model-with-a-na\x1b")
            assert re.fullmatch("[⠋⠙⠹⠸] loading a-model-with-a-na", terminal.display[-1])
            terminal.resize(120)
            terminal.wait_for_more(rf"loading {model} \(98 MB\) … \d s")
            released.set()
            assert terminal.end() == 0
        assert "loading" not in "\n".join(terminal.display)
        assert terminal.display[-1] == "word"

    def test_a_window_that_changes_while_answering(self, world: World, serve: Serve, released: threading.Event) -> None:
        one, two, end = [chunk(record) for record in generated("first ", "second")]
        server = serve({"/api/generate": [STREAM_HEAD, one, WaitFor(released), two, end, b"0\r\n\r\n"]})
        with in_terminal(world, *chat_with(server)) as terminal:
            terminal.wait_for("first ")
            terminal.resize(20)
            released.set()
            assert terminal.end() == 0
        assert terminal.display[-1] == "first second"

    @pytest.mark.parametrize("columns", WIDTHS)
    def test_wide_characters_never_make_the_waiting_line_wrap(
        self, world: World, serve: Serve, released: threading.Event, columns: int
    ) -> None:
        model = "模型" * 40
        server = loading(serve, WaitFor(released), *stream(generated("你好")), model=model)
        with in_terminal(world, *chat_with(server, model), columns=columns) as terminal:
            terminal.wait_for("loading (模型)+")
            terminal.wait_for_more("⠹")
            assert sum("loading" in row for row in terminal.display) == 1
            released.set()
            assert terminal.end() == 0
        assert not any("loading" in row for row in terminal.display)

    @pytest.mark.parametrize("columns", WIDTHS)
    @pytest.mark.parametrize("args", [["--help"], ["chat", "--help"], ["chat", "--modle", "x"], ["zzz"], []])
    def test_nothing_is_wider_than_the_terminal(self, world: World, args: list[str], columns: int) -> None:
        with in_terminal(world, *args, columns=columns) as terminal:
            terminal.end()
        lines = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in terminal.seen.split("\r\n")]
        assert all(len(line) <= columns or " " not in line.strip() for line in lines)


class TestEveryReader:
    @pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"VUHITRA_ACCESSIBLE": "1"}])
    def test_nothing_moves(
        self, world: World, serve: Serve, released: threading.Event, variables: dict[str, str]
    ) -> None:
        server = loading(serve, WaitFor(released), *stream(generated("word")))
        with in_terminal(world.with_(variables=variables), *chat_with(server)) as terminal:
            terminal.wait_for(r"loading m \(98 MB\)")
            released.set()
            assert terminal.end() == 0
        assert not MOVES.search(terminal.seen)
        shown = [row for row in terminal.display if row not in ("", "connecting")]
        assert shown == ["Model: m", "loading m (98 MB)", "word"]

    def test_a_terminal_that_can_show_ascii_alone(self, world: World, serve: Serve, released: threading.Event) -> None:
        server = loading(serve, WaitFor(released), *stream(generated("a…你")))
        with in_terminal(world.with_(variables={"LC_ALL": "C"}), *chat_with(server)) as terminal:
            terminal.wait_for(r"[-|/\\] loading m \(98 MB\) \.\.\. \d s")
            released.set()
            assert terminal.end() == 0
        assert terminal.seen.isascii()
        assert terminal.display[-1] == "a...?"

    def test_a_log_holds_nothing_that_moves(self, world: World, serve: Serve) -> None:
        server = loading(serve, *stream(generated("word")))
        with world.start(*chat_with(server), stdin=subprocess.DEVNULL) as process:
            out, err = process.communicate(timeout=SOON)
        assert (out, err) == (b"word\n", b"")

    def test_colour_is_always_there_when_it_is_asked_for(self, world: World) -> None:
        here = world.with_(variables={"NO_COLOR": "1", "TERM": "dumb"})
        with in_terminal(here, "chat", "x", "-m", "m", "--host", unused_url(), "--color", "always") as terminal:
            assert terminal.end() == 3
        assert "\x1b[1;31mError: " in terminal.seen


class TestLog:
    def test_a_log_line_takes_the_place_of_the_waiting_line(
        self, world: World, serve: Serve, released: threading.Event
    ) -> None:
        busy = [WaitFor(released), *answer({"error": "server busy"}, 503)]
        server = serve({"/api/generate": InTurn(busy, stream(generated("word"))), "/api/ps": [Hang()]})
        with in_terminal(world.with_(variables={"LOG_LEVEL": "WARNING"}), *chat_with(server)) as terminal:
            terminal.wait_for("connecting … 1 s")
            released.set()
            assert terminal.end() == 0
        assert any(row.startswith("warning: POST /api/generate m: ") for row in terminal.display)
        assert not any("connecting" in row for row in terminal.display)


class TestStopping:
    """Ctrl-Z and `fg`, through a shell with job control."""

    def test_stopped_while_waiting_it_goes_on_as_if_nothing_had_happened(
        self, world: World, serve: Serve, released: threading.Event
    ) -> None:
        server = loading(serve, WaitFor(released), *stream(generated("word")))
        with in_shell(world) as terminal:
            terminal.send(f"vuhitra {' '.join(chat_with(server))}\n")
            terminal.wait_for(r"loading m \(98 MB\) … \d s")
            terminal.send("\x1a")
            terminal.wait_for("Stopped")
            terminal.resize(28)
            terminal.send("fg\n")
            terminal.wait_for_more(r"loading m \(98 MB\) … \d")
            released.set()
            terminal.wait_for_more("word\r\n.*\\$ ")
            terminal.send("echo status $?\n")
            terminal.wait_for("status 0")
            assert not any("loading" in row for row in terminal.display[-3:])
            terminal.send("exit\n")
            terminal.end()

    def test_stopped_in_the_middle_of_an_answer(self, world: World, serve: Serve, released: threading.Event) -> None:
        one, two, end = [chunk(record) for record in generated("first ", "second")]
        server = serve({"/api/generate": [STREAM_HEAD, one, WaitFor(released), two, end, b"0\r\n\r\n"]})
        with in_shell(world) as terminal:
            terminal.send(f"vuhitra {' '.join(chat_with(server))}\n")
            terminal.wait_for("first ")
            terminal.send("\x1a")
            terminal.wait_for("Stopped")
            released.set()
            terminal.send("fg\n")
            terminal.wait_for("second")
            terminal.send("exit\n")
            terminal.end()


ENDS: list[tuple[Sequence[Step], str, int]] = [
    (stream(generated("word")), "", 0),
    (answer({"error": "it died"}, 500), "", 10),
    ([Hang()], "\x03", 130),
    ([STREAM_HEAD, chunk(generated("word")[0]), Hang()], "\x03", 130),
    ([STREAM_HEAD, chunk(generated("word")[0]), Close()], "", 7),
]


class TestWhatIsLeft:
    @pytest.mark.parametrize(("script", "typed", "status"), ENDS)
    def test_echo_and_cursor_after_every_end(
        self, world: World, serve: Serve, script: Sequence[Step], typed: str, status: int
    ) -> None:
        server = serve({"/api/generate": script, "/api/ps": answer({"models": []}), "/api/tags": listed("m")})
        with in_terminal(world, *chat_with(server)) as terminal:
            if typed:
                terminal.wait_for("loading m|word")
                terminal.send(typed)
            assert terminal.end() == status
            assert terminal.settings == (True, True)
        assert terminal.shows_cursor
        assert terminal.seen.endswith("\n")
        assert "\x1b[?" not in terminal.seen

    @pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
    def test_a_signal_takes_the_waiting_line_away(
        self, world: World, serve: Serve, number: signal.Signals, status: int
    ) -> None:
        with in_terminal(world, *chat_with(loading(serve, Hang()))) as terminal:
            terminal.wait_for("loading m")
            os.kill(terminal.pid, number)
            assert terminal.end() == status
            assert terminal.settings == (True, True)
        assert terminal.display[-1] == "Stopped."
        assert not any("loading" in row for row in terminal.display)

    def test_a_window_that_is_closed_ends_it(self, world: World, serve: Serve) -> None:
        server = loading(serve, Hang())
        with in_terminal(world, *chat_with(server)) as terminal:
            terminal.wait_for("loading m")
            terminal.hang_up()
            assert terminal.end() == 129
        assert server.hung_up.wait(SOON)

    def test_a_closed_window_ends_what_ignores_the_signal(
        self, world: World, serve: Serve, released: threading.Event
    ) -> None:
        server = serve({"/api/generate": [WaitFor(released), *stream(generated("word"))]})
        line = f"{sys.executable} -m cli {' '.join(chat_with(server))} 2>err; echo $? >status"
        with in_terminal(world, "-c", f"trap '' HUP; {line}", program=("/bin/sh",)) as terminal:
            assert server.arrived.wait(SOON)
            terminal.hang_up()
            released.set()
            terminal.end()
        assert (world.home / "status").read_text() == "129\n"
        assert (world.home / "err").read_text() == "Stopped.\n"

    def test_without_stdin(self, world: World, serve: Serve) -> None:
        line = f"vuhitra {' '.join(chat_with(serve(says=['word'])))}"
        with in_shell(world) as terminal:
            terminal.send(f"{line} <&-; echo status $?\n")
            terminal.wait_for("word\r\nstatus 0")
            terminal.send("exit\n")
            terminal.end()
