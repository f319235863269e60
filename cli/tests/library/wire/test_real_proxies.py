"""tinyproxy and haproxy between both clients and a server: where they are installed, and there is an address to use.

Loopback is never behind a proxy, so the server is asked for by a name that only haproxy knows, or by this
machine's own name or address.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.library.wire.conftest import Connect
from tests.library.wire.serving import AUTHORITY, VERSION, Answer, read_request, serving, with_tls
from tests.scripted_server import STREAM_END, STREAM_HEAD, chunk, pieces
from vuhitra import (
    OllamaAuthenticationError,
    OllamaBusyError,
    OllamaConnectionError,
    OllamaResponseError,
    Retry,
    resolve_host,
)

HELLO = [{"role": "user", "content": "hello"}]
ONCE = Retry(attempts=1)
NAME = "ollama.test"
"""A name that no system resolves."""


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(*command: str, port: int) -> Generator[None]:
    """A program, from when it listens to a port until it is ended."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            _wait_until_it_listens(process, port)
            yield
        finally:
            process.kill()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    patience = time.monotonic() + 10
    while time.monotonic() < patience:
        if process.poll() is not None:
            pytest.fail(f"{process.args!r} ended: {process.communicate()[0].decode()}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    pytest.fail(f"{process.args!r} doesn't listen to {port}")


def _installed(program: str) -> str:
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed (apt-get install {program})")
    return found


@contextmanager
def tinyproxy(folder: Path, *settings: str) -> Generator[int]:
    """A tinyproxy; gives its port."""
    program, port = _installed("tinyproxy"), unused_port()
    lines = ["Listen 127.0.0.1", f"Port {port}", "Timeout 20", f'LogFile "{folder}/tinyproxy.log"', *settings]
    (folder / f"tinyproxy-{port}.conf").write_text("\n".join(lines) + "\n")
    with running(program, "-d", "-c", str(folder / f"tinyproxy-{port}.conf"), port=port):
        yield port


@contextmanager
def haproxy(folder: Path, plain: int, tunnels: int, place: str = "127.0.0.1:1") -> Generator[int]:
    """A haproxy that wants credentials and knows the one name; gives its port.

    plain: the port that requests go to. tunnels: the port of the proxy that is asked for tunnels, to `place`.
    """
    program, port = _installed("haproxy"), unused_port()
    config = folder / f"haproxy-{port}.cfg"
    config.write_text(f"""
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
userlist users
    user you insecure-password sesame
frontend proxy
    bind 127.0.0.1:{port}
    option http-use-proxy-header
    http-request auth realm proxy unless {{ http_auth(users) }}
    http-request del-header Proxy-Authorization
    use_backend tunnels if METH_CONNECT
    default_backend plain
backend plain
    http-request deny deny_status 502 unless {{ url_beg http://{NAME} }}
    server ollama 127.0.0.1:{plain}
backend tunnels
    http-request set-uri {place}
    server tinyproxy 127.0.0.1:{tunnels}
""")
    with running(program, "-db", "-f", str(config), port=port):
        yield port


@pytest.fixture(scope="module")
def own_name() -> str:
    """A name or an address of this machine that isn't one of loopback's, as far as anybody can see."""
    name = socket.gethostname()
    with suppress(OSError):
        if socket.getaddrinfo(name, None, socket.AF_INET) and not resolve_host(name).is_loopback:
            return name
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(("192.0.2.1", 9))  # sends nothing: the system only looks which address it would send from
        return str(asking.getsockname()[0])
    pytest.skip("this machine has neither a name that it knows nor an address besides loopback's")


def reply_to(heard: list[str]) -> Answer:
    """A server without TLS that gives its version and streams an answer. heard: gets the heads of requests."""

    def answer(connection: socket.socket) -> None:
        head, _ = read_request(connection)
        heard.append(head.decode())
        body = b"".join(map(chunk, pieces("Hel", "lo")))
        connection.sendall(STREAM_HEAD + body + STREAM_END if b"/api/chat" in head else VERSION)

    return answer


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """The file with the certificate of the tests' authority."""
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


LOCK = "BasicAuth you sesame"


@pytest.mark.parametrize("user", ["", "you:sesame@"], ids=["open", "locked"])
def test_tinyproxy_forwards(connect: Connect, tmp_path: Path, own_name: str, user: str) -> None:
    heard: list[str] = []
    with serving(reply_to(heard), "http", address="") as url, tinyproxy(tmp_path, LOCK if user else "") as port:
        client = connect(f"http://me:key@{own_name}:{port_of(url)}/x", "m", proxy=f"http://{user}127.0.0.1:{port}")
        assert client.version() == "1.0"
        with client.chat(HELLO, stream=True) as answered:
            assert list(answered) == ["Hel", "lo"]
    assert [head.partition(" HTTP")[0] for head in heard] == ["GET /x/api/version", "POST /x/api/chat"]
    assert all("via: " in head.lower() for head in heard)
    assert all("authorization: basic bwu6a2v5" in head.lower() for head in heard)


@pytest.mark.parametrize("user", ["", "you:sesame@"], ids=["open", "locked"])
def test_tinyproxy_makes_a_tunnel(connect: Connect, tmp_path: Path, own_name: str, bundle: str, user: str) -> None:
    with serving(with_tls(VERSION, own_name), address="") as url, tinyproxy(tmp_path, LOCK if user else "") as port:
        proxy = f"http://{user}127.0.0.1:{port}"
        assert connect(f"https://{own_name}:{port_of(url)}", proxy=proxy, verify=bundle).version() == "1.0"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://{}:1", "wants credentials; none were sent"),
        ("https://{}:1", "wants credentials; none were sent"),
        ("https://{}:1 you:mellon@", "answered 401"),
    ],
)
def test_tinyproxy_wants_other_credentials(
    connect: Connect, tmp_path: Path, own_name: str, url: str, says: str
) -> None:
    server, _, user = url.format(own_name).partition(" ")
    with tinyproxy(tmp_path, LOCK) as port, pytest.raises(OllamaConnectionError) as caught:
        connect(server, proxy=f"http://{user}127.0.0.1:{port}", retry=ONCE).version()
    assert caught.value.reason == "proxy"
    assert f"http://127.0.0.1:{port} (proxy) {says}" in str(caught.value)
    assert "mellon" not in str(caught.value)


def test_wrong_credentials_are_refused_by_tinyproxy_as_by_a_server(
    connect: Connect, tmp_path: Path, own_name: str
) -> None:
    with tinyproxy(tmp_path, LOCK) as port, pytest.raises(OllamaAuthenticationError) as caught:
        connect(f"http://{own_name}:1", proxy=f"http://you:mellon@127.0.0.1:{port}", retry=ONCE).version()
    assert "mellon" not in str(caught.value)


def test_tinyproxy_does_not_reach_the_server(connect: Connect, tmp_path: Path, own_name: str) -> None:
    with tinyproxy(tmp_path) as port:
        proxy, nowhere = f"http://127.0.0.1:{port}", f"{own_name}:{unused_port()}"
        with pytest.raises(OllamaResponseError) as said:
            connect(f"http://{nowhere}", proxy=proxy, retry=ONCE).version()
        with pytest.raises(OllamaConnectionError) as tunnel:
            connect(f"https://{nowhere}", proxy=proxy, retry=ONCE).version()
    assert said.value.status >= 500
    assert tunnel.value.reason == "proxy"


def test_the_environment_leads_by_tinyproxy_or_round_it(
    connect: Connect, tmp_path: Path, own_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serving(reply_to(heard), "http", address="") as url, tinyproxy(tmp_path) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        connect(f"http://{own_name}:{port_of(url)}").version()
        monkeypatch.setenv("NO_PROXY", f"other, {own_name}")
        connect(f"http://{own_name}:{port_of(url)}").version()
    assert ["via: " in head.lower() for head in heard] == [True, False]


def test_haproxy_forwards_what_only_it_knows(connect: Connect, tmp_path: Path) -> None:
    heard: list[str] = []
    with serving(reply_to(heard), "http") as url, haproxy(tmp_path, port_of(url), 1) as port:
        client = connect(f"http://{NAME}", "m", proxy=f"http://you:sesame@127.0.0.1:{port}")
        assert client.version() == "1.0"
        assert client.chat(HELLO) == "Hello"
    assert all("sesame" not in head and "proxy-authorization" not in head.lower() for head in heard)
    assert len(heard) == 2


def test_haproxy_answers_itself_where_it_knows_no_server(connect: Connect, tmp_path: Path) -> None:
    with haproxy(tmp_path, unused_port(), 1) as port:
        proxy = f"http://you:sesame@127.0.0.1:{port}"
        for name, status in [("another.test", 502), (NAME, 503)]:
            with pytest.raises(OllamaBusyError) as caught:
                connect(f"http://{name}", proxy=proxy, retry=ONCE).version()
            assert caught.value.status == status


def test_haproxy_and_tinyproxy_in_a_chain_make_a_tunnel(connect: Connect, tmp_path: Path, bundle: str) -> None:
    with (
        serving(with_tls(VERSION, NAME)) as url,
        tinyproxy(tmp_path) as tunnels,
        haproxy(tmp_path, 1, tunnels, f"127.0.0.1:{port_of(url)}") as port,
    ):
        client = connect(f"https://{NAME}", proxy=f"http://you:sesame@127.0.0.1:{port}", verify=bundle)
        assert client.version() == "1.0"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("user", ["", "you:mellon@"], ids=["none", "wrong"])
def test_haproxy_wants_other_credentials(connect: Connect, tmp_path: Path, scheme: str, user: str) -> None:
    with haproxy(tmp_path, 1, 1) as port, pytest.raises(OllamaConnectionError) as caught:
        connect(f"{scheme}://{NAME}", proxy=f"http://{user}127.0.0.1:{port}", retry=ONCE).version()
    assert caught.value.reason == "proxy"
    assert "407" in str(caught.value)
    assert "mellon" not in str(caught.value)
