"""What the guides show is what happens: their transcripts are run here."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.commands.running import SOON, World

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


def test_there_are_transcripts() -> None:
    assert len(TOLD) >= 15


@pytest.mark.parametrize(("command", "printed"), TOLD)
def test_a_transcript_is_what_the_command_prints(command: str, printed: str, world: World) -> None:
    for name, data in FILES.items():
        (world.home / name).write_bytes(data)
    here = world.with_(variables={"OLLAMA_IP": "embedded"})
    script = f'vuhitra() {{ python -m cli "$@"; }}; {command}'
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=here.home,
        env=here.process_variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=3 * SOON,
        check=False,
    )
    assert timeless(done.stdout.decode()) == timeless(printed)
