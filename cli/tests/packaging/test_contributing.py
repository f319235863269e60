"""CONTRIBUTING.md shows every file of the source and the benchmarks once, in its folder, and none that is gone."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def shown(tree: str) -> list[str]:
    """The files of a tree that is drawn, with the folders that they stand in."""
    drawn = re.search(rf"(?s)```text\n({tree}/.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    assert drawn
    folder, files = "", []
    for line in drawn.group(1).splitlines():
        name = line.split()[0]
        if line.startswith(" "):
            files.append(folder + name)
        else:
            folder = name
    return files


@pytest.mark.parametrize("tree", ["cli/src", "cli/benchmarks"])
def test_the_tree_is_drawn_as_it_is(tree: str) -> None:
    files = (ROOT / tree).rglob("*.py")
    there = [path.relative_to(ROOT).as_posix() for path in files if not path.name.startswith("__")]
    programs = [name for name in shown(tree) if name.endswith(".py") and "/__" not in name]
    assert sorted(programs) == sorted(there)
