"""Which files on this disk a model is made from. This file knows no server.

A folder's files are those that Ollama's own client takes. No file is read but for its first bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_WEIGHTS = (
    ("model*.safetensors", "*/model*.safetensors"),
    ("consolidated*.safetensors",),
    ("adapter*.safetensors",),
    ("pytorch_model*.bin",),
    ("consolidated*.pth",),
    ("*.gguf",),
    ("*.safetensors",),
    ("*.bin",),
)
"""What a model's weights are called; the first kind that a folder holds is taken."""
_BESIDE = ("*.json", "*/*.json", "chat_template.jinja")
_TOKENIZERS = ("tokenizer.model", "*/tokenizer.model")

# A tag may end in .gguf, too: hf.co/somebody/model:file.gguf is a name.
_PATH = re.compile(
    r"(\.{1,2}|~[^/\\]*)([/\\].*)?|[/\\].*|[A-Za-z]:[/\\].*|(.*[/\\])?[^:/\\]*\.(gguf|safetensors)",
    re.DOTALL | re.IGNORECASE,
)
_LFS_POINTER = b"version https://git-lfs."


def files_named(text: str, folder: Path) -> dict[str, Path] | None:
    """The files that a FROM stands for, by their names in the model; None where it is a model's name.

    folder: what a relative path is relative to. Raises FileNotFoundError for a path where nothing is, and
    ValueError for what is there but makes no model.
    """
    is_path = looks_like_path(text)
    path = _expanded(text, folder)
    if not is_path and not os.path.exists(path):  # Path's raises for a name that is too long
        return None
    if not is_path and path.is_dir() and not _weights(path):
        return None
    return files_at(path)


def files_at_path(text: str, folder: Path) -> dict[str, Path]:
    """The files that an ADAPTER or DRAFT stands for; they are never names."""
    return files_at(_expanded(text, folder))


def files_at(path: Path) -> dict[str, Path]:
    """The files of a model, by their names in it: of a folder, or the one. Raises OSError or ValueError."""
    path.stat()
    found = _in_folder(path) if path.is_dir() else {path.name: path}
    for file in found.values():
        check_file(file)
    return found


def check_file(path: Path) -> None:
    """Raises OSError or ValueError for what can't be uploaded."""
    path.stat()
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    with path.open("rb") as file:
        if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
            raise ValueError(f"{path} only points to a file in Git LFS; `git lfs pull` fetches it")


def looks_like_path(text: str) -> bool:
    """Whether a text is spelt as a path is, and not as a model's name."""
    return _PATH.fullmatch(text) is not None


def _expanded(text: str, folder: Path) -> Path:
    try:
        return (folder / Path(text).expanduser()).absolute()
    except RuntimeError as error:
        raise FileNotFoundError(f"{text}: {error}") from error


def _in_folder(folder: Path) -> dict[str, Path]:
    weights = _weights(folder)
    if not weights:
        raise ValueError(f"{folder} holds no model: neither safetensors nor GGUF files")
    beside = [*_glob(folder, *_BESIDE), *(_glob(folder, _TOKENIZERS[0]) or _glob(folder, _TOKENIZERS[1]))]
    for file in (*weights, *beside):
        if not _is_within(file, folder):
            raise ValueError(f"{file} is a link that leads out of {folder}")
    return {file.relative_to(folder).as_posix(): file for file in (*weights, *beside)}


def _weights(folder: Path) -> list[Path]:
    return next((files for patterns in _WEIGHTS if (files := _glob(folder, *patterns))), [])


def _glob(folder: Path, *patterns: str) -> list[Path]:
    return list(_seen(folder, patterns))


def _seen(folder: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    for pattern in patterns:
        for file in sorted(folder.glob(pattern)):
            if not any(part.startswith(".") for part in file.relative_to(folder).parts):
                yield file


def _is_within(file: Path, folder: Path) -> bool:
    """Whether a file lies in a folder, or in the store that the folder is a snapshot of, as the Hugging Face hub's."""
    real, home = file.resolve(), folder.resolve()
    return real.is_relative_to(home) or (
        home.parent.name == "snapshots" and real.is_relative_to(home.parent.parent / "blobs")
    )
