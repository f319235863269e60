"""What is remembered between two runs: facts, and how long models load; forgetting it is harmless."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.services.memory import SERVER_ANSWERED, Memory

URL = "http://gpu.lan:11434"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "vuhitra"


def test_a_fact_stays_known(folder: Path) -> None:
    assert not Memory(str(folder)).knows(SERVER_ANSWERED)
    Memory(str(folder)).remember(SERVER_ANSWERED)
    Memory(str(folder)).remember(SERVER_ANSWERED)
    assert Memory(str(folder)).knows(SERVER_ANSWERED)


def test_the_last_load_of_each_model_on_each_server(folder: Path) -> None:
    Memory(str(folder)).note_load(URL, "llama3.1:8b", 25)
    Memory(str(folder)).note_load(URL, "llama3.1:8b", 19.04)
    Memory(str(folder)).note_load(URL, "smollm2", 2)
    memory = Memory(str(folder))
    assert memory.last_load(URL, "llama3.1:8b") == 19
    assert memory.last_load(URL, "SmolLM2:latest") == 2
    assert memory.last_load("http://other:11434", "smollm2") is None


def test_it_is_for_nobody_else_to_read(folder: Path) -> None:
    memory = Memory(str(folder))
    memory.remember(SERVER_ANSWERED)
    memory.note_load(URL, "m", 2)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert len(list(folder.iterdir())) == 2


def test_it_never_grows_beyond_the_latest(folder: Path) -> None:
    memory = Memory(str(folder))
    for number in range(60):
        memory.note_load(URL, f"m{number}", number)
    assert memory.last_load(URL, "m9") is None
    assert memory.last_load(URL, "m10") == 10
    assert memory.last_load(URL, "m59") == 59


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"nan http://gpu.lan:11434 m\n", b"x y\n1 2 3 4\n", b"inf u m"])
def test_what_cannot_be_read_is_forgotten(folder: Path, content: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / "last-loads").write_bytes(content)
    memory = Memory(str(folder))
    assert memory.last_load(URL, "m") is None
    memory.note_load(URL, "m", 3)
    assert memory.last_load(URL, "m") == 3


def test_where_nothing_can_be_kept_nothing_fails(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("a file, where the folder should be")
    memory = Memory(str(folder))
    memory.remember(SERVER_ANSWERED)
    memory.note_load(URL, "m", 3)
    assert not memory.knows(SERVER_ANSWERED)
    assert memory.last_load(URL, "m") is None
