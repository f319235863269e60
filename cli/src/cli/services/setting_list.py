"""The settings as they are shown: names, values and sources, and no secret. This file knows no network."""

from __future__ import annotations

from typing import NamedTuple

from cli.config import Settings
from cli.services.servers import configured_host

HIDDEN = "set (hidden)"


class ShownSetting(NamedTuple):
    """A setting. value: None where there is none, as is then the source: where it came from."""

    name: str
    value: str | None
    source: str | None


def settings_shown(settings: Settings) -> list[ShownSetting]:
    """Each setting, the server first. Raises Failure where the server's URL can't be read."""
    profile = settings.profile
    rows = [
        ShownSetting("server", _server(settings), settings.source("ollama_ip")),
        ShownSetting("profile", profile.name if profile else None, settings.source("profile") if profile else None),
        *(ShownSetting(name, getattr(settings, name), _source(settings, name)) for name in ("model", "embed_model")),
        ShownSetting("key", *_key(settings)),
    ]
    if profile:
        where = f"profile {profile.name}"
        paths = {"ca": profile.ca, "client_certificate": profile.client_certificate, "client_key": profile.client_key}
        rows += [ShownSetting(name, path, where) for name, path in paths.items() if path]
    return rows + [
        ShownSetting(name, getattr(settings, name), settings.source(name)) for name in ("log_level", "log_format")
    ]


def _server(settings: Settings) -> str:
    return "embedded" if settings.embedded else configured_host(settings).url


def _source(settings: Settings, name: str) -> str | None:
    return settings.source(name) if getattr(settings, name) else None


def _key(settings: Settings) -> tuple[str | None, str | None]:
    """Whether there is a key, and where; a command that prints one isn't run for this."""
    profile = settings.profile
    if not settings.embedded and configured_host(settings).authorization:
        return HIDDEN, settings.source("ollama_ip")
    if profile is None:
        return (HIDDEN, settings.source("api_key")) if settings.api_key else (None, None)
    if profile.key_variable:
        found = HIDDEN if settings.variables.get(profile.key_variable) else None
        return found, f"{profile.key_variable}, by profile {profile.name}"
    return (HIDDEN, f"key_command of profile {profile.name}") if profile.key_command else (None, None)
