"""The proof: each fault, in each operation, streamed or not, in both clients, is the error that it should be."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.library.wire.expectations import EXPECTED, KINDS, Expected, Fails, Succeeds, Unfit
from tests.library.wire.faults import FAULTS, OPERATIONS, PATIENT, STEPS, Fault, Operation, ended
from tests.scripted_server import ScriptedServer, Step, answer
from vuhitra import OllamaClient, OllamaError, OllamaTimeoutError

LOADED = answer({"models": [{"name": "m:latest"}]})
"""What `/api/ps` says to whoever asks why nothing came."""


def _modes(operation: Operation) -> tuple[bool, ...]:
    return (False, True) if operation.streams else (False,)


def _cells() -> Iterator[Any]:
    for fault, (name, operation) in product(FAULTS, OPERATIONS.items()):
        if isinstance(EXPECTED[fault][operation.kind], Unfit):
            continue
        for streamed in _modes(operation):
            yield pytest.param(fault, name, streamed, id=f"{fault}-{name}{'-streamed' if streamed else ''}")


def test_no_cell_is_empty() -> None:
    assert EXPECTED.keys() == FAULTS.keys()
    for fault, (name, operation) in product(FAULTS, OPERATIONS.items()):
        expected = EXPECTED[fault].get(operation.kind)
        assert isinstance(expected, Succeeds | Fails | Unfit), f"{fault}, {name}"


MADE_OF_OTHERS = {"use_model", "wait_until_ready"}
SENDING_NOTHING = {"close", "with_options"}


def test_all_operations_of_a_client_stand_in_the_table() -> None:
    methods = {name for name in dir(OllamaClient) if name[0] != "_" and callable(getattr(OllamaClient, name))}
    assert methods - MADE_OF_OTHERS - SENDING_NOTHING == OPERATIONS.keys()
    assert {operation.kind for operation in OPERATIONS.values()} == set(KINDS)


@pytest.mark.parametrize(("fault", "name", "streamed"), [*_cells()])
def test_a_fault_is_the_error_that_it_should_be(
    connect: Connect, serve: Serve, fault: str, name: str, streamed: bool
) -> None:
    operation, spoilt, expected = OPERATIONS[name], FAULTS[fault], EXPECTED[fault][OPERATIONS[name].kind]
    server = serve(*_scripts(operation, spoilt, expected))
    client = connect(server.url, "m", timeout=spoilt.timeouts, retry=spoilt.retry, auto_pull=False)
    if isinstance(expected, Succeeds):
        _check_answer(client, operation, streamed, expected.forwards)
        assert len(server.requests) == 1
    elif isinstance(expected, Fails) and operation.kind == "health":
        assert operation.ask(client) is False
        assert len(server.requests) == expected.requests
    elif isinstance(expected, Fails):
        _check_error(client, server, operation, expected, streamed)
    patient = client.with_options(timeouts=PATIENT)
    assert operation.ask(patient) == operation.result


def _scripts(operation: Operation, spoilt: Fault, expected: Expected) -> list[list[Step]]:
    """The spoilt answer as often as it is asked for, and then good ones: the client goes on as if nothing had been."""
    requests = expected.requests if isinstance(expected, Fails) else 1
    asks_why = operation.loads and spoilt.timeouts.start < 1
    why = [LOADED] if asks_why else []
    return [*[spoilt.script(operation)] * requests, *why, ended(operation, operation.body)]


def _check_error(client: Any, server: ScriptedServer, operation: Operation, expected: Fails, streamed: bool) -> None:
    opened: list[Any] = []
    heard: list[Any] = []
    with pytest.raises(OllamaError) as caught:
        _hear(client, operation, streamed, opened, heard)
    error = caught.value
    assert type(error) is expected.error
    assert {name: getattr(error, name) for name in expected.attributes} == expected.attributes
    assert "127.0.0.1" in str(error)
    assert expected.says in str(error)
    revived = pickle.loads(pickle.dumps(error))
    assert (type(revived), str(revived)) == (type(error), str(error))
    assert bool(opened) is bool(streamed and expected.heard)
    if operation.kind == "reply":
        assert "".join(heard) == (expected.heard if streamed else "")
        assert (getattr(error, "partial", None) or "") == expected.heard
    else:
        assert heard == [*STEPS[: len(heard)]]
        assert bool(heard) is bool(opened)
    if isinstance(error, OllamaTimeoutError) and error.phase == "start" and operation.loads:
        assert error.loaded is True
    for answered in opened:
        with pytest.raises(RuntimeError, match="closed"):
            list(answered)
    assert server.arrived.wait(5)
    own = [request for request in server.requests if request.path != "/api/ps"] or server.requests
    assert len(own) == expected.requests


def _hear(client: Any, operation: Operation, streamed: bool, opened: list[Any], heard: list[Any]) -> None:
    """Asks. A stream that opens is noted, and what it gives, for as long as it does."""
    if not streamed:
        operation.ask(client)
        return
    opened.append(operation.ask(client, stream=True))
    heard.extend(opened[0])


def _check_answer(client: Any, operation: Operation, streamed: bool, forwards: bool) -> None:
    if not streamed:
        assert _known(operation.ask(client)) == operation.result
        return
    answered = operation.ask(client, stream=True)
    items = [_known(item) for item in answered]
    if operation.kind == "reply":
        assert "".join(items) == answered.reply == operation.result
        return
    assert items[0] == STEPS[0]
    assert items[-1] == STEPS[-1]
    if forwards:
        completed = [item["completed"] for item in items if "completed" in item]
        assert completed == sorted(completed)
        assert completed[-1] == 10


def _known(result: Any) -> Any:
    """A result without the field that nobody knows."""
    return {key: value for key, value in result.items() if key != "unknown"} if isinstance(result, dict) else result
