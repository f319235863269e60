"""Settings, and where each value came from.

A flag beats the environment, which beats `./.env`, which beats the user's config file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias

from cli.config_file import EMPTY, ConfigFile, Profile, read, unreadable
from cli.environment import is_utf8
from cli.failure import Failure
from vuhitra.hosts import DEFAULT_HOST_SETTING

EMBEDDED = "embedded"
"""The host setting that stands for the engine inside this program."""

DOTENV = "./.env"
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_FORMATS = ("text", "json")
_VARIABLES = {
    "ollama_ip": "OLLAMA_IP",
    "ollama_host": "OLLAMA_HOST",
    "model": "MODEL",
    "embed_model": "EMBED_MODEL",
    "api_key": "OLLAMA_API_KEY",
    "log_level": "LOG_LEVEL",
    "log_format": "LOG_FORMAT",
}
_OF_THE_ENVIRONMENT = {**_VARIABLES, "profile": "VUHITRA_PROFILE"}

Origin = Literal["flag", "environment", "dotenv", "profile", "file", "default"]
"""Who set a value. It decides which key a server may be sent, and which model is fetched unasked."""


class Value(NamedTuple):
    """What a setting says, who set it, and how a person calls the place it stands in."""

    value: str
    origin: Origin
    source: str


Layer: TypeAlias = Mapping[str, Value]
"""The settings of one origin, by their names."""


class Settings(NamedTuple):
    """What the user wants.

    ollama_ip: the server, as it was written; origin: who named it. profile: where it is one of the config file.
    model: None where no setting names one. api_key: for this server.
    timeout: seconds for an answer to begin, and for each piece of it; None: as long as is usual.
    given: each value that somebody set, with where it came from, as in `OLLAMA_IP in ./.env`; a default isn't there.
    layers, file: what all this was read from, strongest first. variables: where a profile's key may be found.
    """

    ollama_ip: str = DEFAULT_HOST_SETTING
    origin: Origin = "default"
    profile: Profile | None = None
    model: str | None = None
    embed_model: str | None = None
    api_key: str | None = None
    timeout: float | None = None
    log_level: str = "WARNING"
    log_format: str = "text"
    given: Mapping[str, Value] = MappingProxyType({})
    layers: Sequence[Layer] = ()
    file: ConfigFile = EMPTY
    variables: Mapping[str, str] = MappingProxyType({})

    def __repr__(self) -> str:
        """Without what may hold a key."""
        hidden = ("api_key", "given", "layers", "variables")
        shown = (f"{name}={value!r}" for name, value in self._asdict().items() if name not in hidden)
        return f"Settings({', '.join(shown)})"

    def source(self, name: str) -> str:
        """Where a value came from."""
        return self.given[name].source if name in self.given else "the default"

    def origin_of(self, name: str) -> Origin:
        """Who set a value."""
        return self.given[name].origin if name in self.given else "default"

    @property
    def host_is_set(self) -> bool:
        """Whether anybody chose a server."""
        return self.origin != "default"

    @property
    def host_flags(self) -> tuple[str, ...]:
        """The flags that name the server, for a command that is to ask the same one; none where a setting does."""
        named = _find("ollama_ip", self.layers)
        if named is None or named.origin != "flag":
            return ()
        if self.embedded:
            return (f"--{EMBEDDED}",)
        return () if "@" in named.value else ("--host", named.value)

    @property
    def has_key_beside_another_server(self) -> bool:
        """Whether a key in the environment would be that of another server, whose name stands beside it."""
        named = filter(None, map(_server_in, self.layers))
        return any(each.origin == "environment" and each.value != self.ollama_ip for each in named)

    @property
    def model_is_of_dotenv(self) -> bool:
        """Whether a folder's file named the model, and not the user."""
        return self.origin_of("model") == "dotenv"

    @property
    def embedded(self) -> bool:
        """Whether the engine inside this program was asked for."""
        return self.ollama_ip.strip().lower() == EMBEDDED

    def with_flags(
        self, *, host: str | None = None, model: str | None = None, timeout: float | None = None
    ) -> Settings:
        """The same, where a flag didn't say otherwise. host: a URL, or the name of a profile."""
        server = f"--{EMBEDDED}" if host == EMBEDDED else "--host"
        given = {"ollama_ip": (host, server), "model": (model, "--model")}
        flags = {name: Value(value, "flag", source) for name, (value, source) in given.items() if value}
        settings = settle([flags, *self.layers], self.file) if flags else self
        return settings._replace(timeout=timeout or self.timeout, variables=self.variables)


class _Server(NamedTuple):
    """The server that is named first. profile: where it is one; chosen: the name of that, and who gave it."""

    named: Value
    profile: Profile | None = None
    chosen: Value | None = None


def settings_of(config: object) -> Settings:
    """The settings in any object that has `ollama_ip` and `model`."""
    if isinstance(config, Settings):
        return config
    given = {name: getattr(config, name, None) for name in ("ollama_ip", "model")}
    values = {name: Value(str(value), "environment", "the configuration") for name, value in given.items() if value}
    return settle([values] if values else [])


def load_settings(variables: Mapping[str, str], cwd: str, config_path: str) -> Settings:
    """The settings in the environment, in the `.env` of a folder, and in the user's config file."""
    file = read(config_path, short_path(config_path, variables))
    return read_settings(variables, read_dotenv(os.path.join(cwd, ".env")), file)


def read_settings(variables: Mapping[str, str], dotenv: Mapping[str, str | None], file: ConfigFile = EMPTY) -> Settings:
    """The settings in two sets of variables, of which the first goes first, and in a file. Blank means unset."""
    layers = [
        _values(variables, _OF_THE_ENVIRONMENT, "environment", ""),
        _values(dotenv, _VARIABLES, "dotenv", f" in {DOTENV}"),
    ]
    return settle(layers, file)._replace(variables=variables)


def _values(variables: Mapping[str, str | None], wanted: Mapping[str, str], origin: Origin, where: str) -> Layer:
    """The settings among variables, without blanks around them. Raises Failure for what was no UTF-8."""
    found = {}
    for name, called in wanted.items():
        value = (variables.get(called) or "").strip()
        if not is_utf8(value):
            raise Failure(f"{called} is not UTF-8 text")
        if value:
            found[name] = Value(value, origin, f"{called}{where}")
    return found


def settle(layers: Sequence[Layer], file: ConfigFile = EMPTY) -> Settings:
    """What comes of all layers, the strongest first, and of the config file below them."""
    server = _server(layers, file)
    below = [_models(server.profile, "profile", f"profile {server.profile.name}")] if server.profile else []
    all_layers = [*layers, *below, _models(file, "file", file.path)]
    names = ("model", "embed_model", "log_level", "log_format")
    found = {name: value for name in names if (value := _find(name, all_layers))}
    values: dict[str, Any] = {name: each.value for name, each in found.items()}
    key = _key(layers, server.named)
    settings = Settings(
        ollama_ip=server.named.value,
        origin=server.named.origin,
        profile=server.profile,
        api_key=key.value if key else None,
        given={
            **found,
            **({"ollama_ip": server.named} if server.named.origin != "default" else {}),
            **({"profile": server.chosen} if server.chosen else {}),
            **({"api_key": key} if key else {}),
        },
        layers=tuple(layers),
        file=file,
        **values,
    )
    return settings._replace(
        log_level=_one_of(settings, "log_level", str.upper, _LEVELS),
        log_format=_one_of(settings, "log_format", str.lower, _FORMATS),
    )


def short_path(path: str, variables: Mapping[str, str]) -> str:
    """A path as a person writes it: `~` for the home folder."""
    home = variables.get("HOME", "").rstrip("/")
    return f"~{path.removeprefix(home)}" if home and path.startswith(f"{home}/") else path


def _find(name: str, layers: Sequence[Layer]) -> Value | None:
    return next((layer[name] for layer in layers if name in layer), None)


def _server(layers: Sequence[Layer], file: ConfigFile) -> _Server:
    """The server that is named first. OLLAMA_HOST counts only where OLLAMA_IP is set nowhere."""
    for layer in layers:
        if "ollama_ip" in layer:
            named = layer["ollama_ip"]
            is_profile = named.origin == "flag" and named.value in file.profiles
            return _of_profile(file, named) if is_profile else _Server(named)
        if "profile" in layer:
            return _of_profile(file, layer["profile"])
    if host := _find("ollama_host", layers):
        return _Server(host)
    if file.profile:
        return _of_profile(file, Value(file.profile, "file", f"profile in {file.path}"))
    return _Server(Value(DEFAULT_HOST_SETTING, "default", "the default"))


def _server_in(layer: Layer) -> Value | None:
    """The server that a layer names."""
    return layer.get("ollama_ip") or layer.get("ollama_host")


def _of_profile(file: ConfigFile, chosen: Value) -> _Server:
    name = chosen.value
    if name not in file.profiles:
        from cli.config_rules import near_profiles, to_set

        near = near_profiles(name, file.profiles)
        raise Failure(
            f"no profile {name!r} in {file.path} ({chosen.source})",
            near=near,
            hint=to_set(name, "url", "URL"),
        )
    profile = file.profiles[name]
    by = "" if chosen.origin == "file" else f" ({chosen.source})"
    return _Server(Value(profile.url, "profile", f"profile {name}{by}"), profile, chosen)


def _models(given: Profile | ConfigFile, origin: Origin, where: str) -> Layer:
    values = {"model": given.model, "embed_model": given.embed_model}
    return {name: Value(value, origin, f"{name} in {where}") for name, value in values.items() if value}


def _key(layers: Sequence[Layer], server: Value) -> Value | None:
    """The key for a server, and where it came from. One that stands beside a server's name is for that server alone.

    One that stands by itself is for whichever server the user names; a `.env` may lie in any folder, so what
    it names gets its own key or none, as a profile does.
    """
    for layer in layers:
        if "api_key" in layer:
            beside = _server_in(layer)
            is_its_own = beside is not None and beside.value == server.value
            is_for_any = beside is None and server.origin in ("flag", "environment", "default")
            if is_its_own or is_for_any:
                return layer["api_key"]
    return None


def read_dotenv(path: str) -> Mapping[str, str | None]:
    """The variables in a `.env` file; none where there is no such file.

    `${NAME}` stays as it is: who wrote the file may not be who set the environment, and would be sent what is in it.
    """
    if not os.path.isfile(path):
        return {}
    from dotenv import dotenv_values

    try:
        return dotenv_values(path, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(DOTENV, error) from error


def _one_of(settings: Settings, name: str, in_case: Callable[[str], str], choices: tuple[str, ...]) -> str:
    value: str = getattr(settings, name)
    if in_case(value) in choices:
        return in_case(value)
    source = settings.source(name)
    called = _VARIABLES[name]
    hint = source.replace(called, f"{called}={Settings._field_defaults[name]}", 1)
    raise Failure(f"{source} is {value!r}, which is none of {', '.join(choices)}", hint=hint)
