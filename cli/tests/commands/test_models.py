"""`vuhitra models`: list, pull and health."""

from __future__ import annotations

import re
import shlex
import sys
from typing import Any

import pytest

from cli.commands.models import COMMANDS, models_group
from cli.commands.transferring import measured
from cli.terminal.columns import columns
from tests.commands.conftest import InTurn, Routes, Serve, generated, listed
from tests.commands.running import SOON, World, in_terminal
from tests.scripted_server import STREAM_HEAD, Close, Dribble, Hang, Step, answer, chunk, stream, unused_url
from vuhitra import OllamaClient

NOW = 1_795_364_400.0  # 2026-11-22T16:20:00Z


def model(name: str, size: int, can: str, changed: str, **details: Any) -> dict[str, Any]:
    common = {"name": name, "size": size, "digest": f"digest of {name}", "modified_at": changed}
    return {**common, "details": details, "capabilities": can.split()}


LLAMA = model(
    "llama3.1:8b",
    4_900_000_000,
    "completion tools",
    "2026-11-19T16:00:00.123456789Z",
    quantization_level="Q4_K_M",
    context_length=131_072,
)
SMOL = model(
    "smollm2:latest",
    98_362_745,
    "completion",
    "2026-11-22T17:46:00+02:00",
    quantization_level="Q4_1",
    context_length=8192,
)
MINI = model(
    "all-minilm:latest",
    45_000_000,
    "embedding",
    "2026-11-22T15:49:00Z",
    quantization_level="F16",
    context_length=256,
)
LOADED = {"name": "llama3.1:8b", "context_length": 4096, "expires_at": "2026-11-22T16:24:00Z"}
ROUTES: Routes = {
    "/api/tags": answer({"models": [LLAMA, SMOL, MINI]}),
    "/api/ps": answer({"models": [LOADED]}),
}
TABLE = """\
  NAME                 SIZE  QUANT   WINDOW   CAN          CHANGED     LOADED
* llama3.1:8b        4.9 GB  Q4_K_M  4k/128k  chat, tools  3 days ago  4 min
  smollm2:latest      98 MB  Q4_1    8k       chat         34 min ago
  all-minilm:latest   45 MB  F16     256      embed        31 min ago
"""


@pytest.fixture
def here(world: World) -> World:
    return world.with_(variables={"MODEL": "llama3.1:8b"}, time=NOW)


class TestList:
    def test_the_table_as_it_is_drawn(self, here: World, serve: Serve) -> None:
        ran = here.run("models", "list", "--host", serve(ROUTES).url)
        assert (ran.status, ran.out, ran.err) == (0, TABLE, "")

    def test_a_person_gets_the_sum_below_it(self, here: World, serve: Serve) -> None:
        server = serve(ROUTES)
        person = here.at_terminal.with_(variables={"NO_COLOR": "1"})
        ran = person.run("models", "list", "--host", server.url)
        where = f"at 127.0.0.1:{server.port}"
        assert ran.out == TABLE
        assert ran.err == f"\n3 models, 5.0 GB, {where}   * the default (MODEL)\n"

    def test_its_colours(self, here: World, serve: Serve) -> None:
        out = here.run("models", "list", "--color=always", "--host", serve(ROUTES).url).out
        lines = out.splitlines()
        assert lines[0].startswith("\x1b[2m  NAME ")
        assert lines[1].startswith("* \x1b[1mllama3.1:8b\x1b[0m  ")
        assert lines[1].endswith("\x1b[32m4 min\x1b[0m")
        assert lines[2].startswith("  smollm2\x1b[2m:latest\x1b[0m  ")
        assert re.sub("\x1b\\[\\d*m", "", out) == TABLE

    @pytest.mark.parametrize(
        ("width", "headings"),
        [
            (79, ["NAME", "SIZE", "QUANT", "WINDOW", "CAN", "CHANGED", "LOADED"]),
            (73, ["NAME", "SIZE", "WINDOW", "CAN", "CHANGED", "LOADED"]),
            (60, ["NAME", "SIZE", "WINDOW", "CAN", "LOADED"]),
            (50, ["NAME", "SIZE", "WINDOW", "LOADED"]),
            (38, ["NAME", "WINDOW", "LOADED"]),
            (20, ["NAME"]),
        ],
    )
    def test_a_narrow_terminal_loses_columns(self, here: World, serve: Serve, width: int, headings: list[str]) -> None:
        narrow = here.at_terminal.with_(width=width, variables={"NO_COLOR": "1"})
        lines = narrow.run("models", "list", "--host", serve(ROUTES).url).out.splitlines()
        assert lines[0].split() == headings
        assert all(len(line) <= width for line in lines)
        assert lines[3].split()[0] == "all-minilm:latest"

    def test_a_name_too_long_for_the_table_costs_the_others_nothing(self, here: World, serve: Serve) -> None:
        long = model("hf.co/" + "x" * 60, 1, "completion", "2026-11-22T15:49:00Z")
        server = serve({**ROUTES, "/api/tags": answer({"models": [LLAMA, long, SMOL, MINI]})})
        person = here.at_terminal.with_(variables={"NO_COLOR": "1"})
        heading, llama, alone, *others = person.run("models", "list", "--host", server.url).out.splitlines()
        assert [heading, llama, *others] == TABLE.splitlines()
        assert alone == "  hf.co/" + "x" * 60

    @pytest.mark.parametrize("width", [38, 50, 79])
    def test_wide_characters_leave_the_columns_straight(self, here: World, serve: Serve, width: int) -> None:
        wide = model("模型/語言🙂:8b", 1, "completion", "2026-11-22T15:49:00Z", context_length=8192)
        server = serve({**ROUTES, "/api/tags": answer({"models": [wide, SMOL]})})
        narrow = here.at_terminal.with_(width=width, variables={"NO_COLOR": "1"})
        heading, first, second = narrow.run("models", "list", "--host", server.url).out.splitlines()
        assert max(map(columns, (heading, first, second))) <= width
        assert columns(heading.partition("WINDOW")[0]) == columns(first.partition("8k")[0])
        assert columns(first.partition("8k")[0]) == columns(second.partition("8k")[0])

    def test_a_time_that_is_unset_and_a_size_below_nothing_are_left_out(self, here: World, serve: Serve) -> None:
        unset = model("m", -5, "completion", "0001-01-01T00:00:00Z", quantization_level="Q4_1")
        loaded = {"name": "m", "size": -5, "size_vram": -5, "expires_at": "0001-01-01T00:00:00Z"}
        server = serve({"/api/tags": answer({"models": [unset]}), "/api/ps": answer({"models": [loaded]})})
        ran = here.run("models", "list", "--host", server.url)
        assert ran.out.splitlines()[1].split() == ["m", "Q4_1", "chat", "yes"]
        assert here.run("models", "running", "--host", server.url).out.splitlines()[1:] == ["m"]
        asked = here.at_terminal.with_(stdin=b"n\n", stdin_is_terminal=True)
        assert "Remove m from " in asked.run("models", "remove", "m", "--host", server.url).err

    def test_quiet_is_names_and_one_request(self, here: World, serve: Serve) -> None:
        server = serve(ROUTES)
        ran = here.run("models", "list", "-q", "--host", server.url)
        assert ran.out == "llama3.1:8b\nsmollm2:latest\nall-minilm:latest\n"
        assert server.paths == ["/api/tags"]

    def test_json(self, here: World, serve: Serve) -> None:
        document = here.run("models", "list", "--json", "--host", serve(ROUTES).url).json
        assert next(iter(document.items())) == ("version", 1)
        first = document["models"][0]
        assert first["name"] == "llama3.1:8b"
        assert first["can"] == ["chat", "tools"]
        assert (first["window"], first["window_loaded"]) == (131_072, 4096)
        assert (first["is_default"], first["is_loaded"]) == (True, True)

    def test_an_older_server_says_less(self, here: World, serve: Serve) -> None:
        ran = here.run("models", "list", "--host", serve({"/api/tags": listed("m:latest")}).url)
        assert (ran.status, ran.err) == (0, "")
        assert ran.out.splitlines()[1].split() == ["m:latest", "98", "MB"]

    @pytest.mark.parametrize(
        ("running", "why"),
        [
            (answer({"error": "no"}, 401), "Ollama at URL (--host) answered 401 to /api/ps, sent with no credential"),
            (answer({"error": "no"}, 500), "Ollama at URL (--host) answered 500 to /api/ps"),
            (answer(b"<html>"), "what answers at URL (--host) doesn't speak Ollama's protocol"),
            ([Hang()], "Ollama at URL (--host) was not done with its answer within 0.2 s"),
        ],
    )
    def test_a_server_that_does_not_say_what_is_loaded_is_told_of(
        self, here: World, serve: Serve, monkeypatch: pytest.MonkeyPatch, running: list[Step], why: str
    ) -> None:
        monkeypatch.setattr("cli.commands.models_list._AT_MOST", 0.2)
        server = serve({**ROUTES, "/api/ps": running})
        ran = here.run("models", "list", "--host", server.url)
        assert (ran.status, ran.out.splitlines()[1].split()[-3:]) == (0, ["3", "days", "ago"])
        assert ran.err == f"warning: which models are loaded is unknown: {why.replace('URL', server.url)}\n"
        assert server.paths.count("/api/ps") == 1

    def test_what_an_older_server_tells_of_each_model_alone_is_asked_for(self, here: World, serve: Serve) -> None:
        tags = [{key: value for key, value in each.items() if key != "capabilities"} for each in (LLAMA, SMOL)]
        for each in tags:
            each["details"] = {"quantization_level": each["details"]["quantization_level"]}
        shown = {"capabilities": ["completion"], "model_info": {"general.architecture": "x", "x.context_length": 8192}}
        server = serve({**ROUTES, "/api/tags": answer({"models": tags}), "/api/show": answer(shown)})
        first, second = here.run("models", "list", "--host", server.url).out.splitlines()[1:]
        assert first.split()[4:7] == ["Q4_K_M", "4k/8k", "chat"]
        assert second.split()[3:6] == ["Q4_1", "8k", "chat"]
        assert [request.json["model"] for request in server.requests if request.path == "/api/show"] == [
            "llama3.1:8b",
            "smollm2:latest",
        ]

    def test_a_server_that_tells_nothing_is_asked_about_one_model(self, here: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("m:latest", "n:latest"), "/api/show": answer(b"404 page not found", 404)})
        assert here.run("models", "list", "--host", server.url).status == 0
        assert server.paths.count("/api/show") == 1

    def test_one_model_that_is_broken_hides_nothing_of_the_others(self, here: World, serve: Serve) -> None:
        broken, whole = answer({"error": "unable to read it"}, 500), answer({"capabilities": ["completion"]})
        routes: Routes = {"/api/tags": listed("bad:latest", "good:latest"), "/api/show": InTurn(broken, whole)}
        bad, good = here.run("models", "list", "--host", serve(routes).url).out.splitlines()[1:]
        assert (bad.split()[-1], good.split()[-1]) == ("MB", "chat")

    def test_no_models_is_no_error(self, here: World, serve: Serve) -> None:
        ran = here.run("models", "list", "--host", serve({"/api/tags": listed()}).url)
        assert (ran.status, ran.out) == (0, "")
        assert ran.err.startswith("No models available at ")

    def test_no_models_at_a_narrow_terminal(self, here: World, serve: Serve) -> None:
        host = serve({"/api/tags": listed()}).url
        person = here.at_terminal.with_(width=40, variables={"TERM": "xterm"})
        ran = person.run("models", "list", "--host", host)
        *said, command = ran.err.splitlines()
        assert command == f"    \x1b[1mvuhitra models pull smollm2:135m --host {host}\x1b[0m"  # whole, to be pasted
        assert all(len(re.sub("\x1b.*?m", "", line)) <= 40 for line in said), said

    def test_a_name_with_escapes_and_line_breaks_is_one_line_and_harmless(self, here: World, serve: Serve) -> None:
        names = listed("evil\x1b[2Jname", "two\nlines")
        host = serve({"/api/tags": names, "/api/ps": names}).url
        for verb in ("list", "running"):
            for world in (here, here.at_terminal.with_(variables={"NO_COLOR": "1"})):
                _, evil, two = world.run("models", verb, "--host", host).out.splitlines()
                assert (evil.split()[0], two.split()[:2]) == ("evilname", ["two", "lines"])
            assert here.run("models", verb, "-q", "--host", host).out == "evilname\ntwo lines\n"
        document = here.run("models", "list", "--json", "--host", host).json
        assert [each["name"] for each in document["models"]] == ["evil\x1b[2Jname", "two\nlines"]

    def test_a_model_without_a_name_is_left_out(self, here: World, serve: Serve) -> None:
        routes: Routes = {"/api/tags": listed("", " ", "m"), "/api/show": answer({"capabilities": ["completion"]})}
        server = serve({**routes, "/api/generate": stream(generated("a"))})
        nobody = World(here.home, {"OLLAMA_IP": server.url})
        assert nobody.run("models", "list", "-q").out == "m\n"
        assert [each["name"] for each in nobody.run("models", "list", "--json").json["models"]] == ["m"]
        assert nobody.run("chat", "hi").out == "a\n"

    def test_quiet_takes_nothing_from_a_document(self, here: World) -> None:
        assert here.run("models", "list", "--json", "-q").out == here.run("models", "list", "--json").out

    def test_a_window_that_is_no_number_is_no_answer(self, here: World, serve: Serve) -> None:
        tags = listed("m", details={"context_length": "x"})
        ran = here.run("models", "list", "--host", serve({"/api/tags": tags}).url)
        assert (ran.status, ran.out) == (10, "")
        assert "the 'context_length' of model 0 of a list is str" in ran.err

    def test_no_cell_has_an_escape_at_a_terminal(self, here: World, serve: Serve) -> None:
        details = {"quantization_level": "Q4\x1b]0;owned\x07\nm2  forged"}
        tags = listed("m", details=details, capabilities=["completion", "vision\x1b[2J"])
        plain = here.with_(variables={"NO_COLOR": "1", "TERM": "dumb"}, width=200).at_terminal
        ran = plain.run("models", "list", "--host", serve({"/api/tags": tags}).url)
        assert "Q4 m2  forged" in ran.out
        assert "\x1b" not in ran.out


def layers(*steps: tuple[int, int]) -> list[dict[str, Any]]:
    """The records of a pull: so many bytes of so many."""
    fetched = [{"status": "pulling a", "digest": "a", "total": t, "completed": c} for c, t in steps]
    return [{"status": "pulling manifest"}, *fetched, {"status": "success"}]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ("list", "asking 127.0.0.1:{port}"),
        ("unload m", "unloading m"),
        ("pull m", "looking for m"),
        ("push m", "pushing m"),
        ("copy m n", "copying m"),
        ("create n --from m", "making n"),
    ],
)
def test_while_it_waits_it_says_what_it_does(world: World, serve: Serve, args: str, told: str) -> None:
    paths = ("tags", "generate", "pull", "push", "copy", "create")
    server = serve({f"/api/{each}": [Hang()] for each in paths})
    with in_terminal(world, "models", *args.split(), "--host", server.url) as terminal:
        terminal.wait_for(told.format(port=server.port) + r" … \d s")
        terminal.send("\x03")
        assert terminal.end() == 130
    assert "connecting" not in terminal.seen


class TestPull:
    def test_as_it_is_drawn_for_a_log(self, world: World, serve: Serve) -> None:
        two_gb = 2_000_000_000
        server = serve({"/api/pull": stream(layers((0, two_gb), (two_gb // 2, two_gb), (two_gb, two_gb)))})
        ran = world.run_process("models", "pull", "llama3.2", "--host", server.url)
        assert ran.status == 0
        assert re.fullmatch(r"✓ Model pulled successfully: llama3\.2   2\.0 GB in \d\.\d s\n", ran.out)
        assert re.fullmatch(r"llama3\.2: 50% of 2\.0 GB, .+B/s\nllama3\.2: 100% of 2\.0 GB, .+B/s\n", ran.err)

    def test_quiet_says_nothing(self, world: World, serve: Serve) -> None:
        server = serve({"/api/pull": stream(layers((5, 5)))})
        ran = world.run("models", "pull", "m", "-q", "--host", server.url)
        assert (ran.status, ran.out, ran.err) == (0, "", "")

    def test_several_go_on_after_a_failure(self, world: World, serve: Serve) -> None:
        missing = {"error": "pull model manifest: file does not exist"}
        server = serve({"/api/pull": stream([{"status": "pulling manifest"}, missing])})
        ran = world.run("models", "pull", "one", "two", "--host", server.url)
        assert ran.status in (5, 10)
        assert [each.json["model"] for each in server.requests] == ["one", "two"]
        assert len(re.findall("^Error: .*'(one|two)'", ran.err, re.MULTILINE)) == 2

    def test_the_exit_code_is_the_first_failures(self, world: World, serve: Serve) -> None:
        unknown = stream([{"status": "pulling manifest"}, {"error": "pull model manifest: file does not exist"}])
        broken = stream([{"status": "pulling manifest"}, {"error": "no space left on device"}])
        fine = stream(layers((5, 5)))
        server = serve({"/api/pull": InTurn(fine, unknown, broken, fine)})
        ran = world.run("models", "pull", "a", "b", "c", "d", "--host", server.url)
        assert ran.status == 5
        assert [line.split()[4] for line in ran.out.splitlines()] == ["a", "d"]

    def test_of_several_it_says_which_and_the_bar_is_that_of_all(self, world: World, serve: Serve) -> None:
        half: list[Step] = [STREAM_HEAD, chunk(layers((5_000_000, 10_000_000))[1]), Hang()]
        server = serve({"/api/pull": InTurn(stream(layers((5, 5))), half)})
        with in_terminal(world, "models", "pull", "one", "two", "--host", server.url) as terminal:
            terminal.wait_for(r"two \(2 of 2\).*5\.0 of 10 MB  75% of all")
            terminal.send("\x03")
            assert terminal.end() == 130
        shown = terminal.screen
        assert any(line.startswith("✓ Model pulled successfully: one   5 B in ") for line in shown)
        assert "Stopped at 5.0 of 10 MB. The same command goes on from there." in shown

    def test_ctrl_c_says_how_far_it_came(self, world: World, serve: Serve) -> None:
        half: list[Step] = [STREAM_HEAD, chunk(layers((1_100_000_000, 2_000_000_000))[1]), Hang()]
        server = serve({"/api/pull": half})
        with in_terminal(world, "models", "pull", "llama3.2", "--host", server.url) as terminal:
            terminal.wait_for(r"llama3\.2.*  1\.1 of 2\.0 GB  55%")
            terminal.send("\x03")
            assert terminal.end() == 130
        assert "Stopped at 1.1 of 2.0 GB. The same command goes on from there." in terminal.screen
        assert server.hung_up.wait(SOON)

    def test_one_that_ends_without_success_is_the_servers_fault(self, world: World, serve: Serve) -> None:
        server = serve({"/api/pull": stream(layers((3, 5))[:-1])})
        ran = world.run("models", "pull", "m", "--host", server.url)
        assert ran.status == 10
        assert ran.err.endswith(
            f"Error: the pull of 'm' by Ollama at {server.url} (--host) ended without saying that it is done\n"
            '  its last step: "pulling a", 3 of 5 bytes\n'
            "  try: the same command, which goes on from there\n"
        )

    def test_insecure_is_passed_on(self, world: World, serve: Serve) -> None:
        server = serve({"/api/pull": stream(layers((5, 5)))})
        world.run("models", "pull", "localhost:5000/a/b", "--insecure", "--host", server.url)
        assert server.requests[0].json["insecure"] is True

    def test_where_the_server_is_lost_there_is_one_error(self, world: World) -> None:
        args = ("models", "pull", "a", "b", "c", "--host", unused_url())
        ran = world.run(*args)
        assert (ran.status, ran.err.count("Error:")) == (3, 1)
        ran = world.run(*args, "--json")
        assert (ran.status, ran.out, ran.error["exit"]) == (3, "", 3)

    def test_json_names_what_came_before_the_server_was_lost(self, world: World, serve: Serve) -> None:
        server = serve({"/api/pull": InTurn(stream(layers((5, 5))), [Close()])})
        ran = world.run("models", "pull", "a", "b", "--json", "--host", server.url)
        assert (ran.status, ran.error["exit"]) == (3, 3)
        assert [(each["name"], "error" in each) for each in ran.json["models"]] == [("a", False), ("b", True)]

    def test_one_that_breaks_off_is_one_failure_among_others(self, world: World, serve: Serve) -> None:
        missing = stream([{"error": "pull model manifest: file does not exist"}])
        cut: list[Step] = [STREAM_HEAD, chunk(layers((1, 5))[1]), Close()]
        server = serve({"/api/pull": InTurn(missing, cut, cut, cut, cut, cut, cut, stream(layers((5, 5))))})
        ran = world.run("models", "pull", "missing", "cut", "there", "--json", "--stream", "--host", server.url)
        last = ran.lines[-1]
        assert (ran.status, last["type"]) == (5, "done")
        assert [each["name"] for each in last["models"]] == ["missing", "cut", "there"]

    def test_json(self, world: World, serve: Serve) -> None:
        server = serve({"/api/pull": stream(layers((5, 5)))})
        document = world.run("models", "pull", "m", "--json", "--host", server.url).json
        assert document["version"] == 1
        assert document["models"][0]["name"] == "m"
        assert document["models"][0]["size"] == 5


class TestMeasured:
    def test_the_size_is_known_before_and_no_step_is_lost(self, serve: Serve) -> None:
        steps = layers((0, 7), (7, 7))
        server = serve({"/api/pull": stream(steps)})
        with OllamaClient(server.url) as client, client.pull_model("m", stream=True) as records:
            size, found = measured(records)
            assert size == 7
            assert [each["status"] for each in found] == [each["status"] for each in steps]

    def test_a_pull_that_tells_no_size(self, serve: Serve) -> None:
        server = serve({"/api/pull": stream([{"status": "success"}])})
        with OllamaClient(server.url) as client, client.pull_model("m", stream=True) as records:
            size, found = measured(records)
            assert size is None
            assert list(found) == [{"status": "success"}]


class TestHealth:
    def test_reached(self, world: World, serve: Serve) -> None:
        server = serve({**ROUTES, "/api/version": answer({"version": "0.33.0"})})
        ran = world.run("models", "health", "--host", server.url)
        assert (ran.status, ran.err) == (0, "")
        assert re.fullmatch(
            rf"ok    Ollama 0\.33\.0 at 127\.0\.0\.1:{server.port} \(\d+ ms\), 3 models, 1 loaded\n",
            ran.out,
        )
        document = world.run("models", "health", "--json", "--host", server.url).json
        assert document["reached"] is True
        assert (document["server_version"], document["models"], document["loaded"]) == ("0.33.0", 3, 1)

    def test_not_reached(self, world: World) -> None:
        ran = world.run("models", "health", "--host", unused_url())
        assert (ran.status, ran.out) == (3, "")
        ran = world.run("models", "health", "--json", "--host", unused_url())
        assert ran.json["reached"] is False
        assert ran.error["exit"] == 3

    @pytest.mark.parametrize(
        ("setting", "host"),
        [("http://me:topsecret@127.0.0.1:1/", "http://127.0.0.1:1"), ("ftp://me:topsecret@h", None)],
    )
    def test_json_shows_no_credential(self, world: World, setting: str, host: str | None) -> None:
        ran = world.run("models", "health", "--json", "--host", setting)
        assert ran.json["host"] == host
        assert "topsecret" not in ran.out + ran.err

    def test_it_asks_once(self, world: World, serve: Serve) -> None:
        server = serve({"/api/version": InTurn(answer({"error": "busy"}, 503), answer({"version": "1"}))})
        assert world.run("models", "health", "--host", server.url).status == 10
        assert server.paths == ["/api/version"]

    @pytest.mark.parametrize(
        ("path", "status", "code"),
        [
            *(("/api/version", *each) for each in ((401, 4), (404, 2), (500, 10), (503, 10))),
            *(("/api/tags", *each) for each in ((401, 4), (500, 10), (503, 10))),
        ],
    )
    def test_a_refusal_is_an_answer(self, world: World, serve: Serve, path: str, status: int, code: int) -> None:
        server = serve({**ROUTES, "/api/version": answer({"version": "1"}), path: answer({"error": "no"}, status)})
        ran = world.run("models", "health", "--json", "--host", server.url)
        assert (ran.status, ran.json["reached"], ran.error["exit"]) == (code, True, code)

    def test_what_is_no_ollama_is_not_reached(self, world: World, serve: Serve) -> None:
        server = serve({"/api/version": answer(b"<html>hello")})
        ran = world.run("models", "health", "--json", "--host", server.url)
        assert (ran.status, ran.json["reached"]) == (10, False)

    @pytest.mark.parametrize("status", [404, 405])
    def test_a_server_that_tells_of_no_loaded_models(self, world: World, serve: Serve, status: int) -> None:
        server = serve(
            {"/api/version": answer({"version": "1"}), "/api/tags": listed("a", " "), "/api/ps": answer(b"", status)}
        )
        ran = world.run("models", "health", "--host", server.url)
        assert (ran.status, ran.out.rstrip()[-9:], ran.err) == (0, ", 1 model", "")
        assert world.run("models", "health", "--json", "--host", server.url).json["loaded"] is None
        assert world.run("models", "list", "--host", server.url).err == ""

    @pytest.mark.parametrize("running", [answer({"error": "no"}, 401), answer({"error": "no"}, 500), answer(b"<html>")])
    def test_a_server_that_fails_to_tell_them_is_reached(self, world: World, serve: Serve, running: list[Step]) -> None:
        server = serve({**ROUTES, "/api/version": answer({"version": "1"}), "/api/ps": running})
        ran = world.run("models", "health", "--json", "--host", server.url)
        assert (ran.status, ran.json["reached"], ran.json["loaded"]) == (0, True, None)
        assert "which models are loaded is unknown: " in ran.err

    @pytest.mark.parametrize("path", ["/api/version", "/api/tags", "/api/ps"])
    def test_an_answer_that_dribbles_is_too_slow(
        self, world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch, path: str
    ) -> None:
        monkeypatch.setattr("cli.services.health._AT_MOST", 0.5)
        routes = {**ROUTES, "/api/version": answer({"version": "1"}), path: [Dribble(STREAM_HEAD, 0.05)]}
        server = serve(routes)
        ran = world.run("models", "health", "--json", "--host", server.url)
        assert (ran.status, ran.json["reached"]) == (3, False)


def test_the_table_of_verbs_says_what_the_verbs_say() -> None:
    for name, entry in COMMANDS.items():
        command = models_group.get_command(models_group.make_context("models", [name]), name)
        assert command is not None
        assert command.name == name
        assert command.help is not None
        assert command.help.splitlines()[0] == entry.summary


EVERYTHING: Routes = {
    "/api/version": answer({"version": "1"}),
    "/api/tags": listed("smollm2:135m", "llama3.2:latest", "my-model:latest"),
    "/api/ps": answer({"models": []}),
    "/api/show": answer({"template": "{{ .Prompt }}"}),
    "/api/generate": stream(generated("4")),
    "/api/copy": answer(b""),
    "/api/delete": answer(b""),
    **{f"/api/{verb}": stream([{"status": "success"}]) for verb in ("pull", "push", "create")},
}


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_example_runs(world: World, serve: Serve, verb: str) -> None:
    here = world.with_(variables={"OLLAMA_IP": serve(EVERYTHING).url})
    examples = re.findall(r"^ +vuhitra (models .*)$", here.run("models", verb, "--help").out, re.MULTILINE)
    assert examples
    for example in examples:
        ran = here.run(*shlex.split(example))
        assert (ran.status, ran.err) in ((0, ""), (0, f"No model is loaded at {here.variables['OLLAMA_IP'][7:]}.\n"))


@pytest.mark.parametrize("width", [40, 60, 79])
@pytest.mark.parametrize("verb", COMMANDS)
def test_its_help_is_no_wider_than_the_terminal(world: World, verb: str, width: int) -> None:
    lines = world.with_(width=width).run("models", verb, "--help").out.splitlines()
    assert max(len(line) for line in lines if "vuhitra" not in line) <= width


def test_the_help_of_models_imports_no_verb(world: World) -> None:
    program = "import sys; from cli.main import run\ntry: run()\nfinally: print(*sys.modules, file=sys.stderr)"
    with world.start("models", "--help", program=[sys.executable, "-c", program]) as process:
        _, err = process.communicate(timeout=SOON)
    imported = err.decode().split()
    assert "cli.commands.models" in imported
    assert not [each for each in imported if each.startswith("cli.commands.models_") or each == "vuhitra"]


def test_models_alone_shows_its_help(world: World) -> None:
    ran = world.run("models")
    assert ran.status == 0
    assert "vuhitra models pull" in ran.out
