"""The manners of every command: a test for each thing that users and scripts may rely on, named after it."""

from __future__ import annotations

import io
import json
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

import click
import pytest

from cli.environment import Stream
from cli.exit_status import ExitStatus
from cli.main import COMMANDS, OLLAMAS_NAMES, cli
from cli.services.memory import Memory
from cli.terminal.screen import Screen
from cli.terminal.waiting import Waiting
from tests.commands.conftest import RoutedServer, Routes, Serve, generated, listed
from tests.commands.running import SOON, World, in_shell, in_terminal
from tests.scripted_server import (
    STREAM_END,
    STREAM_HEAD,
    Close,
    Hang,
    Reset,
    Step,
    WaitFor,
    answer,
    chunk,
    stream,
    unused_url,
)

TABLE = {"/api/tags": listed("a:latest", "schön:latest", "模型:latest"), "/api/ps": answer({"models": []})}
ANOTHER = {"name": "another", "details": {"family": "other"}}
WAITS: Routes = {"/api/generate": [Hang()], "/api/ps": answer({"models": []}), "/api/tags": listed("m:latest")}
BUSY: list[Step] = [b"HTTP/1.1 503 X\r\nRetry-After: 15\r\nContent-Length: 0\r\n\r\n"]
THOUGHT = {"model": "m", "thinking": "hm", "response": "", "done": False}
PIECES = generated("The ", "sea ")[:2]
LAYER = {"status": "pulling a", "digest": "a", "total": 2000, "completed": 1000}
MOVES_THE_CURSOR = re.compile(r"\x1b(?!\[[0-9;]*m)|\r(?!\n)|\x08")


def chat(server: RoutedServer, *args: str) -> tuple[str, ...]:
    return ("chat", "x", "-m", "m", "--host", server.url, *args)


def error_lines(world: World, *args: str) -> list[str]:
    return world.run(*args).err.splitlines()


class TestStreams:
    def test_stdout_is_the_answer_and_nothing_else(self, world: World, serve: Serve) -> None:
        server = serve(
            {
                "/api/generate": stream(
                    [{"model": "m", "thinking": "hm", "response": "", "done": False}, *generated("4")]
                )
            }
        )
        person = world.at_terminal.with_(stdout_is_terminal=False, variables={"OLLAMA_IP": server.url})
        ran = person.run("chat", "x", "-m", "m", "--stats", "--show-thinking")
        assert ran.out == "4\n"
        for told in ("Model: m", "hm", "tokens"):
            assert told in ran.err

    def test_header_waiting_line_and_colour_only_at_a_terminal(self, world: World, serve: Serve) -> None:
        server = serve(says=["# a **b**"])
        ran = world.run(*chat(server))
        assert (ran.out, ran.err) == ("# a **b**\n", "")

    def test_the_two_streams_are_judged_apart(self, world: World, serve: Serve) -> None:
        out_piped = world.with_(stderr_is_terminal=True, stdin_is_terminal=True).run(*chat(serve(says=["**b**"])))
        assert "Model: m" in out_piped.err
        assert out_piped.out == "**b**\n"
        err_piped = world.with_(stdout_is_terminal=True).run(*chat(serve(says=["**b**"])))
        assert err_piped.err == ""
        assert "\x1b[1m" in err_piped.out

    @pytest.mark.parametrize("said", ["a", "a\n", "a\n\n\n", "a\r\n"])
    def test_the_output_ends_in_exactly_one_newline(self, world: World, serve: Serve, said: str) -> None:
        for flags in ((), ("--no-stream",)):
            out = world.run(*chat(serve(says=[said]), *flags)).out
            assert out.endswith("\n")
            assert not out.endswith("\n\n")

    @pytest.mark.parametrize("flags", [(), ("--stream",)])
    def test_answers_stream_in_a_pipe_too(
        self, world: World, serve: Serve, released: threading.Event, flags: Sequence[str]
    ) -> None:
        one, two, end = [chunk(record) for record in generated("one ", "two")]
        server = serve({"/api/generate": [STREAM_HEAD, one, WaitFor(released), two, end, STREAM_END]})
        with world.start(*chat(server, *flags), stdin=subprocess.DEVNULL) as process:
            assert process.stdout
            assert process.stdout.read(4) == b"one "
            released.set()
            assert process.stdout.read() == b"two\n"

    @pytest.mark.parametrize(
        ("flags", "answered"),
        [
            (["--no-stream"], (["one ", "two"], "one two")),
            (["--schema", "a int"], (['{"a": ', "1}"], '{"a": 1}')),
            (["--extract"], (["```\nthe code\n", "```"], "the code")),
        ],
    )
    def test_some_flags_hold_the_answer_back_until_it_is_checked(
        self,
        world: World,
        serve: Serve,
        released: threading.Event,
        flags: list[str],
        answered: tuple[list[str], str],
    ) -> None:
        said, printed = answered
        first, *others = [chunk(record) for record in generated(*said)]
        server = serve({"/api/generate": [STREAM_HEAD, first, WaitFor(released), *others, STREAM_END]})
        with in_terminal(world, *chat(server, *flags)) as terminal:
            terminal.wait_for("answering")  # so the first piece has come
            assert said[0].strip() not in terminal.screen
            released.set()
            assert terminal.end() == 0
        assert printed in terminal.screen

    def test_json_is_held_back_until_it_is_whole(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": [STREAM_HEAD, chunk(generated("one ")[0]), Reset()]})
        ran = world.run(*chat(server, "--json"))
        assert (ran.status, ran.json["text"], ran.json["error"]["exit"]) == (7, "one ", 7)

    @pytest.mark.parametrize("flags", [["--schema", "a int"], ["--extract"], ["--json"], ["--no-stream"], []])
    def test_stream_is_accepted_everywhere(self, world: World, serve: Serve, flags: list[str]) -> None:
        server = serve({**TABLE, "/api/generate": stream(generated('{"a": ', "1}"))})
        for line in ((*chat(server, *flags), "--stream"), ("--stream", *chat(server, *flags))):
            ran = world.run(*line)
            assert ran.status == 0
            assert "1}" in ran.out
        assert world.run("models", "list", "--stream", "--host", server.url).status == 0


class TestEscapes:
    RAW = "a\x1b[31mb\x1b]52;c;eA==\x07c\x9b31md\x90q\x9ce\u202ef\x1b"

    def test_nothing_reaches_a_terminal_raw(self, world: World, serve: Serve) -> None:
        for pieces in ([self.RAW], list(self.RAW)):
            ran = world.at_terminal.run(*chat(serve(says=pieces), "--plain", "--color", "never"))
            assert ran.out == "abcde<U+202E>f\n"

    def test_in_a_pipe_the_text_is_byte_exact(self, world: World, serve: Serve) -> None:
        assert world.run(*chat(serve(says=list(self.RAW)))).out == self.RAW + "\n"


class TestJson:
    def test_one_document_terminal_or_not(self, world: World, serve: Serve) -> None:
        for here in (world, world.at_terminal):
            ran = here.run(*chat(serve(says=["schön"]), "--json"))
            assert next(iter(ran.json)) == "version"
            assert (ran.json["version"], ran.json["text"], ran.err) == (1, "schön", "")

    def test_with_stream_each_line_has_a_type(self, world: World, serve: Serve) -> None:
        call = {"function": {"name": "f", "arguments": {}}}
        records = [
            {"model": "m", "thinking": "hm", "response": "", "done": False},
            {"model": "m", "response": "", "tool_calls": [call], "done": False},
            *generated("4"),
        ]
        ran = world.run(*chat(serve({"/api/generate": stream(records)}), "--json", "--stream"))
        assert [line["type"] for line in ran.lines] == ["thinking", "tool_call", "text", "done"]
        assert {line["version"] for line in ran.lines} == {1}
        broken = serve({"/api/generate": [STREAM_HEAD, chunk(generated("4")[0]), Close()]})
        assert [line["type"] for line in world.run(*chat(broken, "--json", "--stream")).lines] == ["text", "error"]

    @pytest.mark.parametrize(
        "args",
        [["chat"], ["nothing"], ["chat", "--nothing"], ["models", "pull"], ["models", "list", "--host", "ftp://x"]],
    )
    def test_an_error_is_one_object_on_stderr(self, world: World, args: list[str]) -> None:
        ran = world.run("--json", *args)
        assert ran.out == ""
        assert set(ran.error) == {"code", "message", "hint", "exit"}
        assert ran.error["exit"] == ran.status


class TestErrors:
    def test_at_most_three_lines_with_what_why_and_what_to_try(self, world: World) -> None:
        url = unused_url()
        told = error_lines(world, "chat", "x", "-m", "m", "--host", url)
        assert told[0] == f"Error: cannot connect to Ollama at {url} (--host)"
        assert told[1].startswith("  refused: ")
        assert told[2].startswith("  try: ")
        assert len(told) == 3

    def test_a_setting_is_named(self, world: World) -> None:
        (world.home / ".env").write_text(f"OLLAMA_IP={unused_url()}\n")
        assert error_lines(world, "models", "list")[0].endswith("(OLLAMA_IP in ./.env)")

    def test_notes_and_warnings_say_what_they_are(self, world: World, serve: Serve) -> None:
        cut = serve({"/api/generate": stream(generated("a", done_reason="length", eval_count=1))})
        assert world.run(*chat(cut, "--num-predict", "1")).err.startswith("note: ")
        assert world.run(*chat(serve(says=["a"]), "--extract")).err.startswith("warning: ")

    @pytest.mark.parametrize(
        ("args", "near"),
        [
            (["caht", "x"], "chat"),
            (["models", "lsit"], "list"),
            (["chat", "--modle", "m", "x"], "--model"),
            (["chat", "-o", "temprature=1", "x"], "temperature"),
            (["chat", "--color", "allways", "x"], "always"),
            (["config", "set", "modle", "m"], "model"),
        ],
    )
    def test_what_is_misspelt_is_offered_near_names(self, world: World, args: list[str], near: str) -> None:
        ran = world.run(*args)
        assert ran.status == 2
        assert near in ran.err.partition("\n")[2]

    def test_a_misspelt_model_is_offered_near_names(self, world: World, serve: Serve) -> None:
        missing = answer({"error": "model 'lama3' not found"}, 404)
        server = serve({"/api/generate": missing, "/api/tags": listed("llama3:latest")})
        ran = world.run("chat", "x", "-m", "lama3", "--host", server.url)
        assert ran.status == 5
        assert "near names: llama3" in ran.err

    @pytest.mark.parametrize("status", [301, 400, 403, 404, 418, 429, 500, 502])
    def test_an_http_answer_is_never_a_failure_to_connect(self, world: World, serve: Serve, status: int) -> None:
        server = serve({"/api/tags": answer({"error": "what"}, status), "/api/ps": answer({"models": []})})
        ran = world.run("models", "list", "--host", server.url)
        assert ran.status not in (0, ExitStatus.NOT_REACHED)
        assert "connect" not in ran.err

    def test_no_traceback_without_debug(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": answer({"error": "what"}, 500)})
        assert "Traceback" not in world.run("models", "list", "--host", server.url).err
        assert "Traceback" in world.run("models", "list", "--host", server.url, "--debug").err


class TestWaiting:
    def test_it_is_narrated_and_vanishes_at_the_first_word(
        self, world: World, serve: Serve, released: threading.Event
    ) -> None:
        server = serve(
            {
                "/api/generate": [WaitFor(released), *stream(generated("word"))],
                "/api/ps": answer({"models": []}),
                "/api/tags": listed("m:latest"),
            }
        )
        with in_terminal(world, *chat(server)) as terminal:
            terminal.wait_for(r"loading m \(98 MB\) … \d s")
            released.set()
            assert terminal.end() == 0
        assert terminal.screen == ["", "Model: m", "word", ""]

    @pytest.mark.parametrize(
        ("phase", "scheme", "routes"),
        [
            ("connecting", "https", {}),  # the server never says anything of TLS
            ("queued behind another", "http", {**WAITS, "/api/ps": answer({"models": [ANOTHER]})}),
            (r"loading m \(98 MB\)", "http", WAITS),
            ("reading 500 tokens", "http", {**WAITS, "/api/ps": answer({"models": [{"name": "m"}]})}),
            ("thinking", "http", {"/api/generate": [STREAM_HEAD, chunk(THOUGHT), Hang()]}),
            (r"trying again \(2 of 3: busy\)", "http", {"/api/generate": BUSY}),
        ],
    )
    def test_the_phase_is_named_with_its_seconds(
        self, world: World, serve: Serve, phase: str, scheme: str, routes: Routes
    ) -> None:
        url = serve(routes or WAITS).url.replace("http", scheme)
        asked = ("chat", "word" * 500, "-m", "m", "--hide-thinking", "--host", url)
        with in_terminal(world, *asked) as terminal:
            terminal.wait_for(rf"{phase} … \d+ s")
            terminal.send("\x03")
            assert terminal.end() == 130

    def test_the_last_loads_time_is_told_where_it_is_known(self, world: World, serve: Serve) -> None:
        server = serve(WAITS)
        Memory(world.environment().state_dir).note_load(server.url, "m", 19)
        with in_terminal(world, *chat(server)) as terminal:
            terminal.wait_for(r"loading m \(98 MB\) … \d s, last time 19 s")

    def test_where_stderr_is_no_terminal_it_is_one_line_after_10_s_then_one_a_minute(self) -> None:
        written, now = io.BytesIO(), 0.0
        waiting = Waiting(Screen(Stream(written, is_terminal=False)), lambda: now, "connecting")
        lines_at = []
        for now in range(200):
            before = len(written.getvalue())
            waiting.tick()
            if len(written.getvalue()) > before:
                lines_at.append(now)
        assert lines_at == [10, 70, 130, 190]
        assert written.getvalue().startswith(b"connecting\n")

    def test_quiet_tells_nothing(self, world: World, serve: Serve) -> None:
        ran = world.at_terminal.run(*chat(serve(says=["a"]), "-q", "--color", "never"))
        assert (ran.out, ran.err) == ("a\n", "")


class TestStopping:
    def test_ctrl_c_stops_the_answer_on_the_server_too_and_keeps_what_was_said(
        self, world: World, serve: Serve
    ) -> None:
        server = serve({"/api/generate": [STREAM_HEAD, chunk(generated("The sea ")[0]), Hang()]})
        with in_terminal(world, *chat(server)) as terminal:
            terminal.wait_for("The sea")
            terminal.send("\x03")
            assert terminal.end() == 130
        assert terminal.screen[-3:] == ["The sea ^C", "Stopped after 2 words.", ""]
        assert server.hung_up.wait(SOON)

    @pytest.mark.parametrize(
        ("phase", "scheme", "command", "routes"),
        [
            ("connecting", "https", ("chat", "x"), {}),
            ("loading m", "http", ("chat", "x"), WAITS),
            ("The ", "http", ("chat", "x"), {"/api/generate": [STREAM_HEAD, chunk(generated("The ")[0]), Hang()]}),
            ("sea", "http", ("chat", "x"), {"/api/generate": [STREAM_HEAD, *map(chunk, PIECES), Hang()]}),
            ("trying again", "http", ("chat", "x"), {"/api/generate": BUSY}),
            ("50%", "http", ("models", "pull", "m"), {"/api/pull": [STREAM_HEAD, chunk(LAYER), Hang()]}),
        ],
    )
    def test_ctrl_c_works_in_every_phase(
        self, world: World, serve: Serve, *, phase: str, scheme: str, command: tuple[str, ...], routes: Routes
    ) -> None:
        url = serve(routes or WAITS).url.replace("http", scheme)
        model = ("-m", "m") if command[0] == "chat" else ()
        with in_terminal(world, *command, *model, "--host", url) as terminal:
            terminal.wait_for(phase)
            terminal.send("\x03")
            assert terminal.end() == 130
            assert terminal.settings == (True, True)
        assert terminal.display[-1].startswith("Stopped")
        assert terminal.shows_cursor

    @pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
    def test_sigterm_and_sighup_end_as_ctrl_c_does(
        self, world: World, serve: Serve, number: signal.Signals, status: int
    ) -> None:
        server = serve({"/api/generate": [STREAM_HEAD, chunk(generated("The sea ")[0]), Hang()]})
        with world.start(*chat(server), stdin=subprocess.DEVNULL) as process:
            assert process.stdout
            assert process.stdout.read(8) == b"The sea "
            process.send_signal(number)
            out, err = process.communicate(timeout=SOON)
        assert (process.returncode, out, err) == (status, b"\n", b"Stopped after 2 words.\n")
        assert server.hung_up.wait(SOON)

    def test_a_closed_pipe_is_silent_and_exit_0(self, world: World, serve: Serve) -> None:
        server = serve(says=["one\ntwo\n", *["more\n"] * 20_000])
        script = f'python -m cli chat x -m m --host {server.url} | head -1; echo "${{PIPESTATUS[0]}}"'
        with world.start(program=["bash", "-c", script], stdin=subprocess.DEVNULL) as process:
            out, err = process.communicate(timeout=SOON)
        assert (out, err) == (b"one\n0\n", b"")

    def test_every_exit_restores_the_terminal(self, world: World, serve: Serve) -> None:
        loading: dict[str, Sequence[Step]] = {"/api/generate": [Hang()], "/api/ps": answer({"models": []})}
        for server, stopped in ((serve(loading), True), (serve(says=["a"]), False)):
            command = shlex.join([sys.executable, "-m", "cli", *chat(server)])
            script = f"trap : INT; stty -g >before; {command}; stty -g >after; true"
            with in_terminal(world, program=["/bin/bash", "-c", script]) as terminal:
                if stopped:
                    terminal.wait_for(r"… \d s")
                    terminal.send("\x03")
                assert terminal.end() == 0
            assert (world.home / "before").read_text() == (world.home / "after").read_text() != ""
            assert terminal.shows_cursor

    def test_ctrl_z_and_fg_work(self, world: World, serve: Serve, released: threading.Event) -> None:
        one, two, end = [chunk(record) for record in generated("one ", "two")]
        server = serve({"/api/generate": [STREAM_HEAD, one, WaitFor(released), two, end, STREAM_END]})
        with in_shell(world) as terminal:
            terminal.send(f"vuhitra {' '.join(chat(server))}\n")
            terminal.wait_for_more("one ")
            terminal.send("\x1a")
            terminal.wait_for_more("Stopped")
            terminal.send("fg\n")
            terminal.wait_for_more("vuhitra|python|command")
            released.set()
            terminal.wait_for_more("two")


class TestAsking:
    def test_nothing_asks_without_a_terminal(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("m:latest")})
        ran = world.run("models", "remove", "m", "--host", server.url)
        assert ran.status == 4
        assert ran.err.splitlines()[-1] == f"  try: vuhitra models remove m --host {server.url} --yes"
        assert server.paths == ["/api/tags"]

    def test_several_items_go_on_and_exit_with_the_first_failures_code(self, world: World, serve: Serve) -> None:
        missing = answer({"error": "model 'a' not found"}, 404)
        server = serve({"/api/tags": listed("b:latest"), "/api/delete": missing})
        ran = world.run("models", "remove", "a", "c", "--yes", "--host", server.url)
        assert ran.status == 5
        assert server.paths.count("/api/delete") == 2


class TestCommonFlags:
    @pytest.mark.parametrize(
        "args",
        [
            ["--json", "--host", "URL", "models", "list"],
            ["models", "--json", "--host", "URL", "list"],
            ["models", "list", "--json", "--host=URL"],
        ],
    )
    def test_they_work_before_and_after_the_commands_name(self, world: World, serve: Serve, args: list[str]) -> None:
        server = serve({"/api/tags": listed("m"), "/api/ps": answer({"models": []})})
        ran = world.run(*(each.replace("URL", server.url) for each in args))
        assert ran.json["models"][0]["name"] == "m"

    @pytest.mark.parametrize("flag", ["-V", "--version"])
    def test_version(self, world: World, flag: str) -> None:
        assert re.fullmatch(r"vuhitra \d+\.\d+\.\d+\n", world.run(flag).out)

    @pytest.mark.parametrize(
        ("variables", "at_terminal", "coloured"),
        [
            ({}, True, True),
            ({}, False, False),
            ({"NO_COLOR": "1"}, True, False),
            ({"TERM": "dumb"}, True, False),
            ({"FORCE_COLOR": "1"}, False, True),
        ],
    )
    def test_no_color_force_color_and_term_dumb_are_honoured(
        self, world: World, variables: dict[str, str], *, at_terminal: bool, coloured: bool
    ) -> None:
        here = (world.at_terminal if at_terminal else world).with_(variables=variables)
        assert ("\x1b[" in here.run("models", "list", "--host", unused_url()).err) == coloured

    def test_color_always_beats_no_color(self, world: World) -> None:
        args = ("models", "list", "--host", unused_url())
        plain = world.at_terminal.with_(variables={"NO_COLOR": "1"})
        assert "\x1b" not in plain.run(*args).err
        assert "\x1b[" in plain.run(*args, "--color", "always").err


class TestEveryReader:
    def test_only_bold_dim_and_the_basic_colours(self, world: World, serve: Serve) -> None:
        said = "# h\n**b** *i* `c`\n> q\n```py\nx\n```\n- l\n[t](http://u)\n"
        person = world.at_terminal.with_(variables={"FORCE_COLOR": "1"})
        ran = person.run(*chat(serve(says=[said]), "--stats"))
        listing = person.run("models", "list", "--host", serve(TABLE).url)
        looks = set(re.findall(r"\x1b\[([0-9;]*)m", ran.out + ran.err + listing.out))
        assert looks
        assert {each for look in looks for each in look.split(";")} <= {"", "0", "1", "2", *map(str, range(30, 38))}

    def test_a_word_stands_wherever_a_colour_does(self, world: World, serve: Serve) -> None:
        server = serve(TABLE)
        for args in (("models", "list"), ("models", "health"), ("config", "show"), ("chat", "x")):
            told, plain = (
                world.at_terminal.with_(variables=variables).run(*args, "--host", server.url)
                for variables in ({"FORCE_COLOR": "1"}, {"NO_COLOR": "1"})
            )
            assert "\x1b[" in told.out + told.err
            assert re.sub("\x1b\\[[0-9;]*m", "", told.out + told.err) == plain.out + plain.err

    def test_tables_lose_columns_and_never_wrap(self, world: World, serve: Serve) -> None:
        server = serve(TABLE)
        rows = {
            width: world.at_terminal.with_(width=width, variables={"NO_COLOR": "1"})
            .run("models", "list", "--host", server.url)
            .out.splitlines()
            for width in (80, 40)
        }
        assert [len(each) for each in rows.values()] == [4, 4]
        assert rows[80][0].split() == ["NAME", "SIZE", "QUANT", "WINDOW", "CAN", "CHANGED", "LOADED"]
        assert set(rows[40][0].split()) < set(rows[80][0].split())

    def test_model_text_is_never_rewrapped_by_moving_the_cursor_back(self, world: World, serve: Serve) -> None:
        words = [f"word{number} " for number in range(40)]
        with in_terminal(world, *chat(serve(says=words)), columns=40) as terminal:
            assert terminal.end() == 0
        assert terminal.seen.partition("word0")[2].split() == [word.strip() for word in words[1:]]

    def test_redraws_are_at_most_5_a_second_and_of_the_changed_line_only(
        self, world: World, serve: Serve, released: threading.Event
    ) -> None:
        server = serve({**WAITS, "/api/generate": [WaitFor(released), *stream(generated("word"))]})
        with in_terminal(world, *chat(server)) as terminal:
            terminal.wait_for("loading m .* 2 s")
            released.set()
            assert terminal.end() == 0
        drawn = re.findall(r"\r\x1b\[K", terminal.seen.partition("2 s")[0])
        assert 1 <= len(drawn) <= 5 * 2
        assert not MOVES_THE_CURSOR.search(terminal.seen.replace("\r\x1b[K", ""))

    def test_choices_are_numbered(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("one", "two"), "/api/generate": stream(generated("a"))})
        ran = world.at_terminal.with_(stdin=b"2\n").run("chat", "x", "--host", server.url, "--color", "never")
        assert re.search(r"(?m)^ *1 +one\n *2 +two$", ran.err)
        assert server.requests[-1].json["model"] == "two"

    @pytest.mark.parametrize("width", [40, 80, 200, None])
    @pytest.mark.parametrize("command", [["models", "list"], ["config", "show"], ["models", "--help"], ["chat", "-h"]])
    def test_nothing_is_wider_than_the_terminal(
        self, world: World, serve: Serve, command: list[str], width: int | None
    ) -> None:
        from cli.terminal.columns import columns

        here = world.at_terminal.with_(width=width, variables={"OLLAMA_IP": serve(TABLE).url, "NO_COLOR": "1"})
        ran = here.run(*command)
        assert ran.status == 0
        assert max(map(columns, (ran.out + ran.err).splitlines())) <= (width or 79)

    @pytest.mark.parametrize("locale", ["C", "POSIX"])
    def test_what_can_not_be_shown_is_no_error(self, world: World, serve: Serve, locale: str) -> None:
        here = world.with_(variables={"LC_ALL": locale})
        with in_terminal(here, *chat(serve(says=["a…你 ✓"]))) as terminal:
            assert terminal.end() == 0
        assert "a...? ok" in terminal.screen

    @pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"VUHITRA_ACCESSIBLE": "1"}])
    def test_nothing_moves_for_a_screen_reader(
        self, world: World, serve: Serve, released: threading.Event, variables: dict[str, str]
    ) -> None:
        layer = {"status": "pulling a", "digest": "a", "total": 1000, "completed": 500}
        server = serve(
            {
                "/api/generate": [WaitFor(released), *stream(generated("**word**"))],
                "/api/ps": answer({"models": []}),
                "/api/tags": listed("m:latest"),
                "/api/pull": stream([layer, {**layer, "completed": 1000}, {"status": "success"}]),
            }
        )
        here = world.with_(variables=variables)
        with in_terminal(here, *chat(server)) as terminal:
            terminal.wait_for("loading m")
            released.set()
            assert terminal.end() == 0
        with in_terminal(here, "models", "pull", "m", "--host", server.url) as pulling:
            assert pulling.end() == 0
        assert not MOVES_THE_CURSOR.search(terminal.seen + pulling.seen)

    def test_logs_hold_no_cursor_codes(self, world: World, serve: Serve) -> None:
        layer = {"status": "pulling a", "digest": "a", "total": 1000, "completed": 500}
        server = serve({"/api/pull": stream([layer, {**layer, "completed": 1000}, {"status": "success"}])})
        ran = world.run("models", "pull", "m", "--host", server.url)
        assert ran.status == 0
        assert not re.search("[\r\x1b]", ran.out + ran.err)

    def test_pipes_get_utf_8_whatever_the_locale(self, world: World, serve: Serve) -> None:
        ran = world.with_(variables={"LC_ALL": "C"}).run_process(*chat(serve(says=["你好"])))
        assert (ran.status, ran.out, ran.err) == (0, "你好\n", "")


class TestNames:
    def test_vuhitra_alone_prints_a_dozen_lines_with_three_examples(self, world: World) -> None:
        ran = world.run()
        lines = ran.out.splitlines()
        assert (ran.status, ran.err) == (0, "")
        assert len(lines) <= 12
        assert [line.strip().split()[0] for line in lines[:3]] == ["vuhitra", "echo", "vuhitra"]
        commands = [name for name, entry in COMMANDS.items() if not entry.hidden]
        assert [line.split()[0] for line in lines if re.match("  [a-z]+ +[A-Z]", line)] == commands

    def test_an_unknown_command_that_holds_a_space_is_a_prompt(self, world: World) -> None:
        told = error_lines(world, "why is the sky blue")
        assert told[-1] == "  try: vuhitra chat 'why is the sky blue'"

    def test_ollamas_commands_work(self, world: World, serve: Serve) -> None:
        server = serve(says=["4"])
        assert world.run("run", "m", "2+2", "--host", server.url).out == "4\n"
        assert server.requests[0].json["model"] == "m"
        assert {"list", "ls", "ps", "pull", "push", "show", "cp", "rm", "stop", "create"} == set(OLLAMAS_NAMES)
        for name in OLLAMAS_NAMES:
            assert world.run(name, "--help").out.startswith("Usage: vuhitra models ")


def test_every_command_takes_json(world: World) -> None:
    """Whatever comes of it: a document on stdout, or an error as an object on stderr."""
    context = cli.make_context("vuhitra", [])
    paths: list[list[str]] = []
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if isinstance(command, click.Group):
            paths += [[name, verb] for verb in command.list_commands(context)]
        else:
            paths.append([name])
    assert len(paths) >= 19
    for path in paths:
        ran = world.run(*path, "--json", "--host", unused_url()) if path[0] != "config" else world.run(*path, "--json")
        document = json.loads(ran.out) if ran.out else json.loads(ran.err)
        assert ("version" in document) or (document["error"]["exit"] == ran.status), path
