"""What a flag names, read whole: a file, a page, or stdin. Whatever is wrong with it is told by its name."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cli.failure import Failure

LARGEST = 10_000_000
"""Bytes of the largest text or image that is read: no model's window takes more."""

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_NEAR = 3
_NAMED = 5
"""Files of a pattern that are named, where there are no more."""
_PLAIN = r"[\w./~@%+=:,-]+"
"""A path that needs no quotes."""
_ON_THE_WEB = r"(?:www\.[\w.-]+|[\w.-]+\.(?:com|edu|gov|net|org))(?:[/:?#].*)?"
"""An address as it is said, without https://."""
CONVERT = "iconv -f ISO-8859-1 -t UTF-8"
"""What makes UTF-8 of a text in the encoding that is likeliest where it is none."""
_REPEATED = ("-f ", "-a ")
"""Flags that take several files, and pages."""
_ONE_EACH = "{} takes a file, and may be repeated"
_ITS_TEXT = "its text, in a file of its own: -f FILE"


class Source(NamedTuple):
    """What was read. name: what a person calls it. charset: what a server says of its text."""

    name: str
    data: bytes
    charset: str | None = None


def is_url(place: str) -> bool:
    """Whether a place is somewhere on the web."""
    return place.lower().startswith(("http://", "https://"))


def expanded(path: str, variables: Mapping[str, str]) -> str:
    """A path, with the home folder for `~/` at its beginning."""
    home = variables.get("HOME")
    if home and path.startswith("~/"):
        return os.path.join(home, path[2:])
    return os.path.expanduser(path)


def read_file(path: str, cwd: str, variables: Mapping[str, str], flag: str) -> Source:
    """The bytes of a file. flag: what stands before its name, for what to try: `-f `. Raises Failure."""
    if not path:
        raise Failure(f"{flag.strip()} names no file")
    where = os.path.join(cwd, expanded(path, variables))
    try:
        if os.path.isdir(where):
            raise _is_folder(path, where, flag)
        with open(where, "rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        matched = _matched(expanded(path, variables), cwd) if flag in _REPEATED else []
        raise (_is_pattern(path, matched, flag) if matched else _missing(path, where, flag)) from error
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise Failure(f"cannot read {path}", why=why) from error
    check_size(path, data)
    return Source(path, data)


def check_size(name: str, data: bytes) -> None:
    """Raises Failure for more than is read."""
    if len(data) > LARGEST:
        raise Failure(f"{name} is larger than {LARGEST // 1_000_000} MB, the most that is read")


def decoded(source: Source) -> str:
    """The text in what was read: UTF-8, or UTF-16 with its byte order mark. Raises Failure with the place."""
    name, data, charset = source
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            data, charset = data[len(mark) :], encoding
            break
    encoding = charset or "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _binary(source) or _no_text(name, data, encoding, error.start) from error
    except LookupError as error:
        raise Failure(f"{name} is in an unknown encoding, {encoding}") from error
    if "\0" in text:
        raise _binary(source) or Failure(f"{name} is binary, not text", hint=_ITS_TEXT)
    return text


def _no_text(name: str, data: bytes, encoding: str, position: int) -> Failure:
    line = data.count(b"\n", 0, position) + 1
    what = {"utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-8": "UTF-8"}.get(encoding, encoding)
    return Failure(
        f"{name} is not text in {what}",
        why=f"byte {data[position]:#04x} at position {position}, in line {line}",
        hint=_conversion(name) if what == "UTF-8" else None,
    )


def _conversion(name: str) -> str:
    """What makes UTF-8 of it, if it is in the encoding that is likeliest."""
    from shlex import quote

    if name == "stdin":
        return f"{CONVERT}, in the pipe before vuhitra"
    if is_url(name):
        return f"curl {quote(name)} | {CONVERT} > FILE, and then -f FILE"
    return f"{CONVERT} {quote(name)}"


def _binary(source: Source) -> Failure | None:
    """What to say of a file of a kind that is known and no text; None where it isn't known."""
    from shlex import quote

    from cli.services.file_kinds import kind_of

    name = source.name
    kind = kind_of(source.data)
    if kind is None:
        return None
    hint = f"-a {'-' if name == 'stdin' else quote(name)}, which is for images" if kind.is_image else _ITS_TEXT
    return Failure(f"{name} is {kind.name}, not text", hint=hint)


def _is_folder(path: str, where: str, flag: str) -> Failure:
    from shlex import quote

    if flag not in _REPEATED:
        return Failure(f"{path} is a folder")
    name = flag.strip()
    if _can_be_a_pattern(path, where):
        hint = _in_a_shell(name, os.path.join(path, "*"))
    else:
        hint = f"{name} {quote(os.path.join(path, 'FILE'))}, once for each"
    return Failure(f"{path} is a folder", why=_ONE_EACH.format(name), hint=hint)


def _can_be_a_pattern(path: str, where: str) -> bool:
    """Whether a shell may put a flag before each file of a folder: none is a folder, and no name needs quotes."""
    try:
        there = [each for each in os.scandir(where) if not each.name.startswith(".")]
        return bool(there) and all(
            re.fullmatch(_PLAIN, os.path.join(path, each.name)) and each.is_file() for each in there
        )
    except OSError:
        return False


def _in_a_shell(name: str, pattern: str) -> str:
    """How a shell puts a flag before each file of a pattern."""
    return f"vuhitra chat $(printf ' {name} %s' {pattern}) \"…\""


def _missing(path: str, where: str, flag: str) -> Failure:
    from shlex import quote

    if os.path.islink(where):
        return Failure(f"{path} is a link to what isn't there", why=os.readlink(where))
    near = [os.path.join(os.path.dirname(path), each) for each in _near(where)]
    meant = near[0] if near else _address(path, flag)
    return Failure(f"no file {path}", near=near, hint=f"{flag}{quote(meant)}" if meant else None)


def _matched(pattern: str, cwd: str) -> list[str]:
    """The files that a shell would put in the place of a pattern."""
    from glob import glob

    return sorted(each for each in glob(pattern, root_dir=cwd) if os.path.isfile(os.path.join(cwd, each)))


def _is_pattern(path: str, paths: Sequence[str], flag: str) -> Failure:
    """What to say of a pattern in quotes, which no shell has put its files in the place of."""
    from shlex import join, quote

    from cli.services.prompts import as_value

    name = flag.strip()
    if len(paths) <= _NAMED:
        hint = join([word for each in paths for word in (name, as_value(each))])
    elif all(re.fullmatch(_PLAIN, each) for each in [*paths, re.sub(r"[*?\[\]]", "x", path)]):
        hint = _in_a_shell(name, path)
    else:
        hint = f"{name} {quote(as_value(paths[0]))}, once for each"
    return Failure(f"no file {path}", why=_ONE_EACH.format(name), hint=hint)


def _address(path: str, flag: str) -> str | None:
    """What was meant by the address of a file, or by one of a page that lacks its beginning."""
    if path.lower().startswith("file:"):
        from urllib.parse import unquote

        return unquote(re.sub(r"^file:(?://(?:localhost)?(?=/))?", "", path, flags=re.IGNORECASE))
    return f"https://{path}" if flag in _REPEATED and re.fullmatch(_ON_THE_WEB, path) else None


def _near(where: str) -> list[str]:
    from difflib import get_close_matches

    folder, name = os.path.split(where)
    try:
        there = os.listdir(folder or os.curdir)
    except OSError:
        return []
    in_lower_case = {each.lower(): each for each in there}
    near = [in_lower_case[each] for each in get_close_matches(name.lower(), in_lower_case, _NEAR, 0.7)]
    return [each for each in near if os.path.exists(os.path.join(folder, each))]
