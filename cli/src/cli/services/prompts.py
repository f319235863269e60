"""The words of a prompt, and what comes in on stdin."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from threading import Timer
from typing import BinaryIO

from cli.failure import Failure

SILENT_FOR = 1.0
"""Seconds after which a stdin that says nothing is worth a note."""
_NAMED = 5
"""Files that are named, where there are many."""


class OnlyNames(Failure):
    """Words of a prompt that are files. paths: which; whoever knows the command line says what to try."""

    def __init__(self, paths: Sequence[str]) -> None:
        from shlex import join

        more = f" … ({len(paths)} files)" if len(paths) > _NAMED else ""
        flags = join([word for path in paths[:_NAMED] for word in ("-f", as_value(path))])
        why = "these are files, and only their names would be sent; in quotes, as one PROMPT, they are"
        super().__init__(f"did you mean {flags}{more}?", why=why)
        self.paths = paths


def read_stdin(stream: BinaryIO, on_silence: Callable[[], None] | None = None) -> bytes:
    """All of stdin. `on_silence` is called once when nothing has come for a while. Raises Failure."""
    timer = Timer(SILENT_FOR, on_silence) if on_silence else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        data = stream.read(1)
        if timer:
            timer.cancel()
        return data and _with_the_rest(data, stream)
    except OSError as error:  # as of a folder
        raise Failure("cannot read stdin", why=error.strerror) from error
    finally:
        if timer:
            timer.cancel()


def _with_the_rest(data: bytes, stream: BinaryIO) -> bytes:
    from cli.services.reading import LARGEST, check_size

    data += stream.read(LARGEST)
    check_size("stdin", data)
    return data


def prompt_of(words: Sequence[str], cwd: str, files: Sequence[str] = ()) -> str:
    """The prompt in the words of the command line. files: what `-f` names.

    Raises Failure where words are files, as of a pattern that the shell has expanded: their names
    would be sent, and not what they hold.
    """
    paths = [word for word in words if os.path.isfile(os.path.join(cwd, word))]
    others = [word for word in words if word not in paths]
    if paths and (files or len(words) > 1) and _are_meant(words, paths, others, files):
        raise OnlyNames(paths)
    return " ".join(words)


def as_value(path: str) -> str:
    """The name of a file as the value of a flag, which none is that begins with a dash."""
    return os.path.join(os.curdir, path) if path.startswith("-") else path


def sendable(name: str) -> str:
    """The name of a file, as it can be sent: file names may be anything."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def _are_meant(words: Sequence[str], paths: Sequence[str], others: Sequence[str], files: Sequence[str]) -> bool:
    """Whether the words behind the prompt, or before it, are the files of a pattern."""
    if len(others) > 1:
        return False
    behind = not others or words[0] == others[0]
    return behind or (words[-1] == others[0] and (bool(files) or len(paths) > 1))
