"""Settings, and where each value came from. A flag beats the environment, which beats `./.env`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cli.failure import Failure
from vuhitra.hosts import DEFAULT_HOST_SETTING

EMBEDDED = "embedded"
"""The host setting that stands for the engine inside this program."""

DOTENV = "./.env"
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_FORMATS = ("text", "json")


@dataclass(frozen=True)
class Settings:
    """What the user wants.

    ollama_ip: the server, as it was written. model: None where no setting names one.
    timeout: seconds for an answer to begin, and for each piece of it; None: as long as is usual.
    sources: where each value came from, as in `OLLAMA_IP in ./.env`; a default has none.
    """

    ollama_ip: str = DEFAULT_HOST_SETTING
    model: str | None = None
    timeout: float | None = None
    log_level: str = "WARNING"
    log_format: str = "text"
    sources: Mapping[str, str] = field(default_factory=dict)

    def source(self, name: str) -> str:
        """Where a value came from."""
        return self.sources.get(name, "the default")

    @property
    def host_is_set(self) -> bool:
        """Whether anybody chose a server."""
        return "ollama_ip" in self.sources

    @property
    def embedded(self) -> bool:
        """Whether the engine inside this program was asked for."""
        return self.ollama_ip.strip().lower() == EMBEDDED

    def with_flags(
        self, *, host: str | None = None, model: str | None = None, timeout: float | None = None
    ) -> Settings:
        """The same, where a flag didn't say otherwise."""
        sources = dict(self.sources)
        sources |= {"ollama_ip": "--host"} if host else {}
        sources |= {"model": "--model"} if model else {}
        return replace(
            self,
            ollama_ip=host or self.ollama_ip,
            model=model or self.model,
            timeout=timeout or self.timeout,
            sources=sources,
        )


def settings_of(config: object) -> Settings:
    """The settings in any object that has `ollama_ip` and `model`."""
    if isinstance(config, Settings):
        return config
    given = {name: getattr(config, name, None) for name in ("ollama_ip", "model")}
    found: dict[str, Any] = {name: str(value) for name, value in given.items() if value}
    return Settings(**found, sources=dict.fromkeys(found, "the configuration"))


def load_settings(variables: Mapping[str, str], cwd: str) -> Settings:
    """The settings in the environment and in the `.env` of a folder."""
    return read_settings(variables, read_dotenv(os.path.join(cwd, ".env")))


def read_settings(variables: Mapping[str, str], dotenv: Mapping[str, str | None]) -> Settings:
    """The settings in two sets of variables, of which the first goes first. Empty means unset."""

    def find(name: str) -> tuple[str, str] | None:
        if value := variables.get(name):
            return value, name
        if value := dotenv.get(name):
            return value, f"{name} in {DOTENV}"
        return None

    wanted = {
        "ollama_ip": find("OLLAMA_IP") or find("OLLAMA_HOST"),
        "model": find("MODEL"),
        "log_level": find("LOG_LEVEL"),
        "log_format": find("LOG_FORMAT"),
    }
    found = {name: value for name, value in wanted.items() if value}
    values: dict[str, Any] = {name: value for name, (value, _) in found.items()}
    settings = Settings(**values, sources={name: source for name, (_, source) in found.items()})
    return replace(
        settings,
        log_level=_one_of(settings, "log_level", str.upper, _LEVELS),
        log_format=_one_of(settings, "log_format", str.lower, _FORMATS),
    )


def read_dotenv(path: str) -> Mapping[str, str | None]:
    """The variables in a `.env` file; none where there is no such file."""
    if not os.path.isfile(path):
        return {}
    from dotenv import dotenv_values

    try:
        return dotenv_values(path, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Failure(f"cannot read {DOTENV}", why=reason) from error


def _one_of(settings: Settings, name: str, in_case: Callable[[str], str], choices: tuple[str, ...]) -> str:
    value: str = getattr(settings, name)
    if in_case(value) in choices:
        return in_case(value)
    raise Failure(f"{settings.source(name)} is {value!r}, which is none of {', '.join(choices)}")
