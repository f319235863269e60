"""The context window: which turns of a conversation are left out when it has grown too long.

This file knows no network and no tokenizer: the server's own count is shared out over the messages by their length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec

from vuhitra.errors import OllamaContextError

MessageT = TypeVar("MessageT", bound=Mapping[str, object])

_FILLED = 0.75
"""How much of a window a trimmed conversation may take: the rest is for the answer, and for what was estimated."""
_FRAME = 16
"""What a template puts around a message, in bytes."""
_IMAGE = 3000
"""What an image is worth, in bytes of text."""


class Trimmed(NamedTuple, Generic[MessageT]):
    """A conversation with its oldest turns left out. messages: what is left. dropped: what is not; both in order."""

    messages: list[MessageT]
    dropped: list[MessageT]


def trim(messages: Sequence[MessageT], window: int, needed: int) -> Trimmed[MessageT]:
    """A conversation that fits a window, without its oldest turns.

    A turn is a message of the user and all that follows up to the next one, so that no answer of a
    tool stands without its call. System messages stay, and so does the last turn. Where something
    is dropped, a quarter of the window is left free, if turns enough can be dropped for it.

    messages: as for `chat`. window, needed: tokens, as `OllamaContextError` has them: how many the
    window takes, and how many these messages came to. How many the rest comes to is estimated by
    length; the server counts anew.

    Raises OllamaContextError where what must stay is longer than the window by itself.
    """
    for name, tokens in (("window", window), ("needed", needed)):
        if isinstance(tokens, bool) or not isinstance(tokens, int):
            raise TypeError(f"{name} is a number of tokens, not {tokens!r}")
        if tokens < 1:
            raise ValueError(f"{name} is at least 1 token, not {tokens}")
    if isinstance(messages, str | bytes) or not all(isinstance(each, Mapping) for each in messages):
        raise TypeError("messages is a list of messages, as for chat")
    if needed <= window:
        return Trimmed(list(messages), [])
    lengths = [_length(message) for message in messages]
    total = sum(lengths)
    dropped: set[int] = set()
    estimate = float(needed)
    for turn in _turns(messages)[:-1]:
        if estimate <= _FILLED * window:
            break
        dropped.update(turn)
        estimate -= needed * sum(lengths[index] for index in turn) / total
    if estimate > window:
        raise OllamaContextError(
            "the conversation can't be trimmed to fit the window",
            why=f"what must stay of it comes to about {round(estimate)} tokens, the window has {window}",
            window=window,
            needed=round(estimate),
            hint="a larger num_ctx, or a shorter last message",
        )
    return Trimmed(
        [message for index, message in enumerate(messages) if index not in dropped],
        [messages[index] for index in sorted(dropped)],
    )


def _turns(messages: Sequence[Mapping[str, object]]) -> list[list[int]]:
    """The turns, by the places of their messages, without those of the system.

    What comes before the first message of the user is a turn, too.
    """
    turns: list[list[int]] = []
    for index, message in enumerate(messages):
        role = message.get("role")
        if role == "user" or (role != "system" and not turns):
            turns.append([])
        if role != "system":
            turns[-1].append(index)
    return turns


def _length(message: Mapping[str, object]) -> int:
    """How long a message is, in bytes of text."""
    images = message.get("images")
    pictures = len(images) if isinstance(images, Sequence) else 0
    written = (message.get(name) for name in ("content", "thinking", "tool_name"))
    text = sum(len(part.encode("utf-8", "replace")) for part in written if isinstance(part, str))
    calls = len(msgspec.json.encode(message.get("tool_calls") or [], enc_hook=_plain)) - len("[]")
    return _FRAME + text + _IMAGE * pictures + calls


def _plain(value: object) -> object:
    """Read-only mappings and kinds of str, as what they are at heart; all else as it is written."""
    return dict(value) if isinstance(value, Mapping) else str(value)
