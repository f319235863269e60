"""What is told holds no credentials: those in URLs, and those in variables of the environment. This file is pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_USER_INFO = re.compile(r"(?<=://)([^/?#\s:\[]*:(?!\d{1,5}[/?#])[^/?#\s]*[/?#]\S*|[^/?#\s]+)(?=@)")
"""That of a URL. Of a password that holds a slash all is taken; what looks like a port is one, and no password."""
_USER_INFO_ALONE = re.compile(r"^[^/@\s]+(?=@[^/\s]+$)")
"""That of a host setting, which may leave the `http://` out."""
_NAMES_A_SECRET = re.compile(
    r"((KEY|TOKEN|SECRET)S?|(^|_)AUTH(ORIZATION)?|_PWD)\d*(?=_|$)|PASS(W|PHRASE)|CREDENTIAL", re.IGNORECASE
)
_SHORTEST = 6


def concealed(text: str, variables: Mapping[str, str]) -> str:
    """A text without credentials. variables: those of the environment, which may hold some."""
    named = {value for name, value in variables.items() if len(value) >= _SHORTEST and _NAMES_A_SECRET.search(name)}
    for value in sorted(named, key=len, reverse=True):  # one may begin like another
        text = text.replace(value, "***")
    return without_user_info(text)


def without_user_info(text: str) -> str:
    """A text whose URLs name no user and no password."""
    return _USER_INFO_ALONE.sub("***", _USER_INFO.sub("***", text))
