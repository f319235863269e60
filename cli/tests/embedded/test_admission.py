"""Who is let in."""

from __future__ import annotations

import pytest

from cli.services.embedded.admission import holds_key, is_local_host, is_local_origin
from cli.services.embedded.app import Admission
from tests.embedded.asking import ask, basic
from vuhitra.hosts import Host

FOREIGN_HOSTS = ["evil.example", "evil.example:11434", "8.8.8.8", "127.0.0.1.evil.example", "[2001:4860::1]", "[x"]
LOCAL_HOSTS = ["localhost", "LOCALHOST:11434", "127.0.0.1", "127.8.8.8:1", "[::1]:11434", "[::]", "192.168.1.7"]
LOCAL_NAMES = ["box", "Box:11434", "ollama.local", "x.internal", "a.localhost", ""]

FOREIGN_ORIGINS = ["http://evil.example", "https://localhost.evil.example", "null", "http://[", "ftp://localhost"]
LOCAL_ORIGINS = ["http://localhost", "https://127.0.0.1:3000", "http://0.0.0.0:1", "app://x", "tauri://localhost"]


@pytest.mark.parametrize("host", [*LOCAL_HOSTS, *LOCAL_NAMES])
def test_this_machine_and_its_network_are_let_in(host: str) -> None:
    assert is_local_host(host, "box")


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_is_not(host: str) -> None:
    assert not is_local_host(host, "box")


@pytest.mark.parametrize("origin", [None, "http://box:1", "https://box:1", *LOCAL_ORIGINS])
def test_pages_of_this_machine_are_let_in(origin: str | None) -> None:
    assert is_local_origin(origin, "box:1")


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_foreign_pages_are_not(origin: str) -> None:
    assert not is_local_origin(origin, "box:1")


@pytest.mark.parametrize(
    "shown",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        "Basic",
        "Basic !!!",
        "Basic a2V5",
        "Basic /w==",
        "Digest key",
        "key",
        "Bearer é",
    ],
)
def test_another_key_is_none(shown: str | None) -> None:
    assert not holds_key(shown, "key")


@pytest.mark.parametrize("shown", ["Bearer key", "bearer key", basic("key")["Authorization"]])
def test_the_key_may_come_as_a_bearer_or_as_a_password(shown: str) -> None:
    assert holds_key(shown, "key")


@pytest.mark.parametrize("shown", ["", "Bearer wrong"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/api/tags"), ("POST", "/api/chat"), ("GET", "/x")])
def test_without_the_key_nothing_is_answered(shown: str, method: str, path: str, embedded_host: Host) -> None:
    answer = ask(embedded_host, method, path, headers={"Authorization": shown})
    assert answer.status == 401
    assert answer.body == b'{"error":"unauthorized"}'


def test_a_foreign_host_is_refused_before_the_key_is_looked_at(embedded_host: Host) -> None:
    answer = ask(embedded_host, "GET", "/", headers={"Host": "evil.example", "Authorization": ""})
    assert (answer.status, answer.body) == (403, b"")


def test_the_url_with_the_key_as_its_password_lets_in(embedded_url: str) -> None:
    from vuhitra.hosts import resolve_host

    assert ask(resolve_host(embedded_url), "GET", "/api/version").status == 200


def test_where_no_key_is_set_none_is_asked_for() -> None:
    assert Admission("box").refusal({"host": "localhost"}) is None
    refusal = Admission("box", "key").refusal({"host": "localhost"})
    assert refusal is not None
    assert refusal.status_code == 401
