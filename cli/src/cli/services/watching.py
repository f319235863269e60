"""What a server is doing while its answer is awaited: asked beside the call, and never in its way.

Whether a call waits in the server's queue can't be seen from outside, so nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cli.services.memory import Memory
from cli.services.servers import Server
from vuhitra.names import same_model

if TYPE_CHECKING:
    from vuhitra import OllamaClient

CONNECTING = "connecting"
_AT_MOST = 2.0
_WORTH_TELLING = 100
"""Tokens that are worth a number."""


class Phase(NamedTuple):
    """What is being waited for; size: how large the model is that loads; last: its last load's seconds."""

    words: str
    size: int | None = None
    last: float | None = None


class Watch:
    """Looks at a server that makes an answer.

    model: who answers. tokens: about how many there are to read, where that is known.
    """

    def __init__(self, server: Server, model: str, memory: Memory, tokens: int | None = None) -> None:
        self._server = server
        self._model = model
        self._memory = memory
        self._tokens = tokens
        self._size: int | None = None

    def look(self) -> Phase | None:
        """What the server is doing, as far as can be told from outside; None where it can't."""
        from vuhitra import OllamaError, OllamaResponseError, OllamaTimeoutError

        try:
            return self._phase(self._server.asked_once(_AT_MOST))
        except OllamaResponseError:  # it is there, and answers such questions to nobody
            return self._waited_for
        except OllamaTimeoutError as error:
            return None if error.phase == "connect" else self._waited_for
        except (OllamaError, RuntimeError):  # not reached, or closed meanwhile: the answer has come
            return None

    @property
    def _waited_for(self) -> Phase:
        """What is true whatever the server is doing."""
        return Phase(f"waiting for {self._model}")

    def _phase(self, client: OllamaClient) -> Phase:
        if self._is_loaded(client):
            # A handful is read at once, and what then takes its time is something else, as a queue is.
            is_much = self._tokens is not None and self._tokens >= _WORTH_TELLING
            return Phase(f"reading {self._tokens:,} tokens") if is_much else self._waited_for
        if self._size is None:
            self._size = (_find(self._model, client.list_models()) or {}).get("size")
        last = self._memory.last_load(self._server.host.url, self._model)
        return Phase(f"loading {self._model}", self._size, last)

    def _is_loaded(self, client: OllamaClient) -> bool:
        expires = _expiry(_find(self._model, client.running_models()))
        if expires is None or self._server.engine == "embedded":  # which lists what is loaded, and nothing else
            return expires is not None
        # Ollama counts a model as running from when it begins to load. Until it has answered once,
        # the time at which it will be unloaded moves on with the clock: two looks differ.
        return expires == _expiry(_find(self._model, client.running_models()))


def _expiry(running: Mapping[str, Any] | None) -> str | None:
    """When a running model will be unloaded; None where it doesn't run."""
    return None if running is None else str(running.get("expires_at"))


def _find(model: str, models: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((each for each in models if same_model(each.get("name", ""), model)), None)
