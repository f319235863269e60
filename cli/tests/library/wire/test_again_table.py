"""What may be sent again after which failure: one test a cell, by how many requests arrive at the server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.library.wire.faults import (
    BUSY,
    HTML,
    IDLING,
    OPERATIONS,
    PATIENT,
    SLOW_DOWN,
    STARTING,
    STEPS,
    Fault,
    Operation,
    chunked,
    ended,
    error_line,
    refusal,
)
from tests.scripted_server import Close, Hang, Reset, ScriptedServer, answer, stream, unused_url
from vuhitra import OllamaConnectionError, OllamaError, OllamaModelNotFoundError, OllamaResponseError, Retry, Timeouts

AGAIN = Retry(attempts=3, first_wait=0)

FAILURES: dict[str, Fault] = {
    "reset": Fault(lambda _: [Reset()]),
    "closed": Fault(lambda _: [Close()]),
    "closed after the head": Fault(lambda operation: [chunked(operation), Close()]),
    "cut inside the first record": Fault(lambda operation: [chunked(operation, operation.lines[0][:-4]), Close()]),
    "429": Fault(refusal(429, SLOW_DOWN)),
    "a usage limit": Fault(refusal(429, error_line("you've reached your hourly usage limit, upgrade to continue"))),
    "502": Fault(refusal(502, HTML)),
    "503": Fault(refusal(503, BUSY)),
    "504": Fault(refusal(504, HTML)),
    "still loading": Fault(refusal(500, error_line("llm server loading model"))),
    "400": Fault(refusal(400, error_line("invalid"))),
    "another 500": Fault(refusal(500, error_line("the model runner has unexpectedly stopped"))),
    "501": Fault(refusal(501, error_line("not here"))),
    "a start time-out": Fault(lambda _: [Hang()], timeouts=STARTING),
    "broken after the first record": Fault(lambda operation: [chunked(operation, operation.lines[0]), Close()]),
    "idle after the first record": Fault(
        lambda operation: [chunked(operation, operation.lines[0]), Hang()], timeouts=IDLING
    ),
}

READING = ("list_models", "show_model", "running_models", "has_model", "version", "embed")
TRANSFERS = ("pull_model", "push_model")
WRITING = (*TRANSFERS, "copy_model", "create_model", "load_model", "unload_model")
DELETING = ("delete_model",)
ANSWERING = ("generate", "chat")
ALL = (*READING, *WRITING, *DELETING, *ANSWERING)
STREAMS = (*TRANSFERS, "create_model", *ANSWERING)

SENT_AGAIN: dict[str, tuple[str, ...]] = {
    "reset": ALL,
    "closed": ALL,
    "closed after the head": ALL,
    "cut inside the first record": ALL,
    "429": ALL,
    "a usage limit": (),
    "502": ALL,
    "503": ALL,
    "504": ALL,
    "still loading": tuple(name for name in ALL if name not in DELETING),
    "400": (),
    "another 500": (),
    "501": (),
    "a start time-out": ("pull_model",),
    "broken after the first record": TRANSFERS,
    "idle after the first record": TRANSFERS,
}
"""For each failure, the operations that are sent again after it."""


def _cells() -> Iterator[Any]:
    for failure, name in product(FAILURES, ALL):
        if "after the first record" in failure and name not in STREAMS:
            continue  # there are no records
        if failure == "501" and name in ("load_model", "unload_model"):
            continue  # the model may be an embedding model: it is loaded in another way
        for streamed in (False, True) if name in STREAMS else (False,):
            yield pytest.param(failure, name, streamed, id=f"{failure}-{name}{'-streamed' if streamed else ''}")


def test_the_table_is_whole() -> None:
    assert SENT_AGAIN.keys() == FAILURES.keys()
    assert {*ALL, "health_check"} == OPERATIONS.keys()
    assert {name for name, operation in OPERATIONS.items() if operation.streams} == {*STREAMS}


@pytest.mark.parametrize(("failure", "name", "streamed"), [*_cells()])
def test_what_is_sent_again(connect: Connect, serve: Serve, failure: str, name: str, streamed: bool) -> None:
    operation, fault = OPERATIONS[name], FAILURES[failure]
    server = serve(fault.script(operation), ended(operation, operation.body))
    client = connect(server.url, "m", timeout=fault.timeouts, retry=AGAIN, auto_pull=False)
    if name in SENT_AGAIN[failure]:
        _ask_to_the_end(client, operation, streamed)
        assert _requests(server, operation) == 2
        return
    with pytest.raises(OllamaError) as caught:
        _ask_to_the_end(client, operation, streamed)
    assert _requests(server, operation) == 1
    assert caught.value.attempts == ()


@pytest.mark.parametrize("failure", FAILURES)
def test_health_is_asked_for_once(connect: Connect, serve: Serve, failure: str) -> None:
    operation, fault = OPERATIONS["health_check"], FAILURES[failure]
    server = serve(fault.script(operation), ended(operation, operation.body))
    client = connect(server.url, timeout=fault.timeouts, retry=AGAIN)
    assert client.health_check() is False
    assert len(server.requests) == 1


BEFORE_THE_FIRST_RECORD = [failure for failure in FAILURES if "after the first record" not in failure]


@pytest.mark.parametrize("failure", BEFORE_THE_FIRST_RECORD)
def test_an_upload_is_sent_again(connect: Connect, serve: Serve, failure: str, tmp_path: Path) -> None:
    file, fault, operation = _file(tmp_path), FAILURES[failure], OPERATIONS["copy_model"]
    server = serve(answer(b"", 404), fault.script(operation), answer(b"", 201), stream(STEPS))
    client = connect(server.url, timeout=fault.timeouts, retry=AGAIN)
    if "create_model" in SENT_AGAIN[failure]:
        client.create_model("m", files={file.name: file})
        assert [request.method for request in server.requests] == ["HEAD", "POST", "POST", "POST"]
        assert server.requests[1].body == server.requests[2].body == file.read_bytes()
        return
    with pytest.raises(OllamaError):
        client.create_model("m", files={file.name: file})
    assert [request.method for request in server.requests] == ["HEAD", "POST"]


WITHOUT_A_BODY = [
    failure
    for failure in BEFORE_THE_FIRST_RECORD
    if failure not in ("closed after the head", "cut inside the first record", "a usage limit", "still loading")
]
"""What can befall the answer to a HEAD: it has neither a body nor, so, a text."""


@pytest.mark.parametrize("failure", WITHOUT_A_BODY)
def test_looking_for_a_blob_is_sent_again(connect: Connect, serve: Serve, failure: str, tmp_path: Path) -> None:
    file, fault, operation = _file(tmp_path), FAILURES[failure], OPERATIONS["copy_model"]
    server = serve(fault.script(operation), answer(b"", 200), stream(STEPS))
    client = connect(server.url, timeout=fault.timeouts, retry=AGAIN)
    if "create_model" in SENT_AGAIN[failure]:
        client.create_model("m", files={file.name: file})
        assert [request.method for request in server.requests] == ["HEAD", "HEAD", "POST"]
        return
    with pytest.raises(OllamaError):
        client.create_model("m", files={file.name: file})
    assert [request.method for request in server.requests] == ["HEAD"]


@pytest.mark.parametrize("name", ALL)
def test_a_refused_connection_is_tried_again(connect: Connect, name: str) -> None:
    client = connect(unused_url(), "m", timeout=PATIENT, retry=AGAIN, auto_pull=False)
    with pytest.raises(OllamaConnectionError) as caught:
        OPERATIONS[name].ask(client)
    assert [getattr(error, "reason", None) for error in (*caught.value.attempts, caught.value)] == ["refused"] * 3


@pytest.fixture
def deaf_url() -> Iterator[str]:
    """The URL of a server that takes no more connections, and doesn't say so."""
    with ExitStack() as closing:
        listener = closing.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = closing.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("name", ALL)
def test_a_connect_time_out_is_tried_again(connect: Connect, deaf_url: str, name: str) -> None:
    client = connect(deaf_url, "m", timeout=Timeouts(connect=0.05), retry=Retry(attempts=2, first_wait=0))
    with pytest.raises(OllamaConnectionError) as caught:
        OPERATIONS[name].ask(client)
    assert [getattr(error, "phase", None) for error in (*caught.value.attempts, caught.value)] == ["connect"] * 2


@pytest.mark.parametrize("lost", ["reset", "closed", "closed after the head", "cut inside the first record"])
def test_a_model_that_is_gone_at_the_second_try_was_deleted_by_the_first(
    connect: Connect, serve: Serve, lost: str
) -> None:
    server = serve(FAILURES[lost].script(OPERATIONS["delete_model"]), answer({"error": "model 'm' not found"}, 404))
    connect(server.url, retry=AGAIN).delete_model("m")
    assert [request.method for request in server.requests] == ["DELETE", "DELETE"]


@pytest.mark.parametrize("said", ["429", "502", "503", "504"])
def test_a_model_that_a_busy_server_has_not_is_not_found(connect: Connect, serve: Serve, said: str) -> None:
    nothing = answer({"models": []})
    missing = answer({"error": "model 'm' not found"}, 404)
    server = serve(FAILURES[said].script(OPERATIONS["delete_model"]), missing, nothing)
    with pytest.raises(OllamaModelNotFoundError):
        connect(server.url, retry=AGAIN).delete_model("m")


NOON = "Sun, 22 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize("header", ["Retry-After: 0", f"Date: {NOON}\r\nRetry-After: {NOON}"])
def test_a_time_to_wait_is_obeyed(connect: Connect, serve: Serve, header: str) -> None:
    operation = OPERATIONS["chat"]
    server = serve(refusal(429, SLOW_DOWN, header)(operation), ended(operation, operation.body))
    client = connect(server.url, "m", retry=Retry(first_wait=1000, max_wait=1000, budget=5))
    assert operation.ask(client) == operation.result
    assert len(server.requests) == 2


def test_a_time_to_wait_that_leaves_no_time_is_an_error(connect: Connect, serve: Serve) -> None:
    operation = OPERATIONS["chat"]
    server = serve(refusal(503, BUSY, "Retry-After: 3")(operation))
    with pytest.raises(OllamaResponseError) as caught:
        operation.ask(connect(server.url, "m", retry=Retry(budget=2)))
    assert getattr(caught.value, "retry_after", None) == 3.0
    assert len(server.requests) == 1


def _ask_to_the_end(client: Any, operation: Operation, streamed: bool) -> None:
    answered = operation.ask(client, stream=True) if streamed else operation.ask(client)
    if streamed:
        list(answered)


def _requests(server: ScriptedServer, operation: Operation) -> int:
    """How often the operation itself was asked for, without what was asked because of it."""
    first = server.requests[0].path
    return sum(request.path == first for request in server.requests)


def _file(folder: Path) -> Path:
    file = folder / "model.gguf"
    file.write_bytes(b"GGUF" + bytes(100))
    return file
