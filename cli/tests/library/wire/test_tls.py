"""TLS over real sockets, with a certificate authority of the test's own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.library.wire.conftest import Connect, Serve
from tests.library.wire.serving import AUTHORITY, VERSION, serving, with_tls
from tests.scripted_server import STREAM_END, STREAM_HEAD, answer, chunk, pieces
from vuhitra import OllamaConnectionError, OllamaTimeoutError, Retry, Timeouts

HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the authority one of the system's."""
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_an_answer_that_ends_with_the_connection_is_whole(connect: Connect, version: bytes) -> None:
    response = b'HTTP/%s 200 OK\r\nConnection: close\r\nContent-Length: 17\r\n\r\n{"version":"1.0"}' % version
    with serving(with_tls(response)) as url:
        assert connect(url).version() == "1.0"


@pytest.mark.usefixtures("trusted")
def test_a_stream(connect: Connect) -> None:
    body = b"".join(map(chunk, pieces("Hel", "lo")))
    with (
        serving(with_tls(STREAM_HEAD + body + STREAM_END)) as url,
        connect(url, "m").chat(HELLO, stream=True) as answered,
    ):
        assert list(answered) == ["Hel", "lo"]


def test_an_authority_that_is_not_trusted(connect: Connect) -> None:
    with serving(with_tls(b"")) as url, pytest.raises(OllamaConnectionError) as caught:
        connect(url, retry=Retry(attempts=1)).version()
    assert caught.value.reason == "tls"
    assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value)
    assert "verify=" in (caught.value.hint or "")


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name(connect: Connect) -> None:
    with serving(with_tls(b"", "elsewhere.example")) as url, pytest.raises(OllamaConnectionError) as caught:
        connect(url, retry=Retry(attempts=1)).version()
    assert caught.value.reason == "tls"
    assert "mismatch" in str(caught.value)
    assert "verify=" in (caught.value.hint or "")


def test_a_server_without_tls(connect: Connect) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with serving(answer) as url, pytest.raises(OllamaConnectionError) as caught:
        connect(url, retry=Retry(attempts=1)).version()
    assert caught.value.reason == "tls"
    assert "http://" in (caught.value.hint or "")


def test_a_server_that_ends_the_handshake(connect: Connect) -> None:
    asked: list[bytes] = []
    ending = serving(lambda connection: asked.append(connection.recv(65536)))
    with ending as url, pytest.raises(OllamaConnectionError) as caught:
        connect(url).version()
    assert (caught.value.reason, len(asked)) == ("tls", 1)


def test_a_handshake_takes_as_long_as_it_may(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncio.constants.SSL_HANDSHAKE_TIMEOUT", 0.05)
    over = threading.Event()
    with serving(lambda _: assert_set(over)) as url:
        with pytest.raises(OllamaTimeoutError) as caught:
            connect(url, timeout=Timeouts(connect=0.3), retry=Retry(attempts=1)).version()
        over.set()
    assert (caught.value.phase, caught.value.seconds) == ("connect", 0.3)


def assert_set(event: threading.Event) -> None:
    assert event.wait(5.0)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A folder with the authority's certificate, under a name that OpenSSL wouldn't look for."""
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "team.pem"))
    return tmp_path


@pytest.mark.parametrize("name", ["team.pem", ""], ids=["a file", "a folder"])
def test_a_bundle_of_ones_own(connect: Connect, bundle: Path, name: str) -> None:
    with serving(with_tls(VERSION)) as url:
        assert connect(url, verify=str(bundle / name)).version() == "1.0"


@pytest.mark.usefixtures("trusted")
def test_a_bundle_of_ones_own_is_the_only_one(connect: Connect, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    with serving(with_tls(VERSION)) as url, pytest.raises(OllamaConnectionError) as caught:
        connect(url, retry=Retry(attempts=1), verify=str(tmp_path / "other.pem")).version()
    assert caught.value.reason == "tls"


def test_no_check_at_all_is_warned_of_once(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with serving(with_tls(VERSION, "elsewhere.example")) as url:
        client = connect(url, verify=False)
        assert [client.version() for _ in range(3)] == ["1.0"] * 3
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert [url in record.getMessage() for record in warnings] == [True]


def test_without_tls_there_is_nothing_to_warn_of(
    connect: Connect, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    assert connect(serve(answer({"version": "1.0"})).url, verify=False).version() == "1.0"
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    """A folder with a client's certificate and key: both in one file, each in its own, and the key with a password."""
    issued = AUTHORITY.issue_cert("client@team.example")
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame"))
    (tmp_path / "locked.pem").write_bytes(locked)
    return tmp_path


@pytest.mark.parametrize(
    "names", [("both.pem",), ("cert.pem", "key.pem"), ("cert.pem", "locked.pem", "sesame")], ids=len
)
def test_a_client_certificate(connect: Connect, identity: Path, names: tuple[str, ...]) -> None:
    AUTHORITY.cert_pem.write_to_path(str(identity / "ca.pem"))
    paths = (*(str(identity / name) for name in names[:2]), *names[2:])
    cert = paths if len(paths) > 1 else str(identity / "both.pem")
    with serving(with_tls(VERSION, asks=True)) as url:
        assert connect(url, verify=str(identity / "ca.pem"), cert=cert).version() == "1.0"


@pytest.mark.usefixtures("trusted")
def test_a_client_certificate_that_is_missing(connect: Connect) -> None:
    with serving(with_tls(VERSION, asks=True)) as url, pytest.raises(OllamaConnectionError) as caught:
        connect(url, retry=Retry(attempts=1)).version()
    assert caught.value.reason == "tls"
    assert "cert=" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"verify": "gone.pem"}, "verify: there is no file"),
        ({"cert": "gone.pem"}, "cert: there is no file"),
        ({"cert": ("cert.pem", "gone.pem")}, "cert: there is no file"),
    ],
)
def test_a_file_that_is_not_there_is_a_value_error_at_once(
    connect: Connect, identity: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], says: str
) -> None:
    monkeypatch.chdir(identity)
    with pytest.raises(ValueError, match=says):
        connect("https://localhost", **settings)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"verify": "empty.pem"}, "verify: no certificate"),
        ({"cert": "cert.pem"}, "cert: no certificate"),
        ({"cert": ("cert.pem", "locked.pem")}, "cert: no certificate"),
        ({"cert": ("cert.pem", "locked.pem", "open sesame")}, "cert: no certificate"),
    ],
)
def test_a_file_that_can_not_be_used_is_a_value_error_before_anything_is_sent(
    connect: Connect, identity: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], says: str
) -> None:
    monkeypatch.chdir(identity)
    (identity / "empty.pem").touch()
    client = connect("https://localhost:1", **settings)
    with pytest.raises(ValueError, match=says) as caught:
        client.version()
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "settings", [{"verify": 1}, {"verify": None}, {"cert": 1}, {"cert": ()}, {"proxy": 1}], ids=str
)
def test_what_can_not_be_a_setting_is_a_type_error(connect: Connect, settings: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        connect("https://localhost", **settings)


def stall(connection: socket.socket) -> None:
    """Hears everything and says nothing."""
    while connection.recv(65536):
        pass


def dribble(connection: socket.socket) -> None:
    """Speaks TLS, as slowly as it can: a record of a handshake that never comes to its end."""
    connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    while True:
        connection.sendall(b"\x00")
        time.sleep(0.05)


@pytest.mark.parametrize("behave", [stall, dribble])
def test_a_handshake_that_stalls_is_a_time_out(connect: Connect, behave: Callable[[socket.socket], None]) -> None:
    with serving(behave) as url:
        began = time.monotonic()
        with pytest.raises(OllamaTimeoutError) as caught:
            connect(url, timeout=Timeouts(connect=0.3), retry=Retry(attempts=1)).version()
        assert 0.3 <= time.monotonic() - began < 3
    assert caught.value.phase == "connect"
