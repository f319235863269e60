"""Answers as they are shown: at a terminal, in a pipe, as JSON, in a file; whole, broken off and stopped."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from cli.terminal.answers import Words
from tests.commands.conftest import Serve, generated
from tests.commands.running import COMMAND, SOON, World, in_terminal
from tests.scripted_server import STREAM_END, STREAM_HEAD, Close, Hang, chunk, stream

CUT = [STREAM_HEAD, *map(chunk, generated("half an ")[:1]), Close()]
SAID = [STREAM_HEAD, *(chunk(each) for each in generated("The sea was ", "a place")[:2]), Hang()]
REPEATING = [STREAM_HEAD, *map(chunk, generated(*["🌍"] * 31)[:-1]), STREAM_END]
NUMBERS = {
    "prompt_eval_count": 1812, "eval_count": 90, "eval_duration": 2_000_000_000, "load_duration": 1_500_000_000,
    "total_duration": 4_000_000_000, "prompt_eval_duration": 500_000_000,
}  # fmt: skip
WITH_LITTLE_ROOM = (
    "import resource, sys; sys.dont_write_bytecode = True; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
    "from cli.__main__ import run; run()"
)
"""The program, where no file may be longer than that; nor may what Python compiles, which others would find cut."""
WEATHER = {"type": "object", "properties": {"sky": {"type": "string"}}, "required": ["sky"]}


def ask(server: Any, *flags: str) -> tuple[str, ...]:
    return ("chat", "x", "-m", "m", "--host", server.url, *flags)


@pytest.mark.parametrize("flags", [[], ["--plain"], ["--no-stream"]])
def test_no_blank_lines_go_before_it_at_a_terminal(world: World, serve: Serve, flags: list[str]) -> None:
    pieces = ("\n", "\n \n ", " ", "a\n", "\n b")
    person = world.at_terminal.with_(variables={"TERM": "xterm"})
    assert person.run(*ask(serve(says=pieces), *flags)).out == "  a\n\n b\n"
    assert world.run(*ask(serve(says=pieces), *flags)).out == "".join(pieces) + "\n"
    assert person.run(*ask(serve(says=["\n", " "]), *flags)).out == ""


class TestMarkdown:
    MARKED = ("It is **bl", "ue**\n", "- and `wide`")

    def test_is_for_a_person_with_colours(self, world: World, serve: Serve) -> None:
        shown = world.at_terminal.with_(variables={"TERM": "xterm"}).run(*ask(serve(says=self.MARKED))).out
        assert shown == "It is \x1b[1mblue\x1b[0m\n• and \x1b[36mwide\x1b[0m\n"

    @pytest.mark.parametrize(
        ("variables", "flags"),
        [({}, ["--plain"]), ({}, ["--color", "never"]), ({"NO_COLOR": "1"}, []), ({"VUHITRA_ACCESSIBLE": "1"}, [])],
    )
    def test_is_left_as_it_is_where_it_is_not_wanted(
        self, world: World, serve: Serve, variables: dict[str, str], flags: list[str]
    ) -> None:
        person = world.at_terminal.with_(variables=variables)
        assert person.run(*ask(serve(says=self.MARKED), *flags)).out == "".join(self.MARKED) + "\n"

    def test_is_left_as_it_is_in_a_pipe(self, world: World, serve: Serve) -> None:
        assert world.run(*ask(serve(says=self.MARKED), "--color", "always")).out == "".join(self.MARKED) + "\n"

    def test_is_not_even_imported_there(self, world: World, serve: Serve) -> None:
        server = serve(says=["a"])
        program = f"import sys; from cli.main import cli\ntry: cli.main({ask(server)!r})\nfinally: print(*sys.modules)"
        with world.start(program=(sys.executable, "-c", program), stdin=subprocess.DEVNULL) as process:
            assert process.stdout
            modules = process.stdout.read().decode().split()
        assert "cli.terminal.answers" in modules
        assert not [each for each in modules if "markdown" in each or "json_answers" in each]

    def test_escape_sequences_in_it_are_no_styles(self, world: World, serve: Serve) -> None:
        shown = world.at_terminal.run(*ask(serve(says=["**a\x1b[3", "1m\x07b**\u202e"]))).out
        assert shown == "\x1b[1mab\x1b[0m<U+202E>\n"


class TestThinking:
    THOUGHT = stream(
        [{"model": "m", "response": "", "thinking": each, "done": False} for each in ("so ", "\x1b[2Jblue\n")]
        + generated("yes")
    )
    SHOWN = "Thinking …\nso blue\n… thought for 0.0 s\n\n"

    def test_a_person_sees_it(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": self.THOUGHT})
        person = world.at_terminal.with_(variables={"NO_COLOR": "1"})
        ran = person.run(*ask(server))
        assert (ran.out, ran.err) == ("yes\n", "Model: m\n" + self.SHOWN)
        assert person.run(*ask(server, "--hide-thinking")).err == "Model: m\n"
        assert "\x1b[2mso\x1b[0m" in person.run(*ask(server, "--color", "always")).err

    def test_a_pipe_gets_it_when_asked_for(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": self.THOUGHT})
        assert world.run(*ask(server)).err == ""
        ran = world.run(*ask(server, "--show-thinking"))
        assert (ran.out, ran.err) == ("yes\n", self.SHOWN.replace("so ", "so \x1b[2J"))
        half = world.with_(stderr_is_terminal=True, variables={"NO_COLOR": "1"})
        assert half.run(*ask(server)).err == "Model: m\n"

    def test_json_carries_it_and_stderr_does_not(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": self.THOUGHT})
        ran = world.at_terminal.run(*ask(server, "--json", "--show-thinking"))
        assert (ran.json["thinking"], ran.err) == ("so \x1b[2Jblue\n", "")

    def test_its_lines_are_broken_between_words(self, world: World, serve: Serve) -> None:
        words = "someone who thinks in words of any length\n\nthinks on\n"
        pieces = [
            {"model": "m", "response": "", "thinking": each, "done": False}
            for each in re.findall(".{1,5}", words, re.DOTALL)
        ]
        server = serve({"/api/generate": stream([*pieces, *generated("yes")])})
        person = world.at_terminal.with_(width=20, variables={"NO_COLOR": "1"})
        shown = "Thinking …\nsomeone who thinks\nin words of any\nlength\n\nthinks on\n… thought for 0.0 s\n\n"
        assert person.run(*ask(server)).err == "Model: m\n" + shown
        piped = world.run(*ask(server, "--show-thinking")).err
        assert piped == f"Thinking …\n{words}… thought for 0.0 s\n\n"

    def test_no_blank_lines_go_before_it(self, world: World, serve: Serve) -> None:
        thought = {"model": "m", "response": "", "thinking": "\n\n so blue", "done": False}
        server = serve({"/api/generate": stream([thought, *generated("yes")])})
        assert world.run(*ask(server, "--show-thinking")).err == self.SHOWN

    def test_stopped_while_it_thinks(self, world: World, serve: Serve) -> None:
        thought = {"model": "m", "response": "", "thinking": "so blue", "done": False}
        server = serve({"/api/generate": [STREAM_HEAD, chunk(thought), Hang()]})
        with in_terminal(world, *ask(server)) as terminal:
            terminal.wait_for("blue")
            terminal.send("\x03")
            assert terminal.end() == 130
        assert terminal.screen[:4] == ["", "Model: m", "Thinking …", "so blue^C"]
        assert terminal.screen[-2] == "Stopped."


class TestStatistics:
    def test_lines_for_a_person(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": stream(generated("a", **NUMBERS))})
        ran = world.run(*ask(server, "--stats"))
        assert ran.out == "a\n"
        assert [line.split("  ")[0] for line in ran.err.splitlines()] == [
            "model", "tokens", "speed", "loading", "first word", "in all", "stopped by",
        ]  # fmt: skip
        assert "tokens      1,812 read, 90 written\nspeed       45.0 tokens a second\nloading     1.5 s\n" in ran.err

    def test_nothing_is_wider_than_the_terminal(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": stream(generated("a", **NUMBERS, model="a-long-name:8b"))})
        person = world.at_terminal.with_(width=24, variables={"NO_COLOR": "1"})
        ran = person.run(*ask(server, "--stats"))
        assert all(len(line) <= 24 for line in ran.err.splitlines()), ran.err

    def test_json_always_has_them(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": stream(generated("a", **NUMBERS))})
        stats = world.run(*ask(server, "--json")).json["stats"]
        assert 0 <= stats.pop("first_word") < SOON
        assert stats == {
            "prompt_eval_count": 1812, "eval_count": 90, "total_duration": 4.0, "load_duration": 1.5,
            "prompt_eval_duration": 0.5, "eval_duration": 2.0, "tokens_per_second": 45.0,
        }  # fmt: skip

    def test_a_load_is_remembered(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": stream(generated("a", **NUMBERS))})
        world.run(*ask(server))
        assert world.environment().state_dir
        from cli.services.memory import Memory

        assert Memory(world.environment().state_dir).last_load(server.url, "m") == 1.5


class TestJson:
    KEYS = ("version", "text", "thinking", "tool_calls", "parsed", "model", "host", "engine", "done_reason",
            "stopped_by", "stats", "error")  # fmt: skip

    def test_the_document(self, world: World, serve: Serve) -> None:
        document = world.run(*ask(serve(says=["a"]), "--json")).json
        assert tuple(document) == self.KEYS
        assert document["error"] is None

    @pytest.mark.parametrize(
        "piece", [{"tool_calls": [{"function": {"name": "f", "arguments": {}}}]}, {"thinking": "hm"}]
    )
    def test_an_answer_without_text_is_one(self, world: World, serve: Serve, piece: dict[str, Any]) -> None:
        server = serve(
            {"/api/generate": stream([{"model": "m", "response": "", "done": False, **piece}, *generated()])}
        )
        document = world.run(*ask(server, "--json")).json
        assert (document["text"], document["done_reason"], document["stopped_by"]) == ("", "stop", "stop")
        assert document["stats"]["eval_count"] == 0

    def test_what_was_said_before_a_break_is_not_lost(self, world: World, serve: Serve) -> None:
        ran = world.run(*ask(serve({"/api/generate": CUT}), "--json"))
        assert (ran.status, tuple(ran.json), ran.json["text"]) == (7, self.KEYS, "half an ")
        assert ran.json["error"] == ran.error
        assert (ran.error["code"], ran.json["stats"], ran.json["model"]) == ("broke-off", None, "m")

    def test_where_nothing_was_said_there_is_no_document(self, world: World, serve: Serve) -> None:
        ran = world.run(*ask(serve({"/api/generate": [Close()]}), "--json"))
        assert (ran.status, ran.out) == (3, "")

    def test_what_was_said_before_a_signal_is_not_lost(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": SAID})
        with world.start(*ask(server, "--json", "--show-thinking"), stdin=subprocess.DEVNULL) as process:
            _wait_until_sent(server)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=SOON)
        document = json.loads(out)
        assert (process.returncode, document["text"], document["error"]["code"]) == (
            130, "The sea was a place", "interrupted",
        )  # fmt: skip

    def test_parsed_is_what_a_schema_makes_of_it(self, world: World, serve: Serve) -> None:
        server = serve(says=['{"sky":', ' "blue"}'])
        flags = ("--schema", json.dumps(WEATHER))
        assert world.run(*ask(server, *flags)).out == '{"sky": "blue"}\n'
        assert world.run(*ask(server, *flags, "--json")).json["parsed"] == {"sky": "blue"}
        assert world.run(*ask(server, *flags, "--json", "--stream")).lines[-1]["parsed"] == {"sky": "blue"}

    def test_what_does_not_fit_is_not_printed(self, world: World, serve: Serve) -> None:
        ran = world.run(*ask(serve(says=['{"sky": 1}']), "--schema", json.dumps(WEATHER), "--stream"))
        assert (ran.status, ran.out) == (9, "")


def test_words_are_counted_over_all_pieces() -> None:
    words = Words()
    for piece in ("one t", "", "wo ", "", "three", "\n", "four"):
        words.feed(piece)
    assert words.count == 4


class TestOutput:
    def test_the_file_gets_the_answer_instead(self, world: World, serve: Serve) -> None:
        ran = world.run(*ask(serve(says=["**a**\x1b[31m\n", "b\n\n"]), "--output", f"{world.home}/a.md"))
        assert (ran.status, ran.out, ran.err) == (0, "", "")
        assert (world.home / "a.md").read_bytes() == b"**a**\x1b[31m\nb\n"
        assert _files(world) == ["a.md"]

    def test_a_person_is_told(self, world: World, serve: Serve) -> None:
        person = world.at_terminal.with_(variables={"NO_COLOR": "1"})
        path = f"{world.home}/a.md"
        ran = person.run(*ask(serve(says=["a"]), "--output", path))
        assert (ran.out, ran.err) == ("", f"Model: m\nWritten to {path}, 2 B\n")

    def test_one_that_cannot_be_written_is_found_before_anything_is_asked(self, world: World, serve: Serve) -> None:
        server = serve(says=["a"])
        (world.home / "folder").mkdir()
        refused = {"none/a.md": "there is no folder", "folder": "Is a directory", "new/": "Is a directory"}
        for path, why in refused.items():
            ran = world.run(*ask(server, "--output", f"{world.home}/{path}"))
            assert ran.status == 2
            assert ran.err.startswith(f"Error: cannot write to {world.home}/{path} (--output)\n  {why}")
        assert world.run(*ask(server, "--output", "")).err.startswith(
            "Error: invalid value for '--output': it is empty\n"
        )
        assert not server.requests

    def test_a_tilde_is_the_home_folder(self, world: World, serve: Serve) -> None:
        assert world.run(*ask(serve(says=["a"]), "--output=~/a.md")).status == 0
        assert (world.home / "a.md").read_text() == "a\n"

    def test_permissions_that_a_file_system_does_not_keep_are_no_failure(
        self, world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (world.home / "a.md").write_text("before")
        monkeypatch.setattr("os.chmod", _refused)
        assert world.run(*ask(serve(says=["a"]), "--output", f"{world.home}/a.md")).status == 0
        assert ((world.home / "a.md").read_text(), _files(world)) == ("a\n", ["a.md"])

    def test_one_that_can_not_be_opened_leaves_nothing_behind(
        self, world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("os.fdopen", _refused)
        ran = world.run(*ask(serve(says=["a"]), "--output", f"{world.home}/a.md"))
        assert (ran.status, _files(world)) == (2, [])

    def test_a_dash_is_stdout(self, world: World, serve: Serve) -> None:
        assert world.run(*ask(serve(says=["a"]), "--output", "-")).out == "a\n"
        assert _files(world) == []

    def test_what_was_said_before_a_break_is_kept_there(self, world: World, serve: Serve) -> None:
        path = world.home / "a.md"
        path.write_text("before")
        path.chmod(0o640)
        assert world.run(*ask(serve({"/api/generate": CUT}), "--output", str(path))).status == 7
        assert path.read_text() == "half an \n"
        assert path.stat().st_mode & 0o777 == 0o640

    @pytest.mark.parametrize("flags", [(), ("--json",), ("--json", "--stream")])
    def test_what_was_there_stays_where_nothing_was_said(
        self, world: World, serve: Serve, flags: tuple[str, ...]
    ) -> None:
        path = world.home / "a.md"
        path.write_text("before")
        assert world.run(*ask(serve({"/api/generate": [Close()]}), "--output", str(path), *flags)).status == 3
        assert (path.read_text(), _files(world)) == ("before", ["a.md"])

    def test_what_was_said_before_a_signal_is_kept_there(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": SAID})
        with world.start(*ask(server, "--output", "a.md"), stdin=subprocess.DEVNULL) as process:
            _wait_until_sent(server)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=SOON)
        assert (process.returncode, err) == (130, b"Stopped after 5 words, kept in a.md.\n")
        assert (world.home / "a.md").read_text() == "The sea was a place\n"

    def test_a_link_stays_one(self, world: World, serve: Serve) -> None:
        (world.home / "real.md").touch()
        (world.home / "link.md").symlink_to("real.md")
        world.run(*ask(serve(says=["a"]), "--output", f"{world.home}/link.md"))
        assert (world.home / "link.md").is_symlink()
        assert (world.home / "real.md").read_text() == "a\n"

    @pytest.mark.parametrize("flags", [(), ("--no-stream",), ("-x",), ("--schema", "{}"), ("--json",)], ids=str)
    def test_what_was_there_stays_where_not_all_can_be_written(
        self, world: World, serve: Serve, flags: tuple[str, ...]
    ) -> None:
        path = world.home / "a.md"
        path.write_text("before")
        said = f'"{"a" * 9_999}"'
        command = ask(serve(says=[said[:99], said[99:]]), "--output", "a.md", *flags)
        ran = world.run_process(*command, program=(sys.executable, "-c", WITH_LITTLE_ROOM))
        assert ran.status == 1
        assert "cannot write to a.md (--output)" in ran.err
        assert (path.read_text(), _files(world)) == ("before", ["a.md"])

    @pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
    def test_a_name_of_stdout_is_stdout(self, world: World, serve: Serve, name: str) -> None:
        (world.home / "link").symlink_to("/dev/stdout")
        log = world.home / "log"
        log.write_text("before\n")
        command = ask(serve(says=["a"]), "--output", name)
        with log.open("ab") as stdout, world.start(*command, stdin=subprocess.DEVNULL, stdout=stdout) as process:
            assert (process.wait(SOON), process.communicate()[1]) == (0, b"")
        assert (log.read_text(), _files(world)) == ("before\na\n", ["link", "log"])

    def test_an_open_descriptor_is_written_to_as_it_is(self, world: World, serve: Serve) -> None:
        log = world.home / "log"
        log.write_text("before\n")
        with log.open("ab") as file:
            command = ask(serve(says=["a"]), "--output", f"/dev/fd/{file.fileno()}", "--no-stdin")
            with world.start(*command, pass_fds=[file.fileno()]) as process:
                assert (process.communicate(timeout=SOON), process.returncode) == ((b"", b""), 0)
        assert (log.read_text(), _files(world)) == ("before\na\n", ["log"])

    def test_an_open_descriptor_that_never_waits_is_waited_for(self, world: World, serve: Serve) -> None:
        said = "a" * 999_999
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        command = ask(serve(says=[said]), "--output", f"/dev/fd/{writing}", "--no-stdin")
        with world.start(*command, pass_fds=[writing]) as process, open(reading, "rb") as file:
            os.close(writing)
            assert file.read().decode() == f"{said}\n"
            assert (process.communicate(timeout=SOON), process.returncode) == ((b"", b""), 0)

    def test_a_descriptor_that_is_only_read_from_is_found_before_anything_is_asked(
        self, world: World, serve: Serve
    ) -> None:
        server = serve(says=["a"])
        with Path("/dev/null").open("rb") as stdin:
            ran = world.run_process(*ask(server, "--output", "/dev/fd/0"), stdin=stdin)
        assert (ran.status, ran.err) == (2, "Error: cannot write to /dev/fd/0 (--output)\n  Bad file descriptor\n")
        assert not server.requests

    def test_a_folder_that_is_gone_takes_no_file(self, world: World, serve: Serve) -> None:
        program = ("sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$@"', *COMMAND)
        ran = world.run_process(*ask(serve(says=["a"]), "--output", "x"), program=program)
        assert (ran.status, ran.err) == (2, "Error: cannot write to x (--output)\n  No such file or directory\n")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
    def test_a_full_disk_is_said_with_the_name_of_the_file(self, world: World, serve: Serve) -> None:
        ran = world.run(*ask(serve(says=["a"]), "--output", "/dev/full"))
        assert (ran.status, ran.err) == (1, "Error: cannot write to /dev/full (--output)\n  No space left on device\n")


class TestRepetition:
    def test_it_is_said_as_it_is(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": REPEATING})
        ran = world.run(*ask(server))
        assert (ran.status, ran.out) == (7, "🌍" * 31 + "\n")
        assert ran.err == (
            "Error: m repeated one token 30 times, and the server ended the answer there\n"
            "  what was said is printed, unfinished\n"
            "  try: --temperature 0.8, or -o repeat_penalty=1.2\n"
        )
        assert "  nothing of it was printed\n" in world.run(*ask(server, "--no-stream")).err

    def test_in_a_file(self, world: World, serve: Serve) -> None:
        path = f"{world.home}/a.md"
        ran = world.run(*ask(serve({"/api/generate": REPEATING}), "--output", path))
        assert f"  what was said is kept in {path}, unfinished\n" in ran.err


def test_a_stop_in_a_held_word_shows_it_below(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": [STREAM_HEAD, *map(chunk, generated("the sky is **blue")[:1]), Hang()]})
    with in_terminal(world, *ask(server)) as terminal:
        terminal.wait_for("sky is ")
        terminal.send("\x03")
        assert terminal.end() == 130
    assert terminal.screen == ["", "Model: m", "the sky is ^C", "**blue", "Stopped after 4 words.", ""]


def _refused(*_: object, **__: object) -> None:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def _files(world: World) -> list[str]:
    return sorted(each for each in os.listdir(world.home) if not each.startswith(".l"))


def _wait_until_sent(server: Any) -> None:
    """Until the server has said all; that it has arrived, nothing outside shows."""
    assert server.arrived.wait(SOON)
    threading.Event().wait(0.5)
