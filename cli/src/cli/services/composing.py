"""From what the command line names to a question: files, pages, stdin and images are read, and all is checked.

Nothing is opened but what a flag names: a path within a prompt is text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from cli.failure import Failure
from cli.services.prompts import sendable
from cli.services.question import Material
from cli.services.reading import Source, decoded, is_url, read_file

STDIN = "-"
TEXTS, IMAGES = "-f ", "-a "
"""The flags that name texts and images, as they stand before a name."""

_SHORTEST_FENCE = 3


class Places(NamedTuple):
    """Where things are read from. cwd: what paths are relative to. variables: name the home folder.

    stdin: reads all of it. seconds: how long a page may take; None: as long as is usual.
    """

    cwd: str
    variables: Mapping[str, str]
    stdin: Callable[[], bytes]
    seconds: float | None = None

    def source(self, place: str, flag: str) -> Source:
        """What a flag names. Raises Failure."""
        if place == STDIN:
            return Source("stdin", self.stdin())
        if is_url(place):
            from cli.services.fetching import fetch

            return fetch(place, images=flag == IMAGES, seconds=self.seconds)
        return read_file(place, self.cwd, self.variables, flag)

    def text_at(self, path: str, flag: str) -> str:
        """The text of a file that belongs to another flag."""
        return decoded(read_file(path, self.cwd, self.variables, flag))


def check_stdin_once(files: Sequence[str], images: Sequence[str]) -> bool:
    """Whether a flag names stdin. Raises Failure where it is named twice: it can be read once."""
    count = [*files, *images].count(STDIN)
    if count > 1:
        raise Failure("stdin is named twice, and can be read once", hint="-f - once, and the other from a file")
    return count == 1


def material_at(place: str, places: Places) -> Material:
    """A text that `-f` names, fenced with its name; stdin stands by itself."""
    source = places.source(place, TEXTS)
    text = decoded(source)
    if place == STDIN:
        return Material(source.name, text.rstrip("\r\n"))
    return Material(sendable(source.name), text, fence_for(text))


def image_at(place: str, places: Places) -> bytes:
    """An image that `-a` names. Raises Failure for what is none."""
    from shlex import quote

    from cli.services.file_kinds import kind_of

    source = places.source(place, IMAGES)
    kind = kind_of(source.data)
    if kind is not None and kind.is_image:
        return source.data
    if not source.data:
        raise Failure(f"{source.name} is empty, and no image")
    if kind is not None:
        raise Failure(f"{source.name} is {kind.name}, which no model sees", why="PNG, JPEG, WebP, GIF and BMP are seen")
    try:
        decoded(source)
    except Failure as error:
        raise Failure(f"{source.name} is no image that is known", why="PNG, JPEG, WebP, GIF and BMP are") from error
    raise Failure(f"{source.name} is text, not an image", hint=f"-f {quote(place)}, which is for texts")


def system_of(given: str | None, places: Places) -> str | None:
    """The system text in what `-s` was given: a text, `@FILE`, or `@@` and a text that begins with an @."""
    if given is None or not given.startswith("@"):
        return given
    if given.startswith("@@"):
        return given[1:]
    return places.text_at(given[1:], "-s @").rstrip("\r\n")


def fence_for(text: str) -> str:
    """Backticks, more of them than stand together anywhere in a text."""
    longest = run = 0
    for character in text if "`" in text else "":
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return "`" * max(_SHORTEST_FENCE, longest + 1)
