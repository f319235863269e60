"""What a model is, from what `/api/show` says of it. This file knows no network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from cli.services.model_list import capabilities_of, count_in


class Description(NamedTuple):
    """A model. What the server doesn't say is None, or empty.

    parameters: how many it has, as text. window: the most tokens it can take.
    can: what it can do. base: the name of the model that it was made from.
    settings: the parameters of its Modelfile, a line each.
    """

    architecture: str
    parameters: str
    quantization: str
    window: int | None
    vector: int | None
    can: tuple[str, ...]
    base: str
    license: str
    system: str
    settings: str
    template: str


def description_of(shown: Mapping[str, Any]) -> Description:
    """What matters of it to a person."""
    details = shown.get("details") or {}
    info = shown.get("model_info") or {}
    architecture = str(info.get("general.architecture") or details.get("family") or "")

    def length(name: str) -> int | None:
        own = f"{architecture}.{name}"
        return count_in(info, own, least=1) if own in info else count_in(details, name, least=1)

    return Description(
        architecture=architecture,
        parameters=str(details.get("parameter_size") or ""),
        quantization=str(details.get("quantization_level") or ""),
        window=length("context_length"),
        vector=length("embedding_length"),
        can=capabilities_of(shown),
        base=_named(str(details.get("parent_model") or "")),
        license=str(shown.get("license") or ""),
        system=str(shown.get("system") or ""),
        settings=str(shown.get("parameters") or ""),
        template=str(shown.get("template") or ""),
    )


def _named(base: str) -> str:
    """The base, where it is a name: Ollama gives the path of its weights for a model that was made from a file."""
    return "" if re.match(r"[/\\]|[A-Za-z]:\\", base) else base
