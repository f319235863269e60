"""The user's config file, read and written. What may stand in it is in `config_rules`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cli import private_files
from cli.exit_status import Verdict
from cli.failure import Failure

if TYPE_CHECKING:
    from cli.config_rules import Problem


class Profile(NamedTuple):
    """A server, with all that belongs to it.

    key_variable: the environment variable that holds its key; key_command: what prints it, a program and its
    arguments. ca, client_certificate, client_key: paths.
    """

    name: str
    url: str
    model: str | None = None
    embed_model: str | None = None
    key_variable: str | None = None
    key_command: tuple[str, ...] = ()
    ca: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None


class ConfigFile(NamedTuple):
    """What the file says. path: as a person is shown it. profile: the one for when no server is named."""

    path: str = "config.toml"
    profile: str | None = None
    model: str | None = None
    embed_model: str | None = None
    profiles: Mapping[str, Profile] = {}


EMPTY = ConfigFile()
"""What a file says that isn't there."""


_OF_A_PROFILE = 2
"""The names in the key of a whole profile: that of its table, and its own."""


class BrokenConfig(Failure):
    """A config file that can't be used: the first of its problems is told, and how many more there are."""

    def __init__(self, path: str, problems: Sequence[Problem]) -> None:
        first, *others = problems
        remarks = [f"write: {first.hint}" if first.hint else "", f"and {len(others)} more" if others else ""]
        super().__init__(
            f"{path}, line {first.line}: {first.what}",
            why="; ".join(filter(None, remarks)) or None,
            hint="vuhitra config validate",
            verdict=Verdict.BROKEN_CONFIG,
        )


def read(path: str, shown: str) -> ConfigFile:
    """The file's content; an empty one where there is none. shown: how messages call it.

    Raises BrokenConfig, and Failure where the file can't be read.
    """
    text = _text_of(path, shown)
    if not text:
        return ConfigFile(shown)
    from cli.config_rules import TOP, checked

    document, problems = checked(text)
    if problems:
        raise BrokenConfig(shown, problems)
    profiles = {name: _profile(name, keys) for name, keys in document.get("profiles", {}).items()}
    return ConfigFile(shown, **{key: document.get(key) for key in TOP}, profiles=profiles)


def problems_in(path: str, shown: str, is_there: Callable[[str], bool]) -> list[Problem]:
    """All that is wrong with the file, by line. Raises Failure where it can't be read.

    is_there: looks for a file that is named in it.
    """
    from cli.config_rules import checked

    return checked(_text_of(path, shown), is_there)[1]


def set_value(
    path: str, shown: str, key: str, value: str | None, is_there: Callable[[str], bool] = lambda _: True
) -> None:
    """Write one value, as `model` or `profiles.lan.url`; None takes it away, or a whole profile, as `profiles.lan`.

    shown: how messages call the file.

    is_there: looks for a file, where the value names one.

    All else stays as it is, comments too, and what another process writes meanwhile.

    Raises Failure for a key or a value that can't be, and where the file can't be read or written.
    """
    from importlib import import_module

    from cli.config_rules import FILES, key_names, names_to_unset

    import_module("tomlkit")  # which takes a while, and others wait as long as the file is kept from them
    names = names_to_unset(key) if value is None else key_names(key, value)
    if value and names[-1] in FILES and not is_there(value):
        raise Failure(f"{key} can't be that: no file {value!r}")
    try:
        with private_files.alone_with(path):
            text = _changed(_text_of(path, shown), shown, key, names, value)
            private_files.replace(path, text.encode())
    except OSError as error:
        raise Failure(f"cannot write {shown}", why=error.strerror, verdict=Verdict.of_writing(error)) from error


def _changed(text: str, shown: str, key: str, names: Sequence[str], value: str | None) -> str:
    """The file's text with one value set, or taken away."""
    import tomlkit

    from cli.config_rules import checked, dotted

    _, before = checked(text)
    if any(_is_in_the_way(each, names) for each in before):
        raise BrokenConfig(shown, before)
    document = tomlkit.parse(text)
    if len(names) == _OF_A_PROFILE:
        _check_profile(document, names[-1], shown)
    table: Any = document
    try:
        for name in names[:-1]:
            if name not in table:
                table[name] = tomlkit.table(is_super_table=name == "profiles")
            table = table[name]
        if value is None:
            table.pop(names[-1], None)
        else:
            table[names[-1]] = value
    except ValueError as error:  # a table that is written in one line takes no other into it
        what = f"{key} can't be written: {str(error).lower()}"
        raise Failure(what, hint=f"[{dotted(*names[:-1])}] in {shown}") from error
    text = tomlkit.dumps(document)
    _, left = checked(text)
    known = {(each.key, each.what) for each in before}
    brought = [each for each in left if (each.key, each.what) not in known]
    mends = len(left) < len(before) or value is None  # what is taken away stands in nobody's way
    if not left or (mends and not brought):
        return text
    if wrong := brought or [each for each in left if each.key == dotted(*names)]:
        raise _refused(key, names, value, wrong[0], _near_profiles(document, value) if key == "profile" else [])
    raise BrokenConfig(shown, before)


def _is_in_the_way(problem: Problem, names: Sequence[str]) -> bool:
    """Whether what is wrong lies above or below a setting, which would take its place; or the file is no TOML.

    What is wrong in a profile that is taken away goes with it.
    """
    from cli.config_rules import dotted

    setting = dotted(*names)
    is_below = problem.key.startswith(f"{setting}.") and len(names) != _OF_A_PROFILE
    return is_below or setting.startswith(f"{problem.key}.") or not problem.key


def _check_profile(document: Mapping[str, Any], name: str, shown: str) -> None:
    """Raises Failure for a profile that can't be taken away, since it isn't there, or is the one that is used."""
    from shlex import quote

    from cli.config_rules import dotted

    if name not in document.get("profiles", {}):
        near = _near_profiles(document, name)
        hint = f"vuhitra config set --unset {quote(dotted('profiles', near[0]))}" if near else "vuhitra config show"
        raise Failure(f"no profile {name!r} in {shown}", near=near, hint=hint)
    if document.get("profile") == name:
        raise Failure(
            f"the profile {name!r} is the one that is used, and can't be taken away",
            hint="vuhitra config set --unset profile",
        )


def _refused(key: str, names: Sequence[str], value: str | None, problem: Problem, near: Sequence[str]) -> Failure:
    """What to say of a change that can't be. near: the profiles that may have been meant."""
    from shlex import quote

    from cli.config_rules import CERTIFICATE_FIRST, KEYS_OF_A_SERVER, ONE_OF_THEM, dotted

    hint = f"{quote(problem.key)} {quote(near[0]) if near else 'VALUE'}"
    if problem.hint == ONE_OF_THEM:
        hint = f"--unset {quote(dotted(*names[:-1], KEYS_OF_A_SERVER[names[-1]]))}"
    elif value is None:  # the rest of a profile goes before what it needs, or all of it at once
        hint = f"--unset {quote(dotted(*names[:-1]) if names[-1] == 'url' else problem.key)}"
    elif problem.hint == CERTIFICATE_FIRST:
        hint = f"{quote(dotted(*names[:-1], 'client_certificate'))} FILE"
    elif problem.key == "profile" and value.strip() and not near:
        hint = f"{quote(dotted('profiles', value, 'url'))} URL"
    return Failure(f"{key} can't be that: {problem.what}", near=near, hint=f"vuhitra config set {hint}")


def _near_profiles(document: Mapping[str, Any], name: str | None) -> list[str]:
    """The profiles of a file that may have been meant."""
    from cli.config_rules import near_profiles

    return near_profiles(name or "", document.get("profiles", {}))


def unreadable(shown: str, error: OSError | UnicodeDecodeError) -> Failure:
    """What there is to say of a file that can't be read."""
    reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
    return Failure(f"cannot read {shown}", why=reason)


def _text_of(path: str, shown: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):  # nor is there a folder for it, as below /dev/null
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(shown, error) from error


def _profile(name: str, keys: Mapping[str, Any]) -> Profile:
    words: dict[str, Any] = {**keys, "key_command": tuple(_words_of(keys.get("key_command", ())))}
    return Profile(name, **words)


def _words_of(command: str | Sequence[str]) -> Sequence[str]:
    """A command as a list; one that is a text is parted into its words, as a shell does."""
    if not isinstance(command, str):
        return command
    import shlex

    return shlex.split(command)
