"""Connections: kept and kept no longer than they are good, prefixes, credentials, Unix sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.library.wire.serving import VERSION, read_head
from tests.scripted_server import (
    STREAM_END,
    STREAM_HEAD,
    Close,
    Reset,
    WaitFor,
    answer,
    chunk,
    pieces,
    stream,
    unused_url,
)
from vuhitra import OllamaConnectionError, OllamaModelNotFoundError, OllamaResponseError, Retry, resolve_host
from vuhitra.limits import Deadline
from vuhitra.transport import async_connecting, connecting
from vuhitra.transport.route import Route

HELLO = [{"role": "user", "content": "hello"}]
SOON = 5.0


def test_a_connection_is_kept_for_the_next_call(connect: Connect, serve: Serve) -> None:
    server = serve(stream(pieces("x")), answer({"models": []}))
    client = connect(server.url, "m")
    client.chat(HELLO)
    assert server.answered.wait(SOON)  # the end of a stream may come after its last record
    client.list_models()
    client.list_models()
    assert {request.connection for request in server.requests} == {0}


def test_a_kept_connection_that_was_closed_is_no_broken_answer(connect: Connect, serve: Serve) -> None:
    server = serve([*answer({"models": []}), Close()])
    client = connect(server.url)
    client.list_models()
    client.list_models()
    assert [request.connection for request in server.requests] == [0, 1]


def test_kept_connections_that_are_reset_are_no_answer_even_to_a_single_attempt(connect: Connect, serve: Serve) -> None:
    may_end = threading.Event()
    one, end = map(chunk, pieces("x"))
    slow = [STREAM_HEAD + one, WaitFor(may_end), end + STREAM_END]
    server = serve(slow, slow, [Reset()], answer({"version": "1"}))
    client = connect(server.url, "m", retry=Retry(attempts=1))
    both = [client.chat(HELLO, stream=True) for _ in range(2)]
    may_end.set()
    assert ["".join(each) for each in both] == ["x", "x"]
    assert [client.version(), client.version()] == ["1", "1"]
    first, second, asked, *again = [request.connection for request in server.requests]
    assert {first, second, asked} == {0, 1}
    assert again == [2, 2], "what was idle with it went the same way"


def test_what_was_sent_over_a_kept_connection_counts_where_more_goes_wrong(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"version": "1"}), [Reset()])
    client = connect(server.url, "m", retry=Retry(attempts=3, first_wait=0))
    client.version()
    with pytest.raises(OllamaConnectionError) as caught:
        client.chat(HELLO)
    assert len(server.requests) == 1 + 3
    assert [type(error) for error in caught.value.attempts] == [OllamaConnectionError] * 2


def test_the_log_counts_it_too(connect: Connect, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client = connect(serve(answer({"version": "1"}), [Reset()], answer({"version": "2"})).url)
    assert [client.version(), client.version()] == ["1", "2"]
    assert [vars(record)["attempts"] for record in caplog.records] == [1, 2]


def test_what_a_lost_kept_connection_deleted_is_deleted(connect: Connect, serve: Serve) -> None:
    gone = answer({"error": "model 'm' not found"}, 404)
    client = connect(serve(answer({"version": "1"}), [Reset()], gone).url)
    client.version()
    client.delete_model("m")
    with pytest.raises(OllamaModelNotFoundError):
        client.delete_model("m")


def test_a_new_connection_that_is_reset_costs_an_attempt(connect: Connect, serve: Serve) -> None:
    server = serve([Reset()], answer({"version": "1"}))
    with pytest.raises(OllamaConnectionError):
        connect(server.url, retry=Retry(attempts=1)).version()
    assert len(server.requests) == 1


def test_a_kept_connection_that_breaks_in_its_answer_is_no_stale_one(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"version": "1"}), [b"HTTP/1.1 200 OK\r\n", Reset()], answer({"version": "2"}))
    client = connect(server.url, retry=Retry(attempts=1))
    client.version()
    with pytest.raises(OllamaConnectionError):
        client.version()
    assert len(server.requests) == 2


def test_what_nobody_asked_for_is_nobodys_answer(connect: Connect, serve: Serve) -> None:
    more = threading.Event()
    server = serve([*answer({"version": "1"}), WaitFor(more), *answer({"version": "poison"})], answer({"version": "2"}))
    client = connect(server.url)
    assert client.version() == "1"
    more.set()
    assert server.answered.wait(SOON)
    assert client.version() == "2"
    assert [request.connection for request in server.requests] == [0, 1]


def test_a_refusal_that_comes_before_all_was_sent_is_heard(connect: Connect, serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n")
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

        refusing = threading.Thread(target=refuse)
        refusing.start()
        client = connect(f"127.0.0.1:{listener.getsockname()[1]}", "m")
        with pytest.raises(OllamaResponseError) as caught:
            client.generate("x" * 5_000_000)
        client.close()
        refusing.join()
    assert caught.value.status == 413


def test_a_connection_that_a_request_is_stuck_in_is_not_kept(connect: Connect) -> None:
    left = threading.Event()
    connections: list[socket.socket] = []

    def refuse_and_read_no_more() -> None:
        connection, _ = listener.accept()
        connections.append(connection)
        read_head(connection)
        connection.sendall(b"HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n")
        connections.append(listener.accept()[0])
        read_head(connections[1])
        connections[1].sendall(VERSION)
        left.wait(SOON)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        refusing = threading.Thread(target=refuse_and_read_no_more)
        refusing.start()
        client = connect(f"127.0.0.1:{listener.getsockname()[1]}", "m", timeout=SOON)
        with pytest.raises(OllamaResponseError):
            client.generate("x" * 40_000_000)
        assert client.version() == "1.0"
        left.set()
        refusing.join()
    for connection in connections:
        connection.close()


def test_a_path_in_the_url_is_a_prefix(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"models": []}))
    connect(f"{server.url}/ollama/api/").list_models()
    assert server.requests[0].path == "/ollama/api/tags"


def test_user_info_becomes_a_header_and_leaves_the_url(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"models": []}))
    client = connect(server.url.replace("//", "//me:secret@"))
    client.list_models()
    assert server.requests[0].headers["authorization"] == "Basic bWU6c2VjcmV0"
    assert "secret" not in client.base_url + repr(client)


def test_headers_are_sent_with_each_request(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"models": []}))
    connect(server.url, headers={"X-Team": "blue", "user-agent": "mine"}).list_models()
    headers = server.requests[0].headers
    assert headers["x-team"] == "blue"
    assert headers["user-agent"] == "mine"
    assert headers["accept-encoding"] == "identity"
    assert headers["host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("headers", [{"X Team": "blue"}, {"X-Key": "secret\n"}, {"X-Key": "sécret€"}], ids=str)
def test_headers_that_cannot_be_are_refused_at_once(connect: Connect, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="doesn't allow") as caught:
        connect("127.0.0.1", headers=headers)
    assert "cret" not in str(caught.value)


def test_localhost_tries_both_families(connect: Connect, serve: Serve) -> None:
    server = serve(answer({"models": []}))
    assert connect(f"localhost:{server.port}").list_models() == []


def test_the_addresses_of_a_name_are_tried_in_turn(serve: Serve) -> None:
    server, nobody = serve(), resolve_host(unused_url())
    route = Route(nobody, None, True, None)
    addresses: list[Any] = [
        (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in (nobody.port, server.port)
    ]
    deadline = Deadline(time.monotonic() + SOON, "connect", SOON)

    async def reach_in_a_loop() -> int:
        wire, connected = await async_connecting.reach(addresses, route, deadline)
        port: int = connected.getpeername()[1]
        wire.abort()
        await wire.wait_closed()
        return port

    with connecting.at_the_end_of(connecting.reach(addresses, route, deadline)) as connected:
        assert connected.getpeername()[1] == server.port
    assert asyncio.run(reach_in_a_loop()) == server.port
    with pytest.raises(ConnectionRefusedError):
        connecting.at_the_end_of(connecting.reach(addresses[:1], route, deadline))
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(async_connecting.reach(addresses[:1], route, deadline))


def test_a_unix_socket(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "ollama.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        heard: list[bytes] = []

        def serve_one() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(65536))
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"models":[]}')

        server = threading.Thread(target=serve_one)
        server.start()
        host = replace(resolve_host(f"unix://{path}"), authorization="Bearer key")
        assert connect(host).list_models() == []
        server.join()
    assert heard[0].startswith(b"GET /api/tags HTTP/1.1\r\n")
    assert b"Authorization: Bearer key\r\n" in heard[0]
