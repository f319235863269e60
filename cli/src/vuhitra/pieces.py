"""The record that most records of an answer are, read fast: a piece of text, and nothing else that is known.

Whatever is not exactly that is left to who reads records in full, so both find the same in every line.
"""

from __future__ import annotations

import msgspec


class _Said(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    role: str = ""
    content: str = ""
    thinking: str = ""


class _Piece(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    model: str = ""
    created_at: str = ""
    message: _Said | None = None
    response: str = ""
    thinking: str = ""
    done: bool | None = None


_decode = msgspec.json.Decoder(_Piece).decode


def plain_text(line: bytes) -> str | None:
    """The text of a record that isn't the last and holds nothing besides; None for any other line."""
    try:
        piece = _decode(line)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    if piece.done is not False:
        return None
    said = piece.message
    if said is None:
        return None if piece.thinking else piece.response or None
    return None if said.thinking else said.content or None
