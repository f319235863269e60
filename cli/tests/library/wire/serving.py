"""Servers for connections one after the other, with TLS where wanted, and a certificate authority of the test's own."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

import trustme

AUTHORITY = trustme.CA()
Answer = Callable[[socket.socket], None]


@contextmanager
def serving(answer: Answer, scheme: str = "https", address: str = "127.0.0.1") -> Generator[str]:
    """A server for one connection after the other; gives its URL."""

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                answer(connection)

    with socket.create_server((address, 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield f"{scheme}://localhost:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


def read_head(connection: socket.socket) -> bytes:
    """Reads a request's head, and perhaps more."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            break
        data += more
    return data


def read_request(connection: socket.socket) -> tuple[bytes, bytes]:
    """Reads a request whole: its head, and its body."""
    head, _, body = read_head(connection).partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head, body


VERSION = b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"version":"1.0"}'


def with_tls(
    response: bytes, name: str = "localhost", *, asks: bool = False, heard: list[bytes] | None = None
) -> Answer:
    """Answers a request with these bytes and takes leave properly, with a close_notify.

    name: what its certificate is for. asks: whether it wants to see a client's. heard: gets the request.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert(name).configure_cert(context)
    if asks:
        context.verify_mode = ssl.CERT_REQUIRED
        AUTHORITY.configure_trust(context)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as secured:
            try:
                secured.do_handshake()
            except ssl.SSLError:  # as servers do: the client gets the alert, and all it sent is read
                socket.socket.shutdown(secured, socket.SHUT_WR)
                while socket.socket.recv(secured, 65536):
                    pass
                return
            request = secured.recv(65536)
            if heard is not None:
                heard.append(request)
            secured.sendall(response)
            secured.settimeout(0.2)  # unwrap waits for the client to take leave, too, which it need not
            secured.unwrap()

    return answer
