"""What may stand in the user's config file, and in which line something doesn't. This file reads no file.

No secret belongs into it, only where one is found: a variable's name, or a command that prints it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cli.failure import Failure


class Kind(NamedTuple):
    """What a key may be. words: as a person is told. example: for a hint."""

    words: str
    example: str


TEXT = Kind("text", '"…"')
VARIABLE = Kind("name of a variable", '"GPU_KEY"')
WORDS = Kind("command, nor a list of its words", '["pass", "show", "gpu"]')

TOP = {"profile": TEXT, "model": TEXT, "embed_model": TEXT}
"""The keys that stand before all profiles."""

OF_PROFILE = {
    "url": TEXT,
    "model": TEXT,
    "embed_model": TEXT,
    "key_variable": VARIABLE,
    "key_command": WORDS,
    "ca": TEXT,
    "client_certificate": TEXT,
    "client_key": TEXT,
}
"""The keys of `[profiles.NAME]`."""

FILES = ("ca", "client_certificate", "client_key")
"""Those that name a file."""

ONE_OF_THEM = "one of them"
"""What to write where two keys exclude each other."""
CERTIFICATE_FIRST = 'client_certificate = "FILE"'
"""What to write where a key stands without its certificate."""
KEYS_OF_A_SERVER = {"key_variable": "key_command", "key_command": "key_variable"}
"""Each of those that tell a server's key, and the other."""

_MODELS = ("model", "embed_model")

_SET_URL = "vuhitra config set profiles.NAME.url URL"
_SECRETS = ("key", "api_key", "token", "password")
_VARIABLES = {
    "log_level": "LOG_LEVEL",
    "log_format": "LOG_FORMAT",
    "ollama_ip": "OLLAMA_IP",
    "ollama_host": "OLLAMA_HOST",
    "ollama_api_key": "OLLAMA_API_KEY",
    "api_key": "OLLAMA_API_KEY",
    "key": "OLLAMA_API_KEY",
}
"""What is set by a variable alone, by the names that it may be looked for under."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_HOST_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_NAME = rf"""(?:{_PLAIN_NAME.pattern}|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = rf"({_NAME}(?:\s*\.\s*{_NAME})*)"
"""A dotted key of TOML: what is no plain name stands in quotes."""


class Problem(NamedTuple):
    """What is wrong in a line. key: the setting, with dots. hint: what to write instead, where that is known."""

    line: int
    key: str
    what: str
    hint: str | None = None


def checked(text: str, is_there: Callable[[str], bool] = lambda _: True) -> tuple[Mapping[str, Any], list[Problem]]:
    """What a config file's text says, and all that is wrong with it, by line. is_there: looks for a file it names."""
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found.group(1)) if found else text.count("\n") + 1
        words = re.sub(r" \(at .*\)$", "", str(error))
        return {}, [Problem(line, "", f"not TOML: {words[:1].lower()}{words[1:]}")]
    problems = [
        Problem(_line_of(text, place), dotted(*place), what, hint)
        for place, what, hint in _problems_in(document, is_there)
    ]
    return document, sorted(problems)


def dotted(*names: str) -> str:
    """The key that these names make: what is no plain name stands in quotes."""
    return ".".join(each if _PLAIN_NAME.fullmatch(each) else _in_quotes(each) for each in names)


def to_set(profile: str, name: str, value: str) -> str:
    """The command that sets something of a profile; what the value stands for is the caller's."""
    from shlex import quote

    return f"vuhitra config set {quote(dotted('profiles', profile, name))} {value}"


def key_names(key: str, value: str | None = None) -> list[str]:
    """The names in a dotted key. Raises Failure, with near names, for one that no config file has.

    value: what it was to be, for what to try.
    """
    names = _parts(key) if re.fullmatch(_KEY, key) else []
    if len(names) == 1 and names[0] in TOP:
        return names
    if len(names) == 3 and names[0] == "profiles" and names[1] and names[2] in OF_PROFILE:
        return names
    names = names or key.split(".")
    raise _no_profile_key(key, names, value) if names[0] == "profiles" and names[1:] else _no_top_key(key, value)


def names_to_unset(key: str) -> list[str]:
    """The names in a dotted key that may be taken away: a setting's, or those of a whole profile. Raises Failure."""
    names = _parts(key) if re.fullmatch(_KEY, key) else []
    if len(names) == 2 and names[0] == "profiles":
        return names
    try:
        return key_names(key)
    except Failure as wrong:  # whose hint sets something
        from shlex import join

        near = wrong.near[:1]
        wrong.hint = join(["vuhitra", "config", "set", "--unset", *near]) if near else "vuhitra config show"
        raise


def _no_top_key(key: str, value: str | None) -> Failure:
    near = _near(key, TOP)
    hint = f"vuhitra config set {near} {_written(value)}" if near else _SET_URL
    if variable := _VARIABLES.get(key.lower()):
        is_secret = variable == "OLLAMA_API_KEY"
        hint = f"export {variable}={'VALUE' if is_secret else _written(value)}, or the same in ./.env"
    return Failure(f"no setting {key!r}", near=[near] if near else (), hint=hint)


def _no_profile_key(key: str, names: Sequence[str], value: str | None) -> Failure:
    """What is wrong with a key that begins as a profile's."""
    *middle, last = names[1:]
    profile = ".".join(middle)
    if profile and last in OF_PROFILE:
        why = "the name of a profile has letters, digits, - and _, or stands in quotes"
        return Failure(f"no setting {key!r}", why=why, hint=to_set(profile, last, _written(value)))
    if not profile or len(middle) > 1:
        why = "a profile is set key by key, as in profiles.NAME.url"
        return Failure(f"no setting {key!r}", why=why, hint=_SET_URL)
    if last in _SECRETS:
        return Failure(_secret(key), hint=f"{to_set(profile, 'key_variable', 'NAME')}, or .key_command COMMAND")
    near = _near(last, OF_PROFILE)
    hint = to_set(profile, near or "url", _written(value) if near else "URL")
    return Failure(f"no setting {key!r}", near=[dotted("profiles", profile, near)] if near else (), hint=hint)


def _in_quotes(text: str) -> str:
    """A text as it stands in the file."""
    from json import dumps

    return dumps(text, ensure_ascii=False)


def _written(value: str | None) -> str:
    """A value as it stands on a command line; VALUE for one that may hold a password."""
    from shlex import quote

    return "VALUE" if value is None or "@" in value else quote(value)


_Place = tuple[str, ...]


def _problems_in(
    document: Mapping[str, Any], is_there: Callable[[str], bool]
) -> Iterator[tuple[_Place, str, str | None]]:
    """All that is wrong: where, what, and what to write instead."""
    profiles = document.get("profiles", {})
    for key, value in document.items():
        if key == "profile" and isinstance(value, dict):
            for name in value:
                yield (key, name), f"no table [{dotted(key, name)}]", f"[{dotted('profiles', name)}]"
        elif key != "profiles":
            yield from _problems_of((key,), value, TOP)
    if not isinstance(profiles, dict):
        yield ("profiles",), "profiles is no table", "[profiles.NAME] in a line of its own"
        return
    for name, keys in profiles.items():
        yield from _problems_in_profile(name, keys, is_there)
    chosen = document.get("profile")
    if isinstance(chosen, str) and chosen not in profiles:
        near = near_profiles(chosen, profiles)
        hint = f"profile = {_in_quotes(near[0])}" if near else f"[{dotted('profiles', chosen)}]"
        yield ("profile",), f"no profile {chosen!r}", hint


def _problems_in_profile(
    name: str, keys: object, is_there: Callable[[str], bool]
) -> Iterator[tuple[_Place, str, str | None]]:
    place = ("profiles", name)
    if not isinstance(keys, dict):
        yield place, f"profile {name} is no table", f"[{dotted(*place)}] in a line of its own"
        return
    for key, value in keys.items():
        yield from _problems_of((*place, key), value, OF_PROFILE)
    if "url" not in keys:
        host = name if _HOST_NAME.fullmatch(name) else "HOST"
        yield (*place, "url"), f"profile {name} has no url", f'url = "http://{host}:11434"'
    elif isinstance(keys["url"], str) and (problem := _problem_of_url(keys["url"])):
        yield (*place, "url"), problem, None
    if "key_variable" in keys and "key_command" in keys:
        yield (*place, "key_command"), f"profile {name} has both key_variable and key_command", ONE_OF_THEM
    if "client_key" in keys and "client_certificate" not in keys:
        yield (*place, "client_key"), f"profile {name} has a client_key and no client_certificate", CERTIFICATE_FIRST
    for key in FILES:
        path = keys.get(key)
        if isinstance(path, str) and path.strip() and not is_there(path):
            yield (*place, key), f"profile {name}: no file {path!r} ({key})", None


def _problems_of(place: _Place, value: object, known: Mapping[str, Kind]) -> Iterator[tuple[_Place, str, str | None]]:
    key = place[-1]
    if key not in known:
        if key in _SECRETS:
            yield (
                place,
                _secret(key),
                'key_variable = "NAME", or key_command = ["pass", "show", …]',
            )
            return
        near = _near(key, known)
        yield place, f"no setting {key!r}", f"{near} = …" if near else f"one of {', '.join(known)}"
    elif isinstance(value, str) and not value.strip():
        yield place, f"{key} is empty", f"{key} = {known[key].example}"
    elif not _is_of(known[key], value):
        yield place, f"{key} is no {known[key].words}", f"{key} = {known[key].example}"
    elif key in _MODELS and not _is_model(str(value)):
        yield place, f"{key} is {value!r}, which names no model", None


def _secret(key: str) -> str:
    return f"{key} would be a secret in a file"


def _is_of(kind: Kind, value: object) -> bool:
    if isinstance(value, str):
        return bool(value.strip()) and _FITS.get(kind, bool)(value)
    return kind is WORDS and isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _is_command(text: str) -> bool:
    """Whether a shell could part it into words: its quotes are in pairs."""
    import shlex

    try:
        return bool(shlex.split(text))
    except ValueError:
        return False


def _is_variable(name: str) -> bool:
    """Whether a shell can set a variable of that name."""
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is not None


_FITS = {WORDS: _is_command, VARIABLE: _is_variable}
"""What a text of a kind has to be, besides no blank."""


def _is_model(name: str) -> bool:
    """Whether a server may have a model of that name; one that begins with a dash would be read as a flag."""
    from vuhitra.names import checked as checked_name

    try:
        return bool(checked_name(name)) and not name.lstrip().startswith("-")
    except ValueError:
        return False


def _problem_of_url(url: str) -> str | None:
    from vuhitra.hosts import resolve_host

    try:
        host = resolve_host(url, "url")
    except ValueError as error:
        return str(error).replace("headers=", "key_variable")  # which is the library's word
    return "a url with a password in it: a secret in a file" if host.authorization else None


def _near(key: str, known: Mapping[str, Kind]) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(key, known, n=1)), None)


def near_profiles(name: str, profiles: Iterable[str]) -> list[str]:
    """The profiles that may have been meant."""
    from difflib import get_close_matches

    return get_close_matches(name, list(profiles))


def _line_of(text: str, place: _Place) -> int:
    """The line in which a key stands, or what it stands in; 1 where it can't be found."""
    table: list[str] = []
    best, found = 0, 1
    for number, line in enumerate(text.split("\n"), 1):
        names = _names_in(line, table)
        if line.lstrip().startswith("["):
            table = names
        common = next(
            (i for i, (a, b) in enumerate(zip(names, place, strict=False)) if a != b), min(len(names), len(place))
        )
        if common > best:
            best, found = common, number
    return found


def _names_in(line: str, table: list[str]) -> list[str]:
    """The dotted key that a line sets or opens, with the table it stands in; none where it does neither."""
    header = re.match(rf"\s*\[\[?\s*{_KEY}\s*\]", line)
    if header:
        return _parts(header.group(1))
    setting = re.match(rf"\s*{_KEY}\s*=", line)
    return [*table, *_parts(setting.group(1))] if setting else []


def _parts(key: str) -> list[str]:
    """The names in a dotted key, without their quotes; none where it only looks like one, as within a text."""
    import tomllib

    try:
        value: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return []
    names: list[str] = []
    while isinstance(value, dict):
        [(name, value)] = value.items()
        names.append(name)
    return names
