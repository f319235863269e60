"""Errors: at most three lines, an exit code that fits, near names for what was misspelt, JSON for programs."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence

import click
import pytest

from cli.command_line import flags_in
from cli.environment import Stream
from cli.exit_status import Verdict
from cli.main import cli
from cli.terminal.errors import Report, render
from cli.terminal.screen import Screen
from tests.commands.conftest import Serve, generated
from tests.commands.running import World
from tests.scripted_server import Dribble, Step, answer, stream, unused_url


def test_refused_as_it_is_drawn(world: World) -> None:
    url = unused_url()
    ran = world.with_(variables={"OLLAMA_IP": url}).run("chat", "x")
    port = url.rpartition(":")[2]
    assert ran.status == 3
    assert ran.out == ""
    lines = ran.err.splitlines()
    assert lines[0] == f"Error: cannot connect to Ollama at {url} (OLLAMA_IP)"
    assert lines[1].startswith("  refused: ")
    assert port in lines[1]
    assert len(lines) <= 3


def test_its_colours(world: World) -> None:
    url = unused_url()
    person = world.with_(stderr_is_terminal=True)
    ran = person.run("chat", "x", "-m", "m", "--host", url)
    assert f"\x1b[1;31mError: \x1b[0mcannot connect to Ollama at \x1b[1m{url}\x1b[0m (--host)\n" in ran.err


@pytest.mark.parametrize("behind", [": refused", "'", ".", "'; and so on", ")", ", or not", '":'])
def test_what_stands_behind_a_url_is_no_part_of_it(behind: str) -> None:
    written = io.BytesIO()
    report = Report(f"no answer of http://a.b:1/c{behind}", None, None, Verdict.UNEXPECTED)
    render(report, Screen(Stream(written, is_terminal=True), colour=True))
    assert f"\x1b[1mhttp://a.b:1/c\x1b[0m{behind}\n" in written.getvalue().decode()


def test_a_text_of_nothing_but_digits_is_written_at_once() -> None:
    written = io.BytesIO()
    digits = "1," * 500_000  # whoever tries each of them anew needs an hour
    render(Report(digits, None, None, Verdict.UNEXPECTED), Screen(Stream(written, is_terminal=True), colour=True))
    assert written.getvalue().decode().split()[-1] == digits


ANSWERS: list[tuple[list[Step], int, str]] = [
    (answer({"error": "bad option"}, 400), 2, "refused"),
    (answer({"error": "unauthorized"}, 401), 4, "not-allowed"),
    (answer(b"", 403), 4, "not-allowed"),
    (answer(b"404 page not found", 404), 2, "refused"),
    (answer({"error": "it died"}, 500), 10, "server-failed"),
    (answer({"error": "server busy"}, 503), 10, "busy"),
    (answer(b"<html>"), 10, "not-ollama"),
    (answer({"error": '"m" does not support generate'}, 400), 5, "not-capable"),
    (
        answer({"error": {"type": "exceed_context_size_error", "n_ctx": 9, "n_prompt_tokens": 10}}, 400),
        8,
        "too-long",
    ),
    (stream([*generated("a")[:1], {"error": "the runner died"}]), 7, "broke-off"),
]  # fmt: skip


@pytest.mark.parametrize(("script", "status", "code"), ANSWERS)
def test_what_a_server_answers_has_its_exit_code(
    world: World, serve: Serve, script: list[Step], status: int, code: str
) -> None:
    args = ("chat", "x", "-m", "m", "--host", serve({"/api/generate": script}).url)
    ran = world.run(*args)
    assert ran.status == status
    assert 1 <= len(ran.err.splitlines()) <= 3
    assert "connect" not in ran.err.splitlines()[0]
    error = world.run(*args, "--json").error
    assert set(error) == {"code", "message", "hint", "exit"}
    assert (error["code"], error["exit"]) == (code, status)


def test_a_long_cause_is_cut_for_a_person_alone(world: World, serve: Serve) -> None:
    said = "no " * 500 + "end"
    args = ("chat", "x", "-m", "m", "--host", serve({"/api/generate": answer({"error": said}, 400)}).url)
    _, cause, *_ = world.run(*args).err.splitlines()
    assert cause == f"  {said[:499]}…"
    assert world.run(*args, "--json").error["message"].endswith(said)
    assert f": {said}\n" in world.run(*args, "--debug").err
    at_the_edge = serve({"/api/generate": answer({"error": "x" * 500}, 400)}).url
    assert world.run(*args[:-1], at_the_edge).err.splitlines()[1] == "  " + "x" * 500


def test_a_server_that_dribbles_its_head_is_given_up(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": [Dribble(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200, 0.05)]})
    ran = world.run("chat", "x", "-m", "m", "--timeout", "0.3", "--host", server.url)
    assert (ran.status, ran.out) == (6, "")
    assert ran.err == f"Error: Ollama at {server.url} (--host) did not begin to answer within 0.3 s\n"


def test_too_long_names_both_numbers(world: World, serve: Serve) -> None:
    said = {"type": "exceed_context_size_error", "n_ctx": 4096, "n_prompt_tokens": 6210}
    server = serve({"/api/generate": answer({"error": {"message": "too long", **said}}, 400)})
    ran = world.run("chat", "x", "-m", "smollm2", "--host", server.url)
    assert ran.status == 8
    assert ran.err.splitlines()[:2] == [
        "Error: too long for smollm2: 6,210 tokens, and its window is 4,096",
        "  nothing was cut, nothing was answered",
    ]


@pytest.mark.parametrize(
    ("args", "lines"),
    [
        (["chta", "a b"], ["no command 'chta' in vuhitra", "near names: chat", "try: vuhitra chat 'a b'"]),
        (["models", "lst"], ["no command 'lst' in vuhitra models", "near names: list", "try: vuhitra models list"]),
        (["hcat", "x"], ["no command 'hcat' in vuhitra", "near names: chat", "try: vuhitra chat x"]),
        (["zzz"], ["no command 'zzz' in vuhitra", "try: vuhitra --help"]),
        (["why is it"], ["no command 'why is it' in vuhitra", "try: vuhitra chat 'why is it'"]),
        (["why", "is", "it"], ["no command 'why' in vuhitra", "try: vuhitra chat 'why is it'"]),
        (["what", "is", "it"], ["no command 'what' in vuhitra", "try: vuhitra chat 'what is it'"]),
        (["why", "so", "-m", "a b"], ["no command 'why' in vuhitra", "try: vuhitra chat 'why so' -m 'a b'"]),
        (["health"], ["no command 'health' in vuhitra", "try: vuhitra models health"]),
        (["help", "models"], ["no command 'help' in vuhitra", "try: vuhitra models --help"]),
        (
            ["chat", "--modle", "a b"],
            ["no such flag '--modle'", "near names: --model", "try: vuhitra chat --model 'a b'"],
        ),
        (
            ["chat", "--modle=m", "x"],
            ["no such flag '--modle'", "near names: --model", "try: vuhitra chat --model=m x"],
        ),
        (["chat", "-modle", "m"], ["no such flag '-modle'", "near names: --model", "try: vuhitra chat --model m"]),
        (["chat", "-host=h", "x"], ["no such flag '-host'", "near names: --host", "try: vuhitra chat --host=h x"]),
        (
            ["chat", "--temp", "1", "hi"],
            ["no such flag '--temp'", "near names: --temperature", "try: vuhitra chat --temperature 1 hi"],
        ),
        (
            ["chat", "--keep=5m", "hi"],
            ["no such flag '--keep'", "near names: --keep-alive", "try: vuhitra chat --keep-alive=5m hi"],
        ),
        (
            ["chat", "--st", "hi"],
            ["no such flag '--st'", "near names: --stream, --stats", "try: vuhitra chat --help"],
        ),
        (
            ["chat", "--retry", "1", "hi"],
            ["no such flag '--retry'", "near names: --retries", "try: vuhitra chat --help"],
        ),
        *(
            (["chat", flag, "hi"], [f"no such flag {flag!r}", "try: vuhitra chat --help"])
            for flag in ("--session", "--save", "--nope", "--log")
        ),
        (
            ["chat", "-temp", "1", "x"],
            ["no such flag '-t' in '-temp'", "near names: --temperature", "try: vuhitra chat --temperature 1 x"],
        ),
        (["chat", "-M", "m"], ["no such flag '-M'", "near names: -m", "try: vuhitra chat -m m"]),
        (["chat", "-qz"], ["no such flag '-z' in '-qz'", "try: vuhitra chat --help"]),
        (["--jsn", "chat"], ["no such flag '--jsn'", "near names: --json", "try: vuhitra --json chat"]),
        (["--zzz", "x" * 300], ["no such flag '--zzz'", "try: vuhitra --help"]),
        (
            ["--model", "m", "chat", "a b"],
            ["no such flag '--model'", "--model is a flag of vuhitra chat", "try: vuhitra chat --model m 'a b'"],
        ),
        (
            ["-m", "smollm2", "hi"],
            ["no such flag '-m'", "-m is a flag of vuhitra chat", "try: vuhitra chat -m smollm2 hi"],
        ),
        (
            ["-q", "--seed", "1", "a b", "-m", "m"],
            ["no such flag '--seed'", "--seed is a flag of vuhitra chat", "try: vuhitra chat -q --seed 1 'a b' -m m"],
        ),
        (
            ["-m", "m", "models", "list"],
            ["no such flag '-m'", "-m is a flag of vuhitra chat", "try: vuhitra --help"],
        ),
        (
            ["--runs", "3", "m"],
            ["no such flag '--runs'", "--runs is a flag of vuhitra models bench", "try: vuhitra --help"],
        ),
        (
            ["models", "health", "--no-stdin"],
            ["no such flag '--no-stdin'", "--no-stdin is a flag of vuhitra chat", "try: vuhitra models health --help"],
        ),
        (
            ["chat", "--color", "alwyas", "x"],
            [
                "invalid value for '--color': 'alwyas' is not one of 'auto', 'always', 'never'",
                "near names: always",
                "try: vuhitra chat --color always x",
            ],
        ),
        (
            ["chat", "--color=nevr"],
            [
                "invalid value for '--color': 'nevr' is not one of 'auto', 'always', 'never'",
                "near names: never",
                "try: vuhitra chat --color=never",
            ],
        ),
        (["chat", "-m"], ["option '-m' requires an argument", "try: vuhitra chat --help"]),
        (
            ["chat", "--color", "red"],
            [
                "invalid value for '--color': 'red' is not one of 'auto', 'always', 'never'",
                "try: vuhitra chat --help",
            ],
        ),
        (
            ["chat", "-m", ":"],
            ["invalid value for '-m' / '--model': not a model name: ':'", "try: vuhitra chat --help"],
        ),
        (
            ["models", "pull", ""],
            ["invalid value for 'NAME...': it is empty", "try: vuhitra models pull --help"],
        ),
        (["chat", "-m", ""], ["invalid value for '-m' / '--model': it is empty", "try: vuhitra chat --help"]),
        (
            ["chat", "x", "--timeout", "soon"],
            [
                "invalid value for '--timeout': 'soon' is no number of seconds, above 0 and up to 1,000,000",
                "try: vuhitra chat --help",
            ],
        ),
        (
            ["chat", "x", "--timeout", "nan"],
            [
                "invalid value for '--timeout': 'nan' is no number of seconds, above 0 and up to 1,000,000",
                "try: vuhitra chat --help",
            ],
        ),
        (
            ["chat", "x", "--wait=inf"],
            [
                "invalid value for '--wait': 'inf' is no number of seconds, above 0 and up to 1,000,000",
                "try: vuhitra chat --help",
            ],
        ),
        (
            ["chat", "x", "--retries", "-1"],
            ["invalid value for '--retries': -1 is not 0 at least", "try: vuhitra chat --help"],
        ),
        (
            ["models", "bench", "m", "--runs", "x"],
            ["invalid value for '--runs': 'x' is not a whole number", "try: vuhitra models bench --help"],
        ),
        (["chat", "--host", " "], ["invalid value for '--host': it is empty", "try: vuhitra chat --help"]),
        (["models", "pull"], ["missing argument 'NAME...'", "try: vuhitra models pull --help"]),
    ],
)  # fmt: skip
def test_wrong_usage_is_answered_with_the_right_one(world: World, args: list[str], lines: list[str]) -> None:
    ran = world.run(*args)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.splitlines() == [f"Error: {lines[0]}", *(f"  {line}" for line in lines[1:])]
    error = world.run("--json", *args).error
    assert (error["code"], error["exit"]) == ("usage", 2)


def test_an_unexpected_error_has_no_traceback_but_for_debug(
    world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr("cli.commands.chat.answer", stumble)
    ran = world.run("chat", "x")
    assert ran.status == 1
    assert ran.err == "Error: unexpected\n  KeyError: 'lost'\n  try: vuhitra --debug chat x\n"
    debugged = world.run("chat", "x", "--debug").err
    assert "Traceback (most recent call last)" in debugged
    assert debugged.endswith("Error: unexpected\n  KeyError: 'lost'\n")
    error = world.run("chat", "x", "--debug", "--json").error
    assert error["code"] == "unexpected"
    assert "Traceback (most recent call last)" in error["traceback"]


def test_a_traceback_holds_no_credential(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise KeyError("http://me:topsecret@gpu.lan and swordfish")

    monkeypatch.setattr("cli.commands.chat.answer", stumble)
    here = world.with_(variables={"OLLAMA_API_KEY": "swordfish"})
    for args in (["--debug"], ["--debug", "--json"], []):
        ran = here.run("chat", "x", *args)
        assert ran.status == 1
        assert "topsecret" not in ran.err
        assert "swordfish" not in ran.err


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize("command", [["chat", "x", "-m", "m"], ["models", "pull", "m"], ["models", "unload", "m"]])
def test_an_error_holds_no_credential_of_the_environment(
    world: World, serve: Serve, command: list[str], form: list[str]
) -> None:
    refusal = answer({"error": "swordfish is no key"}, 500)
    server = serve(dict.fromkeys(("/api/generate", "/api/pull"), refusal))
    ran = world.with_(variables={"GPU_TOKEN": "swordfish"}).run(*command, "--host", server.url, *form)
    assert ran.status == 10
    assert "*** is no key" in ran.err
    assert "swordfish" not in ran.out + ran.err


def test_what_a_server_says_never_reaches_the_terminal_raw(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": answer({"error": "no\x1b]0;title\x07pe\n\n\n\nline"}, 500)})
    person = world.with_(stderr_is_terminal=True, variables={"NO_COLOR": "1"})
    ran = person.run("chat", "x", "-m", "m", "--host", server.url)
    named = person.run("chat", "x", "-m", "m\x1b[31m", "--host", server.url)
    assert "\x1b" not in (ran.err + named.err).replace("\r\x1b[K", "")
    assert "nope line" in ran.err


def test_a_narrow_terminal_wraps_between_words(world: World) -> None:
    narrow = world.with_(stderr_is_terminal=True, width=40, variables={"NO_COLOR": "1"})
    lines = narrow.run("chat", "x", "-m", "m", "--host", unused_url()).err.splitlines()
    assert all(len(line) <= 40 for line in lines)
    assert lines[1] == "Error: cannot connect to Ollama at"


def test_json_is_one_object_where_attempts_fail_too(world: World) -> None:
    ran = world.run("chat", "x", "-m", "m", "--host", unused_url(), "--json", "--debug")
    assert ran.status == ran.error["exit"] == 3


def test_an_error_while_an_error_is_told_is_told_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr("cli.reporting.report_misuse", stumble)
    ran = world.run("chat", "--zzz")
    assert (ran.status, ran.err.splitlines()[:2]) == (1, ["Error: unexpected", "  KeyError: 'lost'"])


@pytest.mark.parametrize(
    "args",
    [["zzz"], ["--zzz"], ["chat", "--zzz"], ["chat", "-m"], ["chat", "--color", "x"], ["models", "pull"], ["-modle"]],
)
@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_json_is_one_object_whatever_fails(world: World, args: list[str], debug: list[str]) -> None:
    for line in ([*args, *debug, "--json"], ["--json", *debug, *args]):
        if line[-2:] != ["-m", "--json"]:
            ran = world.run(*line)
            assert (ran.status, ran.out) == (2, "")
            assert ran.error["exit"] == 2
            assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ("chat x --json", {"json"}),
        ("--json --quiet chat", {"json", "quiet"}),
        ("chat -xq hello", {"extract", "quiet"}),
        ("chat -fq.txt", {"file"}),
        ("chat -s --json", {"system"}),
        ("chat --system=--json -q", {"system", "quiet"}),
        ("chat -xm --debug", {"extract", "model"}),
        ("chat --think --json", {"think", "json"}),
        ("chat -- --json", set()),
        ("-- chat --json", {"json"}),
        ("models rm --json x", {"json"}),
        ("zzz --json --no-such", {"json"}),
    ],
)
def test_the_flags_of_a_line_are_known_before_it_is_parsed(line: str, flags: set[str]) -> None:
    assert flags_in(cli, line.split()) == flags


@pytest.mark.parametrize("given", ["chat hi -m m", "models list", "models pull m", "chat --zzz", "zzz"])
def test_lines_for_a_program_end_in_an_error(world: World, given: str) -> None:
    ran = world.run(*given.split(), "--json", "--stream", *(("--host", unused_url()) if "zzz" not in given else ()))
    assert ran.status == ran.lines[-1]["error"]["exit"] == ran.error["exit"]
    assert ran.lines[-1]["type"] == "error"


def _commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A group and every command below it, hidden ones too, with the words that name them."""
    yield path, group
    for name in getattr(group, "table", group.commands):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, *path, name)
        else:
            yield (*path, name), command


TEXTS = [
    (path, command, each)
    for path, command in _commands(cli)
    for each in command.params
    if each.type.name == "text" and not getattr(each, "is_flag", False)
]
"""Every parameter of a command that takes text, be it the name of a file."""


def _is_file(param: click.Parameter) -> bool:
    return (param.metavar or "").strip("[]").startswith("FILE")


@pytest.mark.parametrize(
    ("path", "command", "param"),
    [pytest.param(*each, id=f"{' '.join(each[0])} {each[2].name}") for each in TEXTS if not _is_file(each[2])],
)
def test_every_text_of_a_command_line_is_utf_8(
    world: World, path: Sequence[str], command: click.Command, param: click.Parameter
) -> None:
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    if isinstance(param, click.Argument):
        words = ["m"] * arguments.index(param) + ["--", "x\udcff"]
    else:
        words = [f"{next(name for name in param.opts if name.startswith('--'))}=x\udcff"]
    ran = world.run(*path, *words)
    what = re.escape(param.opts[0]) if isinstance(param, click.Option) else "[A-Z]+"
    assert ran.status == 2
    assert re.fullmatch(f"Error: {what} is not UTF-8 text\n  try: iconv -f ISO-8859-1 .*\n", ran.err)


def test_the_texts_of_all_commands_are_found() -> None:
    found = {f"{' '.join(path)} {param.name}".strip() for path, _, param in TEXTS}
    assert {"host", "chat prompt", "chat model", "chat option", "run model", "models list host"} <= found
    assert {"models create system", "models create quantize", "models bench names", "config set value"} <= found
    assert {param.name for _, _, param in TEXTS if _is_file(param)} == {
        "file",
        "attach",
        "output",
        "weights",
        "modelfile",
    }


def test_a_variable_is_utf_8(world: World) -> None:
    ran = world.with_(variables={"MODEL": "\udcff"}).run("chat", "x")
    assert (ran.status, ran.err) == (2, "Error: MODEL is not UTF-8 text\n")


def test_a_value_is_no_flag(world: World) -> None:
    assert world.run("chat", "--zzz", "-s", "--json").err.startswith("Error: no such flag '--zzz'\n")
    (world.home / "file").write_text("words")
    assert world.run("chat", "--show-prompt", "-ffile", "x").status == 0


def test_a_command_line_that_may_hold_a_credential_is_not_repeated(world: World) -> None:
    ran = world.run("chat", "--hots", "http://me:topsecret@gpu.lan")
    assert ran.err == "Error: no such flag '--hots'\n  near names: --host\n  try: vuhitra chat --help\n"


@pytest.mark.parametrize(
    ("hint", "command"),
    [
        ("vuhitra chat --model smollm2:135m 'why, then; is it so' -f a,b", None),
        (
            "ollama serve, on gpu.lan; or without a server: vuhitra models list --embedded",
            "vuhitra models list --embedded",
        ),
        (
            "OLLAMA_HOST=0.0.0.0 ollama serve, on gpu.lan: by itself it listens to its own",
            "OLLAMA_HOST=0.0.0.0 ollama serve",
        ),
        (
            "curl 'http://h/a b' | iconv -f ISO-8859-1 -t UTF-8 > FILE, and then -f FILE",
            "curl 'http://h/a b' | iconv -f ISO-8859-1 -t UTF-8 > FILE",
        ),
    ],
)
@pytest.mark.parametrize("width", [20, 40, 79])
def test_a_command_to_try_can_be_pasted(hint: str, command: str | None, width: int) -> None:
    written = io.BytesIO()
    screen = Screen(Stream(written, is_terminal=True), colour=True, width=lambda: width)
    render(Report("no", None, hint, Verdict.UNEXPECTED), screen)
    assert f"\x1b[1m{command or hint}\x1b[0m" in written.getvalue().decode()


@pytest.mark.parametrize("args", [["chat", "--modle", "m"], ["zzz"], ["chat", "x", "-m", "m", "--host", "h:99999"]])
def test_no_line_is_wider_than_a_narrow_terminal(world: World, args: list[str]) -> None:
    narrow = world.with_(stderr_is_terminal=True, width=40, variables={"NO_COLOR": "1"})
    for line in narrow.run(*args).err.splitlines():
        assert len(line) <= 40 or " " not in line.strip()
