"""Every path of the API has its operation, every field of it can be sent, and every call has the right limits."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, NamedTuple

import pytest

from vuhitra import AsyncOllamaClient, OllamaClient, OllamaConnectionError, OllamaError, ProgressStream, Retry, Timeouts
from vuhitra.http import Request
from vuhitra.testing import Answer, Asked, AsyncScriptedTransport, ScriptedTransport, answer, document, refusal, stream
from vuhitra.transport.interface import Holder

HELLO = [{"role": "user", "content": "hello"}]
STEPS = stream({"status": "success"})
MODELS = document({"models": [{"name": "m"}]})
LOADED = answer(done_reason="load")
DIGEST = "sha256:" + "a" * 64
DEFAULT = Timeouts()
SHORT = Timeouts(start=30, idle=30)


class Operation(NamedTuple):
    """How an operation is asked for, what it is answered, and which of the API's paths it calls.

    limits: those that its calls have where nothing else is asked for.
    """

    calls: tuple[str, ...]
    arguments: tuple[Any, ...]
    answers: tuple[Answer, ...]
    named: dict[str, Any] = {}  # noqa: RUF012  nobody changes it
    limits: Timeouts = DEFAULT


OPERATIONS = {
    "generate": Operation(("POST /api/generate",), ("hi",), (answer("x"),)),
    "chat": Operation(("POST /api/chat",), (HELLO,), (answer("x"),)),
    "embed": Operation(("POST /api/embed",), ("hi",), (document({"embeddings": [[1.0]]}),)),
    "list_models": Operation(("GET /api/tags",), (), (MODELS,), limits=SHORT),
    "has_model": Operation(("GET /api/tags",), ("m",), (MODELS,), limits=SHORT),
    "health_check": Operation(("GET /api/tags",), (), (MODELS,), limits=Timeouts(total=5)),
    "running_models": Operation(("GET /api/ps",), (), (MODELS,), limits=SHORT),
    "show_model": Operation(("POST /api/show",), ("m",), (document({"capabilities": []}),), limits=SHORT),
    "use_model": Operation(("POST /api/show",), ("m",), (document({"capabilities": []}),), limits=SHORT),
    "version": Operation(("GET /api/version",), (), (document({"version": "1"}),), limits=SHORT),
    "wait_until_ready": Operation(
        ("GET /api/version",), (60,), (document({"version": "1"}),), limits=Timeouts(5, 5, 5, 60)
    ),
    "pull_model": Operation(("POST /api/pull",), ("m",), (STEPS,)),
    "push_model": Operation(("POST /api/push",), ("m",), (STEPS,)),
    "create_model": Operation(
        (f"HEAD /api/blobs/{DIGEST}", "POST /api/create"),
        ("m",),
        (document(b""), STEPS),
        {"files": {"m.gguf": DIGEST}},
    ),
    "copy_model": Operation(("POST /api/copy",), ("m", "n"), (document(b""),), limits=SHORT),
    "delete_model": Operation(("DELETE /api/delete",), ("m",), (document(b""),), limits=SHORT),
    "load_model": Operation(("POST /api/generate",), ("m",), (LOADED,)),
    "unload_model": Operation(("POST /api/generate",), ("m",), (LOADED,), limits=SHORT),
}

API = {
    "POST /api/generate",
    "POST /api/chat",
    "POST /api/embed",
    "POST /api/embeddings",
    "GET /api/tags",
    "GET /api/ps",
    "POST /api/show",
    "POST /api/pull",
    "POST /api/push",
    "POST /api/create",
    "HEAD /api/blobs/:digest",
    "POST /api/blobs/:digest",
    "POST /api/copy",
    "DELETE /api/delete",
    "GET /api/version",
    "GET /",
    "HEAD /",
    "GET /v1/models",
    "POST /v1/chat/completions",
    "POST /v1/completions",
    "POST /v1/embeddings",
}
"""All that the server answers."""
LEFT_OUT = {
    "POST /api/embeddings": "deprecated: one text a call, and its vectors are not of unit length",
    "POST /api/blobs/:digest": "part of create_model, where the server lacks a file; see the tests of creating",
    "GET /": "says nothing that /api/version doesn't",
    "HEAD /": "says nothing that /api/version doesn't",
    **dict.fromkeys(
        ("GET /v1/models", "POST /v1/chat/completions", "POST /v1/completions", "POST /v1/embeddings"),
        "another API, for clients of another kind; all it can do can be done without it",
    ),
}
NO_OPERATIONS = {"base_url", "close", "aclose", "with_options"}


class Watched(ScriptedTransport):
    """A scripted transport that notes the limits of each request."""

    def __init__(self, *answers: Answer | OllamaError) -> None:
        super().__init__(*answers)
        self.limits: list[Timeouts] = []

    def open(
        self, request: Request, timeouts: Timeouts, give_up_at: float | None = None, holder: Holder | None = None
    ) -> Any:
        self.limits.append(timeouts)
        return super().open(request, timeouts, give_up_at, holder)


class AsyncWatched(AsyncScriptedTransport):
    """The same for an event loop."""

    def __init__(self, *answers: Answer | OllamaError) -> None:
        super().__init__(*answers)
        self.limits: list[Timeouts] = []

    async def open(self, request: Request, timeouts: Timeouts, give_up_at: float | None = None) -> Any:
        self.limits.append(timeouts)
        return await super().open(request, timeouts, give_up_at)


class Outcome(NamedTuple):
    """What an operation gave, what it asked for, and with which limits."""

    result: Any
    requests: list[Asked]
    limits: list[Timeouts]


def carried_out(name: str, *, timeout: Timeouts | float = DEFAULT, **asked: Any) -> Outcome:
    """What an operation does with a client of either colour, which must be the same."""
    operation = OPERATIONS[name]
    asked = {**operation.named, **asked}
    transport = Watched(*operation.answers)
    with OllamaClient("127.0.0.1", "m", timeout, transport=transport) as client:
        result = getattr(client, name)(*operation.arguments, **asked)
    transport_too = AsyncWatched(*operation.answers)

    async def carry_out() -> object:
        async with AsyncOllamaClient("127.0.0.1", "m", timeout, transport=transport_too) as client:
            return await getattr(client, name)(*operation.arguments, **asked)

    assert asyncio.run(carry_out()) == result
    assert (transport_too.requests, transport_too.limits) == (transport.requests, transport.limits)
    return Outcome(result, transport.requests, transport.limits)


@pytest.mark.parametrize("client", [OllamaClient, AsyncOllamaClient])
def test_every_operation_of_a_client_stands_in_the_table(client: type) -> None:
    public = {name for name, _ in inspect.getmembers(client) if not name.startswith("_")}
    assert public - NO_OPERATIONS == OPERATIONS.keys()


def test_every_path_of_the_api_is_called_by_an_operation_or_left_out_for_a_reason() -> None:
    called = {call.replace(DIGEST, ":digest") for operation in OPERATIONS.values() for call in operation.calls}
    assert called <= API
    assert called.isdisjoint(LEFT_OUT)
    assert API - called == LEFT_OUT.keys()


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_calls_its_paths(name: str) -> None:
    requests = carried_out(name).requests
    assert tuple(f"{request.method} {request.path}" for request in requests) == OPERATIONS[name].calls


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_its_limits(name: str) -> None:
    assert set(carried_out(name).limits) == {OPERATIONS[name].limits}


TAKING_LIMITS = OPERATIONS.keys() - {"health_check", "wait_until_ready"}


@pytest.mark.parametrize("name", sorted(TAKING_LIMITS))
def test_limits_of_a_call_hold_as_they_are(name: str) -> None:
    for limits in (Timeouts(1, 900, 800), Timeouts(total=3600)):
        assert set(_with_its_own(name, limits)) == {limits}
    assert set(_with_its_own(name, 900)) == {Timeouts(start=900, idle=900)}


def _with_its_own(name: str, limits: Timeouts | float) -> list[Timeouts]:
    operation = OPERATIONS[name]
    transport = Watched(*operation.answers)
    with OllamaClient("127.0.0.1", "m", 7, transport=transport) as client:
        getattr(client, name)(*operation.arguments, **operation.named, timeout=limits)
    return transport.limits


@pytest.mark.parametrize("name", sorted(name for name, each in OPERATIONS.items() if each.limits == SHORT))
def test_short_calls_have_30_seconds_or_the_limits_of_the_client_whichever_is_less(name: str) -> None:
    assert carried_out(name, timeout=20).limits == [Timeouts(start=20, idle=20)]
    assert carried_out(name, timeout=Timeouts(40, 20, 50, 60)).limits == [Timeouts(30, 20, 20, 60)]


FIELDS: dict[str, dict[str, Any]] = {
    "generate": {
        "suffix": "end",
        "system": "be brief",
        "template": "{{ .Prompt }}",
        "raw": True,
        "format": {"type": "object"},
        "keep_alive": "5m",
        "images": ["AAAA"],
        "options": {"seed": 1},
        "think": "high",
        "truncate": True,
        "shift": True,
        "logprobs": True,
        "top_logprobs": 3,
    },
    "chat": {
        "tools": [{"type": "function", "function": {"name": "add"}}],
        "format": "json",
        "options": {"seed": 1},
        "think": False,
        "keep_alive": 0,
        "truncate": True,
        "shift": True,
        "logprobs": True,
        "top_logprobs": 3,
    },
    "embed": {"truncate": True, "dimensions": 1, "keep_alive": -1, "options": {"seed": 1}},
    "show_model": {"verbose": True},
    "pull_model": {"insecure": True},
    "push_model": {"insecure": True},
    "create_model": {
        "adapters": {"a.gguf": DIGEST},
        "template": "{{ .Prompt }}",
        "system": "be brief",
        "license": ["MIT"],
        "parameters": {"seed": 1},
        "messages": [{"role": "user", "content": "hello"}],
        "quantize": "q4_K_M",
    },
    "load_model": {"keep_alive": "5m", "options": {"num_ctx": 256}},
}


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_of_a_request_can_be_sent(name: str) -> None:
    sent = carried_out(name, **FIELDS[name]).requests[-1].json
    assert {field: sent.get(field) for field in FIELDS[name]} == FIELDS[name]


MESSAGE = {
    "role": "tool",
    "content": "4",
    "thinking": "hm",
    "images": ["AAAA"],
    "tool_calls": [{"id": "1", "function": {"index": 0, "name": "add", "arguments": {"a": 2}}}],
    "tool_name": "add",
    "tool_call_id": "1",
}


def test_every_field_of_a_message_can_be_sent() -> None:
    transport = ScriptedTransport(answer("x"))
    with OllamaClient("127.0.0.1", "m", transport=transport) as client:
        client.chat([MESSAGE])
    assert transport.requests[0].json["messages"] == [MESSAGE]


def test_a_view_is_of_its_clients_kind_and_keeps_what_it_is_not_told() -> None:
    with OllamaClient("127.0.0.1", "m", 7, retry=Retry(2), auto_pull=False) as client:
        view = client.with_options(model="n")
        assert (type(view), view.base_url, view.model) == (OllamaClient, client.base_url, "n")
        assert (view.timeout, view.retry, view.auto_pull) == (7, Retry(2), False)
        other = client.with_options(timeouts=Timeouts(idle=3), retry=Retry(1), auto_pull=True)
        assert (other.model, other.timeout, other.retry, other.auto_pull) == ("m", Timeouts(idle=3), Retry(1), True)
        assert (client.model, client.timeout, client.retry, client.auto_pull) == ("m", 7, Retry(2), False)


def test_a_header_of_a_view_replaces_the_clients_however_it_is_written() -> None:
    transport = ScriptedTransport(MODELS)
    with OllamaClient("127.0.0.1", transport=transport, headers={"X-Gate": "1", "X-Tenant": "a"}) as client:
        client.with_options(headers={"x-tenant": "b"}).list_models()
    ours = {name: value for name, value in transport.requests[0].headers.items() if name.lower().startswith("x-")}
    assert ours == {"X-Gate": "1", "x-tenant": "b"}


class Late(ScriptedTransport):
    """Has a connection for its second request just when the stream that needs it is closed."""

    stream: ProgressStream
    is_closed = False

    def open(
        self, request: Request, timeouts: Timeouts, give_up_at: float | None = None, holder: Holder | None = None
    ) -> Any:
        if self.requests:
            assert holder is not None
            self.stream.close()
            holder.hold(self)
        return super().open(request, timeouts, give_up_at, holder)

    def close(self) -> None:
        self.is_closed = True


def test_a_connection_that_comes_too_late_is_closed_at_once() -> None:
    transport = Late(stream({"status": "pulling"}, {}).breaks_off(1), STEPS)
    with OllamaClient("127.0.0.1", transport=transport) as client:
        transport.stream = client.pull_model("m", stream=True)
        next(transport.stream)
        with pytest.raises(RuntimeError, match="this stream is closed"):
            next(transport.stream)
        assert transport.is_closed


def test_an_attempt_is_made_as_often_as_the_client_says() -> None:
    refused = [OllamaConnectionError("refused", reason="refused") for _ in range(2)]
    transport = ScriptedTransport(*refused)
    with OllamaClient("127.0.0.1", "m", transport=transport, retry=Retry(attempts=2)) as client:
        with pytest.raises(OllamaConnectionError) as caught:
            client.version()
        assert len(caught.value.attempts) == 1
    assert len(transport.waits) == 1


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"model": 5}, TypeError, "^model is a str, not int"),
    ({"model": b"m"}, TypeError, "^model is a str, not bytes"),
    ({"retry": 3}, TypeError, "^retry is a Retry, not 3"),
    ({"retry": "x"}, TypeError, "^retry is a Retry, not 'x'"),
    ({"auto_pull": "no"}, TypeError, "^auto_pull is true or false, or a function, not 'no'"),
    ({"auto_pull": 1}, TypeError, "^auto_pull is true or false, or a function, not 1"),
    ({"headers": {"a": 1}}, TypeError, "^headers: the value of 'a' is a str, not int"),
    ({"headers": {1: "a"}}, TypeError, "^headers: a name is a str, not 1"),
    ({"headers": "a"}, TypeError, "^headers is a dict, not str"),
    ({"headers": {"content-LENGTH": "5"}}, ValueError, "^headers: content-LENGTH is not for you to set"),
    ({"headers": {"Transfer-Encoding": "chunked"}}, ValueError, "^headers: Transfer-Encoding is not for you to set"),
]
WRONG_ALONE = [
    ({"retry": None}, TypeError, "^retry is a Retry, not None"),
    ({"auto_pull": None}, TypeError, "^auto_pull is true or false, or a function, not None"),
    ({"timeout": None}, TypeError, "^timeout is a number of seconds, not None"),
    ({"timeout": -1}, ValueError, "^timeout is a positive number of seconds, not -1"),
    ({"base_url": None}, TypeError, "^base_url: a server is named by a str, not NoneType"),
    ({"base_url": 5}, TypeError, "^base_url: a server is named by a str, not int"),
]


@pytest.mark.parametrize("client", [OllamaClient, AsyncOllamaClient])
@pytest.mark.parametrize(("settings", "error", "says"), [*WRONG, *WRONG_ALONE], ids=str)
def test_a_setting_that_can_not_be_right_is_named(
    client: Any, settings: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        client(**settings)


@pytest.mark.parametrize(
    ("settings", "error", "says"), [*WRONG, ({"timeouts": -1}, ValueError, "^timeout is a positive number")], ids=str
)
def test_a_setting_of_a_view_that_can_not_be_right_is_named(
    settings: dict[str, Any], error: type[Exception], says: str
) -> None:
    with OllamaClient("127.0.0.1") as client, pytest.raises(error, match=says):
        client.with_options(**settings)


def test_the_value_of_a_header_is_not_quoted() -> None:
    wrong: Any = {"Authorization": b"sesame"}
    with pytest.raises(TypeError) as caught:
        OllamaClient("127.0.0.1", headers=wrong)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments", "asked", "error", "says"),
    [
        ("has_model", (5,), {}, TypeError, "name is a str, not int"),
        ("generate", ("x",), {"model": 5}, TypeError, "name is a str, not int"),
        ("generate", ("x",), {"model": 0}, TypeError, "name is a str, not int"),
        ("generate", (5,), {}, TypeError, "prompt is a str, not int"),
        ("generate", ("x",), {"images": b""}, TypeError, "images is a list, not bytes"),
        ("generate", ("x",), {"options": {"foo": float("nan")}}, ValueError, "options.foo is a number that JSON"),
        ("chat", (5,), {}, TypeError, "messages is a list, not int"),
        ("embed", (5,), {}, TypeError, "text is a str or a list of them, not int"),
        ("embed", ("x",), {"options": {"foo": float("nan")}}, ValueError, "options.foo is a number that JSON"),
        ("load_model", (), {"options": {"foo": float("nan")}}, ValueError, "options.foo is a number that JSON"),
        ("generate", ("x",), {"timeout": -1}, ValueError, "timeout is a positive number"),
        ("version", (), {"b": 1, "a": 1}, TypeError, "unexpected keyword argument 'a'"),
    ],
    ids=str,
)
def test_what_can_not_be_right_is_not_sent(
    name: str, arguments: tuple[Any, ...], asked: dict[str, Any], error: type[Exception], says: str
) -> None:
    transport = ScriptedTransport(answer("x"))
    with OllamaClient("127.0.0.1", "m", transport=transport) as client, pytest.raises(error, match=says):
        getattr(client, name)(*arguments, **asked)
    assert transport.requests == []


@pytest.mark.parametrize("name", ["generate", "chat", "embed", "load_model"])
def test_a_single_text_to_stop_at_is_sent_as_the_server_takes_it(name: str) -> None:
    asked: dict[str, Any] = {"options": {"stop": "a"}}
    assert carried_out(name, **asked).requests[-1].json["options"] == {"stop": ["a"]}


def test_a_model_is_looked_up_in_a_short_time_and_pulled_in_a_long_one() -> None:
    ways: list[tuple[dict[str, Any], list[Timeouts]]] = [
        ({}, [SHORT, DEFAULT, SHORT]),
        ({"timeout": 900}, [Timeouts(start=900, idle=900)] * 3),
    ]
    for asked, limits in ways:
        transport = Watched(refusal(404, "model 'm' not found"), STEPS, document({"details": {}}))
        with OllamaClient("127.0.0.1", transport=transport) as client:
            client.use_model("m", **asked)
        assert [request.path for request in transport.requests] == ["/api/show", "/api/pull", "/api/show"]
        assert transport.limits == limits


@pytest.mark.parametrize("answer", ["yes", 1, None])
def test_who_may_be_pulled_is_answered_with_true_or_false(answer: Any) -> None:
    transport = ScriptedTransport(refusal(404, "model 'm' not found"))
    client = OllamaClient("127.0.0.1", "m", auto_pull=lambda _: answer, transport=transport)
    with client, pytest.raises(TypeError, match="auto_pull answers with true or false"):
        client.chat([{"role": "user", "content": "hello"}])


@pytest.mark.parametrize("field", ["messages", "tools"])
def test_what_json_does_not_have_is_not_sent_wherever_it_is(field: str) -> None:
    deep = [{"role": "user", "content": "x", "function": {"arguments": {"a": [float("nan")]}}}]
    asked: dict[str, Any] = {"messages": HELLO, field: deep}
    client = OllamaClient("127.0.0.1", "m", transport=ScriptedTransport())
    with client, pytest.raises(ValueError, match=rf"{field}\[0\]\.function\.arguments\.a\[0\] is a number"):
        client.chat(**asked)
