"""What the guides show is what happens: their transcripts are run here."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.commands.conftest import InTurn, Serve, generated
from tests.commands.running import SOON, World
from tests.scripted_server import answer, stream

DOCS = Path(__file__).parents[3] / "docs"
FILES = {
    "weather.txt": b"Monday: rain.\nTuesday: sun.\nWednesday: snow.\n",
    "double.py": b"def double(x):\n    return x + x\n",
    "latin.txt": b"eins\nsch\xf6n\n",
    "sky.json": b'{"enum": ["rain", "sun", "snow"]}\n',
    "boat.png": b"\x89PNG\r\n\x1a\n",
    "colours.json": (b'{"type": "array", "items": {"enum": ["red", "green", "blue"]}, "minItems": 2, "maxItems": 2}\n'),
}


def transcripts(page: str) -> list[tuple[str, str]]:
    """The command lines in a page's transcripts, and what each is said to print."""
    text = (DOCS / page).read_text("utf-8")
    shown = "".join(block for _, block in re.findall(r"(?ms)^(`{3,})console\n(.*?)^\1$", text))
    parts = re.split(r"(?m)^\$ ", shown)[1:]
    return [(command, printed) for command, _, printed in (part.partition("\n") for part in parts)]


PAGES = ("first-steps.md", "attachments.md", "structured-output.md", "scripting.md")
TOLD = [each for page in PAGES for each in transcripts(page)]


def timeless(text: str) -> str:
    """A text in which nothing took any time."""
    return re.sub(r"\b\d+ ms\b", "0 ms", text)


def in_bash(here: World, command: str) -> str:
    """What a command line prints, its errors among it."""
    done = subprocess.run(
        ["bash", "-c", f'vuhitra() {{ python -m cli "$@"; }}; {command}'],
        cwd=here.home,
        env=here.process_variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=3 * SOON,
        check=False,
    )
    return done.stdout.decode()


def test_there_are_transcripts() -> None:
    assert len(TOLD) >= 15


@pytest.mark.parametrize(("command", "printed"), TOLD)
def test_a_transcript_is_what_the_command_prints(command: str, printed: str, world: World) -> None:
    for name, data in FILES.items():
        (world.home / name).write_bytes(data)
    here = world.with_(variables={"OLLAMA_IP": "embedded"})
    assert timeless(in_bash(here, command)) == timeless(printed)


def test_a_loop_makes_a_line_of_json_for_each_text_however_it_is_answered(world: World, serve: Serve) -> None:
    said = generated('{\n  "person": "Al\\nice",\n', '  "city": "Rome"\n}\n')
    routes = InTurn(stream(said), answer({"error": "no"}, status=404), stream(said))
    here = world.with_(variables={"OLLAMA_IP": serve({"/api/generate": routes}).url, "MODEL": "m"})
    (world.home / "people.txt").write_text("one\ntwo\nthree\n")
    [recipe] = re.findall(r"(?ms)^```bash\n(while .*?)^```$", (DOCS / "structured-output.md").read_text("utf-8"))
    in_bash(here, recipe)
    lines = (world.home / "people.jsonl").read_text().splitlines()
    alice = {"person": "Al\nice", "city": "Rome"}
    assert [json.loads(line) for line in lines] == [alice, None, alice]
