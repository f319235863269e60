"""What README.md shows is what happens: its transcripts and its program are run here."""

import re
import shlex
import socket
from pathlib import Path

import pytest

from tests.commands.conftest import RoutedServer, generated
from tests.commands.running import World, in_terminal
from tests.scripted_server import answer

ROOT = Path(__file__).parents[3]
AGE = r"just now|\d+ (s|min|hours?|days?|weeks?|months?|years?) ago"


def blocks(page: str, language: str) -> list[str]:
    """A page's blocks of code in a language."""
    text = (ROOT / page).read_text("utf-8")
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", text)


def transcripts() -> dict[str, list[str]]:
    """The command lines of the README's transcripts, and the lines that each is said to print."""
    text = "".join(blocks("README.md", "console"))
    parts = [part.splitlines() for part in re.split(r"(?m)^\$ ", text)[1:]]
    return {command: lines for command, *lines in parts}


TOLD = transcripts()


def settled(lines: list[str]) -> list[str]:
    """Lines without what may differ between machines: how old a file is, and how wide that is."""
    return [re.sub(" {2,}", "  ", re.sub(AGE, "<age>", line)).rstrip() for line in lines]


@pytest.mark.parametrize("command", [each for each in TOLD if each.startswith("vuhitra ")])
def test_a_transcript_is_what_the_command_prints(command: str, tmp_path: Path) -> None:
    (tmp_path / "weather.txt").write_text("Monday: rain.\n")
    with in_terminal(World(tmp_path), *shlex.split(command)[1:]) as terminal:
        terminal.end()
    _what_was_typed, *printed, after_the_last = terminal.screen
    assert settled(printed) == settled(TOLD[command])
    assert after_the_last == ""


def test_the_first_answer_begins_as_it_is_shown(tmp_path: Path) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 11434)) == 0:
            pytest.skip("a server listens at the default address of this machine")
    installing, *told = TOLD['make chat PROMPT="Name three colours."']
    assert f'echo "{installing}"' in (ROOT / "Makefile").read_text("utf-8")
    with in_terminal(World(tmp_path), "chat", "--no-stdin", "--", "Name three colours.") as terminal:
        terminal.wait_for(r"\r\n\r\n.*\w")
        assert terminal.screen[1:4] == told[:3]


def test_the_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    routes = {"/api/generate": answer(generated(response="Red.", eval_count=3)[-1])}
    [program] = blocks("README.md", "python")
    with RoutedServer(routes) as server:
        exec(program.replace("http://127.0.0.1:11434", server.url), {})  # noqa: S102  ours
    assert capsys.readouterr().out == "Red.\n"
