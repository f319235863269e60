"""Ctrl-C and other signals, in every phase: the server stops too, what was said is kept, and the exit code tells."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import click
import pytest

from cli.ending import run_to_the_end
from tests.commands.conftest import RoutedServer, Serve, generated, listed
from tests.commands.running import SOON, World, in_shell, in_terminal
from tests.scripted_server import STREAM_END, STREAM_HEAD, Hang, Step, WaitFor, answer, chunk

DOCS = Path(__file__).parents[3] / "docs"
SAID = [STREAM_HEAD, *(chunk(each) for each in generated("The sea was ", "a place")[:2]), Hang()]
SILENT: list[Step] = [Hang()]
LAYER = {"status": "pulling a", "digest": "a", "total": 2_000_000_000, "completed": 1_100_000_000}
PULLING = [STREAM_HEAD, chunk(LAYER), Hang()]


def chat_with(server: RoutedServer) -> tuple[str, ...]:
    return ("chat", "x", "-m", "m", "--host", server.url)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_what_was_said_is_kept_and_the_server_stops(
    world: World, serve: Serve, number: signal.Signals, status: int
) -> None:
    server = serve({"/api/generate": SAID})
    with world.start(*chat_with(server), stdin=subprocess.DEVNULL) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.read(len("The sea was a place")) == b"The sea was a place"
        process.send_signal(number)
        assert process.wait(SOON) == status
        assert process.stdout.read() == b"\n"
        assert process.stderr.read() == b"Stopped after 5 words.\n"
    assert server.hung_up.wait(SOON)


def test_before_the_first_word(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": SILENT})
    with world.start(*chat_with(server), stdin=subprocess.DEVNULL) as process:
        assert server.arrived.wait(SOON)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SOON)
        assert (process.returncode, out, err) == (130, b"", b"Stopped.\n")
    assert server.hung_up.wait(SOON)


def test_while_it_connects(world: World, serve: Serve) -> None:
    server = serve({})  # it never says anything of TLS
    args = ("chat", "x", "-m", "m", "--host", server.url.replace("http:", "https:"))
    with in_terminal(world, *args) as terminal:
        terminal.wait_for("connecting … 1 s")
        terminal.send("\x03")
        assert terminal.end() == 130
    assert terminal.screen == ["", "Model: m", "Stopped.", ""]


def test_while_it_waits_to_try_again(world: World, serve: Serve) -> None:
    busy: list[Step] = [b"HTTP/1.1 503 X\r\nRetry-After: 15\r\nContent-Length: 0\r\n\r\n"]
    server = serve({"/api/generate": busy, "/api/ps": [Hang()]})
    with in_terminal(world, *chat_with(server)) as terminal:
        terminal.wait_for(r"trying again \(2 of 3: busy\)")
        terminal.send("\x03")
        assert terminal.end() == 130
    assert terminal.screen == ["", "Model: m", "Stopped.", ""]


def test_at_the_first_word(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": [STREAM_HEAD, chunk(generated("The ")[0]), Hang()]})
    with in_terminal(world, *chat_with(server)) as terminal:
        terminal.wait_for("The ")
        terminal.send("\x03")
        assert terminal.end() == 130
    assert terminal.screen == ["", "Model: m", "The ^C", "Stopped after 1 word.", ""]
    assert server.hung_up.wait(SOON)


def test_in_a_pull_without_a_terminal(world: World, serve: Serve) -> None:
    server = serve({"/api/pull": PULLING})
    with world.start("models", "pull", "m", "--host", server.url, stdin=subprocess.DEVNULL) as process:
        assert process.stderr
        assert process.stderr.readline() == b"m: 50% of 2.0 GB\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SOON)
    told = b"Stopped at 1.1 of 2.0 GB. The same command goes on from there.\n"
    assert (process.returncode, out, err) == (130, b"", told)
    assert server.hung_up.wait(SOON)


def test_pressed_twice_it_says_as_much_and_no_traceback(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": SAID})
    for pause in (0.0, 0.001, 0.003, 0.01, 0.03):
        with world.start(*chat_with(server), stdin=subprocess.DEVNULL) as process:
            assert process.stdout
            assert process.stdout.read(19) == b"The sea was a place"
            process.send_signal(signal.SIGINT)
            threading.Event().wait(pause)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=SOON)
        # The second may come when Python itself is ending, and has given signals back to the system.
        assert process.returncode in (130, -signal.SIGINT)
        assert err in (b"", b"Stopped after 5 words.\n", b"Stopped.\n")


def test_pressed_again_while_it_is_told_the_first_is_what_is_told(world: World) -> None:
    @click.command
    def stop() -> None:
        first = KeyboardInterrupt()
        first.add_note("Stopped after 5 words.")
        try:
            raise first
        finally:
            raise KeyboardInterrupt

    environment = world.environment()
    assert run_to_the_end(stop, [], "vuhitra", {"environment": environment}) == 130
    assert isinstance(environment.stderr.bytes, io.BytesIO)
    assert environment.stderr.bytes.getvalue() == b"Stopped after 5 words.\n"


WHILE_IT_STARTS = """
import os, signal, sys

class Interrupting:
    # Presses Ctrl-C at the import of a module, as a person may.
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.argv = ["vuhitra", *{args!r}]
sys.meta_path.insert(0, Interrupting())
from cli.__main__ import run
run()
"""


@pytest.mark.parametrize("module", ["cli.signals", "cli.main", "click", "cli.commands.chat", "cli.config", "vuhitra"])
def test_while_the_program_starts(world: World, module: str) -> None:
    assert _interrupted_at(module, world) in ((130, b"", b""), (130, b"", b"Stopped.\n"))


def test_just_before_it_asks_nothing_is_left_of_its_file(world: World) -> None:
    shown_in_a_file = ("--show-thinking", "--output", "a.md")
    assert _interrupted_at("cli.terminal.thinking", world, *shown_in_a_file) == (130, b"", b"Stopped.\n")
    assert not list(world.home.glob("*a.md*"))


def _interrupted_at(module: str, world: World, *flags: str) -> tuple[int, bytes, bytes]:
    """How a chat ends that is stopped at the import of a module, and what it wrote."""
    program = WHILE_IT_STARTS.format(module=module, args=["chat", "x", "-m", "m", *flags])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=world.home,
        env=world.process_variables(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SOON,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


HEARD_ELSEWHERE = """
import os, signal, threading
from cli.signals import end_in_order

end_in_order()
waited_for, _ = os.pipe()
# Another thread is woken up by it: for this one it is as if it had come just before the wait.
threading.Timer(0.2, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT)).start()
try:
    os.read(waited_for, 1)
except KeyboardInterrupt:
    print("heard")
"""


CLEARED_AWAY = """
import os, signal, weakref
from cli.signals import end_in_order

class Cleared:
    pass

def interrupt(*_):
    signal.raise_signal(signal.SIGINT)

end_in_order()
waited_for, _ = os.pipe()
cleared = Cleared()
{how}
try:
    del cleared
    os.read(waited_for, 1)
except KeyboardInterrupt:
    print("heard")
"""
CLEARING = (
    "def __del__(self): interrupt()\nCleared.__del__ = __del__",
    "noted = weakref.finalize(cleared, interrupt)",
)


@pytest.mark.parametrize("program", [HEARD_ELSEWHERE, *(CLEARED_AWAY.format(how=how) for how in CLEARING)])
def test_a_signal_that_comes_at_a_bad_moment_is_heard(world: World, program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=world.process_variables(),
        capture_output=True,
        timeout=SOON,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"heard\n", b"")


@pytest.mark.parametrize("closed", ["2>&-", "2>&1"])
def test_a_reader_that_goes_away_is_no_failure(
    world: World, serve: Serve, released: threading.Event, closed: str
) -> None:
    first, *others = [chunk(record) for record in generated("one\ntwo\n", *["more\n"] * 100)]
    server = serve({"/api/generate": [STREAM_HEAD, first, WaitFor(released), *others, STREAM_END]})
    program = f"{sys.executable} -m cli {' '.join(chat_with(server))} {closed} <&-; echo $? >status"
    with world.start(stdin=subprocess.DEVNULL, program=("bash", "-c", program)) as process:
        assert process.stdout
        assert process.stdout.readline() == b"one\n"
        process.stdout.close()
        released.set()
        process.wait(SOON)
    assert (world.home / "status").read_text() == "0\n"


def test_while_stdin_is_read(world: World) -> None:
    with world.start("chat", "x") as process:
        assert process.stderr
        assert b"waiting for stdin" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(SOON) == 130
        assert process.stderr.read() == b"Stopped.\n"


def test_held_back_it_is_kept_too(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": SAID})
    with world.start(*chat_with(server), "--no-stream", stdin=subprocess.DEVNULL) as process:
        assert server.arrived.wait(SOON)
        threading.Event().wait(0.5)  # for the two words to arrive; nothing outside shows that
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SOON)
    assert (process.returncode, out, err) == (
        130,
        b"The sea was a place\n",
        b"Stopped after 5 words.\n",
    )


def test_as_it_is_drawn_at_a_terminal(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": SAID})
    with in_terminal(world, *chat_with(server)) as terminal:
        terminal.wait_for("a place")
        terminal.send("\x03")
        assert terminal.end() == 130
    assert terminal.screen == ["", "Model: m", "The sea was a place^C", "Stopped after 5 words.", ""]
    assert server.hung_up.wait(SOON)


def test_at_a_terminal_while_it_waits(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": SILENT, "/api/ps": answer({"models": []}), "/api/tags": listed("m")})
    with in_terminal(world, *chat_with(server)) as terminal:
        terminal.wait_for("loading m")
        terminal.send("\x03")
        assert terminal.end() == 130
    assert terminal.screen == ["", "Model: m", "Stopped.", ""]


@pytest.mark.parametrize("columns", [24, 30, 41])
def test_a_line_that_fills_the_terminal_is_gone_too(world: World, serve: Serve, columns: int) -> None:
    server = serve({"/api/generate": SILENT, "/api/ps": answer({"models": []}), "/api/tags": listed("m" * 40)})
    args = ("chat", "x", "-m", "m" * 40, "--host", server.url)
    with in_terminal(world, *args, columns=columns) as terminal:
        terminal.wait_for("loading m")
        terminal.send("\x03")
        assert terminal.end() == 130
    assert not any("loading" in row or "^C" in row for row in terminal.display)
    assert terminal.display[-1] == "Stopped."


@pytest.mark.parametrize("variables", [{}, {"VUHITRA_ACCESSIBLE": "1"}])
def test_at_a_question(world: World, serve: Serve, variables: dict[str, str]) -> None:
    server = serve({"/api/tags": listed("a")})
    args = ("models", "remove", "a", "--host", server.url)
    with in_terminal(world.with_(variables=variables), *args) as terminal:
        terminal.wait_for(r"\[y/N\] ")
        terminal.send("\x03")
        assert terminal.end() == 130
    assert terminal.display == ["", "Remove a (98 MB) from HOST? [y/N] ^C".replace("HOST", server.url[7:]), "Stopped."]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_a_question(world: World, serve: Serve, number: signal.Signals) -> None:
    server = serve({"/api/tags": listed("a")})
    with in_terminal(world, "models", "remove", "a", "--host", server.url) as terminal:
        terminal.wait_for(r"\[y/N\] ")
        os.kill(terminal.pid, number)
        assert terminal.end() == 128 + number
    assert [terminal.display[1][-5:], *terminal.display[2:]] == ["[y/N]", "Stopped."]


def test_no_choice_is_made(world: World, serve: Serve) -> None:
    server = serve({"/api/tags": listed("a", "b"), "/api/show": answer({"capabilities": ["completion"]})})
    here = world.with_(variables={"VUHITRA_ACCESSIBLE": "1"})
    with in_terminal(here, "chat", "x", "--host", server.url) as terminal:
        terminal.wait_for("or nothing to stop: ")
        terminal.send("\n")
        assert terminal.end() == 130
    assert terminal.display[-2:] == ["1-2, or nothing to stop:", "Stopped."]


def test_nothing_is_left_empty_where_nothing_may_move(world: World, serve: Serve) -> None:
    here = world.with_(variables={"VUHITRA_ACCESSIBLE": "1"})
    with in_terminal(here, *chat_with(serve({"/api/generate": SAID}))) as terminal:
        terminal.wait_for("a place")
        terminal.send("\x03")
        assert terminal.end() == 130
    assert terminal.display[2:] == ["The sea was a place^C", "Stopped after 5 words."]


def test_a_pull_says_how_far_it_came(world: World, serve: Serve) -> None:
    server = serve({"/api/pull": PULLING})
    with in_terminal(world, "models", "pull", "m", "--host", server.url) as terminal:
        terminal.wait_for(r"1\.1 of 2\.0 GB  55%")
        terminal.send("\x03")
        assert terminal.end() == 130
    assert terminal.screen == [
        "",
        "Stopped at 1.1 of 2.0 GB. The same command goes on from there.",
        "",
    ]
    assert server.hung_up.wait(SOON)


def test_json_gets_an_object(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": SAID})
    with world.start(*chat_with(server), "--json", "--stream", stdin=subprocess.DEVNULL) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SOON)
    assert process.returncode == 130
    last = json.loads(out.splitlines()[-1])
    assert (last["type"], last["error"]["code"], last["error"]["exit"]) == ("error", "interrupted", 130)
    assert json.loads(err)["error"] == last["error"]


@pytest.mark.parametrize("or_else", ["|| break", "|| [ $? -ne 130 ] || break"])
def test_a_loop_in_a_shell_ends_with_it_as_the_guide_says(world: World, serve: Serve, or_else: str) -> None:
    assert f"`{or_else}`" in (DOCS / "scripting.md").read_text("utf-8")
    server = serve({"/api/generate": SILENT})
    with in_shell(world) as terminal:
        terminal.send(
            f"for each in a b; do vuhitra {' '.join(chat_with(server))} --no-stdin {or_else}; done; echo over\n"
        )
        assert server.arrived.wait(SOON)
        terminal.send("\x03")
        terminal.wait_for("\nover")
        terminal.send("exit\n")
        terminal.end()
    assert len(server.requests) == 1


def test_quiet_among_other_short_flags_is_quiet(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": SAID})
    args = ("chat", "x", "-qm", "m", "--host", server.url)
    with world.start(*args, stdin=subprocess.DEVNULL) as process:
        assert process.stdout
        process.stdout.read(3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SOON)
    assert (process.returncode, err) == (130, b"")


def test_a_signal_that_is_ignored_stays_ignored(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": SAID})
    options: dict[str, Any] = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    with world.start(*chat_with(server), stdin=subprocess.DEVNULL, **options) as process:
        assert process.stdout
        assert process.stdout.read(3) == b"The"
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.kill()


PRESSED_AGAIN = """
import cli.main
from cli.exit_status import Verdict
from cli.failure import Terminated

def run():
    raise {stop}

cli.main.run = run
from cli.__main__ import run
run()
"""


@pytest.mark.parametrize(("stop", "status"), [("Terminated(Verdict.TERMINATED)", 143), ("KeyboardInterrupt", 130)])
def test_pressed_while_the_first_was_told_it_ends_as_that_says(world: World, stop: str, status: int) -> None:
    program = [sys.executable, "-c", PRESSED_AGAIN.format(stop=stop)]
    assert subprocess.run(program, env=world.process_variables(), timeout=SOON, check=False).returncode == status
