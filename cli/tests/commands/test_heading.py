"""What is said before an answer: who answers, and how much of the window the material fills."""

from __future__ import annotations

from cli.commands.heading import material_lines
from cli.services.question import Material, Question
from tests.commands.conftest import Serve, generated
from tests.commands.running import World
from tests.scripted_server import answer, stream


def test_one_material_is_held_against_the_window() -> None:
    question = Question("why?", [Material("report.txt", "word" * 6180)])
    assert list(material_lines(question, 8192)) == ["report.txt, about 6.2k of 8k tokens"]
    assert list(material_lines(question, None)) == ["report.txt, about 6.2k tokens"]


def test_one_token_is_one() -> None:
    question = Question("why?", [Material("stdin", "a")])
    assert list(material_lines(question, None)) == ["stdin, about 1 token"]
    assert list(material_lines(question, 8192)) == ["stdin, about 1 of 8k tokens"]


def test_several_are_told_apart_and_together() -> None:
    question = Question("why?", [Material("a\x1b[2J\n.txt", "word" * 812), Material("b.txt", "word" * 120_000)])
    assert list(material_lines(question, 131_072)) == [
        "a .txt, about 812 tokens",
        "b.txt, about 120k tokens",
        "together about 121k of 128k tokens",
    ]


def test_without_material_there_is_nothing_to_say() -> None:
    assert list(material_lines(Question("why?"), 4096)) == []


def test_it_stands_below_the_model_for_a_person(world: World, serve: Serve) -> None:
    running = answer({"models": [{"name": "m:latest", "context_length": 8192}]})
    server = serve({"/api/generate": stream(generated("a")), "/api/ps": running})
    (world.home / "report.txt").write_text("word" * 1200)
    person = world.with_(stderr_is_terminal=True, variables={"NO_COLOR": "1"})
    flags = ("chat", "x", "-m", "m", "-f", "report.txt", "--no-stdin", "--host", server.url)
    first, second = person.run(*flags).err.splitlines()
    assert first == "Model: m"
    assert second.endswith("report.txt, about 1.2k of 8k tokens")
    assert world.run(*flags).err == ""
