"""Whoever closes the connection cancels: the slot is free for the next one at once."""

from __future__ import annotations

import time
from collections.abc import Generator

import pytest

from tests.embedded.asking import ask, asking, sent
from tests.embedded.servers import BOOK, PATIENCE, SHORT, STORY, first_line, server, wait_until_loaded
from vuhitra.hosts import Host


@pytest.fixture
def host() -> Generator[Host]:
    """A server with one slot, and nothing loaded."""
    with server(slots=1, queue=1) as host:
        yield host


def assert_free(host: Host) -> None:
    began = time.monotonic()
    assert ask(host, "POST", "/api/generate", SHORT | {"options": {"num_predict": 1, "num_ctx": 4096}}).status == 200
    assert time.monotonic() - began < PATIENCE / 4


def test_leaving_a_stream(host: Host) -> None:
    with asking(host, "POST", "/api/generate", STORY) as response:
        first_line(response)
    assert_free(host)


def test_leaving_a_stream_of_a_chat(host: Host) -> None:
    body = {"model": STORY["model"], "messages": [{"role": "user", "content": STORY["prompt"]}]}
    with asking(host, "POST", "/api/chat", body | {"options": STORY["options"]}) as response:
        first_line(response)
    assert_free(host)


def test_leaving_before_an_answer_in_one_piece(host: Host) -> None:
    leaving = sent(host, "POST", "/api/generate", STORY | {"stream": False})
    wait_until_loaded(host)
    leaving.close()
    assert_free(host)


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_while_the_prompt_is_read(stream: bool, host: Host) -> None:
    leaving = sent(host, "POST", "/api/generate", BOOK | {"stream": stream})
    wait_until_loaded(host)
    leaving.close()
    assert_free(host)


def test_leaving_while_vectors_are_made(host: Host) -> None:
    leaving = sent(host, "POST", "/api/embed", {"model": STORY["model"], "input": [BOOK["prompt"]] * 20})
    wait_until_loaded(host)
    leaving.close()
    assert_free(host)


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_the_queue_makes_room_in_it(stream: bool, host: Host) -> None:
    with asking(host, "POST", "/api/generate", STORY) as response:
        first_line(response)
        waiting = sent(host, "POST", "/api/generate", STORY | {"stream": stream})
        assert ask(host, "POST", "/api/generate", SHORT).status == 503
        waiting.close()
        patient = sent(host, "POST", "/api/generate", SHORT)
    assert patient.getresponse().status == 200
    patient.close()


def test_leaving_while_the_model_is_loaded(host: Host) -> None:
    sent(host, "POST", "/api/generate", SHORT).close()
    assert_free(host)
