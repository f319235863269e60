"""Ctrl-C and other signals, in every phase: the server stops too, what was said is kept, and the exit code tells."""

from __future__ import annotations

import json
import signal
import subprocess
import threading

import pytest

from tests.commands.conftest import RoutedServer, Serve, generated, listed
from tests.commands.running import SOON, World, in_terminal
from tests.scripted_server import STREAM_HEAD, Hang, Step, answer, chunk

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
        _wait_for_a_request(server)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SOON)
        assert (process.returncode, out, err) == (130, b"", b"Stopped.\n")
    assert server.hung_up.wait(SOON)


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
        _wait_for_a_request(server)
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
    options = {"stdin": subprocess.DEVNULL, "preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    with world.start(*chat_with(server), **options) as process:
        assert process.stdout
        assert process.stdout.read(3) == b"The"
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.kill()


def _wait_for_a_request(server: RoutedServer) -> None:
    pause = threading.Event()
    for _ in range(int(SOON * 100)):
        if server.requests:
            return
        pause.wait(0.01)
    pytest.fail("no request came")
