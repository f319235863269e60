"""Which turns of a conversation are left out when it is too long: the oldest, whole, and never more than it takes."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vuhitra import OllamaContextError
from vuhitra.types import Message
from vuhitra.window import trim


def say(role: str, length: int = 100, **more: Any) -> Message:
    return cast("Message", {"role": role, "content": role[0] * length, **more})


SYSTEM = say("system")
CALL: Any = {"function": {"name": "f", "arguments": {"x": "y" * 80}}}


def turns(number: int, length: int = 100) -> list[Message]:
    return [message for _ in range(number) for message in (say("user", length), say("assistant", length))]


def test_what_fits_is_left_as_it_is() -> None:
    messages = [SYSTEM, *turns(3)]
    assert trim(messages, 1000, 1000) == (messages, [])
    assert trim([], 10, 10) == ([], [])


def test_the_oldest_turns_go_and_the_rest_stays_in_its_order() -> None:
    messages = [SYSTEM, *turns(4), say("user")]
    messages, dropped = trim(messages, 800, 1000)
    assert (len(messages), len(dropped)) == (6, 4)
    assert messages[0] is SYSTEM
    assert [message["role"] for message in messages[1:]] == ["user", "assistant", "user", "assistant", "user"]


def test_a_quarter_of_the_window_is_left_free_for_the_answer() -> None:
    messages = turns(50)
    assert len(trim(messages, 1000, 1001).messages) == 74
    assert len(trim(messages, 1000, 2000).messages) == 36


def test_system_messages_stay_wherever_they_stand() -> None:
    late = say("system", 10)
    messages = [SYSTEM, *turns(2), late, *turns(2)]
    kept, dropped = trim(messages, 500, 1000)
    assert kept[:2] == [SYSTEM, late]
    assert not any(message["role"] == "system" for message in dropped)


def test_the_messages_of_tools_go_with_their_calls() -> None:
    using: list[Message] = [say("user"), say("assistant", 0, tool_calls=[CALL]), say("tool"), say("assistant")]
    kept, dropped = trim([*using, *using, say("user")], 800, 1000)
    assert [message["role"] for message in dropped] == ["user", "assistant", "tool", "assistant"]
    assert kept[0]["role"] == "user"


def test_what_comes_before_the_user_is_a_turn_too() -> None:
    greeting = say("assistant")
    kept, dropped = trim([SYSTEM, greeting, *turns(3)], 950, 1000)
    assert dropped[0] is greeting
    assert kept[1]["role"] == "user"


def test_the_same_message_may_stand_in_it_twice() -> None:
    question, answer = turns(1)
    kept, dropped = trim([question, answer] * 4, 600, 800)
    assert (len(kept), len(dropped)) == (4, 4)


@pytest.mark.parametrize(
    "last", [say("user", 2000), say("user", 0, images=["x"]), say("user", 0, tool_calls=[CALL] * 20)]
)
def test_what_must_stay_and_does_not_fit_is_an_error_not_a_success(last: Message) -> None:
    with pytest.raises(OllamaContextError, match="can't be trimmed") as caught:
        trim([SYSTEM, *turns(2), last], 600, 2000)
    assert caught.value.window == 600
    assert caught.value.needed
    assert 600 < caught.value.needed < 2000


def test_a_single_turn_that_is_too_long_is_the_error_it_was() -> None:
    with pytest.raises(OllamaContextError) as caught:
        trim([SYSTEM, say("user")], 100, 101)
    assert caught.value.needed == 101
    with pytest.raises(OllamaContextError):
        trim([], 100, 101)


@pytest.mark.parametrize(("window", "needed"), [(0, 1), (1, 0), (-1, 5)])
def test_numbers_that_can_not_be(window: int, needed: int) -> None:
    with pytest.raises(ValueError, match="at least 1 token"):
        trim([], window, needed)


@pytest.mark.parametrize(("window", "needed"), [(None, 1), (1, None), (1.5, 2), (True, 2)])
def test_numbers_that_are_none(window: Any, needed: Any) -> None:
    with pytest.raises(TypeError, match="number of tokens"):
        trim([], window, needed)


@pytest.mark.parametrize("messages", ["abc", b"abc", [1], ["a"], [None]])
def test_what_is_no_conversation_can_not_be_trimmed(messages: Any) -> None:
    with pytest.raises(TypeError, match="a list of messages"):
        trim(messages, 5, 10)


ROLES = st.sampled_from(["system", "user", "assistant", "tool"])
CONVERSATIONS = st.lists(st.builds(say, ROLES, st.integers(0, 500)), max_size=30)


@given(CONVERSATIONS, st.integers(1, 5000), st.integers(1, 10_000))
def test_trimming(messages: list[Message], window: int, needed: int) -> None:
    try:
        kept, dropped = trim(messages, window, needed)
    except OllamaContextError as error:
        says = (error.needed or 0) >= window
        assert says
        assert needed > window
        return
    assert bool(dropped) == (needed > window)
    system = [message for message in messages if message["role"] == "system"]
    said = [message for message in messages if message["role"] != "system"]
    assert [message for message in kept if message["role"] == "system"] == system
    assert [*dropped, *(message for message in kept if message["role"] != "system")] == said
    if dropped:
        assert next(message for message in kept if message["role"] != "system")["role"] == "user"


@given(CONVERSATIONS, st.integers(1, 5000), st.integers(1, 10_000), st.floats(0.5, 2))
def test_what_was_trimmed_is_trimmed_until_it_fits_or_can_not(
    messages: list[Message], window: int, needed: int, wrong: float
) -> None:
    """However wrong the estimate was: each attempt drops something, or says that it can't."""
    for _ in range(len(messages) + 1):
        try:
            kept, dropped = trim(messages, window, needed)
        except OllamaContextError:
            return
        if not dropped:
            assert kept == messages
            return
        needed = max(1, round(wrong * needed * len(kept) / len(messages)))
        messages = kept
    pytest.fail("it goes on for ever")
