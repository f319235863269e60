"""Views of a client: other settings on the same connections, and what each call sets for itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.scripted_server import Hang, answer, pieces, stream
from vuhitra import OllamaConnectionError, OllamaModelNotFoundError, OllamaTimeoutError, Retry, Timeouts

HELLO = [{"role": "user", "content": "hello"}]
HERE = stream(pieces("x"))
EMPTY = answer({"models": []})


def test_a_view_shares_connections_and_closes_nothing(connect: Connect, serve: Serve) -> None:
    server = serve(HERE)
    client = connect(server.url, "m")
    view = client.with_options(model="other")
    view.chat(HELLO)
    view.close()
    view.with_options(model="a view of it").close()
    client.chat(HELLO)
    assert [request.json["model"] for request in server.requests] == ["other", "m"]
    assert {request.connection for request in server.requests} == {0}
    assert client.model == "m"


def test_closing_the_client_closes_its_views(connect: Connect, serve: Serve) -> None:
    client = connect(serve(HERE).url, "m")
    view = client.with_options(headers={"X-Gate": "1"})
    client.close()
    with pytest.raises(RuntimeError, match="this client is closed"):
        view.chat(HELLO)


def test_the_headers_of_a_view_are_sent_besides_and_instead(connect: Connect, serve: Serve) -> None:
    server = serve(EMPTY)
    client = connect(server.url, headers={"X-Gate": "1", "X-Tenant": "a"})
    view = client.with_options(headers={"x-tenant": "b", "X-New": "2"})
    for each in (client, view, view.with_options(model="m"), client.with_options(headers={})):
        each.list_models()
    names = ("x-gate", "x-tenant", "x-new")
    sent = [tuple(request.headers.get(name) for name in names) for request in server.requests]
    assert sent == [("1", "a", None), ("1", "b", "2"), ("1", "b", "2"), ("1", "a", None)]
    assert {request.connection for request in server.requests} == {0}


def test_headers_that_can_not_be_sent_are_refused_at_once(connect: Connect, serve: Serve) -> None:
    client = connect(serve(EMPTY).url)
    with pytest.raises(ValueError, match="X-Gate"):
        client.with_options(headers={"X-Gate": "a\r\nb"})


def test_a_view_tries_again_as_often_as_it_says(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"error": "busy"}, 503))
    client = connect(server.url, retry=Retry(attempts=5, first_wait=0))
    with pytest.raises(Exception, match="503"):
        client.with_options(retry=Retry(attempts=2, first_wait=0)).list_models()
    assert len(server.requests) == 2


def test_a_view_pulls_where_it_says(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"error": "model 'm' not found"}, 404), EMPTY)
    view = connect(server.url, "m").with_options(auto_pull=lambda name: name != "m")
    with pytest.raises(OllamaModelNotFoundError):
        view.chat(HELLO)
    assert [request.path for request in server.requests] == ["/api/chat", "/api/tags"]


def test_a_view_waits_as_long_as_it_says(connect: Connect, serve: Serve) -> None:
    view = connect(serve([Hang()]).url).with_options(timeouts=0.1)
    with pytest.raises(OllamaTimeoutError) as caught:
        view.list_models()
    assert (caught.value.phase, caught.value.seconds) == ("start", 0.1)


ASKING: dict[str, Any] = {
    "generate": lambda client, **o: client.generate("hi", **o),
    "chat": lambda client, **o: client.chat(HELLO, **o),
    "embed": lambda client, **o: client.embed("hi", **o),
    "version": lambda client, **o: client.version(**o),
    "list_models": lambda client, **o: client.list_models(**o),
    "running_models": lambda client, **o: client.running_models(**o),
    "show_model": lambda client, **o: client.show_model("m", **o),
    "has_model": lambda client, **o: client.has_model("m", **o),
    "copy_model": lambda client, **o: client.copy_model("m", "n", **o),
    "delete_model": lambda client, **o: client.delete_model("m", **o),
    "load_model": lambda client, **o: client.load_model("m", **o),
    "unload_model": lambda client, **o: client.unload_model("m", **o),
    "use_model": lambda client, **o: client.use_model("m", **o),
    "pull_model": lambda client, **o: client.pull_model("m", **o),
    "push_model": lambda client, **o: client.push_model("m", **o),
    "create_model": lambda client, **o: client.create_model("m", from_="n", **o),
}
QUICK = Timeouts(connect=5, start=0.1, idle=0.1)


@pytest.mark.parametrize("name", ASKING)
def test_a_call_has_its_own_limits(connect: Connect, serve: Serve, name: str) -> None:
    client = connect(serve([Hang()]).url, "m", retry=Retry(attempts=1))
    with pytest.raises(OllamaTimeoutError) as caught:
        ASKING[name](client, timeout=QUICK)
    assert (caught.value.phase, caught.value.seconds) == ("start", 0.1)


@pytest.mark.parametrize("name", ["generate", "chat", "pull_model", "push_model", "create_model"])
def test_a_streaming_call_has_its_own_limits(connect: Connect, serve: Serve, name: str) -> None:
    client = connect(serve([Hang()]).url, "m", retry=Retry(attempts=1))
    with pytest.raises(OllamaTimeoutError) as caught:
        ASKING[name](client, stream=True, timeout=Timeouts(total=0.1))
    assert (caught.value.phase, caught.value.seconds) == ("total", 0.1)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_limit_that_can_not_be_is_refused_before_anything_is_sent(
    connect: Connect, serve: Serve, timeout: float
) -> None:
    server = serve(HERE)
    client = connect(server.url, "m")
    with pytest.raises(ValueError, match="positive number of seconds"):
        client.chat(HELLO, timeout=timeout)
    assert server.requests == []


@pytest.mark.parametrize("name", ASKING)
def test_a_misspelt_keyword_is_named(connect: Connect, serve: Serve, name: str) -> None:
    server = serve(HERE)
    with pytest.raises(TypeError, match="unexpected keyword argument 'timeuot'"):
        ASKING[name](connect(server.url, "m"), timeuot=1)
    assert server.requests == []


def test_a_number_for_the_client_is_the_limit_of_short_calls_where_it_is_less(connect: Connect, serve: Serve) -> None:
    with pytest.raises(OllamaConnectionError) as caught:
        connect(serve([Hang()]).url, timeout=0.1).version()
    assert isinstance(caught.value, OllamaTimeoutError)
    assert caught.value.seconds == 0.1
