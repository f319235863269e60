"""TLS over real sockets, with a certificate authority of the test's own."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from tests.library.wire.conftest import Connect
from tests.scripted_server import STREAM_END, STREAM_HEAD, chunk, pieces
from vuhitra import OllamaConnectionError, OllamaTimeoutError, Retry, Timeouts

HELLO = [{"role": "user", "content": "hello"}]
AUTHORITY = trustme.CA()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the authority one of the system's."""
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Generator[str]:
    """A server for one connection after the other; gives its URL."""

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield f"https://localhost:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


def with_tls(response: bytes) -> Callable[[socket.socket], None]:
    """Answers a request with these bytes and takes leave properly, with a close_notify."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("localhost").configure_cert(context)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(65536)
            secured.sendall(response)
            secured.settimeout(0.2)  # unwrap waits for the client to take leave, too, which it need not
            secured.unwrap()

    return answer


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


def test_a_handshake_that_stalls_is_a_time_out(connect: Connect) -> None:
    def stall(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with serving(stall) as url:
        began = time.monotonic()
        with pytest.raises(OllamaTimeoutError) as caught:
            connect(url, timeout=Timeouts(connect=0.3), retry=Retry(attempts=1)).version()
        assert time.monotonic() - began < 3
    assert caught.value.phase == "connect"
