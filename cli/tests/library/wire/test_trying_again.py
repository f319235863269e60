"""What is sent again, how often, and with which waits in between."""

from __future__ import annotations

import logging

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.scripted_server import STREAM_HEAD, Close, Reset, Step, answer, chunk, pieces, stream, unused_url
from vuhitra import OllamaConnectionError, OllamaIncompleteError, OllamaResponseError, Retry

HELLO = [{"role": "user", "content": "hello"}]
QUICK = Retry(first_wait=0.01)


@pytest.mark.parametrize("fault", [[Close()], [Reset()], [b"HTTP/1.1 200", Close()], [STREAM_HEAD, Close()]], ids=str)
def test_a_call_that_was_not_answered_is_sent_again(connect: Connect, serve: Serve, fault: list[Step]) -> None:
    server = serve(fault, fault, stream(pieces("at last")))
    assert connect(server.url, "m", retry=QUICK).chat(HELLO) == "at last"
    assert len(server.requests) == 3


def test_every_wait_is_logged_with_its_reason(connect: Connect, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    server = serve([Close()], answer({"models": []}))
    connect(server.url, retry=QUICK).list_models()
    (record,) = [record for record in caplog.records if record.name == "vuhitra"]
    assert record.levelno == logging.WARNING
    assert vars(record)["attempt"] == 2
    assert vars(record)["reason"] == "closed"
    assert vars(record)["wait"] <= 0.01


def test_the_waits_are_real(connect: Connect, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    server = serve([Close()], [Close()], answer({"models": []}))
    client = connect(server.url, retry=Retry(first_wait=0.2, factor=1))
    began = _now()
    client.list_models()
    waited = sum(vars(record)["wait"] for record in caplog.records if record.name == "vuhitra")
    assert _now() - began >= waited > 0


def test_the_last_error_keeps_the_earlier_ones(connect: Connect) -> None:
    with pytest.raises(OllamaConnectionError) as caught:
        connect(unused_url(), "m", retry=QUICK).chat(HELLO)
    assert caught.value.reason == "refused"
    assert [type(error) for error in caught.value.attempts] == [OllamaConnectionError] * 2


def test_attempts_are_all_sends(connect: Connect, serve: Serve) -> None:
    server = serve([Close()])
    with pytest.raises(OllamaConnectionError):
        connect(server.url, "m", retry=Retry(attempts=2, first_wait=0)).chat(HELLO)
    assert len(server.requests) == 2


def test_what_the_server_refused_is_not_sent_again(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"error": "no"}, 400))
    with pytest.raises(OllamaResponseError):
        connect(server.url, "m", retry=QUICK).chat(HELLO)
    assert len(server.requests) == 1


def test_nothing_is_sent_again_after_the_first_record(connect: Connect, serve: Serve) -> None:
    server = serve([STREAM_HEAD, chunk(pieces("he")[0]), Close()], stream(pieces("hello")))
    with pytest.raises(OllamaIncompleteError):
        connect(server.url, "m", retry=QUICK).chat(HELLO)
    assert len(server.requests) == 1


def test_an_unknown_host_is_not_tried_again(connect: Connect) -> None:
    with pytest.raises(OllamaConnectionError) as caught:
        connect("http://nowhere.invalid", "m").chat(HELLO)
    assert caught.value.reason == "dns"
    assert caught.value.attempts == ()


def _now() -> float:
    import time

    return time.monotonic()
