"""The models on a server, with what its list leaves out: older servers tell of each model alone what it can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cli.services.description import description_of
from vuhitra.errors import OllamaError, OllamaModelError, OllamaModelNotFoundError, OllamaResponseError
from vuhitra.names import same_model

if TYPE_CHECKING:
    from cli.services.servers import Server

Listed = Mapping[str, Any]

_AT_MOST = 2.0
"""Seconds that a question about one model, or beside the point, may take."""
_NO_SUCH_PATH = (404, 405)
"""What servers answer that describe no models, or don't tell which are loaded."""
LOADED_IS_UNKNOWN = "which models are loaded is unknown: %s"
"""What is told where a server that should tell it doesn't. With the first line of its error."""


def listed_models(server: Server, seconds: float | None = None) -> list[Listed]:
    """The models that a server lists; one without a name is left out, since nobody could ask it.

    seconds: how long it may take, where it is asked once. Raises OllamaError where the server doesn't list them.
    """
    client = server.client if seconds is None else server.asked_once(seconds)
    return [each for each in client.list_models() if each["name"].strip()]


def listed_if_told(server: Server, seconds: float | None = _AT_MOST) -> list[Listed] | None:
    """The same where it is beside the point: None where the server doesn't list them, for whatever reason."""
    try:
        return listed_models(server, seconds)
    except OllamaError:
        return None


def digest_of(name: str, listed: Sequence[Listed] | None) -> str | None:
    """The digest of a model among those that are listed; "" where it isn't there, None where that isn't told."""
    if listed is None:
        return None
    found = next((each for each in listed if same_model(each["name"], name)), None)
    return "" if found is None else found.get("digest") or None


def described_models(server: Server) -> list[Listed]:
    """The models that a server lists, each with what it can do and the tokens it takes, where the server tells that.

    Raises OllamaError where the server doesn't list them.
    """
    return described(listed_models(server), server)


def described(listed: Sequence[Listed], server: Server) -> list[Listed]:
    """The same for models that were listed before."""
    client = server.asked_once(_AT_MOST)
    shown: dict[str, Mapping[str, Any]] = {}
    for model in listed:
        if says_nothing(model):
            try:
                shown[model["name"]] = client.show_model(model["name"])
            except OllamaModelError:  # it is broken, or gone meanwhile: what of the others?
                continue
            except OllamaResponseError as error:
                if error.status in _NO_SUCH_PATH:
                    break
            except OllamaError:  # a server that doesn't tell is not asked about the others
                break
    return [_completed(model, shown.get(model["name"])) for model in listed]


def says_nothing(model: Listed) -> bool:
    """Whether a server's list leaves out what a model can do."""
    return model.get("capabilities") is None


def running_if_told(server: Server, seconds: float) -> Sequence[Listed] | None:
    """The models that are loaded; None where the server can't tell, as compatible ones can't.

    seconds: how long it may take. Raises OllamaError for what else it says, or doesn't.
    """
    try:
        return server.asked_once(seconds).running_models()
    except OllamaResponseError as error:
        if error.status not in _NO_SUCH_PATH:
            raise
        return None


def shown_if_told(name: str, server: Server, seconds: float) -> Mapping[str, Any] | None:
    """What a server says of a model that it lists; None where it describes none, as compatible ones may not.

    seconds: how long it may take. Raises OllamaError for what else it says, or doesn't.
    """
    try:
        return server.asked_once(seconds).show_model(name)
    except OllamaModelNotFoundError:  # its 404 is for the path
        return None
    except OllamaResponseError as error:
        if error.status not in _NO_SUCH_PATH:
            raise
        return None


def _completed(model: Listed, shown: Mapping[str, Any] | None) -> Listed:
    if shown is None:
        return model
    details = {"context_length": description_of(shown).window, **(model.get("details") or {})}
    return {**model, "details": details, "capabilities": shown.get("capabilities")}
