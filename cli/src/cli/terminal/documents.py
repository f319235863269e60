"""What `--json` prints: documents and lines whose first key is the version of their shape."""

from __future__ import annotations

from collections.abc import Mapping

from cli.terminal.screen import Screen

VERSION = 1


def document(screen: Screen, content: Mapping[str, object]) -> None:
    """One document, indented."""
    screen.line(_encoded(screen, {"version": VERSION, **content}, indent=2))


def whole(screen: Screen, content: Mapping[str, object], *, stream: bool | None) -> None:
    """All that a command has to say: a document, or where lines are asked for, the last of them."""
    if stream:
        record(screen, "done", content)
    else:
        document(screen, content)


def record(screen: Screen, kind: str, content: Mapping[str, object]) -> None:
    """One line of a stream of them; the last has the kind `done` or `error`."""
    screen.has_ended = kind in ("done", "error")
    screen.line(_encoded(screen, {"version": VERSION, "type": kind, **content}))


def error(screen: Screen, content: Mapping[str, object]) -> None:
    """An error, for stderr."""
    screen.line(_encoded(screen, {"error": content}))


def _encoded(screen: Screen, content: Mapping[str, object], indent: int | None = None) -> str:
    import json

    # At a terminal everything beyond ASCII is escaped: the same document, with nothing to be filtered.
    return json.dumps(content, indent=indent, ensure_ascii=screen.is_terminal)
