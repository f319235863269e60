"""What a start may import: a budget, kept as lists. What `import click` brings along is free."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.commands.conftest import Serve
from tests.commands.running import SOON, World

PRINT_MODULES = """
import sys
from cli.main import run
try:
    run()
finally:
    print("\\nimported:", *sys.modules, file=sys.stderr)
"""

HELP_MAY_IMPORT = {
    "cli",
    "cli.commands",
    "cli.commands.command",
    "cli.commands.lazy_groups",
    "cli.ending",
    "cli.environment",
    "cli.exit_status",
    "cli.failure",
    "cli.main",
    "cli.signals",
    "cli.terminal",
    "cli.terminal.columns",
    "cli.terminal.screen",
    "cli.terminal.segments",
    # to lay out and to translate its help, click imports these
    "_locale",
    "click._textwrap",
    "locale",
    "signal",
    "textwrap",
}

CHAT_MAY_IMPORT = HELP_MAY_IMPORT | {
    "cli.commands.asking",
    "cli.commands.chat",
    "cli.commands.chat_flags",
    "cli.commands.facts",
    "cli.commands.heading",
    "cli.commands.invocation",
    "cli.commands.showing",
    "cli.commands.telling",
    "cli.commands.value_types",
    "cli.config",
    "cli.config_file",
    "cli.logger",
    "cli.narration",
    "cli.private_files",
    "cli.services",
    "cli.services.answering",
    "cli.services.choosing",
    "cli.services.memory",
    "cli.services.prompts",
    "cli.services.question",
    "cli.services.servers",
    "cli.services.watching",
    "cli.terminal.answers",
    "cli.terminal.documents",
    "cli.terminal.escape_filter",
    "cli.terminal.numbers",
    "cli.terminal.presentation",
    "cli.terminal.statistics",
    "cli.terminal.ticker",
    "cli.terminal.waiting",
    # the standard library
    "copy",
    "dataclasses",
    "difflib",  # by click, for any short flag
    "_heapq",
    "heapq",
    "ipaddress",  # by urllib.parse
    "logging",
    "select",
    "selectors",
    "signal",
    "socket",
    "traceback",  # by logging
    "urllib",
    "urllib.parse",
}
"""Besides all that the library brings along, and what it stands on."""

LIBRARIES = {"vuhitra", "h11", "msgspec"}
LIBRARIES_ALONE = """
import sys, click, vuhitra
for name in vuhitra.__all__:
    getattr(vuhitra, name)
print("imported:", *sys.modules, file=sys.stderr)
"""
NEVER = {"asyncio", "concurrent", "ssl", "http", "email", "subprocess", "shutil", "tempfile", "dotenv"}
NEVER_EITHER = {"rich", "prompt_toolkit", "requests", "starlette", "uvicorn", "xllamacpp", "jinja2"}


def imported(world: World, *args: str) -> set[str]:
    """The modules that a command line imports, beyond those of `import click`."""
    return _modules(world, PRINT_MODULES, *args) - _modules(
        world, 'import click, sys; print("imported:", *sys.modules, file=sys.stderr)'
    )


def _modules(world: World, program: str, *args: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", program, *args],
        cwd=world.home,
        env=world.process_variables(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SOON,
        check=True,
    )
    return set(done.stderr.rpartition("imported:")[2].split())


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_the_help_imports_almost_only_click(world: World, flag: str) -> None:
    assert imported(world, flag) <= HELP_MAY_IMPORT


def test_the_overview_imports_no_more(world: World) -> None:
    assert imported(world) <= HELP_MAY_IMPORT


def test_one_answer_in_a_pipe_imports_what_it_needs(world: World, serve: Serve) -> None:
    modules = imported(world, "chat", "x", "-m", "m", "--host", serve(says=["a"]).url)
    roots = {each.partition(".")[0] for each in modules}
    assert not roots & NEVER
    assert not roots & NEVER_EITHER
    others = modules - _modules(world, LIBRARIES_ALONE)
    assert {each for each in others if each.partition(".")[0] not in LIBRARIES} <= CHAT_MAY_IMPORT
    assert "cli.services.embedded" not in modules
