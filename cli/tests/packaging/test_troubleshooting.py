"""docs/troubleshooting.md has every error: each text in the source, and below its exit code what is printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.conftest import RoutedServer
from tests.commands.running import World
from tests.packaging.messages import HOLE, messages
from tests.scripted_server import answer

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
NOT_SEEN = ("vuhitra/errors.py", "vuhitra/testing.py")
"""Files that make errors which say nothing of their own, or what a test's script says."""


def entries() -> list[str]:
    """What the page has in backticks before the colon of an entry."""
    heads = re.findall(r"(?m)^- ((?:`[^`]+`[^`:]*?)+):(?=\s)", PAGE)
    return [code for head in heads for code in re.findall(r"`([^`]+)`", " ".join(head.split()))]


def pattern(entry: str) -> re.Pattern[str]:
    """What an entry stands for: a word in capitals for anything that is put in, `…` for any words."""
    parts = re.split(r"(\b[A-Z]+\b|…)", entry)
    return re.compile("".join(_part(each) for each in parts), re.DOTALL)


def _part(text: str) -> str:
    if text == "…":
        return ".*"
    return rf"(?:{HOLE}|{text}|\w+/[\w-]+)?" if re.fullmatch("[A-Z]+", text) else re.escape(text)


def told(message: str) -> bool:
    """Whether an entry stands for a message. One with holes side by side stands for several entries."""
    if any(pattern(entry).fullmatch(message) for entry in ENTRIES):
        return True
    several = re.compile(re.escape(message).replace(HOLE, ".+"))
    return f"{HOLE} {HOLE}" in message and any(several.fullmatch(entry) for entry in ENTRIES)


def in_source(package: str, wanted: Callable[[str], bool]) -> list[str]:
    """The texts of a package's errors that are more than what another error says."""
    found = messages(ROOT / "cli/src" / package, wanted)
    texts = {text for file, text in found if file not in NOT_SEEN}
    return sorted(text for text in texts if re.search(r"\w", text.replace(HOLE, "")))


def is_failure(name: str) -> bool:
    return name == "Failure"


def is_of_the_library(name: str) -> bool:
    return re.fullmatch(r"Ollama\w*Error", name) is not None


ENTRIES = entries()
OURS, THEIRS = in_source("cli", is_failure), in_source("vuhitra", is_of_the_library)


@pytest.mark.parametrize("message", [*OURS, *THEIRS])
def test_each_error_has_an_entry(message: str) -> None:
    assert told(message), f"no entry in docs/troubleshooting.md for: {message}"


def test_errors_are_found() -> None:
    assert "no profile '¤' in ¤ (¤)" in OURS
    assert "no key for profile ¤: its key_command printed nothing" in OURS
    assert "'¤' at ¤ can't do that" in THEIRS
    assert len(OURS) > 70
    assert len(THEIRS) > 30


@pytest.mark.parametrize("message", ["no file ¤ of ¤", "¤ is odd", "something new"])
def test_a_new_error_has_none(message: str) -> None:
    assert not told(message)


@pytest.mark.parametrize(
    ("line", "exit_code"),
    [
        ("chat", 2),
        ("chatt", 2),
        ("chat --modell m hi", 2),
        ("models pull", 2),
        ("chat --timeout 0 hi", 2),
        ("chat --host h:port hi", 2),
        ("chat --host ftp://h hi", 2),
        ("chat -f nowhere hi", 2),
        ("chat -o num_ctx=x hi", 2),
        ("chat --host 127.0.0.1:1 hi", 3),
        ("models remove m", 4),
        ("models show nope", 5),
        ("chat -m m hi", 10),
    ],
)
def test_what_is_printed_stands_below_its_exit_code(line: str, exit_code: int, tmp_path: Path) -> None:
    names = {"models": [{"name": "m", "model": "m"}]}
    routes = {
        "/api/tags": answer(names),
        "/api/show": answer({"error": "model 'nope' not found"}, status=404),
        "/api/generate": answer({"error": "out of order"}, status=500),
    }
    with RoutedServer(routes) as server:
        there = () if "--host" in line else ("--host", server.url)
        ran = World(tmp_path).run(*line.split(), *there)
    said = ran.err.splitlines()[-1] if ran.err.startswith("Usage") else ran.err.partition("Error: ")[2].splitlines()[0]
    assert ran.status == exit_code
    section = re.findall(rf"(?ms)^## {exit_code}: .*?(?=^## |\Z)", PAGE)[0]
    known = [entry for entry in ENTRIES if f"`{entry}`" in " ".join(section.split())]
    assert any(re.fullmatch(_as_printed(entry), said) for entry in known), said


def _as_printed(entry: str) -> str:
    parts = re.split(r"(\b[A-Z]+\b|…)", entry)
    return "".join(".*" if re.fullmatch("[A-Z]+|…", each) else re.escape(each) for each in parts)
