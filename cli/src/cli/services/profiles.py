"""What a profile of the config file brings to a connection: its key and its certificates."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import BinaryIO, TypedDict

from cli.config_file import Profile
from cli.config_rules import to_set
from cli.environment import is_utf8
from cli.exit_status import Verdict
from cli.failure import Failure
from cli.services.reading import expanded

_AT_MOST = 10.0
"""Seconds that a command has to print a key: it may ask a person for a password."""


class CertificateOptions(TypedDict, total=False):
    """As the client takes them."""

    verify: str
    cert: str | tuple[str, str]


def is_there(path: str, variables: Mapping[str, str]) -> bool:
    """Whether there is a file that a profile names; `~/` is the home folder."""
    return os.path.exists(expanded(path, variables))


def wherever(path: str, cwd: str, variables: Mapping[str, str]) -> str:
    """A path that leads to the same file from every folder; one that does stays as it is written, `~/` too.

    Raises Failure where the folder's name can't stand in a config file.
    """
    if os.path.isabs(expanded(path, variables)):
        return path
    whole = os.path.abspath(os.path.join(cwd, path))
    if not is_utf8(whole):
        raise Failure(f"the path of {path} is not UTF-8 text")
    return whole


def certificates_of(profile: Profile, variables: Mapping[str, str]) -> CertificateOptions:
    """Its CA and client certificate. Raises Failure for a file that isn't there."""

    def existing(key: str, path: str) -> str:
        if not is_there(path, variables):
            again = to_set(profile.name, key, "FILE")
            raise Failure(f"profile {profile.name}: no file {path!r} ({key})", hint=again)
        return expanded(path, variables)

    options: CertificateOptions = {}
    if profile.ca:
        options["verify"] = existing("ca", profile.ca)
    if profile.client_certificate:
        certificate = existing("client_certificate", profile.client_certificate)
        key = profile.client_key and existing("client_key", profile.client_key)
        options["cert"] = (certificate, key) if key else certificate
    return options


def key_of(profile: Profile, variables: Mapping[str, str]) -> str | None:
    """Its key, from a variable or a command; None where it needs none. Raises Failure where there should be one."""
    if profile.key_variable:
        if key := variables.get(profile.key_variable, "").strip():
            return key
        what = f"no key for profile {profile.name}: {profile.key_variable} is not set"
        raise _no_key(what, None, f"export {profile.key_variable}=KEY")
    return _printed(profile) if profile.key_command else None


def key_source(profile: Profile) -> str:
    """Where its key is found, for messages."""
    return f"{profile.key_variable or 'key_command'} of profile {profile.name}"


def other_key_of(profile: Profile) -> str:
    """What to try where its server refuses the key, or wants one."""
    if profile.key_command:
        return to_set(profile.name, "key_command", "COMMAND")
    named = to_set(profile.name, "key_variable", "NAME_OF_VARIABLE")
    return f"export {profile.key_variable}=KEY, or: {named}" if profile.key_variable else named


def _printed(profile: Profile) -> str:
    """The first line of what the command prints. It may ask the user at their terminal, but has no other's streams."""
    import subprocess
    import tempfile

    what = f"no key for profile {profile.name}: its key_command"
    with tempfile.TemporaryFile() as said:  # a file, since what the command leaves running may keep it open
        try:
            done = subprocess.run(  # noqa: S603  the user's own
                profile.key_command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                timeout=_AT_MOST,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _no_key(f"{what} took longer than {_AT_MOST:g} s", _last_line(said)) from error
        except OSError as error:
            raise _no_key(f"{what} can't be run", f"{profile.key_command[0]}: {error.strerror}") from error
        lines = done.stdout.decode(errors="replace").splitlines()
        if done.returncode:
            raise _no_key(f"{what} failed with exit code {done.returncode}", _last_line(said))
        if not lines or not lines[0].strip():
            raise _no_key(f"{what} printed nothing", _last_line(said))
        return lines[0].strip()


def _last_line(said: BinaryIO) -> str | None:
    """What a command said at last of why it failed."""
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else None


def _no_key(what: str, why: str | None = None, hint: str | None = "vuhitra config show") -> Failure:
    return Failure(what, why=why, hint=hint, verdict=Verdict.NO_KEY)
