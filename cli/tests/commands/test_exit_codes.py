"""The table of exit codes: each code as the program gives it, and each error of the library with its code."""

from __future__ import annotations

import errno
import signal
import subprocess
from collections.abc import Iterator

import pytest

from cli.exit_status import ExitStatus, Verdict
from cli.failure import Failure
from cli.reporting import verdict
from tests.commands.conftest import Serve, generated, listed
from tests.commands.running import SOON, World
from tests.scripted_server import STREAM_HEAD, Close, Hang, Step, answer, chunk, stream, unused_url
from vuhitra import errors
from vuhitra.reply import Reply

TOO_LONG = {"type": "exceed_context_size_error", "n_ctx": 9, "n_prompt_tokens": 10}
MISSING = answer({"error": "model 'm' not found"}, 404)
FORBIDDEN = answer({"error": "unauthorized"}, 401)
ANSWERS: list[tuple[int, list[Step]]] = [
    (0, stream(generated("word"))),
    (2, answer({"error": "bad option"}, 400)),
    (4, FORBIDDEN),
    (4, answer(b"", 403)),
    (5, MISSING),
    (5, answer({"error": '"m" does not support generate'}, 400)),
    (5, answer({"error": "This server does not support embeddings"}, 501)),
    (6, [Hang()]),
    (6, [STREAM_HEAD, chunk(generated("word")[0]), Hang()]),
    (7, [STREAM_HEAD, chunk(generated("word")[0]), Close()]),
    (7, stream(generated("word")[:1])),
    (7, stream([*generated("word")[:1], {"error": "the runner died"}])),
    (8, answer({"error": TOO_LONG}, 400)),
    (10, answer({"error": "it died"}, 500)),
    (10, answer(b"", 302)),
    (10, answer({"error": "too many"}, 429)),
    (10, answer({"error": "server busy"}, 503)),
    (10, answer(b"<html>")),
]


@pytest.mark.parametrize(("status", "script"), ANSWERS)
def test_what_a_server_answers(world: World, serve: Serve, status: int, script: list[Step]) -> None:
    server = serve({"/api/generate": script, "/api/tags": listed("other")})
    timeout = "0.3" if Hang() in script else "20"
    args = ("chat", "x", "-m", "m", "--no-pull", "--timeout", timeout, "--host", server.url)
    ran = world.run(*args)
    assert ran.status == status
    assert bool(ran.err) == bool(status)
    assert not status or world.run(*args, "--json").error["exit"] == status


def test_1_is_what_nobody_expected(world: World, serve: Serve) -> None:
    host = serve(says=["a"]).url
    with (
        open("/dev/full", "wb") as full,
        world.start("chat", "x", "-m", "m", "--host", host, stdin=subprocess.DEVNULL, stdout=full) as process,
    ):
        process.communicate(timeout=SOON)
        assert process.returncode == 1


@pytest.mark.parametrize(
    ("args", "variables"),
    [
        (["zzz"], {}),
        (["chat", "--zzz"], {}),
        (["chat", "-m"], {}),
        (["chat"], {}),
        (["models", "pull"], {}),
        (["chat", "x", "--host", "h:port"], {}),
        (["chat", "x"], {"LOG_LEVEL": "LOUD"}),
        (["chat", "x"], {"OLLAMA_IP": "ftp://h"}),
    ],
)
def test_2_is_wrong_usage(world: World, args: list[str], variables: dict[str, str]) -> None:
    assert world.with_(variables=variables).run(*args).status == 2


@pytest.mark.parametrize("args", [["chat", "x", "-m", "m"], ["models", "list"], ["models", "health"]])
def test_3_is_a_server_that_is_not_reached(world: World, args: list[str]) -> None:
    ran = world.run(*args, "--host", unused_url())
    assert (ran.status, ran.out) == (3, "")


def test_5_is_a_model_that_no_registry_has(world: World, serve: Serve) -> None:
    server = serve({"/api/pull": stream([{"error": "pull model manifest: file does not exist"}])})
    assert world.run("models", "pull", "m", "--host", server.url).status == 5


def test_9_is_an_answer_that_does_not_fit_the_schema(world: World, serve: Serve) -> None:
    args = ("chat", "x", "-m", "m", "--schema", "age int", "--host", serve(says=['{"age": "old"}']).url)
    ran = world.run(*args)
    assert ran.status == 9
    assert world.run(*args, "--json").error["exit"] == 9


def test_10_is_a_pull_that_fails(world: World, serve: Serve) -> None:
    server = serve({"/api/pull": stream([{"status": "pulling manifest"}, {"error": "no space left"}])})
    assert world.run("models", "pull", "m", "--host", server.url).status == 10


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_129_130_and_143_are_signals(world: World, serve: Serve, number: signal.Signals, status: int) -> None:
    server = serve({"/api/generate": [STREAM_HEAD, chunk(generated("word")[0]), Hang()]})
    args = ("chat", "x", "-m", "m", "--host", server.url)
    with world.start(*args, stdin=subprocess.DEVNULL) as process:
        assert process.stdout
        process.stdout.read(1)
        process.send_signal(number)
        process.communicate(timeout=SOON)
        assert process.returncode == status


TABLE: list[tuple[Exception, ExitStatus]] = [
    (errors.OllamaError("x"), ExitStatus.UNEXPECTED),
    (errors.OllamaConnectionError("x", reason="refused"), ExitStatus.NOT_REACHED),
    (errors.OllamaTimeoutError("x", phase="start", seconds=1), ExitStatus.TIMED_OUT),
    (errors.OllamaModelError("x", model="m"), ExitStatus.NO_SUCH_MODEL),
    (errors.OllamaModelNotFoundError("x", model="m"), ExitStatus.NO_SUCH_MODEL),
    (errors.OllamaCapabilityError("x", model="m"), ExitStatus.NO_SUCH_MODEL),
    (errors.OllamaPullError("x", model="m"), ExitStatus.SERVER_FAILED),
    (errors.OllamaPullError("x", model="m", missing=True), ExitStatus.NO_SUCH_MODEL),
    (errors.OllamaResponseError("x", status=400, body=""), ExitStatus.USAGE),
    (errors.OllamaResponseError("x", status=302, body=""), ExitStatus.SERVER_FAILED),
    (errors.OllamaResponseError("x", status=500, body=""), ExitStatus.SERVER_FAILED),
    (errors.OllamaAuthenticationError("x", status=401, body=""), ExitStatus.NOT_ALLOWED),
    (errors.OllamaBusyError("x", status=429, body=""), ExitStatus.SERVER_FAILED),
    (errors.OllamaContextError("x", window=1, needed=2), ExitStatus.TOO_LONG),
    (errors.OllamaIncompleteError("x", partial=Reply("x"), reason="repetition"), ExitStatus.BROKE_OFF),
    (errors.OllamaOutputError("x", reply=Reply("x"), problems=()), ExitStatus.MISFIT),
    (errors.OllamaProtocolError("x"), ExitStatus.SERVER_FAILED),
    (Failure("x"), ExitStatus.USAGE),
    (Failure("x", verdict=Verdict.NEEDS_YES), ExitStatus.NOT_ALLOWED),
    (KeyError("x"), ExitStatus.UNEXPECTED),
]


@pytest.mark.parametrize(("error", "status"), TABLE)
def test_which_error_gets_which(error: Exception, status: ExitStatus) -> None:
    assert verdict(error).status is status


@pytest.mark.parametrize(
    ("number", "verdict_on_it"),
    [
        (errno.ENOSPC, Verdict.UNEXPECTED),
        (errno.EDQUOT, Verdict.UNEXPECTED),
        (errno.EIO, Verdict.UNEXPECTED),
        (errno.ENOENT, Verdict.USAGE),
        (errno.EACCES, Verdict.USAGE),
        (errno.EISDIR, Verdict.USAGE),
        (errno.EROFS, Verdict.USAGE),
    ],
)
def test_a_full_disk_is_no_wrong_place(number: int, verdict_on_it: Verdict) -> None:
    assert Verdict.of_writing(OSError(number, "")) is verdict_on_it


def test_no_error_of_the_library_is_forgotten() -> None:
    def below(kind: type[Exception]) -> Iterator[type[Exception]]:
        yield kind
        for each in kind.__subclasses__():
            yield from below(each)

    of_the_library = {each for each in below(errors.OllamaError) if each.__module__ == "vuhitra.errors"}
    assert of_the_library == {type(error) for error, _ in TABLE if isinstance(error, errors.OllamaError)}
