"""No secret gets out: not in a message, a repr, a pickle, a traceback or a log line, whatever goes wrong."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.library.wire.expectations import EXPECTED, Fails
from tests.library.wire.faults import FAULTS, OPERATIONS, chunked, error_line, head, refusal, sized
from tests.scripted_server import Close, ScriptedServer, Step, unused_url
from vuhitra import OllamaAuthenticationError, OllamaError, Retry, Timeouts, resolve_host

KEY = "s3cr3t/k3y+that=nobody:may@see"

FORMS = (
    KEY,
    quote(KEY, safe=""),
    quote(KEY),
    b64encode(f"me:{KEY}".encode()).decode(),
    b64encode(f":{KEY}".encode()).decode(),
    b64encode(f"{KEY}:".encode()).decode(),
    json.dumps(KEY)[1:-1],
)
PROMPT, ANSWER = "What ails my neighbour?", "He is as well as can be."
TWICE = Retry(attempts=2, first_wait=0, budget=1)

Plant = Callable[[Connect, str], Any]


def _settings(**more: Any) -> dict[str, Any]:
    return {"timeout": Timeouts(connect=1, start=0.05, idle=0.05), "retry": TWICE, "auto_pull": False, **more}


def _port(url: str) -> str:
    return url.rpartition(":")[2]


PLANTS: dict[str, Plant] = {
    "a key in the URL": lambda connect, url: connect(
        f"http://:{quote(KEY, safe='')}@127.0.0.1:{_port(url)}", "m", **_settings()
    ),
    "a password in the URL": lambda connect, url: connect(
        f"http://me:{quote(KEY, safe='')}@127.0.0.1:{_port(url)}", "m", **_settings()
    ),
    "a token in the URL": lambda connect, url: connect(
        f"http://{quote(KEY, safe='')}@127.0.0.1:{_port(url)}", "m", **_settings()
    ),
    "Authorization": lambda connect, url: connect(url, "m", **_settings(headers={"Authorization": f"Bearer {KEY}"})),
    "another header": lambda connect, url: connect(url, "m", **_settings(headers={"X-Api-Key": KEY})),
    "a header of any name": lambda connect, url: connect(url, "m", **_settings(headers={"X-Tenant": KEY})),
    "a header of a view": lambda connect, url: connect(url, "m", **_settings()).with_options(
        headers={"Cookie": f"session={KEY}"}
    ),
    "a password in the proxy's URL": lambda connect, url: connect(
        "http://gpu.example", "m", **_settings(proxy=f"http://me:{quote(KEY, safe='')}@127.0.0.1:{_port(url)}")
    ),
}

REPEATED: dict[str, str] = {
    "a key in the URL": FORMS[4],
    "a password in the URL": FORMS[3],
    "a token in the URL": KEY,
    "Authorization": f"Bearer {KEY}",
    "another header": KEY,
    "a header of any name": KEY,
    "a header of a view": f"session={KEY}",
    "a password in the proxy's URL": FORMS[3],
}
"""What a server or proxy was sent, and may repeat."""


def _chat(said: bytes) -> list[Step]:
    return [chunked(OPERATIONS["chat"], OPERATIONS["chat"].lines[0], said + b"\n")]


def _moved(url: str) -> list[Step]:
    return refusal(302, b"", f"Location: {url}")(OPERATIONS["chat"])


REPEATING: dict[str, Callable[[str], list[Step]]] = {
    "in an error": lambda said: refusal(400, error_line(said))(OPERATIONS["chat"]),
    "in a refusal": lambda said: refusal(401, error_line(said))(OPERATIONS["chat"]),
    "in HTML": lambda said: refusal(502, said.encode(), kind="text/html")(OPERATIONS["chat"]),
    "in what is missing": lambda said: refusal(404, error_line(said))(OPERATIONS["chat"]),
    "in a redirect": lambda said: _moved(f"https://login.example/?key={said}"),
    "in a redirect's path": lambda said: _moved(f"https://login.example/{said}/x"),
    "in a redirect's fragment": lambda said: _moved(f"https://login.example/#{said}"),
    "in where to sign in": lambda said: refusal(
        401, json.dumps({"error": "unauthorized", "signin_url": f"https://login.example/{said}"}).encode()
    )(OPERATIONS["chat"]),
    "in an answer that is none": lambda said: sized(OPERATIONS["chat"], said.encode()),
    "in an error line": lambda said: sized(OPERATIONS["chat"], error_line(said) + b"\n"),
    "in a line that is none": lambda said: _chat(said.encode()),
    "in an error after a record": lambda said: _chat(error_line(said)),
    "in what is not HTTP": lambda said: [said.encode() + b"\r\n\r\n", Close()],
    "in a chunk": lambda said: [
        head(OPERATIONS["chat"], "Transfer-Encoding: chunked") + said.encode() + b"\r\n",
        Close(),
    ],
    "in a coding": lambda said: sized(OPERATIONS["chat"], said.encode(), "Content-Encoding: gzip"),
    "in the coding's name": lambda said: sized(OPERATIONS["chat"], b"", f"Content-Encoding: {said}"),
}

QUICK_FAULTS = [
    fault
    for fault, row in EXPECTED.items()
    if isinstance(row["reply"], Fails) and fault not in ("a line without end", "endless headers")
]


@pytest.mark.parametrize(("plant", "fault"), [*product(PLANTS, QUICK_FAULTS)])
def test_no_fault_brings_a_secret_out(
    connect: Connect, serve: Serve, caplog: pytest.LogCaptureFixture, plant: str, fault: str
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(FAULTS[fault].script(OPERATIONS["chat"]))
    _fail(PLANTS[plant](connect, server.url), caplog)
    assert _was_sent(server)


@pytest.mark.parametrize(("plant", "where"), [*product(PLANTS, REPEATING)])
def test_no_server_that_repeats_a_secret_brings_it_out(
    connect: Connect, serve: Serve, caplog: pytest.LogCaptureFixture, plant: str, where: str
) -> None:
    caplog.set_level(logging.DEBUG)
    said = f"the key {REPEATED[plant]} is wrong"
    server = serve(REPEATING[where](said))
    _fail(PLANTS[plant](connect, server.url), caplog)
    assert _was_sent(server)


@pytest.mark.parametrize("plant", PLANTS)
def test_no_server_at_all_brings_no_secret_out(connect: Connect, caplog: pytest.LogCaptureFixture, plant: str) -> None:
    caplog.set_level(logging.DEBUG)
    _fail(PLANTS[plant](connect, unused_url()), caplog)


@pytest.mark.parametrize("plant", PLANTS)
def test_a_call_that_is_answered_logs_no_secret_and_nothing_that_was_said(
    connect: Connect, serve: Serve, caplog: pytest.LogCaptureFixture, plant: str
) -> None:
    caplog.set_level(logging.DEBUG)
    operation = OPERATIONS["chat"]
    said = json.dumps({"message": {"role": "assistant", "content": ANSWER}, "done": True}).encode() + b"\n"
    client = PLANTS[plant](connect, serve(sized(operation, said)).url)
    assert client.chat([{"role": "user", "content": PROMPT}]) == ANSWER
    assert client.chat([{"role": "user", "content": PROMPT}], stream=True).__next__() == ANSWER
    logged = [*_logged(caplog)]
    assert logged
    _assert_nothing_in(logged, *FORMS, PROMPT, ANSWER)
    _assert_nothing_in([repr(client), repr(client.base_url)], *FORMS)


def test_a_proxy_that_refuses_brings_no_secret_out(
    connect: Connect, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(refusal(407, FORMS[3].encode())(OPERATIONS["chat"]))
    proxy = f"http://me:{quote(KEY, safe='')}@127.0.0.1:{server.port}"
    for url in ("http://gpu.example", "https://gpu.example"):
        _fail(connect(url, "m", **_settings(proxy=proxy)), caplog)
    assert _was_sent(server)
    assert server.requests[-1].method == "CONNECT"


def test_a_host_shows_no_secret() -> None:
    host = resolve_host(f"https://me:{quote(KEY, safe='')}@gpu.example")
    _assert_nothing_in([repr(host), str(host), host.url, *_all_of(host)], *FORMS)


@pytest.mark.parametrize(
    "wrong", [f"ftp://me:{quote(KEY, safe='')}@gpu", f"http://me:{quote(KEY, safe='')}@gpu:port", f"http://{KEY}@:x"]
)
def test_what_is_no_url_shows_no_secret(connect: Connect, wrong: str) -> None:
    for options in ({"base_url": wrong}, {"base_url": "http://gpu", "proxy": wrong}):
        with pytest.raises(ValueError, match=r".") as caught:
            connect(**options)
        _assert_nothing_in([*_shown(caught.value)], *FORMS)


def test_a_header_that_can_not_be_sent_shows_no_secret(connect: Connect) -> None:
    with pytest.raises(ValueError, match="X-Api-Key") as caught:
        connect("http://gpu", headers={"X-Api-Key": KEY + "\n"})
    _assert_nothing_in([*_shown(caught.value)], *FORMS)


def test_an_error_says_which_credential_was_sent(connect: Connect, serve: Serve) -> None:
    server = serve(refusal(401, error_line("unauthorized"))(OPERATIONS["version"]))
    for options, credential in (({}, "no credential"), ({"headers": {"Authorization": f"Bearer {KEY}"}}, "headers=")):
        with pytest.raises(OllamaAuthenticationError, match=credential):
            connect(server.url, **options).version()


def _fail(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Asks in all ways, and looks at whatever comes of it."""
    for streamed in (False, True):
        with pytest.raises(OllamaError) as caught:
            list(client.chat([{"role": "user", "content": PROMPT}], stream=streamed))
        _assert_nothing_in([*_shown(caught.value)], *FORMS)
    _assert_nothing_in([*_logged(caplog)], *FORMS, PROMPT)
    _assert_nothing_in([repr(client)], *FORMS)


def _shown(error: BaseException) -> Iterator[str]:
    """All that can be seen of an error, and of those that led to it."""
    yield "".join(traceback.format_exception(error))
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or each in seen:
            continue
        seen.append(each)
        waiting += [each.__cause__, each.__context__, *getattr(each, "attempts", ())]
        yield from (str(each), repr(each), *map(repr, each.args))
        if isinstance(each, OllamaError):
            yield from _all_of(each)
            yield pickle.dumps(each).decode("latin-1")


def _all_of(thing: object) -> Iterator[str]:
    """What stands in an object's attributes; those that begin with `_` are its own."""
    for name in dir(thing):
        if not name.startswith("_") and name != "authorization":
            value = getattr(thing, name)
            yield repr(value)
            yield str(value)


def _logged(caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    for record in caplog.records:
        yield record.getMessage()
        yield from (repr(value) for name, value in vars(record).items() if name != "exc_info")
        if record.exc_info:
            yield "".join(traceback.format_exception(*record.exc_info))


def _assert_nothing_in(texts: list[str], *secrets: str) -> None:
    for text, secret in product(texts, secrets):
        assert secret not in text, text


def _was_sent(server: ScriptedServer) -> bool:
    """Whether the secret was really there to be shown."""
    sent = " ".join(value for request in server.requests for value in request.headers.values())
    return any(form in sent for form in FORMS)
