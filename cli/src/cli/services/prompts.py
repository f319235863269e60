"""The prompt: material from stdin first, the question last."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from threading import Timer
from typing import BinaryIO

from cli.failure import Failure

SILENT_FOR = 1.0
"""Seconds after which a stdin that says nothing is worth a note."""


def joined(material: str, question: str) -> str:
    """Both, parted by a blank line; either may be empty."""
    parts = [material.rstrip("\r\n"), question]
    return "\n\n".join(part for part in parts if part)


def read_text(stream: BinaryIO, on_silence: Callable[[], None] | None) -> str:
    """All of stdin as text. `on_silence` is called once when nothing has come for a while."""
    timer = Timer(SILENT_FOR, on_silence) if on_silence else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        data = stream.read(1)
    except OSError as error:  # as of a folder
        raise Failure("cannot read stdin", why=error.strerror) from error
    finally:
        if timer:
            timer.cancel()
    return _decoded(data + stream.read() if data else data)


def question_of(words: Sequence[str]) -> str:
    """The prompt in the words of the command line.

    Raises Failure where what follows the first word is a list of files, as of a pattern that the
    shell has expanded: their names would be sent, and not what they hold.
    """
    first, *others = words or ("",)
    if others and all(os.path.isfile(word) for word in others):
        from shlex import join

        files = join(others)
        raise Failure(
            "these are files, and only their names would be sent: " + files,
            hint=f"cat {files} | {join(['vuhitra', 'chat', first])}",
        )
    # What was not UTF-8 on the command line arrives as lone surrogates, which no server takes.
    return " ".join(words).encode(errors="surrogateescape").decode(errors="replace")


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Failure(
            "stdin is not text in UTF-8",
            why=f"byte {data[error.start]:#04x} at position {error.start}",
        ) from error
