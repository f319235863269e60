"""Errors: at most three lines, an exit code that fits, near names for what was misspelt, JSON for programs."""

from __future__ import annotations

import pytest

from cli.exit_status import ExitStatus, verdict
from cli.failure import Failure
from tests.commands.conftest import Serve, generated
from tests.commands.running import World
from tests.scripted_server import Dribble, Step, answer, stream, unused_url
from vuhitra import errors
from vuhitra.reply import Reply


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


def test_a_time_out_is_no_refusal() -> None:
    error = errors.OllamaTimeoutError("slow", phase="start", seconds=1)
    assert verdict(error) == (ExitStatus.TIMED_OUT, "timed-out")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.OllamaConnectionError("x", reason="dns"), 3),
        (errors.OllamaModelNotFoundError("x", model="m"), 5),
        (errors.OllamaPullError("x", model="m"), 10),
        (errors.OllamaPullError("x", model="m", missing=True), 5),
        (errors.OllamaResponseError("x", status=302, body=""), 10),
        (errors.OllamaIncompleteError("x", partial=Reply("x"), reason="repetition"), 7),
        (errors.OllamaOutputError("x", reply=Reply("x"), problems=()), 9),
        (errors.OllamaError("x"), 1),
        (Failure("x"), 2),
        (KeyError("x"), 1),
    ],
)
def test_which_error_gets_which_code(error: Exception, status: int) -> None:
    assert verdict(error).status == status


@pytest.mark.parametrize(
    ("args", "lines"),
    [
        (["chta", "a b"], ["no command 'chta' in vuhitra", "near names: chat", "try: vuhitra chat 'a b'"]),
        (["models", "lst"], ["no command 'lst' in vuhitra models", "near names: list", "try: vuhitra models list"]),
        (["zzz"], ["no command 'zzz' in vuhitra", "try: vuhitra --help"]),
        (["why is it"], ["no command 'why is it' in vuhitra", "try: vuhitra chat 'why is it'"]),
        (["pull", "m"], ["no command 'pull' in vuhitra", "try: vuhitra models pull m"]),
        (["run", "m", "hi"], ["no command 'run' in vuhitra", "try: vuhitra chat -m m hi"]),
        (["why", "is", "it"], ["no command 'why' in vuhitra", "try: vuhitra chat 'why is it'"]),
        (["what", "is", "it"], ["no command 'what' in vuhitra", "try: vuhitra chat 'what is it'"]),
        (["why", "so", "-m", "a b"], ["no command 'why' in vuhitra", "try: vuhitra chat 'why so' -m 'a b'"]),
        (["health"], ["no command 'health' in vuhitra", "try: vuhitra models health"]),
        (["help", "models"], ["no command 'help' in vuhitra", "try: vuhitra models --help"]),
        (["run", "m", "why so"], ["no command 'run' in vuhitra", "try: vuhitra chat -m m 'why so'"]),
        (["chat", "--modle", "m"], ["no such flag '--modle'", "near names: --model", "try: vuhitra chat --help"]),
        (["--jsn", "chat"], ["no such flag '--jsn'", "near names: --json", "try: vuhitra --help"]),
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
    assert ran.err == ("Error: unexpected\n  KeyError: 'lost'\n  try: vuhitra --debug …, which shows where\n")
    assert "Traceback (most recent call last)" in world.run("chat", "x", "--debug").err


def test_what_a_server_says_never_reaches_the_terminal_raw(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": answer({"error": "no\x1b]0;title\x07pe\n\n\n\nline"}, 500)})
    person = world.with_(stderr_is_terminal=True, variables={"NO_COLOR": "1"})
    ran = person.run("chat", "x", "-m", "m\x1b[31m", "--host", server.url)
    assert "\x1b" not in ran.err.replace("\r\x1b[K", "")
    assert "nope line" in ran.err


def test_a_narrow_terminal_wraps_between_words(world: World) -> None:
    narrow = world.with_(stderr_is_terminal=True, width=40, variables={"NO_COLOR": "1"})
    lines = narrow.run("chat", "x", "-m", "m", "--host", unused_url()).err.splitlines()
    assert all(len(line) <= 40 for line in lines)
    assert lines[1] == "Error: cannot connect to Ollama at"
