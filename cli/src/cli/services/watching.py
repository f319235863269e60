"""What a server is doing while its answer is awaited: asked beside the call, and never in its way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cli.services.servers import Server
from vuhitra.names import same_model

CONNECTING = "connecting"
READING = "reading the prompt"
_AT_MOST = 2.0


class Phase(NamedTuple):
    """What is being waited for; size: how large the model is that loads."""

    words: str
    size: int | None = None


def phase(server: Server, model: str) -> Phase | None:
    """What the server is doing, as far as can be told from outside; None where it can't."""
    from vuhitra import OllamaClient, OllamaError, Retry

    try:
        with OllamaClient(server.host, timeout=_AT_MOST, retry=Retry(attempts=1)) as client:
            if _find(model, client.running_models()):
                return Phase(READING)
            return Phase(f"loading {model}", (_find(model, client.list_models()) or {}).get("size"))
    except OllamaError:
        return None


def _find(model: str, models: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((each for each in models if same_model(each.get("name", ""), model)), None)
