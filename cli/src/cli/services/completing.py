"""What a command line may go on with, as far as that isn't in the table of commands: names that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.services.known_names import KnownNames, completable

if TYPE_CHECKING:
    from cli.config import Settings

_WITHIN = 0.3
"""Seconds that a server has to name its models while somebody waits for a key to act."""


def model_names(settings: Settings, state_dir: str) -> list[str]:
    """The names that the server gives within the limit, or that it gave the last time."""
    from cli.services.servers import BUILT_IN_MODEL, configured_host
    from cli.services.trust import may_be_asked_by_a_key

    if settings.embedded:
        return [BUILT_IN_MODEL]
    known, url = KnownNames(state_dir), configured_host(settings).url
    fresh = _asked_for(settings, state_dir) if may_be_asked_by_a_key(settings) else None
    if fresh is None:
        return known.of(url)
    known.note(url, fresh)
    return completable(fresh)


def profile_names(config_file: str) -> list[str]:
    """The profiles of the config file."""
    from cli.config_file import read

    return completable(read(config_file, config_file).profiles)


def setting_keys(config_file: str, begun: str, *, whole_profiles: bool = False) -> list[str]:
    """What can be set in the config file, for the profiles that are there and for one that is being named.

    whole_profiles: also these as a whole, which can only be taken away.
    """
    from cli.config_rules import OF_PROFILE, TOP, dotted

    top, _, rest = begun.partition(".")
    named = completable([rest.rpartition(".")[0]]) if top == "profiles" else []
    profiles = dict.fromkeys([*profile_names(config_file), *named])
    plain = [name for name in profiles if dotted(name) == name]  # others stand in quotes, which a shell takes away
    whole = [f"profiles.{name}" for name in plain] if whole_profiles else []
    return [*TOP, *whole, *(f"profiles.{name}.{key}" for name in plain for key in OF_PROFILE)]


def _asked_for(settings: Settings, state_dir: str) -> list[str] | None:
    """What the server names in time; None where it doesn't."""
    from cli.services.time_limit import within

    def ask() -> list[str]:
        from cli.services.listing import listed_models
        from cli.services.memory import Memory
        from cli.services.servers import connected

        with connected(settings, Memory(state_dir), attempts=1) as server:
            return [str(each["name"]) for each in listed_models(server, _WITHIN)]

    try:
        return within(_WITHIN, ask)
    except Exception:  # noqa: BLE001  a key was pressed, and whatever is wrong is not the time to tell it
        return None
