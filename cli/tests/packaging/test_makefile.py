"""The Makefile, in a folder where all seems installed and `vuhitra` only shows its arguments."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PINS = ("cli/pyproject.toml", "cli/constraints.txt", "cli/default-model.txt")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "cli").mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in PINS:
        (tmp_path / name).touch()
    command = tmp_path / ".venv/bin/vuhitra"
    command.write_text('#!/bin/sh\nprintf "[%s]" "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    (tmp_path / ".venv/installed").touch()
    return tmp_path


def make(project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(project), **variables}
    return subprocess.run(
        ["make", *arguments],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "Name three colours.",
        "--help",
        """it's "quoted" \\ and `ticked`; # no comment""",
        "$HOME costs $5 and $$10",
        "$(shell touch made) $(error stopped)",
        "two\nlines",
        "schöne Grüße: 你好",
    ],
)
def test_the_prompt_arrives_as_it_was_written(project: Path, prompt: str) -> None:
    for done in (make(project, "chat", f"PROMPT={prompt}"), make(project, "chat", PROMPT=prompt)):
        assert (done.returncode, done.stdout, done.stderr) == (0, f"[chat][--no-stdin][--][{prompt}]", "")
    assert not (project / "made").exists()


def test_without_a_prompt_the_help_of_chat_is_shown(project: Path) -> None:
    done = make(project, "chat")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[chat][--help]", "")


def test_make_alone_lists_the_targets(project: Path) -> None:
    done = make(project)
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["make", target] for target in ("help", "chat", "test", "check", "bench", "docs", "clean")
    ]


def test_cases_are_named_to_the_benchmarks(project: Path) -> None:
    shutil.move(project / ".venv/bin/vuhitra", project / ".venv/bin/python")
    (project / "cli/benchmarks").mkdir()
    for name in ("cli/benchmarks/peers.txt", ".venv/compared"):
        (project / name).touch()
    done = make(project, "bench", "ARGS=chat engine")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[-m][benchmarks][chat][engine]", "")


@pytest.mark.parametrize("changed", PINS)
def test_a_changed_requirement_installs_again(project: Path, changed: str) -> None:
    for order, name in enumerate((*PINS, ".venv/installed", changed)):
        os.utime(project / name, (order, order))
    done = make(project, "chat", "PROMPT=x", "PYTHON=true")
    assert done.stderr.startswith("Installing ")


def test_a_python_that_is_too_old_is_refused_with_a_remedy(project: Path) -> None:
    (project / ".venv/installed").unlink()
    for unusable in ("false", "no-such-python"):
        done = make(project, "chat", "PROMPT=x", f"PYTHON={unusable}")
        error, remedy = done.stderr.splitlines()[:2]
        assert done.returncode == 2
        assert error == f"Error: vuhitra needs Python 3.11 or newer, and '{unusable}' is not that."
        assert remedy.startswith("  try: make PYTHON=")


def test_a_python_without_venv_is_refused_with_a_remedy(project: Path) -> None:
    (project / ".venv/installed").unlink()
    python = project / "python"
    python.write_text('#!/bin/sh\ncase "$2" in *venv*) exit 1; esac\n', encoding="utf-8")
    python.chmod(0o755)
    done = make(project, "chat", "PROMPT=x", f"PYTHON={python}")
    error, remedy = done.stderr.splitlines()[:2]
    assert done.returncode == 2
    assert error == f"Error: '{python}' cannot make virtual environments."
    assert remedy.startswith("  try: apt install python3-venv")
