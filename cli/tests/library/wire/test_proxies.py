"""Proxies that do what a test says, between both clients and servers whose names nobody but the proxy knows."""

from __future__ import annotations

import logging
import socket
import time
from pathlib import Path

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.library.wire.serving import AUTHORITY, VERSION, Answer, read_head, serving, with_tls
from tests.scripted_server import answer, pieces, stream, unused_url
from vuhitra import (
    OllamaBusyError,
    OllamaConnectionError,
    OllamaResponseError,
    OllamaTimeoutError,
    Retry,
    Timeouts,
)

HELLO = [{"role": "user", "content": "hello"}]
ONCE = Retry(attempts=1)
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *map(str.upper, VARIABLES), "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """The file with the certificate of the tests' authority."""
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


def saying(reply: bytes, then: Answer | None = None, heard: list[bytes] | None = None) -> Answer:
    """A proxy that answers so, and then lets a server behind it speak, or hangs up."""

    def behave(connection: socket.socket) -> None:
        head = read_head(connection)
        if heard is not None:
            heard.append(head)
        connection.sendall(reply)
        if then is not None:
            then(connection)

    return behave


def test_a_request_is_forwarded(connect: Connect, serve: Serve) -> None:
    proxy = serve(stream(pieces("Hel", "lo")), answer({"models": []}))
    client = connect("http://me:key@gpu.test:8/x", "m", proxy=proxy.url.replace("//", "//you:sesame@"))
    with client.chat(HELLO, stream=True) as answered:
        assert list(answered) == ["Hel", "lo"]
    client.list_models()
    first, second = proxy.requests
    assert (first.path, second.path) == ("http://gpu.test:8/x/api/chat", "http://gpu.test:8/x/api/tags")
    assert first.headers["host"] == "gpu.test:8"
    assert first.headers["proxy-authorization"] == "Basic eW91OnNlc2FtZQ=="
    assert first.headers["authorization"] == "Basic bWU6a2V5"
    assert first.headers == {**first.headers, "proxy-authorization": second.headers["proxy-authorization"]}


def test_a_tunnel_and_who_is_told_what(connect: Connect, bundle: str) -> None:
    asked: list[bytes] = []
    heard: list[bytes] = []
    behave = saying(ESTABLISHED, with_tls(VERSION, "gpu.test", heard=heard), asked)
    with serving(behave, scheme="http") as proxy:
        client = connect("https://me:key@gpu.test/x", proxy=proxy.replace("//", "//you:sesame@"), verify=bundle)
        assert client.version() == "1.0"
    assert asked[0].startswith(b"CONNECT gpu.test:443 HTTP/1.1\r\nHost: gpu.test:443\r\n")
    assert b"Proxy-Authorization: Basic eW91OnNlc2FtZQ==\r\n" in asked[0]
    assert b"\nAuthorization" not in asked[0]
    assert heard[0].startswith(b"GET /x/api/version HTTP/1.1\r\n")
    assert b"\nAuthorization: Basic bWU6a2V5" in heard[0]
    assert b"roxy" not in heard[0]


def test_the_certificate_is_the_servers_not_the_proxys(connect: Connect, bundle: str) -> None:
    with (
        serving(saying(ESTABLISHED, with_tls(VERSION, "localhost")), scheme="http") as proxy,
        pytest.raises(OllamaConnectionError) as caught,
    ):
        connect("https://gpu.test", proxy=proxy, verify=bundle, retry=ONCE).version()
    assert caught.value.reason == "tls"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_environment_names_the_proxy(
    connect: Connect, serve: Serve, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    proxy = serve(answer({"models": []}))
    monkeypatch.setenv(name, proxy.url)
    assert connect("http://gpu.test").list_models() == []
    assert proxy.requests[0].path == "http://gpu.test/api/tags"


@pytest.mark.parametrize("url", ["http://127.0.0.1", "http://localhost"])
def test_loopback_is_never_behind_a_proxy(
    connect: Connect, serve: Serve, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    server = serve(answer({"models": []}))
    monkeypatch.setenv("ALL_PROXY", unused_url())
    connect(f"{url}:{server.port}").list_models()
    connect(f"{url}:{server.port}", proxy=unused_url()).list_models()
    assert [request.path for request in server.requests] == ["/api/tags"] * 2


@pytest.mark.parametrize(("settings", "no_proxy"), [({"proxy": ""}, ""), ({}, "gpu.test"), ({}, "*")], ids=str)
def test_without_a_proxy_after_all(
    connect: Connect, serve: Serve, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], no_proxy: str
) -> None:
    proxy = serve(answer({"models": []}))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    with pytest.raises(OllamaConnectionError) as caught:
        connect("http://gpu.test", retry=ONCE, **settings).list_models()
    assert caught.value.reason == "dns"
    assert proxy.requests == []


FORBIDDEN = b"HTTP/1.1 403 No\r\nContent-Length: 15\r\n\r\n<html>no</html>"
WANTS = b'HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        pytest.param(saying(WANTS), "takes no such credentials", id="407"),
        pytest.param(saying(FORBIDDEN), "answered 403", id="403"),
        pytest.param(saying(b"HTTP/1.1 503 X\r\nContent-Encoding: br\r\n\r\nx"), "answered 503", id="503"),
        pytest.param(saying(b""), "closed before it answered", id="closed"),
        pytest.param(saying(b"HTTP/1.1 200"), "closed the connection too soon", id="cut"),
        pytest.param(saying(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "is no proxy", id="SSH"),
    ],
)
def test_a_tunnel_that_is_not_granted(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, behave: Answer, says: str
) -> None:
    with serving(behave, scheme="http") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.replace("//", "//you:sesame@"))
        with pytest.raises(OllamaConnectionError) as caught:
            connect("https://gpu.test", retry=ONCE).version()
    assert caught.value.reason == "proxy"
    assert says in str(caught.value)
    assert f"{proxy} (HTTPS_PROXY)" in str(caught.value)
    assert "https://gpu.test (base_url)" in str(caught.value)
    assert "NO_PROXY=gpu.test" in (caught.value.hint or "")
    assert "sesame" not in f"{caught.value}{caught.value!r}{caught.value.__cause__}"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_credentials(connect: Connect, scheme: str) -> None:
    with serving(saying(WANTS), scheme="http") as proxy, pytest.raises(OllamaConnectionError) as caught:
        connect(f"{scheme}://gpu.test", proxy=proxy, retry=ONCE).version()
    assert caught.value.reason == "proxy"
    assert f"{proxy} (proxy) wants credentials; none were sent" in str(caught.value)


def test_what_a_proxy_says_itself_is_a_status_error(connect: Connect, serve: Serve) -> None:
    proxy = serve(answer(b"<html>no gpu.test</html>", 502), answer(b"<html>no</html>", 403))
    client = connect("http://gpu.test", proxy=proxy.url, retry=ONCE)
    with pytest.raises(OllamaBusyError) as caught:
        client.version()
    assert caught.value.status == 502
    with pytest.raises(OllamaResponseError) as denied:
        client.version()
    assert denied.value.status == 403


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there(connect: Connect, scheme: str) -> None:
    nowhere = unused_url()
    with pytest.raises(OllamaConnectionError) as caught:
        connect(f"{scheme}://gpu.test", proxy=nowhere, retry=ONCE).version()
    assert caught.value.reason == "proxy"
    assert f"the proxy {nowhere} (proxy): refused" in str(caught.value)
    with pytest.raises(OllamaConnectionError) as unknown:
        connect(f"{scheme}://gpu.test", proxy="http://nobody.invalid:1", retry=ONCE).version()
    assert unknown.value.reason == "proxy"
    assert "no address is known for nobody.invalid" in str(unknown.value)


def silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def dribbling(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize("behave", [silent, dribbling, saying(ESTABLISHED, silent)], ids=["silent", "slow", "no TLS"])
def test_the_limit_for_connecting_covers_the_proxy_and_tls(connect: Connect, behave: Answer) -> None:
    with serving(behave, scheme="http") as proxy:
        began = time.monotonic()
        with pytest.raises(OllamaTimeoutError) as caught:
            connect("https://gpu.test", timeout=Timeouts(connect=0.3), proxy=proxy, retry=ONCE).version()
        assert 0.3 <= time.monotonic() - began < 3
    assert caught.value.phase == "connect"
    assert proxy in str(caught.value)


def test_socks_in_the_environment_is_an_error_of_the_call(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://you:sesame@p:1080")
    client = connect("http://gpu.test", retry=ONCE)
    with pytest.raises(OllamaConnectionError, match="ALL_PROXY: SOCKS") as caught:
        client.version()
    assert caught.value.reason == "proxy"
    assert "sesame" not in str(caught.value)
    assert connect("http://127.0.0.1:1", retry=ONCE).health_check() is False  # and no concern of loopback's


@pytest.mark.parametrize("proxy", ["socks5://p:1080", "https://p", "http://p:port"])
def test_a_proxy_that_can_not_be_is_refused_at_once(connect: Connect, proxy: str) -> None:
    with pytest.raises(ValueError, match=r"^proxy: "):
        connect("http://gpu.test", proxy=proxy)


def test_no_credential_of_a_proxy_is_logged_or_shown(
    connect: Connect, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    proxy = serve(answer({"error": "busy"}, 503), answer({"models": []}))
    client = connect("http://gpu.test", proxy=proxy.url.replace("//", "//you:sesame@"), retry=Retry(first_wait=0))
    client.list_models()
    assert "sesame" not in caplog.text + repr(client)


def test_a_connection_through_a_proxy_is_kept(connect: Connect, serve: Serve) -> None:
    proxy = serve(answer({"models": []}))
    client = connect("http://gpu.test", proxy=proxy.url)
    client.list_models()
    client.list_models()
    assert {request.connection for request in proxy.requests} == {0}
