"""What is measured, against what, and how much it may take: a table. This file runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.comparing import Budget

_PROGRAMS = Path(__file__).with_name("programs")

Unit = Literal["s", "s/piece", "s/byte", "bytes", "tokens/s"]


@dataclass(frozen=True)
class Side:
    """A program that is run. says: what it must print, where its own time is measured.

    tells: whether it prints the number that counts instead.
    """

    name: str
    command: Sequence[str]
    says: str = ""
    tells: bool = False


@dataclass(frozen=True)
class Case:
    """Two sides that are run in turns, so many times each, and the budget for what comes of it.

    key: its name on the command line and in JSON. what: its name for people.
    """

    key: str
    what: str
    ours: Side
    against: Side
    unit: Unit
    budget: Budget
    rounds: int


@dataclass(frozen=True)
class Places:
    """Where things are: the folders of two environments' programs, and the server's URL."""

    ours: Path
    peers: Path
    url: str

    def library(self, name: str, task: str) -> Side:
        """What the library does."""
        return self._telling(name, self.ours, "library", task, self.url)

    def official(self, name: str, task: str) -> Side:
        """What the official client does."""
        return self._telling(name, self.peers, "official", task, self.url)

    def program(self, name: str, program: str, *arguments: str) -> Side:
        """What another program of ours does."""
        return self._telling(name, self.ours, program, *arguments)

    def _telling(self, name: str, environment: Path, program: str, *arguments: str) -> Side:
        command = (str(environment / "python"), "-P", str(_PROGRAMS / f"{program}.py"), *arguments)
        return Side(name, command, tells=True)


def cases(places: Places) -> list[Case]:
    """All of them, in the order in which they are run and shown."""
    return [*_starting(places), *_answering(places), *_streaming(places), *_embedding(places), _engine(places)]


def _starting(places: Places) -> list[Case]:
    python, peers_python = str(places.ours / "python"), str(places.peers / "python")
    vuhitra = str(places.ours / "vuhitra")
    click = Side("import click", (python, "-c", "import click"))
    ours = f"import vuhitra; vuhitra.OllamaClient({places.url!r}, 'm')"
    theirs = f"import ollama; ollama.Client({places.url!r})"
    return [
        Case(
            key="version",
            what="vuhitra --version",
            ours=Side("vuhitra", (vuhitra, "--version"), says="vuhitra"),
            against=click,
            unit="s",
            budget=Budget(1.2),
            rounds=25,
        ),
        Case(
            key="help",
            what="vuhitra --help",
            ours=Side("vuhitra", (vuhitra, "--help"), says="Usage:"),
            against=click,
            unit="s",
            budget=Budget(1.3),
            rounds=25,
        ),
        Case(
            key="import",
            what="import, and a client made",
            ours=Side("vuhitra", (python, "-c", ours)),
            against=Side("ollama", (peers_python, "-c", theirs)),
            unit="s",
            budget=Budget(0.3),
            rounds=15,
        ),
    ]


def _answering(places: Places) -> list[Case]:
    chat = Side("vuhitra", (str(places.ours / "vuhitra"), "chat", "x", "-m", "instant"), says="The")
    script = f"""\
import ollama
for part in ollama.Client({places.url!r}).generate("instant", "x", stream=True):
    print(part.response, end="", flush=True)
print()
"""
    llm = (str(places.peers / "llm"), "--no-log", "-m", "ollama/instant", "x")
    return [
        Case(
            key="chat",
            what='vuhitra chat "x"',
            ours=chat,
            against=Side("script with ollama", (str(places.peers / "python"), "-c", script), says="The"),
            unit="s",
            budget=Budget(0.35),
            rounds=15,
        ),
        Case(
            key="chat-llm",
            what='vuhitra chat "x"',
            ours=chat,
            against=Side('llm "x"', llm, says="The"),
            unit="s",
            budget=Budget(0.15),
            rounds=10,
        ),
    ]


def _streaming(places: Places) -> list[Case]:
    return [
        Case(
            key="pieces",
            what="a streamed piece, many a packet",
            ours=places.library("vuhitra", "pieces"),
            against=places.official("ollama", "pieces"),
            unit="s/piece",
            budget=Budget(0.5),
            rounds=9,
        ),
        Case(
            key="packets",
            what="a streamed piece, one a packet",
            ours=places.library("vuhitra", "packets"),
            against=places.official("ollama", "packets"),
            unit="s/piece",
            budget=Budget(0.5),
            rounds=9,
        ),
        Case(
            key="first-piece",
            what="the first piece of an answer",
            ours=places.library("vuhitra", "first"),
            against=places.program("socket", "raw_socket", places.url),
            unit="s",
            budget=Budget(0.002, kind="seconds added"),
            rounds=9,
        ),
        Case(
            key="markdown",
            what="Markdown of 100 kB",
            ours=places.program("100 kB", "rendering", "100000"),
            against=places.program("10 kB", "rendering", "10000"),
            unit="s/byte",
            budget=Budget(2.0),
            rounds=9,
        ),
        Case(
            key="memory",
            what="memory for an answer of 100 MB",
            ours=places.library("100 MB", "hundred_megabytes"),
            against=places.library("1 MB", "megabyte"),
            unit="bytes",
            budget=Budget(1.2),
            rounds=5,
        ),
    ]


def _embedding(places: Places) -> list[Case]:
    return [
        Case(
            key="embed",
            what="10,000 texts embedded",
            ours=places.library("vuhitra", "embed"),
            against=places.official("ollama, one by one", "embed"),
            unit="s",
            budget=Budget(0.2),
            rounds=5,
        ),
        Case(
            key="decode",
            what="1,000 vectors of 768 read",
            ours=places.library("vuhitra", "decode"),
            against=places.official("ollama", "decode"),
            unit="s",
            budget=Budget(0.3),
            rounds=9,
        ),
    ]


def _engine(places: Places) -> Case:
    asked = ("Once upon a time there was a", "200", "2048")
    return Case(
        key="engine",
        what="the built-in engine",
        ours=places.program("vuhitra", "engine", *asked),
        against=places.program("xllamacpp", "binding", *asked),
        unit="tokens/s",
        budget=Budget(0.95, at_least=True),
        rounds=7,
    )
