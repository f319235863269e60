"""Which files a model is made from: a disk, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.library.unit.disk import POINTER, written
from vuhitra.sources import files_at, files_at_path, files_named


@pytest.mark.parametrize(
    "name",
    ["smollm2", "smollm2:latest", "me/m", "127.0.0.1:5000/library/m:q4", "hf.co/me/M-GGUF:M-Q4_K_M.gguf", "a" * 5000],
)
def test_what_is_not_there_is_a_models_name(tmp_path: Path, name: str) -> None:
    assert files_named(name, tmp_path) is None


def test_a_folder_without_a_model_in_it_does_not_hide_a_models_name(tmp_path: Path) -> None:
    written(tmp_path, "smollm2/README.md")
    assert files_named("smollm2", tmp_path) is None
    with pytest.raises(ValueError, match="holds no model"):
        files_named("./smollm2", tmp_path)


def test_a_file_of_a_models_name_is_taken(tmp_path: Path) -> None:
    written(tmp_path, "smollm2")
    assert files_named("smollm2", tmp_path) == {"smollm2": tmp_path / "smollm2"}


@pytest.mark.parametrize(
    "path", ["./m", ".", "../m", "/nowhere/m", "~/m", "~nobody-is-called-so/m", "m.gguf", "d/m.GGUF"]
)
def test_a_path_where_nothing_is_is_no_name(tmp_path: Path, path: str) -> None:
    for look in (files_named, files_at_path):
        with pytest.raises(FileNotFoundError, match=r"nobody|No such file"):
            look(path, tmp_path / "nowhere")


def test_an_adapter_is_never_a_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files_at_path("smollm2", tmp_path)


@pytest.mark.parametrize("text", ["m.gguf", "./m.gguf", "../there/m.gguf", "~/m.gguf"])
def test_a_file_is_found_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    there = written(tmp_path / "there", "m.gguf")
    monkeypatch.setenv("HOME", str(there))
    monkeypatch.chdir(tmp_path)
    for folder in (there, Path("there")):
        found = files_named(text, folder)
        assert found is not None
        assert found["m.gguf"].samefile(there / "m.gguf")
        assert found["m.gguf"].is_absolute()


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        (
            ["model-1.safetensors", "model-2.safetensors", "other.safetensors", "m.gguf", "config.json", "README.md"],
            ["model-1.safetensors", "model-2.safetensors", "config.json"],
        ),
        (
            ["model.safetensors", "2_Dense/model.safetensors", "2_Dense/config.json", "a/b/config.json"],
            ["model.safetensors", "2_Dense/model.safetensors", "2_Dense/config.json"],
        ),
        (
            ["model.safetensors", "tokenizer.model", "tokenizer.json", "chat_template.jinja", ".cache/x.json"],
            ["model.safetensors", "tokenizer.json", "chat_template.jinja", "tokenizer.model"],
        ),
        (["model.safetensors", "original/tokenizer.model"], ["model.safetensors", "original/tokenizer.model"]),
        (["consolidated.safetensors", "m.gguf"], ["consolidated.safetensors"]),
        (["adapter_model.safetensors", "adapter_config.json"], ["adapter_model.safetensors", "adapter_config.json"]),
        (["pytorch_model.bin", "training_args.bin"], ["pytorch_model.bin"]),
        (["b.gguf", "a.gguf", "x.bin", "x.safetensors"], ["a.gguf", "b.gguf"]),
        (["weights.safetensors", "optimizer.bin"], ["weights.safetensors"]),
        (["x.bin"], ["x.bin"]),
    ],
)
def test_of_a_folder_what_makes_a_model_is_taken(tmp_path: Path, there: list[str], taken: list[str]) -> None:
    found = files_at(written(tmp_path, *there))
    assert list(found.items()) == [(name, tmp_path / name) for name in taken]


def test_a_link_out_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    written(tmp_path, "folder/model.safetensors", "secret")
    (tmp_path / "folder/config.json").symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError, match="leads out of"):
        files_at(tmp_path / "folder")


def test_a_snapshot_of_the_hugging_face_hub_links_into_its_store(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--me--m/snapshots/abc"
    written(tmp_path / "models--me--m", "blobs/1", "snapshots/abc/config.json")
    (snapshot / "model.safetensors").symlink_to(Path("../../blobs/1"))
    assert list(files_at(snapshot)) == ["model.safetensors", "config.json"]


def test_what_only_points_to_a_file_is_not_one(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_text(POINTER)
    for path in (tmp_path, tmp_path / "m.gguf"):
        with pytest.raises(ValueError, match="git lfs pull"):
            files_at(path)


def test_what_is_neither_a_file_nor_a_folder_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.gguf")
    with pytest.raises(ValueError, match="not a file"):
        files_at(tmp_path / "m.gguf")
