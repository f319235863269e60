"""Model names: parse, normalise, compare, find near ones. This file knows no server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

DEFAULT_REGISTRY = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"


class ModelName(NamedTuple):
    """`registry/namespace/model:tag`, with nothing left out; the case is kept as it was given."""

    registry: str
    namespace: str
    model: str
    tag: str

    def __str__(self) -> str:
        return f"{self.registry}/{self.namespace}/{self.model}:{self.tag}"


def parse(name: str) -> ModelName:
    """The parts of a name in the form `[registry/][namespace/]model[:tag]`.

    A colon begins a tag only after the last slash, so a registry keeps its port.
    Raises ValueError for a name without a model in it.
    """
    path, _, last = name.strip().rpartition("/")
    model, _, tag = last.partition(":")
    registry, _, namespace = path.rpartition("/")
    if not model or any(part.isspace() or not part for part in path.split("/") if path):
        raise ValueError(f"not a model name: {name!r}")
    return ModelName(
        registry or DEFAULT_REGISTRY,
        namespace or DEFAULT_NAMESPACE,
        model,
        tag or DEFAULT_TAG,
    )


def checked(name: str) -> str:
    """The name, which a server may have a model under. Raises ValueError for one that none can: no server is asked.

    A name has no blanks within, one tag, and a digest behind it at most.
    """
    parts = parse(name)
    tag, _, _ = parts.tag.partition("@")
    if ":" in tag or any(each.isspace() or not each.isprintable() for each in name.strip()):
        raise ValueError(f"not a model name: {name!r}")
    return name


def normalise(name: str) -> str:
    """The one spelling that all spellings of a model share: whole, and in lower case."""
    return str(parse(name)).lower()


def display(name: str) -> str:
    """The name as a server lists it: the tag always, the default registry and namespace never."""
    parts = parse(name)
    shown = f"{parts.model}:{parts.tag}"
    if parts.registry != DEFAULT_REGISTRY:
        return f"{parts.registry}/{parts.namespace}/{shown}"
    return shown if parts.namespace == DEFAULT_NAMESPACE else f"{parts.namespace}/{shown}"


def same_model(one: str, other: str) -> bool:
    """Whether a server takes both names for the same model."""
    try:
        return normalise(one) == normalise(other)
    except ValueError:
        return False


def is_cloud(name: str) -> bool:
    """Whether the tag says that the model runs on ollama.com: `:cloud` or `:TAG-cloud`."""
    _, _, tag = name.strip().lower().rpartition("/")[2].partition(":")
    return tag == "cloud" or tag.endswith("-cloud")


def near_names(name: str, there: Iterable[str], limit: int = 3) -> list[str]:
    """The names of `there` that somebody who wrote `name` may have meant, the nearest first.

    Near is another tag of the same model, or a spelling a letter or two away; nothing is near to
    what is no name at all.
    """
    from difflib import SequenceMatcher

    def nearness(candidate: str) -> float:
        try:
            wanted, other = parse(name), parse(candidate)
        except ValueError:
            return 0.0
        models = SequenceMatcher(None, wanted.model.lower(), other.model.lower()).ratio()
        tags = SequenceMatcher(None, wanted.tag.lower(), other.tag.lower()).ratio()
        return models + tags / 100 if models >= 0.75 else 0.0

    ranked = sorted(((nearness(candidate), candidate) for candidate in there), reverse=True)
    return [candidate for score, candidate in ranked if score][:limit]
