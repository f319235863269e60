"""Programs run in turns, and the server that they are measured against. Nothing here looks at a clock."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import pytest

from benchmarks.cases import Case, Places, Side, cases
from benchmarks.comparing import Round
from benchmarks.running import FailedError, measured, rounds, server
from vuhitra import OllamaClient, OllamaConnectionError, OllamaModelNotFoundError

CLI = Path(__file__).parents[2]
CASES = cases(Places(Path("/ours"), Path("/peers"), "http://127.0.0.1:1"))


def program(text: str, *, says: str = "", tells: bool = False) -> Side:
    return Side("a program", (sys.executable, "-c", text), says, tells)


def run(side: Side, folder: Path) -> float:
    return measured(side, {"PATH": os.environ["PATH"]}, folder)


def test_keys_are_names_of_one_case_each() -> None:
    assert len({case.key for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_every_program_is_there(case: Case) -> None:
    for side in (case.ours, case.against):
        for path in (part for part in side.command if part.endswith(".py")):
            assert Path(path).is_file()
        assert side.command[0].startswith(("/ours/", "/peers/"))


def test_sides_are_run_in_turns_and_a_first_round_counts_for_nothing() -> None:
    case = dataclasses.replace(CASES[0], rounds=3)
    measured_sides: list[str] = []

    def measure(side: Side) -> float:
        measured_sides.append("ours" if side is case.ours else "against")
        return len(measured_sides)

    assert list(rounds(case, measure)) == [Round(3, 4), Round(6, 5), Round(7, 8)]
    assert measured_sides == ["ours", "against"] * 2 + ["against", "ours"] + ["ours", "against"]


def test_the_number_that_a_program_tells_counts(tmp_path: Path) -> None:
    assert run(program("print(0.25)", tells=True), tmp_path) == 0.25


def test_otherwise_its_time_counts(tmp_path: Path) -> None:
    assert run(program("print('said')", says="said"), tmp_path) > 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import sys; sys.exit('no server')", "a program ended with 1: no server"),
        ("print('else')", "a program printed 'else\\n', and not 'said'"),
    ],
)
def test_a_program_that_does_something_else_has_failed(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(FailedError) as failed:
        run(program(text, says="said"), tmp_path)
    assert str(failed.value) == why


def test_a_program_that_is_not_there_has_failed(tmp_path: Path) -> None:
    with pytest.raises(FailedError):
        run(Side("nothing", (str(tmp_path / "nothing"),)), tmp_path)


def test_the_server_answers_and_ends() -> None:
    with server(CLI) as url, OllamaClient(url, "instant") as client:
        assert client.generate("x", stream=True).finish() == "The"
        assert client.chat([{"role": "user", "content": "x"}], stream=True).finish() == "The"
        assert sum(1 for _ in client.generate("x", "packets", stream=True)) == 2_000
        assert sum(map(len, client.generate("x", "megabyte", stream=True))) == 1_000_000
        assert [len(vector) for vector in client.embed(["a", "b"])] == [768, 768]
        assert [model["name"] for model in client.list_models()] == ["instant:latest"]
        with pytest.raises(OllamaModelNotFoundError):
            client.generate("x", "unknown", stream=True)
    with OllamaClient(url, "instant") as late, pytest.raises(OllamaConnectionError):
        late.generate("x")
