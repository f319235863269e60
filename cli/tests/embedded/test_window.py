"""The context window: what is left of too much, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.embedded.asking import MODEL, ask
from vuhitra.hosts import Host

OPTIONS = {"num_ctx": 256, "num_predict": 3, "temperature": 0}
FOX = "The quick brown fox jumps over the lazy dog. "


def tokens(host: Host, messages: list[dict[str, str]], **fields: Any) -> Any:
    body = {"model": MODEL, "messages": messages, "options": OPTIONS, "stream": False}
    return ask(host, "POST", "/api/chat", body | fields).json


def user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def test_the_oldest_messages_are_dropped_and_system_and_the_last_stay(embedded_host: Host) -> None:
    system, last = {"role": "system", "content": FOX * 3}, user("And now? " * 5)
    turn = [user(FOX), {"role": "assistant", "content": FOX}]
    least = tokens(embedded_host, [system, last])["prompt_eval_count"]
    of_a_turn = tokens(embedded_host, [system, *turn, last])["prompt_eval_count"] - least
    kept = tokens(embedded_host, [system, *turn * 20, last])["prompt_eval_count"]
    assert least < kept <= 256 < kept + of_a_turn


def test_a_single_message_is_cut_to_about_half_the_window(embedded_host: Host) -> None:
    assert tokens(embedded_host, [user(FOX * 100)])["prompt_eval_count"] == 4 + (256 - 4) // 2


def test_num_keep_says_how_much_of_the_beginning_stays(embedded_host: Host) -> None:
    options = {**OPTIONS, "num_keep": 100}
    assert tokens(embedded_host, [user(FOX * 100)], options=options)["prompt_eval_count"] == 100 + (256 - 100) // 2


@pytest.mark.parametrize("shift", [True, False])
def test_nothing_is_cut_where_that_is_not_wanted(shift: bool, embedded_host: Host) -> None:
    error = tokens(embedded_host, [user(FOX * 100)], truncate=False, shift=shift)["error"]
    assert '"n_prompt_tokens":1010' in error
    assert '"n_ctx":256' in error


def test_an_answer_ends_with_the_window_where_it_must_not_shift(embedded_host: Host) -> None:
    options = {"num_ctx": 256, "num_predict": -1, "temperature": 0}
    reply = tokens(embedded_host, [user("Write a very long story. " * 40)], options=options, shift=False)
    assert reply["done_reason"] == "length"
    assert reply["prompt_eval_count"] + reply["eval_count"] == 256


def test_a_context_is_what_was_said_and_can_be_gone_on_from(embedded_host: Host) -> None:
    body = {"model": MODEL, "prompt": "Name three colours.", "options": OPTIONS, "stream": False}
    first = ask(embedded_host, "POST", "/api/generate", body).json
    assert len(first["context"]) == first["prompt_eval_count"] + first["eval_count"]
    second = ask(embedded_host, "POST", "/api/generate", body | {"context": first["context"]}).json
    assert second["prompt_eval_count"] == len(first["context"]) + first["prompt_eval_count"]


@pytest.mark.parametrize("context", [[-1], [10**9], [49152]])
def test_a_context_of_no_tokens_is_refused(context: list[int], embedded_host: Host) -> None:
    body = {"model": MODEL, "prompt": "x", "context": context, "stream": False}
    assert ask(embedded_host, "POST", "/api/generate", body).status == 400


def test_the_names_of_special_tokens_are_these_tokens(embedded_host: Host) -> None:
    body = {"model": MODEL, "prompt": "<|im_start|>user\nHi<|im_end|>\n", "raw": True, "stream": False}
    reply = ask(embedded_host, "POST", "/api/generate", body | {"options": OPTIONS}).json
    assert reply["prompt_eval_count"] == 6
    assert "context" not in reply
