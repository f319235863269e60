"""What a call is about is named in its errors; what was shown to the server as a credential never is."""

from __future__ import annotations

import json
import pickle
import traceback
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from vuhitra import OllamaError, OllamaProtocolError, resolve_host
from vuhitra.http import Head, request_headers
from vuhitra.lines import MalformedError
from vuhitra.readers import DocumentReader, Reader
from vuhitra.records import ProgressReader, ReplyReader
from vuhitra.refusals import error_line, refused
from vuhitra.reply import Sent
from vuhitra.secrets import hide, secrets_in
from vuhitra.subjects import Subject

KEY = "sk-open-sesame-9"
TOKEN = b64encode(f"{KEY}:".encode()).decode()
PAIR = b64encode(f"me:{KEY}".encode()).decode()
WITH_PASSWORD = resolve_host(f"http://me:{KEY}@gpu:1", "OLLAMA_HOST in ./.env")
WITH_TOKEN = resolve_host(f"http://{KEY}@gpu:1", "OLLAMA_HOST in ./.env")
WITH_A_KEY = replace(WITH_PASSWORD, authorization=f"Bearer {KEY}", credential_source="OLLAMA_API_KEY")
PLAIN = resolve_host("http://gpu:1", "OLLAMA_HOST in ./.env")


def about(setting: str = "plain", **headers: str) -> Subject:
    """What a call with these headers is about."""
    host = {"plain": PLAIN, "password": WITH_PASSWORD, "token": WITH_TOKEN}[setting]
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Subject(host, "/api/chat", "m", request_headers(host, given))


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (about(), "no credential"),
        (about("password"), "the Basic credential from OLLAMA_HOST in ./.env"),
        (Subject(WITH_PASSWORD, "/api/chat", "m"), "the Basic credential from OLLAMA_HOST in ./.env"),
        (Subject(WITH_A_KEY, "/api/chat", "m"), "the Bearer credential from OLLAMA_API_KEY"),
        (about(Authorization=f"Bearer {KEY}"), "the Bearer credential from headers="),
        (about("password", Authorization=f"bearer {KEY}"), "the Bearer credential from headers="),
        (about(authorization=KEY), "the header authorization from headers="),
        (about(Authorization=f"{KEY} {KEY}"), "the header Authorization from headers="),
        (about(X_API_Key=KEY, Accept="*/*"), "the header X-API-Key from headers="),
        (
            about("password", Cookie=f"session={KEY}"),
            "the Basic credential from OLLAMA_HOST in ./.env and the header Cookie from headers=",
        ),
    ],
)
@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_is_told_what_was_shown(subject: Subject, said: str, status: int) -> None:
    assert subject.credential == said
    error = refused(subject, Head(status, ()), b'{"error":"unauthorized"}')
    assert f"answered {status} to /api/chat, sent with {said}: unauthorized" in str(error)


SECRETIVE = [
    about("password"),
    about(Authorization=f"Bearer {KEY}"),
    about(Authorization=KEY),
    about(X_API_Key=KEY),
    about("password", Cookie=KEY),
    about("token"),
    about(X_Tenant=KEY),
]
ECHOES = [
    f"the key {KEY} is wrong",
    f"no user {PAIR}",
    f"Bearer {KEY}",
    json.dumps({"error": f"the key {KEY} is wrong"}),
    json.dumps({"error": {"message": f"{KEY} is wrong", "type": KEY}}),
    json.dumps({"error": f"no model, and {KEY} is wrong", "signin_url": f"https://ollama.com/{KEY}"}),
    f"<html><title>{KEY}</title></html>",
    KEY * 300,
]


def of_a_status(subject: Subject, echo: str) -> list[OllamaError]:
    urls = (f"https://me:{KEY}@gpu/?key={KEY}", f"https://gpu/{KEY}/x", f"https://gpu/#{KEY}", f"{'/x' * 95}/{KEY}")
    return [
        refused(subject, Head(status, ((b"location", url.encode()),)), echo.encode())
        for url in urls
        for status in (301, 400, 401, 403, 404, 407, 429, 500, 501, 502, 503)
    ]


def of_a_line(subject: Subject, echo: str) -> list[OllamaError]:
    return [error_line(subject._replace(path=path), echo) for path in ("/api/chat", "/api/pull", "/api/push")]


def of_another_protocol(subject: Subject, echo: str) -> list[OllamaError]:
    head = Head(200, ((b"content-type", b"application/x-ndjson"),))
    found: list[OllamaError] = []
    readers: list[Reader[Any, Any]] = [
        ReplyReader(subject, head, Sent()),
        ProgressReader(subject, head),
        DocumentReader(subject, head, len),
    ]
    for reader in readers:
        try:
            list(reader.feed(f"-{echo}\n".encode()))
            list(reader.end())
        except MalformedError as error:
            found.append(reader.malformed(error))
    assert [type(error) for error in found] == [OllamaProtocolError] * 3
    return found


def all_that_is_shown(error: OllamaError) -> str:
    """Whatever of an error may come before somebody's eyes."""
    try:
        raise error
    except OllamaError as raised:
        shown = traceback.format_exception(raised)
    copied = pickle.dumps(error).decode("latin-1")
    return "\n".join([str(error), repr(error), repr(error.args), repr(vars(error)), str(error.hint), copied, *shown])


@pytest.mark.parametrize("found_in", [of_a_status, of_a_line, of_another_protocol])
@pytest.mark.parametrize(
    "subject", SECRETIVE, ids=["password", "bearer", "bare", "header", "cookie", "token", "any header"]
)
@pytest.mark.parametrize("echo", ECHOES, ids=str)
def test_no_error_shows_a_credential_even_where_the_server_repeats_it(
    found_in: Callable[[Subject, str], list[OllamaError]], subject: Subject, echo: str
) -> None:
    for error in found_in(subject, echo):
        shown = all_that_is_shown(error)
        assert "gpu:1" in shown
        assert KEY not in shown
        assert subject.host is not WITH_PASSWORD or PAIR not in shown


def test_no_subject_shows_one() -> None:
    for subject in SECRETIVE:
        assert KEY not in f"{subject} {subject!r}"
        assert PAIR not in f"{subject} {subject!r}"


def test_a_text_without_a_secret_stays_as_it_is() -> None:
    assert about("password").hide("me, myself and I: 11434") == "me, myself and I: 11434"
    assert about(X_API_Key="a").hide("a banana") == "a banana"
    assert about(Authorization="Basic not-base64").hide("basic") == "basic"


@pytest.mark.parametrize(
    ("header", "repeated"),
    [
        (("Authorization", f"Bearer {KEY}"), KEY),
        (("Authorization", f"Basic {PAIR}"), f"me:{KEY}"),
        (("Authorization", f"Basic {TOKEN}"), KEY),
        (("Authorization", f"Basic {TOKEN}"), f"{KEY}:"),
        (("X-Tenant", KEY), KEY),
        (("Proxy-Authorization", f"Basic {PAIR}"), KEY),
        (("Cookie", f"lang=en; session={KEY}"), KEY),
        (("X-Key", 'a/b"c\\d=e'), r"a/b\"c\\d=e"),
        (("X-Key", "a/b c=e"), r"a\/b c=e"),
        (("X-Key", "a/b c=e"), "a/b%20c%3De"),
        (("X-Key", "a/b c=e"), "a%2Fb%20c%3De"),
    ],
    ids=str,
)
def test_a_secret_is_found_however_it_is_repeated(header: tuple[str, str], repeated: str) -> None:
    assert hide(f"it is {repeated}, no?", secrets_in([header])) == "it is ***, no?"


def test_what_is_left_of_a_secret_where_a_text_was_cut_is_hidden_too() -> None:
    secrets = secrets_in([("X-Key", KEY)])
    assert hide(f"the key is {KEY[:-2]}", secrets) == "the key is ***"
    assert hide(f"{KEY[2:]} is the key", secrets) == "*** is the key"
    assert hide("the key begins with sk-open", secrets) == "the key begins with sk-open"


def test_what_is_no_secret_is_not_looked_for() -> None:
    ours = request_headers(PLAIN, {"content-type": "application/json", "X-Short": "abc"})
    assert len(ours) == 6
    assert secrets_in(ours) == ()


def test_a_header_that_is_no_credential_is_not_called_one() -> None:
    assert about(X_Tenant=KEY).credential == "no credential"


def test_a_proxys_credential_is_hidden_and_is_not_what_the_server_was_shown() -> None:
    subject = Subject(PLAIN, "/api/chat", "m", (("Proxy-Authorization", f"Basic {PAIR}"),))
    assert subject.credential == "no credential"
    assert subject.hide(f"{PAIR}: {KEY}") == "***: ***"
