"""Which proxy leads to which server, and what is said to it; no network and no environment."""

from __future__ import annotations

import pytest

from vuhitra.hosts import resolve_host
from vuhitra.http import Exchange, Head, Request, request_headers
from vuhitra.proxies import ProxyError, check_tunnel, forwarded, proxy_from, proxy_in, tunnel_request

LOWER = {"http_proxy": "http://plain:1", "https_proxy": "http://secure:2"}


@pytest.mark.parametrize(
    ("environ", "host", "proxy"),
    [
        pytest.param({}, "gpu", None, id="none"),
        pytest.param(LOWER, "http://gpu", "http://plain:1 (http_proxy)", id="http"),
        pytest.param(LOWER, "https://gpu", "http://secure:2 (https_proxy)", id="https"),
        pytest.param({"https_proxy": "http://p:1"}, "http://gpu", None, id="https only"),
        pytest.param({"HTTP_PROXY": "http://p:1"}, "http://gpu", "http://p:1 (HTTP_PROXY)", id="upper case"),
        pytest.param({"HTTPS_PROXY": "http://p:1"}, "https://gpu", "http://p:1 (HTTPS_PROXY)", id="upper https"),
        pytest.param(
            {**LOWER, "HTTP_PROXY": "http://p:1"}, "http://gpu", "http://plain:1 (http_proxy)", id="lower first"
        ),
        pytest.param({"http_proxy": "", "HTTP_PROXY": "http://p:1"}, "http://gpu", None, id="an empty lower hides"),
        pytest.param({"all_proxy": "http://p:1"}, "http://gpu", "http://p:1 (all_proxy)", id="all for http"),
        pytest.param({"ALL_PROXY": "http://p:1"}, "https://gpu", "http://p:1 (ALL_PROXY)", id="all for https"),
        pytest.param(
            {**LOWER, "all_proxy": "http://p:1"}, "http://gpu", "http://plain:1 (http_proxy)", id="all comes last"
        ),
        pytest.param({"http_proxy": "p:3128"}, "http://gpu", "http://p:3128 (http_proxy)", id="no scheme"),
        pytest.param({"http_proxy": "http://p"}, "http://gpu", "http://p (http_proxy)", id="no port"),
        pytest.param({"http_proxy": "http://p:1/"}, "http://gpu", "http://p:1 (http_proxy)", id="a slash"),
        pytest.param({"http_proxy": "http://[::1]:1"}, "http://gpu", "http://[::1]:1 (http_proxy)", id="IPv6"),
        pytest.param(
            {"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, "http://gpu", None, id="a CGI program's client"
        ),
        pytest.param(
            {"http_proxy": "http://p:1", "REQUEST_METHOD": "GET"},
            "http://gpu",
            "http://p:1 (http_proxy)",
            id="CGI, lower",
        ),
        pytest.param(
            {"HTTPS_PROXY": "http://p:1", "REQUEST_METHOD": "GET"},
            "https://gpu",
            "http://p:1 (HTTPS_PROXY)",
            id="CGI, https",
        ),
    ],
)
def test_the_environment_names_a_proxy(environ: dict[str, str], host: str, proxy: str | None) -> None:
    found = proxy_in(environ, resolve_host(host))
    assert (str(found) if found else None) == proxy


@pytest.mark.parametrize("host", ["", "localhost:1", "https://127.0.0.1", "http://[::1]", "127.9.9.9", "unix:///x"])
def test_loopback_and_unix_sockets_are_never_behind_a_proxy(host: str) -> None:
    names: list[str] = ["http_proxy", "https_proxy", "all_proxy", "unix_proxy"]
    everything = dict.fromkeys(names, "http://p:1")
    assert proxy_in(everything, resolve_host(host)) is None


@pytest.mark.parametrize(
    ("no_proxy", "host", "is_exempt"),
    [
        ("", "gpu", False),
        ("*", "gpu", True),
        ("other,*", "gpu", True),
        ("gpu", "gpu", True),
        ("GPU", "gpu", True),
        ("gpu", "GPU", True),
        ("gpu", "gpu2", False),
        ("gpu", "mygpu", False),
        ("other, gpu", "gpu", True),
        ("other gpu", "gpu", True),
        (",,", "gpu", False),
        ("lan", "gpu.lan", True),
        (".lan", "gpu.lan", True),
        ("*.lan", "gpu.lan", True),
        (".lan", "lan", True),
        (".lan", "gpu.wlan", False),
        ("lan", "gpu.wlan", False),
        ("lan.", "gpu.lan", True),
        ("gpu.lan", "lan", False),
        ("gpu.lan", "gpu.lan.", True),
        ("gpu:11434", "gpu", True),
        ("gpu:80", "gpu", False),
        ("lan:11434", "gpu.lan", True),
        ("gpu:", "gpu", True),
        ("gpu:http", "gpu", False),
        ("10.0.0.7", "10.0.0.7", True),
        ("10.0.0.7:11434", "10.0.0.7", True),
        ("10.0.0.7:80", "10.0.0.7", False),
        ("10.0.0.7", "10.0.0.70", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.1/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8", "gpu", False),
        ("10.0.0.0/99", "10.0.0.1", False),
        ("10.0.0", "10.0.0.1", False),
        ("2001:db8::7", "2001:db8::7", True),
        ("2001:db8:0::7", "2001:db8::7", True),
        ("[2001:db8::7]", "2001:db8::7", True),
        ("[2001:db8::7]:11434", "2001:db8::7", True),
        ("[2001:db8::7]:80", "2001:db8::7", False),
        ("2001:db8::/32", "2001:db8::7", True),
        ("2001:db8::/32", "2001:db9::7", False),
        ("2001:db8::/32", "10.0.0.1", False),
        ("::1", "gpu", False),
    ],
)
def test_no_proxy(no_proxy: str, host: str, is_exempt: bool) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        found = proxy_in({"http_proxy": "http://p:1", name: no_proxy}, resolve_host(host))
        assert (found is None) is is_exempt


def test_the_lower_no_proxy_counts() -> None:
    environ = {"http_proxy": "http://p:1", "no_proxy": "other", "NO_PROXY": "gpu"}
    assert proxy_in(environ, resolve_host("gpu")) is not None


def test_a_credential_is_for_the_proxy_alone_and_is_shown_nowhere() -> None:
    host, proxy = resolve_host("http://me:key@gpu/x"), proxy_from("http://you:ses%40me@p:3128", "HTTP_PROXY")
    assert "ses" not in f"{proxy} {proxy!r} {proxy.url}"
    request = forwarded(Request("GET", "/x/api/tags", request_headers(host, {})), host, proxy)
    assert request.target == "http://gpu/x/api/tags"
    assert dict(request.headers)["Proxy-Authorization"] == "Basic eW91OnNlc0BtZQ=="
    assert dict(request.headers)["Host"] == "gpu"
    assert dict(request.headers)["Authorization"] == "Basic bWU6a2V5"


def test_nothing_that_is_for_the_server_is_said_in_asking_for_a_tunnel() -> None:
    host, proxy = resolve_host("https://me:key@gpu/x"), proxy_from("http://you:sesame@p:3128")
    request = tunnel_request(host, proxy)
    assert b"".join(Exchange().send(request)) == (
        b"CONNECT gpu:443 HTTP/1.1\r\nHost: gpu:443\r\nUser-Agent: vuhitra\r\n"
        b"Proxy-Authorization: Basic eW91OnNlc2FtZQ==\r\n\r\n"
    )
    bare = tunnel_request(resolve_host("https://[2001:db8::7]:8"), proxy_from("p"))
    assert bare.target == "[2001:db8::7]:8"
    assert "Proxy-Authorization" not in dict(bare.headers)


@pytest.mark.parametrize(
    ("status", "url", "says"),
    [
        (407, "http://p:1", "none were sent"),
        (407, "http://me:sesame@p:1", "takes no such credentials"),
        (403, "http://p:1", "403"),
        (502, "http://p:1", "502"),
        (302, "http://p:1", "302"),
    ],
)
def test_a_tunnel_that_is_refused(status: int, url: str, says: str) -> None:
    with pytest.raises(ProxyError, match=says) as caught:
        check_tunnel(Head(status, ()), proxy_from(url, "HTTPS_PROXY"))
    assert "http://p:1 (HTTPS_PROXY)" in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_a_tunnel_that_is_granted() -> None:
    check_tunnel(Head(200, ()), proxy_from("p:1"))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("socks5://sesame@p:1080", "SOCKS"),
        ("socks5h://me:sesame@p:1080", "SOCKS"),
        ("SOCKS4://p", "SOCKS"),
        ("https://me:sesame@p:1", "not with 'https'"),
        ("sesame:x://p", "begins with http://"),
        ("http://me:sesame@p:port", "port"),
        ("http://", "without a proxy"),
        ("http://me:sesame@p x", "spaces"),
    ],
)
def test_a_proxy_that_can_not_be_used_is_named_with_its_setting(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"^ALL_PROXY: ") as caught:
        proxy_in({"ALL_PROXY": url}, resolve_host("gpu"))
    assert says in str(caught.value)
    assert "sesame" not in str(caught.value)
