"""What a server is doing while its answer is awaited: asked beside the call, and never in its way.

A call that waits for its model to be free looks like one that is answered, so nothing is said of it. One that
waits for other models to make room can be told: a server lists a model as soon as it begins to load it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cli.services.memory import Memory
from cli.services.servers import Server
from vuhitra.names import is_cloud, same_model

if TYPE_CHECKING:
    from vuhitra import OllamaClient

CONNECTING = "connecting"
_AT_MOST = 2.0
_WORTH_TELLING = 100
"""Tokens that are worth a number."""
_LOADS_WITHIN = 10.0
"""Seconds after which a model whose last load took no longer may well be loaded."""
_BEGINS_WITHIN = 5.0
"""Seconds in which a server has found out whether a model fits beside those it has loaded, and begun to load it."""


class Phase(NamedTuple):
    """What is being waited for.

    size: how large the model is that loads; last: its last load's seconds. since: when it began, by the clock of the
    watch, where that was long before it could be told.
    """

    words: str
    size: int | None = None
    last: float | None = None
    since: float | None = None


class Watch:
    """Looks at a server that makes an answer, from when it is asked.

    model: who answers. clock: seconds, from anywhere. tokens: about how many there are to read, where that is known.
    """

    def __init__(
        self, server: Server, model: str, memory: Memory, clock: Callable[[], float], tokens: int | None = None
    ) -> None:
        self._server = server
        self._model = model
        self._memory = memory
        self._clock = clock
        self._asked_at = clock()
        self._tokens = tokens
        self._listed: Mapping[str, Any] = {}

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
        if is_cloud(self._model):  # it runs elsewhere, and is listed nowhere
            return self._waited_for
        from cli.services.model_list import size_of

        running = client.running_models()
        mine = _find(self._model, running)
        if mine is not None and self._is_loaded(client, mine):
            # A handful is read at once, and what then takes its time is something else, as a queue is.
            tokens = self._tokens or 0
            return Phase(f"reading {tokens:,} tokens") if tokens >= _WORTH_TELLING else self._waited_for
        self._listed = self._listed or _find(self._model, client.list_models()) or {}
        if mine is None and running:
            return self._queued(running)
        last = self._memory.last_load(self._server.host.url, self._model)
        # A server says no more of a model that reads its first prompt than of one that is still being loaded.
        if self._seconds > max(_LOADS_WITHIN, 2 * (last or 0.0)) and (self._tokens or 0) >= _WORTH_TELLING:
            words = f"loading {self._model}, or reading {self._tokens:,} tokens by now"
            return Phase(words, since=self._asked_at)
        return Phase(f"loading {self._model}", size_of(self._listed) or None, last)

    @property
    def _seconds(self) -> float:
        """How long ago the server was asked."""
        return self._clock() - self._asked_at

    def _queued(self, running: Sequence[Mapping[str, Any]]) -> Phase:
        """What is true where other models are loaded, and this one isn't."""
        begins = self._seconds < _BEGINS_WITHIN
        # One that shares the weights of another is answered by it, under the other's name.
        if begins or any(_weights(each) == _weights(self._listed) for each in running):
            return self._waited_for
        return Phase(f"queued behind {_counted(running)}", since=self._asked_at)

    def _is_loaded(self, client: OllamaClient, mine: Mapping[str, Any]) -> bool:
        if self._server.engine == "embedded":  # which lists what is loaded, and nothing else
            return True
        # Ollama counts a model as running from when it begins to load. Until it has answered once,
        # the time at which it will be unloaded moves on with the clock: two looks differ.
        again = _find(self._model, client.running_models())
        return again is not None and again.get("expires_at") == mine.get("expires_at")


def _weights(model: Mapping[str, Any]) -> tuple[object, ...]:
    """What two models have in common that differ in no more than their system prompts or parameters."""
    details = model.get("details") or {}
    return tuple(details.get(name) for name in ("format", "family", "parameter_size", "quantization_level"))


def _counted(models: Sequence[Mapping[str, Any]]) -> str:
    return str(models[0].get("name")) if len(models) == 1 else f"{len(models)} models"


def _find(model: str, models: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((each for each in models if same_model(each.get("name", ""), model)), None)
