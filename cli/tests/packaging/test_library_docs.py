"""What docs/library.md shows is what happens: its examples are run as they are written, and print what is shown.

A section's examples run in their order, in one module. They find a server in the environment, and an open `client`:
of the built-in model, or, where that can't do what is shown, of a transport that answers as `SCRIPTS` says.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

import vuhitra
import vuhitra.testing
from vuhitra import OllamaClient
from vuhitra.testing import Answer, ScriptedTransport, answer, document, refusal, stream

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs/library.md"
MODEL = "smollm2:135m"
FILES = {
    "boat.png": b"\x89PNG",
    "model.gguf": b"GGUF",
    "Modelfile": b"FROM llama3.2\nSYSTEM You are Mario.\n",
    "ca.pem": b"",
    "me.pem": b"",
    "me.key": b"",
}


def temperature_in(*cities: str) -> Answer:
    """A model that wants to know how warm it is."""
    return answer(tool_calls=[{"function": {"name": "temperature", "arguments": {"city": city}}} for city in cities])


SCRIPTS: dict[str, Sequence[Answer]] = {
    "Thinking": [answer("51", thinking="17 * 3 is 10 * 3 and 7 * 3, so 30 and 21.")],
    "Images": [answer("A boat on a lake.")],
    "Answers that don't fit": [*[answer("As old as the Earth.")] * 2, answer('{"age": 4500000000}')],
    "Tools": [temperature_in("Paris", "Oslo"), answer("In Paris: 21.5 °C against 12 °C.")],
    "Calling them yourself": [temperature_in("Oslo"), answer("12 °C.")],
    "Fetching": [
        stream(
            {"status": "pulling manifest"},
            {"status": "pulling dde5aa3fc5ff", "digest": "sha256:dde5aa3fc5ff", "total": 8, "completed": 2},
            {"status": "pulling dde5aa3fc5ff", "digest": "sha256:dde5aa3fc5ff", "total": 8, "completed": 8},
            {"status": "success"},
        )
    ],
    "Models that are missing": [
        refusal(404, "model 'llama3.2' not found"),
        stream({"status": "success"}),
        answer("Hello."),
        refusal(404, "model 'lama3.2' not found"),
        document({"models": [{"name": "llama3.2:latest"}]}),
    ],
    "Making, copying, deleting": [
        stream({"status": "success"}),
        document(b"")._replace(status=404),
        document(b"")._replace(status=201),
        stream({"status": "success"}),
        stream({"status": "success"}),
        document(b""),
        document(b""),
    ],
    "Time limits": [answer("Once upon", " a time", " there was").falls_silent(after=2)],
    "Trying again": [refusal(503, "server busy"), answer("Hello.")],
    "What can go wrong": [
        stream({"response": "Once upon a time", "done": False}, {"error": "the model runner has stopped"})
    ],
}


class Example(NamedTuple):
    """A block of Python. printed: what is said to come of it, where that is said."""

    heading: str
    line: int
    code: str
    printed: str | None


def examples() -> Iterator[tuple[str, Example]]:
    """The sections of the page, with each example in them."""
    page = GUIDE.read_text("utf-8")
    section = heading = ""
    for found in re.finditer(r"(?ms)^(##+) ([^\n]+)$|^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", page):
        level, title, code, printed = found.groups()
        if level:
            section, heading = (title, title) if level == "##" else (section, title)
        else:
            yield section, Example(heading, page.count("\n", 0, found.start()) + 1, code, printed)


EXAMPLES: dict[str, list[Example]] = {}
for each_section, each_example in examples():
    EXAMPLES.setdefault(each_section, []).append(each_example)

Connect = Callable[[str], OllamaClient]


@pytest.fixture
def client_for(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Gives the client that the examples under a heading find: always the same one for the same heading."""
    clients: dict[str, OllamaClient] = {}
    with ExitStack() as stack:

        def connect(heading: str) -> OllamaClient:
            if heading not in clients:
                clients[heading] = stack.enter_context(make(heading))
            return clients[heading]

        def make(heading: str) -> OllamaClient:
            if heading not in SCRIPTS:
                return OllamaClient(request.getfixturevalue("embedded_url"), MODEL)
            transport = ScriptedTransport(*SCRIPTS[heading])
            stack.callback(lambda: check_used(heading, transport))
            return OllamaClient(model=MODEL, transport=transport)

        yield connect


def check_used(heading: str, transport: ScriptedTransport) -> None:
    assert transport.unused == (), f"{heading}: answers that no example asks for"


@pytest.fixture
def library_logger() -> Iterator[None]:
    """Leaves the logger as it was."""
    logger = logging.getLogger("vuhitra")
    before = logger.level, list(logger.handlers)
    yield
    logger.setLevel(before[0])
    logger.handlers[:] = before[1]


@pytest.fixture
def module(
    section: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> ModuleType:
    """Where a section's examples run: in a folder with the files, and an environment, that they speak of."""
    for name, contents in FILES.items():
        (tmp_path / name).write_bytes(contents)
    monkeypatch.chdir(tmp_path)
    if any("OLLAMA_HOST" in example.code for example in EXAMPLES[section]):
        monkeypatch.setenv("OLLAMA_HOST", request.getfixturevalue("embedded_url"))
        monkeypatch.setenv("MODEL", MODEL)
    made = ModuleType("guide")
    monkeypatch.setitem(sys.modules, "guide", made)
    return made


@pytest.mark.usefixtures("library_logger")
@pytest.mark.parametrize("section", EXAMPLES)
def test_the_examples_run_and_print_what_is_shown(
    section: str, module: ModuleType, client_for: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    for example in EXAMPLES[section]:
        vars(module)["client"] = client_for(example.heading)
        code = compile("\n" * example.line + example.code, GUIDE, "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102  ours
        printed = capsys.readouterr().out
        if example.printed is not None:
            assert printed.rstrip() == example.printed.rstrip()


def test_no_script_is_for_a_heading_that_is_gone() -> None:
    assert set(SCRIPTS) <= {example.heading for section in EXAMPLES.values() for example in section}


def test_each_error_has_its_row() -> None:
    table = re.findall(r"(?m)^\| `(Ollama\w+Error)`", GUIDE.read_text("utf-8"))
    assert sorted(table) == sorted({*filter(lambda name: name.endswith("Error"), vuhitra.__all__)} - {"OllamaError"})


def test_each_operation_has_its_word() -> None:
    told = GUIDE.read_text("utf-8")
    operations = {name for name in vars(OllamaClient) if not name.startswith("_")}
    assert [name for name in sorted({*operations, "with_options"}) if not re.search(rf"\b{name}\b", told)] == []


def test_each_name_for_tests_has_its_word() -> None:
    told = GUIDE.read_text("utf-8")
    assert [name for name in vuhitra.testing.__all__ if not re.search(rf"\b{name}\b", told)] == []
