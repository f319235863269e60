"""Messages -> the prompt a model is given, as Ollama renders, shortens and cuts it.

This file knows no tokenizer: it says what to try, and is told how long that was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cli.services.embedded.template import Template

Message = Mapping[str, Any]
"""`role` and `content`, and what else `POST /api/chat` takes."""


def render(template: Template, messages: Sequence[Message], think: bool = False) -> str:
    """The prompt for `messages`. Raises TemplateError.

    A template with `.Messages` gets them all; an older one is rendered once for each exchange,
    the last one only up to where the answer goes.
    """
    system, merged = _merged(messages)
    if template.mentions("Messages"):
        return template.render(
            {"System": system, "Messages": [_shown(each) for each in merged], "Response": ""} | _thinking(think)
        )
    return _render_exchanges(template, merged, think)


def shortenings(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Fewer and fewer of the messages: the oldest go first; system messages and the last stay.

    `POST /api/chat` takes the first that fits the window, or else the last.
    """
    for start in range(1, len(messages)):
        kept = [each for each in messages[:start] if each["role"] == "system"]
        yield [*kept, *messages[start:]]


def cut(tokens: Sequence[int], window: int, keep: int) -> list[int]:
    """A prompt that doesn't fit, without its middle.

    What stays are `keep` tokens of its beginning, and half as many as are left of the window of its end.
    """
    keep = max(0, min(keep, window - 4))
    return [*tokens[:keep], *tokens[-((window - keep) // 2) :]]


def _merged(messages: Sequence[Message]) -> tuple[str, list[Message]]:
    """The system messages as one text; and all messages, neighbours of one role made one."""
    system = "\n\n".join(each["content"] for each in messages if each["role"] == "system")
    merged: list[Message] = []
    for message in messages:
        role, content = message["role"], message["content"]
        if not merged or merged[-1]["role"] != role or role == "tool":
            merged.append(message)
        elif content:
            merged[-1] = {**merged[-1], "content": f"{merged[-1]['content']}\n\n{content}"}
    return system, merged


def _render_exchanges(template: Template, messages: Sequence[Message], think: bool) -> str:
    rendered: list[str] = []
    turn = _EMPTY_TURN
    for message in messages:
        slot = _SLOTS.get(message["role"])
        if slot is None:
            continue
        if any(turn[later] for later in _LATER_SLOTS[slot]):
            rendered.append(template.render({**turn, **_thinking(think)}))
            turn = _EMPTY_TURN
        turn = {**turn, slot: message["content"]}
    rendered.append(template.render_to_response({**turn, **_thinking(think)}))
    return "".join(rendered)


_SLOTS = {"system": "System", "user": "Prompt", "assistant": "Response"}
_LATER_SLOTS = {"System": ("Prompt", "Response"), "Prompt": ("Response",), "Response": ()}
"""What has its place behind a slot in one turn, so that filling the slot begins the next turn."""

_EMPTY_TURN: Mapping[str, str] = dict.fromkeys(_LATER_SLOTS, "")


def _thinking(think: bool) -> dict[str, Any]:
    return {"Think": think, "ThinkLevel": "", "IsThinkSet": think}


def _shown(message: Message) -> dict[str, Any]:
    """A message under the names that templates use."""
    calls = [
        {"Function": {name.capitalize(): value for name, value in call["function"].items()}}
        for call in message.get("tool_calls") or []
    ]
    return {
        "Role": message["role"],
        "Content": message["content"],
        "Thinking": message.get("thinking") or "",
        "Images": message.get("images") or [],
        "ToolCalls": calls,
        "ToolName": message.get("tool_name") or "",
        "ToolCallID": message.get("tool_call_id") or "",
    }
