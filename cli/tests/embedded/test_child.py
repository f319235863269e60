"""The child process: killed in the middle, orphaned, or unable to load."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from cli.services.embedded.child import Child
from cli.services.embedded.engine import Load
from cli.services.embedded.model_store import BundledModel, ModelStore, find_bundled_model
from cli.services.embedded.serving import serve_in_background
from tests.embedded.asking import MODEL, ask, asking, children, sent
from tests.embedded.recorded import recordings
from tests.embedded.servers import SHORT, STORY, first_line, server, wait_for_end, wait_until_loaded
from tests.embedded.test_gguf import SMALL

RECORDINGS = recordings()


def test_killed_in_the_middle_of_a_stream_is_an_error_line_and_the_next_request_works() -> None:
    before = children()
    with server() as host:
        with asking(host, "POST", "/api/generate", STORY) as response:
            first_line(response)
            (child,) = children() - before
            os.kill(child, signal.SIGKILL)
            *_, last = response.read().splitlines()
        assert last.decode() == RECORDINGS["generate-stream-runner-killed"].text.splitlines()[-1]
        assert ask(host, "POST", "/api/generate", SHORT).status == 200
        assert children() - before != {child}


def test_killed_before_an_answer_in_one_piece_is_an_error_and_the_next_request_works() -> None:
    before = children()
    with server() as host:
        asked = sent(host, "POST", "/api/generate", STORY | {"stream": False})
        wait_until_loaded(host)
        (child,) = children() - before
        os.kill(child, signal.SIGKILL)
        answer = asked.getresponse()
        said = answer.read().decode()
        asked.close()
        assert answer.status == RECORDINGS["generate-runner-killed"].status
        assert "an error was encountered while running the model" in said or "unexpectedly stopped" in said
        assert ask(host, "POST", "/api/generate", SHORT).status == 200


def test_killed_while_nobody_asks_is_not_noticed() -> None:
    before = children()
    with server() as host:
        assert ask(host, "POST", "/api/generate", SHORT).status == 200
        (child,) = children() - before
        os.kill(child, signal.SIGKILL)
        wait_for_end(child)
        assert ask(host, "POST", "/api/generate", SHORT).status == 200


def test_one_that_was_killed_is_not_alive_even_before_the_event_loop_hears_of_it() -> None:
    bundled = find_bundled_model()
    assert bundled is not None
    load = Load(bundled.path, window=64, slots=1, threads=1, batch=64, mean_pooling=False)

    async def kill() -> None:
        before = children()
        child = await Child.start(asdict(load) | {"model": str(load.model)})
        try:
            assert child.alive
            (pid,) = children() - before
            os.kill(pid, signal.SIGKILL)
            wait_for_end(pid)
            assert not child.alive
        finally:
            await child.stop()

    asyncio.run(kill())


@pytest.mark.parametrize("loaded", [True, False])
def test_a_child_ends_with_its_parent_even_if_that_is_killed(loaded: bool, tmp_path: Path) -> None:
    code = f"""
import sys
from tests.embedded.servers import SHORT, server, until, wait_until_loaded
from tests.embedded.asking import children, sent
with server() as host:
    asked = sent(host, "POST", "/api/generate", SHORT)
    {"wait_until_loaded(host)" if loaded else "until(children)"}
    print(*children(), flush=True)
    sys.stdin.read()
"""
    cli = Path(__file__).parents[2]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": f"{cli / 'src'}:{cli}"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        assert list(tmp_path.iterdir()) != []
        parent.kill()
    wait_for_end(child)
    assert list(tmp_path.iterdir()) == [] or not loaded  # it may not even have heard of its folder


def model_of(data: bytes, folder: Path) -> ModelStore:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return ModelStore(BundledModel(path))


def test_a_model_that_can_not_be_loaded_says_why(tmp_path: Path) -> None:
    with serve_in_background(model_of(SMALL, tmp_path)) as host:
        answer = ask(host, "POST", "/api/generate", SHORT)
        assert answer.status == 500
        said = answer.json["error"]
        assert said.startswith("llama runner process has terminated: error loading model: ")
        assert "architecture" in said
        assert ask(host, "GET", "/api/ps").json == {"models": []}


@pytest.mark.parametrize("data", [b"", b"no model", SMALL[:-20]])
def test_a_damaged_file_is_not_even_tried(data: bytes, tmp_path: Path) -> None:
    with serve_in_background(model_of(data, tmp_path)) as host:
        for path in ("/api/generate", "/api/embed", "/api/show"):
            answer = ask(host, "POST", path, {"model": MODEL, "prompt": "x", "input": "x", "stream": False})
            assert answer.status == 500, path
            assert str(tmp_path) in answer.json["error"]
        assert ask(host, "GET", "/api/tags").json == {"models": []}
