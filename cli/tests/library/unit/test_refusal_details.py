"""What a refusal says besides its kind: when to come again, where to go, what to try, in words that can be shown."""

from __future__ import annotations

import json
import math

import pytest

from tests.library.unit.refusing import BUSY, DIED, HOST, refuse, saying
from vuhitra import (
    OllamaBusyError,
    OllamaCapabilityError,
    OllamaContextError,
    OllamaResponseError,
    resolve_host,
)
from vuhitra.http import Head
from vuhitra.refusals import refused
from vuhitra.subjects import Subject

PAGE = """<!DOCTYPE html>
<html><head><title>502 Bad Gateway</title><style>h1 { color: red }</style><script>if (a < b) alert("x")</script></head>
<body><!-- <b>padding</b> --><center><h1>502 Bad&nbsp;Gateway</h1></center><hr>nginx &amp; more<br/></body></html>"""


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (PAGE, "502 Bad Gateway nginx & more"),
        ("<html>oops</html>", "oops"),
        ("<html><script>never ends", None),
        ("<p>never ends <b", "never ends"),
        ("<p>" + "word " * 1000, ("word " * 40)),
        ("<" * 300_000, None),
    ],
    ids=["nginx", "short", "a script", "a tag that is cut", "long", "no page"],
)
def test_a_page_is_shown_by_its_words(page: str, words: str | None) -> None:
    error = refuse(502, page)
    assert type(error) is OllamaBusyError
    assert error.why == words or (words is None and "script" not in (error.why or ""))
    assert len(error.why or "") <= 200
    assert error.body == page[:4000]
    assert "proxy" in (error.hint or "")


def test_where_to_sign_in() -> None:
    body = '{"error":"unauthorized","signin_url":"https://ollama.com/connect"}'
    assert refuse(401, body).signin_url == "https://ollama.com/connect"
    assert "https://ollama.com/connect" in refuse(401, body).hint
    assert refuse(401, '{"error":"unauthorized","signin_url":7}').signin_url is None
    assert refuse(401, '{"error":"unauthorized"}').signin_url is None
    assert refuse(401, "").signin_url is None


def test_a_404_that_is_no_json_is_a_wrong_path_and_no_missing_model() -> None:
    error = refuse(404, "404 page not found")
    assert type(error) is OllamaResponseError
    assert error.hint is not None


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("http://gpu:1/ollama", "http://gpu:1: a server seldom has a path"),
        ("http://gpu:1/openai", "http://gpu:1: Ollama's own API"),
        ("http://gpu:1/v1/chat/completions", "http://gpu:1: Ollama's own API"),
        ("http://gpu:1", "the URL of an Ollama server"),
    ],
)
def test_a_path_that_is_not_there_may_be_the_settings_fault(setting: str, says: str) -> None:
    error = refused(Subject(resolve_host(setting), "/api/chat", "m"), Head(404, ()), b"404 page not found")
    assert type(error) is OllamaResponseError
    assert says in (error.hint or "")


def test_a_404_of_another_kind_of_server_is_no_missing_model() -> None:
    error = refuse(404, saying({"code": 404, "message": "File Not Found", "type": "not_found_error"}))
    assert type(error) is OllamaResponseError


def test_a_404_about_no_model_is_a_wrong_path() -> None:
    assert type(refuse(404, '{"error":"not here"}', "/api/tags", model="")) is OllamaResponseError


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_says_where_to(status: int) -> None:
    assert "https://gpu/x" in refuse(status, "", location="https://gpu/x").hint
    assert "None" not in refuse(status, "").hint
    assert "sesame" not in refuse(status, "", location="https://me:sesame@gpu/x?key=sesame").hint


AT = ": redirects aren't followed, and the server itself may be there"
TO = "the server's own URL: it redirects to {}, and redirects aren't followed"


@pytest.mark.parametrize(
    ("location", "hint"),
    [
        ("https://gpu/api/chat", f"https://gpu{AT}"),
        ("https://gpu/ollama/api/chat/", f"https://gpu/ollama{AT}"),
        ("//far:2/api/chat?x=1#y", f"http://far:2{AT}"),
        ("/ollama/api/chat", f"http://gpu:1/ollama{AT}"),
        ("https://gpu/", f"https://gpu{AT}"),
        ("https://login.example/", TO.format("https://login.example/")),
        ("https://gpu/login", TO.format("https://gpu/login")),
        ("/api/chat/", TO.format("/api/chat/")),
        ("http://gpu:1", TO.format("http://gpu:1")),
        ("ftp://gpu/api/chat", TO.format("ftp://gpu/api/chat")),
        ("http://[/api/chat", TO.format("http://[/api/chat")),
        ("https://me:sesame@gpu/api/chat", TO.format("https://***@gpu/api/chat")),
    ],
)
def test_a_redirect_leads_to_a_server_where_the_path_is_the_same(location: str, hint: str) -> None:
    assert refuse(307, "", location=location).hint == hint


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        (" 7 ", 7.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sunday, 22-Nov-26 12:00:30 GMT", 30.0),
        ("Sun Nov 22 12:00:30 2026", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Wed, 22 Nov 2126 12:00:00 GMT", 3_155_673_600.0),
        ("999999999999999", 999_999_999_999_999.0),
        ("-5", None),
        ("1e400", None),
        ("9" * 400, math.inf),
        ("0" * 400 + "7", 7.0),
        ("1234567890123456", 1_234_567_890_123_456.0),
        ("NaN", None),
        ("soon", None),
        ("", None),
        ("Sun, 99 Nov 2026 99:99:99 GMT", None),
        ("Sun, 22 Nov 999999 12:00:00 GMT", None),
        ("\u0667", None),
    ],
)
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_when_to_come_again(status: int, given: str, seconds: float | None) -> None:
    error = refuse(status, BUSY, retry_after=given)
    assert isinstance(error, OllamaBusyError)
    assert error.retry_after == seconds


def test_a_date_to_come_again_is_by_the_servers_clock() -> None:
    until = "Sun, 22 Nov 2026 12:00:30 GMT"
    assert refuse(503, BUSY, retry_after=until, date="Sun, 22 Nov 2026 12:00:20 GMT").retry_after == 10
    assert refuse(503, BUSY, retry_after=until, date="not a date").retry_after == 30
    nobody_knows = refused(Subject(HOST, "/api/chat", "m"), Head(503, ((b"retry-after", until.encode()),)), b"")
    assert isinstance(nobody_knows, OllamaBusyError)
    assert nobody_knows.retry_after is None


@pytest.mark.parametrize(
    ("status", "text", "quota"),
    [
        (429, "you've reached your hourly usage limit, please upgrade to continue", True),
        (429, "you have exceeded your weekly limit", True),
        (429, "quota exceeded", True),
        (429, "too many requests", False),
        (429, "upgrade your plan for a higher rate", False),
        (429, "rate limit: 3 requests a second", False),
        (503, "usage limit", False),
    ],
)
def test_a_usage_limit_is_no_matter_of_waiting(status: int, text: str, quota: bool) -> None:
    assert refuse(status, saying(text)).quota is quota
    assert refuse(status, text).quota is quota


def test_a_usage_limit_may_say_when_it_ends() -> None:
    error = refuse(429, saying("you have exceeded your weekly limit"), retry_after="86400")
    assert (error.quota, error.retry_after) == (True, 86400)


@pytest.mark.parametrize("secret", ["context", "exceeds", "support", "file does not exist"])
def test_what_an_error_means_is_read_before_secrets_are_hidden(secret: str) -> None:
    def kind(text: str, path: str) -> type:
        subject = Subject(HOST, path, "m", (("X-Team", secret),))
        error = refused(subject, Head(400, ()), saying(text).encode())
        assert secret not in (error.why or "")
        return type(error)

    assert kind("the input length exceeds the context length", "/api/embed") is OllamaContextError
    assert kind('"m" does not support tools', "/api/chat") is OllamaCapabilityError


def test_a_path_that_is_not_there_is_no_missing_model() -> None:
    assert type(refuse(404, saying('path "/api/chat" not found'))) is OllamaResponseError


@pytest.mark.parametrize(
    ("status", "text", "loading"),
    [
        (500, "llm server loading model", True),
        (500, json.dumps({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}), True),
        (500, "the model is still loading, please wait", True),
        (500, "model 'm' is being loaded", True),
        (500, "model file is loaded from a corrupt blob", False),
        (500, "error loading model: unable to allocate CUDA0 buffer", False),
        (500, DIED, False),
        (400, "llm server loading model", False),
    ],
)
def test_a_model_that_is_not_loaded_yet(status: int, text: str, loading: bool) -> None:
    error = refuse(status, saying(text))
    assert type(error) is OllamaResponseError
    assert error.loading is loading


def test_a_host_that_the_server_does_not_know() -> None:
    assert "OLLAMA_ORIGINS" in refuse(403, "").hint
    assert refuse(403, saying("no")).hint is None


def test_a_body_is_shown_by_its_start() -> None:
    error = refuse(500, "\xff" * 10_000)
    assert len(error.why) <= 200
    assert error.body == "\xff" * 2000
