"""The line that tells what is waited for: when it appears, what it says, and that it is gone at the first word."""

from __future__ import annotations

import io
import itertools
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from cli.environment import Stream
from cli.services.memory import Memory
from cli.services.servers import Server
from cli.services.watching import Phase, Watch
from cli.terminal import waiting
from cli.terminal.screen import Screen
from cli.terminal.waiting import Awaited
from tests.commands.conftest import InTurn, Routes, Serve, generated, listed
from tests.commands.running import SOON, World, in_terminal
from tests.scripted_server import STREAM_END, STREAM_HEAD, Close, Hang, Pause, Step, WaitFor, answer, chunk, stream
from vuhitra import OllamaClient
from vuhitra.hosts import resolve_host


def test_what_others_named_is_harmless() -> None:
    written = io.BytesIO()
    clock = iter([0.0, *[5.0] * 9])
    told = waiting.Waiting(Screen(Stream(written, is_terminal=True)), lambda: next(clock), "loading \x1b[2Jm\n")
    told.tick()
    assert "loading m …" in written.getvalue().decode()


class Person:
    """Somebody who waits at a screen, with a clock that the test moves."""

    def __init__(self, *, is_terminal: bool, accessible: bool = False, width: int = 79) -> None:
        self.now = 0.0
        self._written = io.BytesIO()
        screen = Screen(Stream(self._written, is_terminal), accessible=accessible, width=lambda: width)
        self.waiting = waiting.Waiting(screen, lambda: self.now, "connecting")

    def at(self, seconds: float) -> str:
        """What is written when the clock stands there."""
        self.now = seconds
        before = len(self._written.getvalue())
        self.waiting.tick()
        return self._written.getvalue()[before:].decode()

    def looking_at(self, seconds: float) -> str:
        """The same, once a look that begins then has come to its end."""
        written = self.at(seconds)
        for thread in threading.enumerate():
            if thread.name == "look":
                thread.join(SOON)
        return written


def test_at_a_terminal_it_is_told_after_a_second_and_rewritten() -> None:
    person = Person(is_terminal=True)
    assert person.at(0.8) == ""
    assert person.at(1.0) == "\r\x1b[K⠋ connecting … 1 s"
    assert person.at(2.0) == "\r\x1b[K⠙ connecting … 2 s"
    person.waiting.now("loading m (98 MB)")
    assert person.at(3.0) == "\r\x1b[K⠹ loading m (98 MB) … 1 s"
    assert person.at(16.0) == "\r\x1b[K⠸ loading m (98 MB) … 14 s"


def test_in_a_log_it_is_a_line_after_ten_seconds_and_one_a_minute() -> None:
    log = Person(is_terminal=False)
    told = {at: text for at in range(140) if (text := log.at(at))}
    assert told == {10: "connecting\n", 70: "connecting … 1 min 10 s\n", 130: "connecting … 2 min 10 s\n"}


def test_where_nothing_may_move_changes_are_lines() -> None:
    reader = Person(is_terminal=True, accessible=True)
    told = [reader.at(1.0), reader.at(2.0)]
    reader.waiting.now("loading m")
    told += [reader.at(3.0), reader.at(4.0)]
    assert told == ["connecting\n", "", "loading m\n", ""]
    assert reader.at(63.0) == "loading m … 1 min 1 s\n"


def test_where_nothing_may_move_a_narrow_terminal_has_lines_of_its_width() -> None:
    reader = Person(is_terminal=True, accessible=True, width=20)
    reader.waiting.now("loading llama3.1:8b (4.9 GB)")
    assert reader.at(1.0) == "loading llama3.1:8b\n    (4.9 GB)\n"


def test_how_long_it_took_the_last_time_is_told_with_it() -> None:
    person, log = Person(is_terminal=True), Person(is_terminal=False)
    for each in (person, log):
        each.waiting.now("loading m (4.9 GB)", 19)
    assert person.at(14.0) == "\r\x1b[K⠋ loading m (4.9 GB) … 14 s, last time 19 s"
    assert log.at(10.0) == "loading m (4.9 GB)\n"


def test_it_is_cut_to_the_width_by_columns_and_not_by_characters() -> None:
    person = Person(is_terminal=True, width=20)
    person.waiting.now("loading 模型模型模型")
    assert person.at(1.0) == "\r\x1b[K⠋ loading 模型模"


def test_a_better_word_is_looked_for() -> None:
    person = Person(is_terminal=True)
    looked = threading.Event()

    def look() -> Awaited:
        looked.set()
        return Awaited("reading 812 tokens")

    person.waiting.look = look
    person.at(1.0)
    assert looked.wait(SOON)
    assert any("reading 812 tokens" in person.at(1.0 + n / 10) for n in range(100))


def test_the_first_look_is_over_before_anything_is_drawn() -> None:
    person = Person(is_terminal=True)
    person.waiting.look = lambda: Awaited("loading m (4.9 GB)")
    assert person.looking_at(0.6) == ""
    assert person.at(1.0) == "\r\x1b[K⠋ loading m (4.9 GB) … 1 s"
    assert person.at(14.0) == "\r\x1b[K⠙ loading m (4.9 GB) … 14 s"


def test_what_follows_is_counted_from_when_it_began() -> None:
    person = Person(is_terminal=True)
    phases = iter(["loading m", "reading 812 tokens"])
    person.waiting.look = lambda: Awaited(next(phases, "reading 812 tokens"))
    person.looking_at(0.6)
    person.looking_at(20.0)
    assert person.at(23.0) == "\r\x1b[K⠙ reading 812 tokens … 3 s"


def test_what_began_before_it_could_be_told_is_counted_from_there() -> None:
    person = Person(is_terminal=True)
    phases = iter([Awaited("waiting for m"), Awaited("queued behind n", since=0.5)])
    person.waiting.look = lambda: next(phases, None)
    person.looking_at(0.6)
    person.looking_at(6.0)
    assert person.at(6.5) == "\r\x1b[K⠙ queued behind n … 6 s"


@pytest.mark.parametrize("accessible", [True, False])
def test_a_line_that_stays_is_written_once_it_is_known_what_is_awaited(accessible: bool) -> None:
    reader = Person(is_terminal=accessible, accessible=accessible)
    answer_now = threading.Event()

    def look() -> Awaited:
        answer_now.wait(SOON)
        return Awaited("waiting for m")

    reader.waiting.look = look
    told = [reader.at(at) for at in (0.6, 1.0, 7.0, 10.0)]
    answer_now.set()
    told.append(reader.looking_at(10.0))
    told.append(reader.at(11.0))
    assert [each for each in told if each] == ["waiting for m\n"]


def test_an_attempt_is_told_as_long_as_it_is_waited_for() -> None:
    person = Person(is_terminal=True)
    person.waiting.look = lambda: Awaited("loading m")
    person.now = 1.0
    person.waiting.again("2 of 3: busy", 5.0)
    told = [person.looking_at(at) for at in (2.0, 4.0, 5.9, 6.1, 7.0)]
    shown = [each.rpartition("\r\x1b[K")[2][2:] for each in told]
    assert shown[:3] == [f"trying again (2 of 3: busy) … {seconds} s" for seconds in (1, 3, 5)]
    assert shown[4] == "loading m … 1 s"


def test_what_is_told_meanwhile_goes_before_what_a_look_finds() -> None:
    person = Person(is_terminal=True)
    looked, answer_now = threading.Event(), threading.Event()

    def look() -> Awaited:
        looked.set()
        answer_now.wait(SOON)
        return Awaited("loading m")

    person.waiting.look = look
    person.at(1.0)
    assert looked.wait(SOON)
    person.waiting.now("thinking")
    person.waiting.look = None
    answer_now.set()
    for thread in threading.enumerate():
        if thread.name == "look":
            thread.join(SOON)
    assert "thinking" in person.at(1.2)


def test_it_is_gone_at_the_first_word(world: World, serve: Serve, released: threading.Event) -> None:
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


def test_how_much_there_is_to_read(world: World, serve: Serve, released: threading.Event) -> None:
    running = {"models": [{"name": "m:latest", "expires_at": "2026-11-22T16:24:00Z"}]}
    server = serve({"/api/generate": [WaitFor(released), *stream(generated("word"))], "/api/ps": answer(running)})
    with in_terminal(world, "chat", "four" * 812, "-m", "m", "--host", server.url) as terminal:
        terminal.wait_for(r"reading 812 tokens … \d s")
        released.set()
        assert terminal.end() == 0
    assert terminal.screen == ["", "Model: m", "word", ""]


def test_of_a_question_that_was_cut_there_is_less_to_read(
    world: World, serve: Serve, released: threading.Event
) -> None:
    refused = answer({"error": "the input length exceeds the context length"}, 400)
    running = {"models": [{"name": "m:latest", "expires_at": "2026-11-22T16:24:00Z"}]}
    answered = [WaitFor(released), *stream(generated("word"))]
    server = serve({"/api/generate": InTurn(refused, answered), "/api/ps": answer(running)})
    (world.home / "a.txt").write_text("four" * 1_000)
    args = ("chat", "x", "-f", "a.txt", "--on-overflow", "trim", "-m", "m", "--host", server.url)
    with in_terminal(world, *args) as terminal:
        terminal.wait_for(r"reading 5\d\d tokens … \d s")
        released.set()
        assert terminal.end() == 0


def test_that_models_are_looked_at_one_by_one(world: World, serve: Serve) -> None:
    server = serve(
        {
            "/api/tags": listed("m:latest", "n:latest"),
            "/api/show": [Hang()],
        }
    )
    with in_terminal(world, "chat", "x", "--host", server.url) as terminal:
        terminal.wait_for(r"looking at 2 models … \d s")
        terminal.send("\x03")
        assert terminal.end() == 130


def test_the_last_load_is_remembered_from_one_run_to_the_next(
    world: World, serve: Serve, released: threading.Event
) -> None:
    server = serve(
        {
            "/api/generate": [WaitFor(released), *stream(generated("word"))],
            "/api/ps": answer({"models": []}),
            "/api/tags": listed("slow:latest"),
        }
    )
    Memory(world.environment().state_dir).note_load(server.url, "slow:latest", 19)
    with in_terminal(world, "chat", "x", "-m", "slow", "--host", server.url) as terminal:
        terminal.wait_for(r"loading slow \(98 MB\) … \d s, last time 19 s")
        released.set()
        assert terminal.end() == 0


def test_trying_again_is_told(world: World, serve: Serve) -> None:
    busy: list[Step] = [b"HTTP/1.1 503 X\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"]
    loading = {"/api/ps": answer({"models": []}), "/api/tags": answer({"models": []})}
    server = serve({"/api/generate": InTurn(busy, stream(generated("word"))), **loading})
    with in_terminal(world, "chat", "x", "-m", "m", "--host", server.url) as terminal:
        terminal.wait_for(r"trying again \(2 of 3: busy\) … [23] s")
        assert terminal.end() == 0
    assert terminal.screen == ["", "Model: m", "word", ""]


@pytest.mark.parametrize("verb", [("list",), ("show", "m"), ("pull", "m"), ("load", "m"), ("bench", "m")])
def test_whatever_is_tried_again_it_is_told(world: World, serve: Serve, verb: tuple[str, ...]) -> None:
    busy: list[Step] = [b"HTTP/1.1 503 X\r\nRetry-After: 15\r\nContent-Length: 0\r\n\r\n"]
    server = serve(dict.fromkeys(("/api/tags", "/api/show", "/api/pull", "/api/generate"), busy))
    with in_terminal(world, "models", *verb, "--host", server.url) as terminal:
        terminal.wait_for(r"trying again \(2 of 3: busy\) … \d s")
        terminal.send("\x03")
        assert terminal.end() == 130


LEVELS = ["", "ERROR", "CRITICAL"]
AGAIN: list[Step] = [b"HTTP/1.1 503 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"]


@pytest.mark.parametrize("level", LEVELS)
def test_trying_again_is_told_whatever_is_logged(world: World, serve: Serve, level: str) -> None:
    host = serve({"/api/tags": InTurn(AGAIN, listed("m")), "/api/ps": answer({"models": []})}).url
    here = world.with_(variables={"LOG_LEVEL": level})
    ran = here.run("models", "list", "--host", host, monotonic=itertools.count(0, 20).__next__)
    assert (ran.status, "trying again (2 of 3: busy)\n" in ran.err, "warning" in ran.err) == (0, True, False)
    assert logging.getLogger("vuhitra").level == logging.NOTSET


@pytest.mark.parametrize("level", LEVELS)
def test_the_bar_of_a_pull_tells_of_it_whatever_is_logged(world: World, serve: Serve, level: str) -> None:
    half, whole = ({"status": "pulling a", "digest": "a", "total": 2, "completed": part} for part in (1, 2))
    broken: list[Step] = [STREAM_HEAD, chunk(half), Close()]
    server = serve({"/api/pull": InTurn(broken, AGAIN, stream([whole, {"status": "success"}]))})
    here = world.with_(variables={"LOG_LEVEL": level})
    ran = here.run("models", "pull", "m", "--host", server.url, monotonic=itertools.count(0, 20).__next__)
    assert (ran.status, ", try " in ran.err, "warning" in ran.err) == (0, True, False), ran.err


def test_quiet_is_quiet(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": [Hang()], "/api/ps": answer({"models": []})})
    with in_terminal(world, "chat", "x", "-q", "-m", "m", "--host", server.url) as terminal:
        assert server.arrived.wait(SOON)
        threading.Event().wait(1.5)
        terminal.send("\x03")
        assert terminal.end() == 130
    assert server.paths == ["/api/generate"]
    assert "connecting" not in terminal.seen


RUNNING = {"name": "llama3.1:8b", "expires_at": "2026-11-22T16:24:00Z"}
STARTING = [{**RUNNING, "expires_at": f"2026-11-22T16:24:0{number}Z"} for number in range(2)]
TAGS = listed("llama3.1:8b")


@pytest.mark.parametrize(
    ("routes", "tokens", "phase"),
    [
        ({"/api/ps": answer({"models": []}), "/api/tags": TAGS}, 812, Phase("loading llama3.1:8b", 98_362_745, 19)),
        (
            {"/api/ps": answer({"models": []}), "/api/tags": listed("llama3.1:8b", size=-5)},
            812,
            Phase("loading llama3.1:8b", None, 19),
        ),
        (
            {"/api/ps": answer({"models": []}), "/api/tags": answer({"models": []})},
            1,
            Phase("loading llama3.1:8b", None, 19),
        ),
        ({"/api/ps": answer({"models": [RUNNING]})}, 6210, Phase("reading 6,210 tokens")),
        ({"/api/ps": answer({"models": [RUNNING]})}, 3, Phase("waiting for llama3.1:8b")),
        ({"/api/ps": answer({"models": [RUNNING]})}, None, Phase("waiting for llama3.1:8b")),
        (
            {"/api/ps": InTurn(*(answer({"models": [each]}) for each in STARTING)), "/api/tags": TAGS},
            812,
            Phase("loading llama3.1:8b", 98_362_745, 19),
        ),
        ({}, 812, Phase("waiting for llama3.1:8b")),
        ({"/api/ps": [Hang()]}, 812, Phase("waiting for llama3.1:8b")),
        ({"/api/ps": answer(b"<html>")}, 812, None),
    ],
)
def test_what_can_be_told_of_a_server(
    tmp_path: Path, serve: Serve, routes: Routes, tokens: int | None, phase: Phase | None
) -> None:
    server = serve({"/": answer(b""), **routes})
    memory = Memory(str(tmp_path))
    memory.note_load(server.url, "llama3.1:8b", 19)
    with OllamaClient(server.url) as client:
        watched = Server(client, resolve_host(server.url), "ollama")
        assert Watch(watched, "llama3.1:8b", memory, lambda: 0, tokens).look() == phase


QWEN = {"name": "qwen3:8b", "details": {"family": "qwen3", "parameter_size": "8.2B"}}
GEMMA = {"name": "gemma3:4b", "details": {"family": "gemma3", "parameter_size": "4.3B"}}
MARIO = {"name": "mario:latest", "details": {"family": "qwen3", "parameter_size": "8.2B"}}


@pytest.mark.parametrize(
    ("model", "running", "seconds", "words"),
    [
        ("gemma3:4b", [QWEN], 4, "waiting for gemma3:4b"),
        ("gemma3:4b", [QWEN], 6, "queued behind qwen3:8b"),
        ("gemma3:4b", [QWEN, MARIO], 6, "queued behind 2 models"),
        ("mario", [QWEN], 6, "waiting for mario"),
        ("mario", [QWEN, MARIO], 6, "waiting for mario"),
        ("gpt-oss:120b-cloud", [QWEN], 6, "waiting for gpt-oss:120b-cloud"),
        ("gemma3:4b", [], 6, "loading gemma3:4b"),
    ],
)
def test_whether_a_model_waits_for_others_to_make_room(
    tmp_path: Path, serve: Serve, *, model: str, running: list[dict[str, Any]], seconds: float, words: str
) -> None:
    there = answer({"models": [QWEN, GEMMA, MARIO]})
    server = serve({"/api/ps": answer({"models": running}), "/api/tags": there})
    clock = iter([0.0, seconds])
    with OllamaClient(server.url) as client:
        watched = Server(client, resolve_host(server.url), "ollama")
        since = 0.0 if words.startswith("queued") else None
        assert Watch(watched, model, Memory(str(tmp_path)), lambda: next(clock)).look() == Phase(words, since=since)


@pytest.mark.parametrize(
    ("last", "tokens", "seconds", "phase"),
    [
        (19, 812, 37, Phase("loading llama3.1:8b", 98_362_745, 19)),
        (19, 812, 39, Phase("loading llama3.1:8b, or reading 812 tokens by now", since=0.0)),
        (19, 12, 39, Phase("loading llama3.1:8b", 98_362_745, 19)),
        (2, 812, 9, Phase("loading llama3.1:8b", 98_362_745, 2)),
        (2, 812, 11, Phase("loading llama3.1:8b, or reading 812 tokens by now", since=0.0)),
    ],
)
def test_what_is_listed_as_being_loaded_may_be_read_by_now(
    tmp_path: Path, serve: Serve, *, last: float, tokens: int, seconds: float, phase: Phase
) -> None:
    server = serve({"/api/ps": InTurn(*(answer({"models": [each]}) for each in STARTING)), "/api/tags": TAGS})
    memory = Memory(str(tmp_path))
    memory.note_load(server.url, "llama3.1:8b", last)
    clock = itertools.chain([0.0], itertools.repeat(seconds))
    with OllamaClient(server.url) as client:
        watched = Server(client, resolve_host(server.url), "ollama")
        assert Watch(watched, "llama3.1:8b", memory, lambda: next(clock), tokens).look() == phase


def test_behind_a_pull_the_wait_for_room_begins_anew(world: World, serve: Serve, released: threading.Event) -> None:
    layer = {"status": "pulling a", "digest": "a", "total": 9, "completed": 9}
    server = serve(
        {
            "/api/generate": InTurn(
                answer({"error": "model 'gemma3:4b' not found"}, 404),
                [WaitFor(released), *stream(generated("word"))],
            ),
            "/api/pull": [STREAM_HEAD, chunk(layer), Pause(5.5), chunk({"status": "success"}), STREAM_END],
            "/api/tags": InTurn(answer({"models": [QWEN]}), answer({"models": [QWEN, GEMMA]})),
            "/api/ps": answer({"models": [QWEN]}),
        }
    )
    with in_terminal(world, "chat", "x", "-m", "gemma3:4b", "--host", server.url) as terminal:
        terminal.wait_for("waiting for gemma3:4b … 2 s")
        released.set()
        assert terminal.end() == 0
    assert "queued" not in terminal.seen


def test_what_the_built_in_engine_lists_is_loaded(tmp_path: Path, serve: Serve) -> None:
    server = serve({"/api/ps": InTurn(*(answer({"models": [each]}) for each in STARTING))})
    with OllamaClient(server.url) as client:
        watched = Server(client, resolve_host(server.url), "embedded")
        for _ in STARTING:
            assert Watch(watched, "llama3.1:8b", Memory(str(tmp_path)), lambda: 0, 812).look() == Phase(
                "reading 812 tokens"
            )


def test_a_look_at_a_server_that_is_not_reached_is_silent(tmp_path: Path, serve: Serve) -> None:
    url = serve({}).url.replace("http:", "https:")  # it never says anything of TLS
    with OllamaClient(url) as client:
        assert Watch(Server(client, resolve_host(url), "ollama"), "m", Memory(str(tmp_path)), lambda: 0).look() is None


def test_a_look_at_a_server_that_is_gone_is_silent(tmp_path: Path, serve: Serve) -> None:
    server = serve(says=["a"])
    with OllamaClient(server.url) as client:
        watched = Server(client, resolve_host(server.url), "ollama")
    assert Watch(watched, "m", Memory(str(tmp_path)), lambda: 0).look() is None
