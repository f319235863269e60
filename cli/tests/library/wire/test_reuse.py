"""A connection is good for another call, whatever the last answer was, as long as all of it was read."""

from __future__ import annotations

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.scripted_server import Step, answer, pieces, stream
from vuhitra import OllamaError, Retry

HELLO = [{"role": "user", "content": "hello"}]
ONCE = Retry(attempts=1)


@pytest.mark.parametrize(
    "refusal",
    [
        answer({"error": "model 'm' not found"}, 404),
        answer({"error": "bad"}, 400),
        answer({"error": "busy"}, 503),
        stream(pieces("no JSON")),
    ],
    ids=["missing", "refused", "busy", "unfit"],
)
def test_after_an_error_that_was_heard_to_its_end(connect: Connect, serve: Serve, refusal: list[Step]) -> None:
    server = serve(refusal, answer({"models": [], "message": {"content": "yes"}}))
    client = connect(server.url, "m", retry=ONCE, auto_pull=False)
    with pytest.raises(OllamaError):
        client.chat(HELLO, schema={"type": "object"})
    assert client.list_models() == []
    assert client.chat(HELLO) == "yes"
    assert {request.connection for request in server.requests} == {0}


def test_not_after_an_error_that_is_longer_than_what_is_looked_at(connect: Connect, serve: Serve) -> None:
    server = serve(answer(b"x" * 3_000_000, 500), stream(pieces("yes")))
    client = connect(server.url, "m", retry=ONCE)
    with pytest.raises(OllamaError):
        client.chat(HELLO)
    assert client.chat(HELLO) == "yes"
    assert [request.connection for request in server.requests] == [0, 1]
