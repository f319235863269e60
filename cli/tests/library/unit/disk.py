"""Files for tests to find."""

from __future__ import annotations

from pathlib import Path

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
"""What stands in the place of a file that Git LFS keeps elsewhere."""


def written(folder: Path, *names: str) -> Path:
    """The folder with files that hold their own names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder
