"""CONTRIBUTING.md shows every file of the source once, in its folder, and none that is gone."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def shown() -> list[str]:
    """The files of the tree that is drawn, with the folders that they stand in."""
    drawn = re.search(r"(?s)```text\n(cli/src/.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    assert drawn
    folder, files = "", []
    for line in drawn.group(1).splitlines():
        name = line.split()[0]
        if line.startswith(" "):
            files.append(folder + name)
        else:
            folder = name
    return files


def test_the_tree_is_drawn_as_it_is() -> None:
    files = (ROOT / "cli/src").rglob("*.py")
    there = [path.relative_to(ROOT).as_posix() for path in files if not path.name.startswith("__")]
    assert sorted(shown()) == sorted(there)
