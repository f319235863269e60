"""The log: which server and why it, which request, how it ended and when; never what was said, never a credential."""

from __future__ import annotations

import json
import re
import threading

import pytest

from tests.commands.conftest import Serve, generated
from tests.commands.running import World, in_terminal
from tests.scripted_server import STREAM_END, STREAM_HEAD, WaitFor, answer, chunk, stream, unused_url

STATS = {"eval_count": 2, "total_duration": 1_500_000_000}
SECRETS = ("a secret prompt", "a secret answer", "topsecret", "swordfish")


@pytest.fixture
def loud(world: World, serve: Serve) -> World:
    server = serve({"/api/generate": stream(generated("a secret answer", **STATS)), "/api/version": answer({})})
    url = server.url.replace("http://", "http://me:topsecret@")
    return world.with_(variables={"LOG_LEVEL": "DEBUG", "OLLAMA_IP": url, "OLLAMA_API_KEY": "swordfish"})


def test_a_person_reads_where_a_call_went_and_how_it_ended(loud: World) -> None:
    ran = loud.run("chat", "a secret prompt", "-m", "m")
    first, *between, last = ran.err.splitlines()
    assert re.match(r"debug: vuhitra chat begins \(server http://\*\*\*@127\.0\.0\.1:\d+, server_from OLLAMA_IP", first)
    assert "info: POST /api/generate m answered" in "\n".join(between)
    assert "total_duration 1.5" in "\n".join(between)
    assert re.fullmatch(r"debug: vuhitra chat: done \(seconds [\d.]+\)", last)
    assert not any(secret in ran.err for secret in SECRETS)


def test_a_program_reads_the_same_as_json(loud: World) -> None:
    ran = loud.with_(variables={"LOG_FORMAT": "json"}).run("chat", "a secret prompt", "-m", "m")
    records = [json.loads(line) for line in ran.err.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(record) for record in records)
    assert records[0]["server_from"] == "OLLAMA_IP"
    (call,) = [record for record in records if record.get("path") == "/api/generate"]
    assert (call["level"], call["model"], call["eval_count"]) == ("INFO", "m", 2)
    assert records[-1]["seconds"] >= 0
    assert not any(secret in ran.err for secret in SECRETS)


def test_at_a_terminal_a_line_is_not_glued_to_the_answer(world: World, serve: Serve, released: threading.Event) -> None:
    said, end = (chunk(record) for record in generated("Hello world"))
    server = serve({"/api/generate": [STREAM_HEAD, said, WaitFor(released), end, STREAM_END]})
    loud = world.with_(variables={"LOG_LEVEL": "INFO"})
    with in_terminal(loud, "chat", "x", "-m", "m", "--host", server.url) as terminal:
        terminal.wait_for("Hello world")
        released.set()
        assert terminal.end() == 0
    answered = "info: POST /api/generate m answered"
    assert [row[: len(answered)] for row in terminal.display[2:4]] == ["Hello world", answered]
    assert "" not in terminal.display[2:]


def test_what_failed_is_named(world: World) -> None:
    ran = world.with_(variables={"LOG_LEVEL": "DEBUG"}).run("models", "health", "--host", unused_url())
    assert "info: GET /api/version failed: OllamaConnectionError" in ran.err
    assert "debug: vuhitra models health: OllamaConnectionError" in ran.err


def test_looks_beside_a_call_are_for_debuggers_alone(world: World) -> None:
    import logging

    from cli.logger import configure_logging
    from cli.narration import LOOKING

    for level, is_told in (("INFO", False), ("DEBUG", True)):
        written: list[str] = []
        configure_logging(written.append, level=level)
        look = threading.Thread(target=lambda: logging.getLogger("vuhitra").info("GET /api/ps answered"), name=LOOKING)
        look.start()
        look.join()
        assert bool(written) is is_told


@pytest.mark.parametrize("level", ["WARNING", "ERROR", None])
def test_it_is_silent_where_nothing_is_wrong(loud: World, level: str | None) -> None:
    assert loud.with_(variables={"LOG_LEVEL": level or ""}).run("chat", "x", "-m", "m").err == ""


class TestLogs:
    def test_attempts_are_logged_when_asked_for(self, world: World) -> None:
        args = ("chat", "x", "-m", "m", "--host", unused_url())
        assert "attempt" not in world.run(*args).err
        assert "warning: POST /api/generate m: " in world.with_(variables={"LOG_LEVEL": "warning"}).run(*args).err

    def test_json_is_an_object_a_line_without_prompts(self, world: World) -> None:
        loud = world.with_(variables={"LOG_LEVEL": "DEBUG", "LOG_FORMAT": "json"})
        ran = loud.run("--json", "chat", "secret words", "-m", "m", "--host", f"{unused_url()}")
        *records, error = map(json.loads, ran.err.splitlines())
        (again, *_) = [record for record in records if "attempt" in record]
        assert {"time", "level", "logger", "message", "attempt", "reason"} <= set(again)
        assert error["error"]["exit"] == 3
        assert "secret words" not in ran.err

    def test_a_credential_is_never_shown(self, world: World) -> None:
        host = unused_url().replace("http://", "http://me:topsecret@")
        loud = world.with_(variables={"LOG_LEVEL": "DEBUG"})
        for args in (["--debug"], ["--json"]):
            assert "topsecret" not in loud.run("chat", "x", "-m", "m", "--host", host, *args).err

    @pytest.mark.parametrize("form", ["text", "json"])
    def test_what_others_wrote_never_reaches_the_terminal_as_it_is(self, world: World, form: str) -> None:
        here = world.with_(variables={"LOG_LEVEL": "DEBUG", "LOG_FORMAT": form, "TERM": "dumb"}).at_terminal
        (world.home / ".env").write_text('MODEL="\\x1b]0;owned\\x07m\\nerror: forged\u202e"\n')
        ran = here.run("models", "health", "--host", unused_url())
        assert "vuhitra models health begins" in ran.err
        assert not re.search("[\x1b\x07\u202e]|(?m:^error: forged)", ran.err)
