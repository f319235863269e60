"""The way to a server, stage by stage: what is found on each, and the one on which it ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.library.wire.conftest import Serve
from tests.library.wire.serving import AUTHORITY, VERSION, Answer, read_head, serving, with_tls
from tests.scripted_server import unused_url
from vuhitra import OllamaConnectionError, OllamaTimeoutError, resolve_host
from vuhitra.transport.route import Route
from vuhitra.transport.stages import Gone, stages
from vuhitra.transport.tls import CertificateError

SOON = 10.0
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """The file with the certificate of the tests' authority."""
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


@pytest.fixture
def alive() -> Iterator[ExitStack]:
    """Servers that are there until the test is over."""
    with ExitStack() as running:
        yield running


def way(url: str, proxy: str | None = "", verify: Any = True, seconds: float = SOON) -> list[Gone]:
    told = stages(Route(resolve_host(url, "OLLAMA_IP"), proxy, verify, None), seconds)
    return [each for each in told if isinstance(each, Gone)]


def names(gone: list[Gone]) -> list[str]:
    return [stage.name for stage in gone]


def error_of(gone: list[Gone]) -> Exception:
    *done, last = gone
    assert [stage.error for stage in done] == [None] * len(done)
    assert last.error is not None
    return last.error


def passing_on(then: Answer) -> Answer:
    """A proxy that gives a tunnel to a server, which then speaks."""

    def behave(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(ESTABLISHED)
        then(connection)

    return behave


def test_a_name(serve: Serve) -> None:
    server = serve()
    dns, tcp, proxy = gone = way(f"localhost:{server.port}")
    assert names(gone) == ["dns", "tcp", "proxy"]
    assert "127.0.0.1" in dns.found
    assert tcp.found == ["127.0.0.1"]
    assert proxy.place is None
    assert [stage.error for stage in gone] == [None] * 3
    assert all(0 <= stage.seconds < SOON for stage in gone)
    assert server.requests == []


def test_an_address_needs_no_look_up(serve: Serve) -> None:
    dns, tcp, _ = way(serve().url)
    assert (list(dns.found), list(tcp.found)) == ([], ["127.0.0.1"])


def test_tls(bundle: str, alive: ExitStack) -> None:
    url = alive.enter_context(serving(with_tls(VERSION)))
    dns, tcp, proxy, tls = way(url, verify=bundle)
    assert [stage.error for stage in (dns, tcp, proxy, tls)] == [None] * 4
    assert tls.found[0].startswith("TLSv1.")
    assert tls.certificate_ends is not None
    assert tls.certificate_ends > 1.7e9


def test_a_certificate_that_nobody_checks_has_no_end(alive: ExitStack) -> None:
    url = alive.enter_context(serving(with_tls(VERSION)))
    assert way(url, verify=False)[-1].certificate_ends is None


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "o.sock"
    assert names(way(f"unix://{path}")) == ["dns", "tcp"]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        dns, tcp, proxy = way(f"unix://{path}")
    assert (dns.found, tcp.found, proxy.place) == ([], [str(path)], None)


def test_a_proxy_that_is_given_every_request(serve: Serve) -> None:
    there = serve()
    dns, tcp, proxy = way("http://gpu.test", there.url)
    assert [stage.place and stage.place.name for stage in (dns, tcp, proxy)] == [f"127.0.0.1:{there.port}"] * 3


def test_a_tunnel(bundle: str, alive: ExitStack) -> None:
    there = alive.enter_context(serving(passing_on(with_tls(VERSION, "gpu.test")), scheme="http"))
    _, _, proxy, tls = way("https://gpu.test", there, bundle)
    assert proxy.place is not None
    assert proxy.place.url == there
    assert tls.place is not None
    assert (tls.place.address, tls.error) == ("gpu.test", None)


def test_a_name_that_nobody_knows() -> None:
    gone = way("gpu.invalid")
    assert names(gone) == ["dns"]
    error = error_of(gone)
    assert isinstance(error, OllamaConnectionError)
    assert error.reason == "dns"


def test_a_port_at_which_nothing_listens() -> None:
    gone = way(unused_url())
    assert names(gone) == ["dns", "tcp"]
    error = error_of(gone)
    assert isinstance(error, OllamaConnectionError)
    assert error.reason == "refused"


def test_a_proxy_at_which_nothing_listens() -> None:
    gone = way("http://gpu.test", unused_url())
    assert names(gone) == ["dns", "tcp"]
    error = error_of(gone)
    assert isinstance(error, OllamaConnectionError)
    assert error.reason == "proxy"


def test_a_proxy_that_can_not_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks5://gpu.test")
    gone = way("gpu.test", proxy=None)
    assert names(gone) == ["proxy"]
    assert "SOCKS" in str(vars(error_of(gone)))


def test_a_proxy_that_says_no(alive: ExitStack) -> None:
    there = alive.enter_context(serving(lambda c: c.sendall(b"HTTP/1.1 403 No\r\n\r\n"), scheme="http"))
    gone = way("https://gpu.test", there)
    assert names(gone) == ["dns", "tcp", "proxy"]
    assert "403" in str(vars(error_of(gone)))


def test_a_server_without_tls(alive: ExitStack) -> None:
    gone = way(alive.enter_context(serving(lambda c: c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))))
    assert names(gone) == ["dns", "tcp", "proxy", "tls"]
    error = error_of(gone)
    assert isinstance(error, OllamaConnectionError)
    assert error.reason == "tls"


def test_a_file_that_holds_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "no.pem").touch()
    gone = way("https://127.0.0.1:1", verify=tmp_path / "no.pem")
    assert names(gone) == ["tls"]
    assert isinstance(error_of(gone), CertificateError)


def test_each_stage_is_told_as_it_begins(bundle: str, alive: ExitStack) -> None:
    url = alive.enter_context(serving(with_tls(VERSION)))
    told = [
        (each.name, isinstance(each, Gone))
        for each in stages(Route(resolve_host(url), "", bundle, None), SOON)
        if each.name != "dns"
    ]
    begun = [("proxy", False), ("tls", False), ("tcp", False), ("proxy", False), ("tls", False)]
    assert told == [*begun, ("tcp", True), ("proxy", True), ("tls", True)]


def test_of_several_addresses_only_the_one_that_counts_is_told(monkeypatch: pytest.MonkeyPatch, serve: Serve) -> None:
    server, nobody = serve(), resolve_host(unused_url())

    def two(*_: object, **__: object) -> list[Any]:
        ports = (nobody.port, server.port)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    gone = way("gpu.test")
    assert [(each.name, each.error) for each in gone] == [("dns", None), ("tcp", None), ("proxy", None)]
    assert gone[0].found == ["127.0.0.1", "127.0.0.1"]


def test_nothing_takes_longer_than_it_may(alive: ExitStack) -> None:
    over = threading.Event()

    def say_nothing(_: socket.socket) -> None:
        over.wait(SOON)

    url = alive.enter_context(serving(say_nothing))
    alive.callback(over.set)
    gone = way(url, seconds=0.2)
    assert names(gone) == ["dns", "tcp", "proxy", "tls"]
    assert isinstance(error_of(gone), OllamaTimeoutError)


def test_hanging_up_in_between_leaves_nothing_open(alive: ExitStack) -> None:
    ended = threading.Event()

    def wait_for_the_end(connection: socket.socket) -> None:
        if not connection.recv(1):
            ended.set()

    url = alive.enter_context(serving(wait_for_the_end, scheme="http"))
    way(url)
    assert ended.wait(SOON)
