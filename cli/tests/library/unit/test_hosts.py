"""A host setting is read as Ollama's own client reads OLLAMA_HOST, and a credential in it is never shown."""

from __future__ import annotations

import pickle
from base64 import b64decode
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vuhitra import Host, resolve_host
from vuhitra.hosts import DEFAULT_HOST_SETTING


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        pytest.param("", "http://127.0.0.1:11434", id="nothing"),
        pytest.param("   ", "http://127.0.0.1:11434", id="spaces"),
        pytest.param('""', "http://127.0.0.1:11434", id="quotes"),
        pytest.param(DEFAULT_HOST_SETTING, "http://127.0.0.1:11434", id="the default"),
        ("gpu", "http://gpu:11434"),
        ("gpu.lan", "http://gpu.lan:11434"),
        ("GPU.lan", "http://gpu.lan:11434"),
        ("gpu:1234", "http://gpu:1234"),
        ("gpu:", "http://gpu:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("gpu:80", "http://gpu"),
        ("http://gpu", "http://gpu"),
        ("http://gpu:80", "http://gpu"),
        ("http://gpu:", "http://gpu"),
        ("https://gpu", "https://gpu"),
        ("https://gpu:443", "https://gpu"),
        ("https://gpu:11434", "https://gpu:11434"),
        ("HTTPS://gpu", "https://gpu"),
        ("http://", "http://127.0.0.1"),
        ("http://:1234", "http://127.0.0.1:1234"),
        ("ollama.com", "https://ollama.com"),
        ("ollama.com:80", "http://ollama.com"),
        ("http://ollama.com", "http://ollama.com"),
        ("ollama.com.example", "http://ollama.com.example:11434"),
        pytest.param(" gpu:1 \n", "http://gpu:1", id="spaces around it"),
        pytest.param('"gpu:1"', "http://gpu:1", id="double quotes around it"),
        pytest.param(" 'http://gpu' ", "http://gpu", id="single quotes and spaces around it"),
        pytest.param(' " gpu:1 " ', "http://gpu:1", id="quotes, and spaces on both sides of them"),
        ("gpu_1-a.lan", "http://gpu_1-a.lan:11434"),
        ("gpu.lan.", "http://gpu.lan.:11434"),
        ("bücher.example:1", "http://xn--bcher-kva.example:1"),
        ("192.168.0.7", "http://192.168.0.7:11434"),
        ("192.168.0.7:1", "http://192.168.0.7:1"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:1", "http://127.0.0.1:1"),
        ("http://0.0.0.0", "http://127.0.0.1"),
        ("0", "http://127.0.0.1:11434"),
        ("0.0.0.0.", "http://127.0.0.1:11434"),
        ("[::0]:1", "http://[::1]:1"),
        ("0:0:0:0:0:0:0:0", "http://[::1]:11434"),
        ("[::0.0.0.0]:1", "http://[::1]:1"),
        ("::%lo", "http://[::1]:11434"),
        ("[::ffff:0.0.0.0]", "http://127.0.0.1:11434"),
        ("0x0.0", "http://127.0.0.1:11434"),
        ("0..0", "http://0..0:11434"),
        ("::", "http://[::1]:11434"),
        ("[::]:1", "http://[::1]:1"),
        ("http://[::]:1", "http://[::1]:1"),
        ("::1", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:1", "http://[::1]:1"),
        ("http://::1", "http://[::1]"),
        ("http://::1/", "http://[::1]"),
        ("::1/", "http://[::1]:11434"),
        ("::1/api", "http://[::1]:11434"),
        ("2001:db8::1/team/", "http://[2001:db8::1]:11434/team"),
        ("http://u:p@::1", "http://[::1]"),
        ("fe80::1%eth0/api", "http://[fe80::1%eth0]:11434"),
        ("http://[::1]", "http://[::1]"),
        ("2001:db8::7", "http://[2001:db8::7]:11434"),
        ("::ffff:192.0.2.1", "http://[::ffff:192.0.2.1]:11434"),
        ("fe80::1%eth0", "http://[fe80::1%eth0]:11434"),
        ("[fe80::1%eth0]:1", "http://[fe80::1%eth0]:1"),
        ("http://[fe80::1%25eth0]:1", "http://[fe80::1%eth0]:1"),
    ],
)
def test_scheme_address_and_port(setting: str, url: str) -> None:
    assert resolve_host(setting).url == url


@pytest.mark.parametrize(
    ("setting", "url", "prefix"),
    [
        ("gpu/", "http://gpu:11434", ""),
        ("http://gpu:1///", "http://gpu:1", ""),
        ("http://gpu:1/api", "http://gpu:1", ""),
        ("http://gpu:1/api/", "http://gpu:1", ""),
        ("http://gpu:1/v1", "http://gpu:1", ""),
        ("http://gpu:1/v1/", "http://gpu:1", ""),
        ("http://gpu:1/v1/api", "http://gpu:1", ""),
        ("http://gpu:1/api/v1", "http://gpu:1", ""),
        ("gpu/api", "http://gpu:11434", ""),
        ("https://gate/ollama", "https://gate/ollama", "/ollama"),
        ("https://gate/ollama/", "https://gate/ollama", "/ollama"),
        ("https://gate/team/ollama/api", "https://gate/team/ollama", "/team/ollama"),
        ("https://gate/ollama/v1/", "https://gate/ollama", "/ollama"),
        ("https://gate/myapi", "https://gate/myapi", "/myapi"),
        ("https://gate/api/ollama", "https://gate/api/ollama", "/api/ollama"),
        ("https://gate/über uns", "https://gate/%C3%BCber%20uns", "/%C3%BCber%20uns"),
        ("https://gate/%C3%BCber", "https://gate/%C3%BCber", "/%C3%BCber"),
        ("https://gate/%40me", "https://gate/@me", "/@me"),
        ("http://gate/team%2Fa/api", "http://gate/team%2Fa", "/team%2Fa"),
        ("http://gate/100%", "http://gate/100%25", "/100%25"),
    ],
)
def test_a_path_is_a_prefix_without_the_common_mistakes(setting: str, url: str, prefix: str) -> None:
    host = resolve_host(setting)
    assert (host.url, host.prefix) == (url, prefix)


@pytest.mark.parametrize(
    ("setting", "user", "password"),
    [
        pytest.param("http://me:sesame@gpu:1", "me", "sesame", id="user and password"),
        pytest.param("me:sesame@gpu:1", "me", "sesame", id="no scheme"),
        pytest.param("http://:sesame@gpu:1", "", "sesame", id="password only"),
        pytest.param("http://sesame@gpu:1", "sesame", "", id="user only"),
        pytest.param("http://me:ses%40me%2F%3A@gpu:1", "me", "ses@me/:", id="percent-encoded"),
        pytest.param("http://me:ses@me@gpu:1", "me", "ses@me", id="an @ as it is"),
        pytest.param("http://me:ses:me@gpu:1", "me", "ses:me", id="a colon as it is"),
        pytest.param("http://me:s%C3%A9same@gpu:1", "me", "sésame", id="not ASCII"),
    ],
)
def test_a_credential_becomes_a_header_and_is_shown_nowhere(setting: str, user: str, password: str) -> None:
    host = resolve_host(setting, "OLLAMA_IP")
    assert host.authorization is not None
    scheme, _, encoded = host.authorization.partition(" ")
    assert (scheme, b64decode(encoded).decode()) == ("Basic", f"{user}:{password}")
    assert host.url == "http://gpu:1"
    shown = f"{host.url} {host} {host!r} {host.name} {host.authority}"
    assert "ses" not in shown
    assert encoded not in shown


def test_a_host_has_a_scheme_that_is_known() -> None:
    with pytest.raises(ValueError, match="http, https or unix, not 'ftp'"):
        Host("ftp", "gpu", 21)


def test_without_a_credential_there_is_no_header() -> None:
    assert resolve_host("http://gpu").authorization is None


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        pytest.param("ftp://gpu", "http, https or unix, not 'ftp'", id="unknown scheme"),
        pytest.param("socks5://gpu:1080", "not 'socks5'", id="SOCKS"),
        pytest.param("gpu:port", "'gpu:***': a port is", id="a port that is no number"),
        pytest.param("gpu:65536", "1 to 65535", id="a port too great"),
        pytest.param("gpu:0", "1 to 65535", id="a port that nobody has"),
        pytest.param(":0", "1 to 65535", id="a port that nobody has, alone"),
        pytest.param("gpu:-1", "'gpu:***'", id="a negative port"),
        pytest.param("gpu:1:2", "'gpu:***'", id="two ports"),
        pytest.param("[::1]:x", "'[::1]:***'", id="IPv6 with a port that is no number"),
        pytest.param("[::1", "'[::1': a host name that can't be right", id="half a bracket"),
        pytest.param("[v1.a:b]", "can't be right", id="an address of a kind that isn't known"),
        pytest.param("gpu lan", "no spaces", id="a space inside"),
        pytest.param(" 'http://gpu:port' ", "'http://gpu:***'", id="quotes and spaces around"),
        pytest.param("gpu\n.lan", "control characters", id="a newline inside"),
        pytest.param("gpu;lan", "can't be right", id="a semicolon"),
        pytest.param("gpu\\lan", "can't be right", id="a backslash"),
        pytest.param("gpu%lan", "can't be right", id="a percent sign"),
        pytest.param("\x00", "control characters", id="NUL"),
        pytest.param("gpu/\ud800", "no text", id="half a character in the path"),
        pytest.param("\ud800", "no text", id="half a character"),
        pytest.param("ü" * 70, "no text", id="a name that is too long for the domain system"),
        pytest.param(
            "2001:db8::7:8:9:a:b:c:d",
            "'2001:db8::7:8:9:a:b:c:d': ",
            id="too long an IPv6 address",
        ),
        pytest.param("unix://", "absolute path", id="unix without a path"),
        pytest.param("unix://run/ollama.sock", "absolute path", id="unix with a relative path"),
    ],
)
def test_an_error_names_the_setting_it_comes_from(setting: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"^OLLAMA_IP in \./\.env: ") as caught:
        resolve_host(setting, "OLLAMA_IP in ./.env")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "setting",
    [
        "http://me:sesame@gpu:port",
        "http://me:sesame@gpu:99999",
        "http://me:sesame@g pu",
        "http://me:sesame@[::1",
        "http://me:ses/ame@gpu",
        "http://me:1234/sesame@gpu",
        "http://me:ses?ame@gpu",
        "http://me:1234#sesame@gpu",
        "http://me:ses\u2100ame@gpu",
        "http://me:sesame\ud800@gpu",
        "http://me:sesame@gpu/\ud800",
        "http://me:sesame@\ud800",
        "http://me:sesame@gpu\x00",
        "http://gpu/?key=sesame",
        "gpu?sesame",
        "gpu/#sesame",
        "gpu:99999/?sesame",
        "http://me:sesame",
        "me:sesame/x",
        "me:ses/ame",
        "http://me:sesame:80",
        "[::1]:sesame",
        "Bearer sesame",
        "sesame gpu",
        "gpu;key=sesame",
        "http://gpu&key=sesame",
        "gpu%3Fkey=sesame",
        "sesame%40gpu",
        "http://sesame\uff20gpu",
        "http://gpu\nsesame",
        "gpu:0/sesame",
        "cafe:5f4dcc3b5aa765d61d8327deb882cf99sesame:",
        "sesame://x@gpu",
        "ftp://me:sesame@gpu",
        "unix://sesame@gpu",
    ],
)
def test_no_error_shows_a_credential(setting: str) -> None:
    with pytest.raises(ValueError, match=r"^OLLAMA_IP: ") as caught:
        resolve_host(setting, "OLLAMA_IP")
    assert "ses" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_unix_socket() -> None:
    host = resolve_host("unix:///run/ollama.sock", "OLLAMA_HOST")
    assert host.unix_path == "/run/ollama.sock"
    assert (host.url, host.name, str(host)) == (
        "unix:///run/ollama.sock",
        "/run/ollama.sock",
        "unix:///run/ollama.sock (OLLAMA_HOST)",
    )
    assert (host.authority, host.prefix, host.is_loopback) == ("localhost", "", True)
    assert resolve_host("http://gpu/x").unix_path is None


@pytest.mark.parametrize(
    ("setting", "authority", "name"),
    [
        ("http://gpu", "gpu", "gpu:80"),
        ("https://gpu", "gpu", "gpu:443"),
        ("https://gpu:80", "gpu:80", "gpu:80"),
        ("gpu", "gpu:11434", "gpu:11434"),
        ("[::1]:80", "[::1]", "[::1]:80"),
        ("::1", "[::1]:11434", "[::1]:11434"),
    ],
)
def test_the_host_header_leaves_out_a_default_port_and_the_name_does_not(
    setting: str, authority: str, name: str
) -> None:
    host = resolve_host(setting)
    assert (host.authority, host.name) == (authority, name)


@pytest.mark.parametrize(
    ("setting", "is_loopback"),
    [
        ("", True),
        ("localhost", True),
        ("LOCALHOST:1", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("0.0.0.0", True),
        ("::1", True),
        ("::", True),
        ("localhost.", True),
        ("ollama.localhost", True),
        ("127.1", True),
        ("::ffff:127.0.0.1", True),
        ("0:0:0:0:0:0:0:1", True),
        ("fe80::1%eth0", False),
        ("::ffff:192.0.2.1", False),
        ("127", False),
        ("localhost.example", False),
        ("mylocalhost", False),
        ("gpu", False),
        ("127.0.0.1.example", False),
        ("127.example", False),
        ("192.168.0.7", False),
        ("2001:db8::7", False),
    ],
)
def test_whether_it_is_this_machine(setting: str, is_loopback: bool) -> None:
    assert resolve_host(setting).is_loopback is is_loopback


def test_a_message_names_the_url_and_its_source() -> None:
    assert str(resolve_host("gpu", "OLLAMA_IP in ./.env")) == "http://gpu:11434 (OLLAMA_IP in ./.env)"
    assert str(resolve_host("gpu")) == "http://gpu:11434 (base_url)"


def test_a_host_is_a_value() -> None:
    host = replace(resolve_host("gpu"), authorization="Bearer sesame")
    assert host == pickle.loads(pickle.dumps(host))
    assert hash(host) == hash(replace(host))
    assert "sesame" not in repr(host)
    with pytest.raises(AttributeError):
        host.port = 1  # type: ignore[misc]
    assert isinstance(host, Host)


@given(st.text() | st.text(":/@[]%.?#0123456789abcdefhtpsux \\", max_size=30))
@example("http://[fe80::1%]")
@example("[::1]]")
def test_whatever_is_written_it_is_a_server_or_a_value_error(setting: str) -> None:
    try:
        host = resolve_host(setting, "OLLAMA_IP")
    except ValueError as error:
        assert str(error).startswith("OLLAMA_IP: ")  # noqa: PT017  whether it is raised depends on the setting
    else:
        assert host.url.isprintable() or host.scheme == "unix"
        assert host.authority.isascii()
        assert host.is_loopback in (True, False)


SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="/?#@"), min_size=1).map(lambda text: f"SESAME{text}")
AROUND = st.sampled_from(["gpu", "gpu:1", "[::1]:1", "g pu", "gpu:x", "[::1", "gpu/\ud800", "", "\x00", "gpu/api"])


@given(st.sampled_from(["", "http://", "https://", "ftp://", "unix://"]), SECRETS, AROUND)
def test_a_credential_is_never_quoted(scheme: str, secret: str, address: str) -> None:
    try:
        host = resolve_host(f"{scheme}me:{secret}@{address}")
    except ValueError as error:
        shown = f"{error} {error!r}"
    else:
        shown = f"{host} {host!r} {host.url} {host.name}"
    assert "SESAME" not in shown.upper()


@pytest.mark.parametrize("setting", [None, 5, b"gpu"])
def test_a_server_is_named_by_a_text(setting: Any) -> None:
    with pytest.raises(TypeError, match=r"^OLLAMA_IP: a server is named by a str, not "):
        resolve_host(setting, "OLLAMA_IP")
