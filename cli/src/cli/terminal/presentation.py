"""How an answer shall be shown, as the flags of one question say. This file decides nothing."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Presentation(NamedTuple):
    """How an answer shall be shown.

    stream: whether pieces are printed as they come; None: as is usual for the kind of output.
    is_checked: whether it has to fit a schema, and so to be whole before any of it is printed.
    show_thinking: whether what the model thinks is shown; None: to a person, and not in a pipe.
    extract: print the first or the last code block alone. stats: tell what the answer took.
    output: the path of a file that gets the answer instead of stdout. plain: Markdown as it was written.
    """

    stream: bool | None = None
    is_checked: bool = False
    show_thinking: bool | None = None
    extract: Literal["first", "last"] | None = None
    stats: bool = False
    output: str | None = None
    plain: bool = False
