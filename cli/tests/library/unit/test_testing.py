"""The transport that answers by a script, as users' tests use it: in both clients, with no socket and no time."""

from __future__ import annotations

import asyncio
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.library.wire.conftest import Blocking
from vuhitra import (
    AsyncOllamaClient,
    OllamaBusyError,
    OllamaClient,
    OllamaConnectionError,
    OllamaIncompleteError,
    OllamaResponseError,
    OllamaTimeoutError,
    Retry,
    Text,
    Thinking,
    Timeouts,
    testing,
)
from vuhitra.http import Request
from vuhitra.testing import (
    AsyncScriptedTransport,
    ScriptedTransport,
    answer,
    document,
    refusal,
    stream,
    unreachable,
)

HELLO = [{"role": "user", "content": "hello"}]
Scripted = Callable[..., tuple[Any, Any]]


@pytest.fixture(params=["sync", "async"])
def scripted(request: pytest.FixtureRequest) -> Iterator[Scripted]:
    """Makes a client of either colour with a script, and gives it with its transport."""
    with ExitStack() as closing:
        loop = asyncio.new_event_loop()
        closing.callback(loop.close)

        def make(*answers: Any, **options: Any) -> tuple[Any, Any]:
            if request.param == "sync":
                transport = ScriptedTransport(*answers)
                return closing.enter_context(OllamaClient(model="m", transport=transport, **options)), transport
            awaited = AsyncScriptedTransport(*answers)
            client = Blocking(AsyncOllamaClient(model="m", transport=awaited, **options), loop)
            return closing.enter_context(client), awaited

        yield make


@pytest.mark.parametrize("ask", ["chat", "generate"])
def test_an_answer_does_for_chat_and_generate(scripted: Scripted, ask: str) -> None:
    given = answer("Hel", "lo.", thinking="Hm.", eval_count=2)
    client, transport = scripted(given, given)
    asked = HELLO if ask == "chat" else "hello"
    whole = getattr(client, ask)(asked)
    assert (whole, whole.thinking, whole.model) == ("Hello.", "Hm.", "m")
    assert (whole.stats.eval_count, whole.done_reason) == (2, "stop")
    with getattr(client, ask)(asked, stream=True) as streamed:
        events = list(streamed.events())
    assert events[:3] == [Thinking("Hm."), Text("Hel"), Text("lo.")]
    assert vars(streamed.reply) == vars(whole)
    assert [request.path for request in transport.requests] == [f"/api/{ask}"] * 2


def test_a_model_calls_tools(scripted: Scripted) -> None:
    called = {"function": {"name": "add", "arguments": {"a": 2, "b": 3}}}
    client, _ = scripted(answer(tool_calls=[called]))
    (call,) = client.chat(HELLO).tool_calls
    assert (call.name, call.arguments) == ("add", {"a": 2, "b": 3})


def test_a_document_answers_the_rest(scripted: Scripted) -> None:
    client, transport = scripted(document({"models": [{"name": "m:latest"}]}), document({"embeddings": [[0.6, 0.8]]}))
    assert client.has_model("m")
    assert client.embed("a") == [0.6, 0.8]
    tags, embed = transport.requests
    assert (tags.method, tags.path, tags.json) == ("GET", "/api/tags", None)
    assert (embed.method, embed.path, embed.json["input"]) == ("POST", "/api/embed", ["a"])


def test_an_empty_body_answers_a_delete(scripted: Scripted) -> None:
    client, transport = scripted(document(b""))
    client.delete_model("m")
    assert transport.requests[0].method == "DELETE"


def test_a_stream_gives_the_steps_of_a_pull(scripted: Scripted) -> None:
    steps = [{"status": "pulling manifest"}, {"status": "success"}]
    client, _ = scripted(stream(*steps))
    assert list(client.pull_model("m", stream=True)) == steps


def test_a_stream_fails_in_the_middle(scripted: Scripted) -> None:
    client, _ = scripted(stream({"message": {"content": "Hel"}}, {"error": "out of memory"}))
    with pytest.raises(OllamaIncompleteError, match="out of memory") as caught:
        client.chat(HELLO)
    assert caught.value.partial == "Hel"


def test_trying_again_takes_no_time(scripted: Scripted) -> None:
    retry = Retry(attempts=4, first_wait=8, factor=1, budget=60)
    client, transport = scripted(
        refusal(503, "busy"), unreachable(), answer("x").breaks_off(), answer("x"), retry=retry
    )
    began = monotonic()
    assert client.chat(HELLO) == "x"
    assert monotonic() - began < 5
    assert len(transport.requests) == 4
    assert len(transport.waits) == 3
    assert sum(transport.waits) == pytest.approx(transport.now())


def test_a_time_to_wait_is_obeyed(scripted: Scripted) -> None:
    client, transport = scripted(refusal(429, "slow down").with_headers(retry_after="7"), answer("x"))
    assert client.chat(HELLO) == "x"
    assert transport.waits == [7.0]


def test_a_refusal_is_raised(scripted: Scripted) -> None:
    client, transport = scripted(refusal(400, "no"))
    with pytest.raises(OllamaResponseError, match="no") as caught:
        client.chat(HELLO)
    assert caught.value.status == 400
    assert transport.unused == ()


def test_an_answer_breaks_off_after_so_many_pieces(scripted: Scripted) -> None:
    client, _ = scripted(answer("Hel", "lo").breaks_off(after=1))
    with pytest.raises(OllamaIncompleteError) as caught:
        client.chat(HELLO)
    assert (caught.value.reason, caught.value.partial) == ("cut", "Hel")


@pytest.mark.parametrize(("after", "phase", "seconds"), [(0, "start", 600), (1, "idle", 120)])
def test_an_answer_falls_silent_and_a_limit_passes(scripted: Scripted, after: int, phase: str, seconds: float) -> None:
    client, transport = scripted(answer("Hel", "lo").falls_silent(after), document({"models": []}))
    with pytest.raises(OllamaTimeoutError) as caught:
        client.chat(HELLO)
    assert caught.value.phase == phase
    assert transport.now() == seconds


def test_the_limit_for_all_holds_too(scripted: Scripted) -> None:
    client, transport = scripted(answer("Hel", "lo").falls_silent(after=1), timeout=Timeouts(total=7))
    with pytest.raises(OllamaTimeoutError) as caught:
        client.chat(HELLO)
    assert caught.value.phase == "total"
    assert transport.now() == 7


def test_more_than_was_scripted_is_an_assertion_error(scripted: Scripted) -> None:
    client, _ = scripted(answer("x"))
    client.chat(HELLO)
    with pytest.raises(AssertionError, match="no answer to request 2: GET /api/version"):
        client.version()


def test_what_nobody_asked_for_is_left(scripted: Scripted) -> None:
    given = answer("x")
    client, transport = scripted(document({"version": "1"}), given)
    assert client.version() == "1"
    assert transport.unused == (given,)


def test_an_error_of_the_script_can_be_used_again(scripted: Scripted) -> None:
    nobody = unreachable()
    for _ in range(2):
        client, _transport = scripted(nobody, nobody, retry=Retry(attempts=2))
        with pytest.raises(OllamaConnectionError) as caught:
            client.chat(HELLO)
        assert len(caught.value.attempts) == 1
    assert nobody.attempts == ()


def test_headers_and_prefixes_are_seen(scripted: Scripted) -> None:
    client, transport = scripted(
        document({"version": "1"}), base_url="http://ollama.example/some/where", headers={"X-Team": "blue"}
    )
    client.version()
    assert transport.requests[0].path == "/some/where/api/version"
    assert transport.requests[0].headers["X-Team"] == "blue"
    assert transport.requests[0].headers["Host"] == "ollama.example"


def test_an_uploaded_file_is_seen(scripted: Scripted, tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF and more")
    client, transport = scripted(refusal(404, ""), document(b""), stream({"status": "success"}))
    client.create_model("new", files={"model.gguf": file})
    assert [request.method for request in transport.requests] == ["HEAD", "POST", "POST"]
    assert transport.requests[1].body == b"GGUF and more"


def test_a_closed_client_takes_no_more(scripted: Scripted) -> None:
    client, _ = scripted(answer("x"), refusal(503, "busy"))
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.version()


def test_the_example_in_the_documentation_runs() -> None:
    example = textwrap.dedent("\n".join(re.findall(r"^    .*|^$", testing.__doc__ or "", re.MULTILINE)))
    assert "ScriptedTransport(" in example
    exec(example, {})  # noqa: S102  our own words


def test_a_busy_server_stays_busy(scripted: Scripted) -> None:
    client, transport = scripted(*[refusal(503, "busy")] * 3)
    with pytest.raises(OllamaBusyError):
        client.chat(HELLO)
    assert len(transport.requests) == 3


def test_an_answer_knows_the_headers_that_were_sent_for_it() -> None:
    headers = (("Host", "gpu"), ("X-Key", "sesame"))
    request = Request("GET", "/api/version", headers)
    incoming = ScriptedTransport(document({})).open(request, Timeouts())
    assert incoming.sent == headers
    coming = AsyncScriptedTransport(document({})).open(request, Timeouts())
    assert asyncio.run(coming).sent == headers
