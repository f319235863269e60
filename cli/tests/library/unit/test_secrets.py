"""Secrets are found in whatever way a text repeats them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vuhitra.lines import shown
from vuhitra.secrets import hide, secrets_in

KEY = "tok&en<9>'q\"u/o\\te%d+(é)🌍=end0123456789"


def goes(text: str) -> str:
    """JSON as Go writes it."""
    return json.dumps(text, ensure_ascii=False).replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003E")


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "Go's JSON": goes,
    "Go's JSON in Go's JSON": lambda text: goes(goes(text)),
    "a URL": quote,
    "all of a URL": lambda text: quote(text, safe=""),
    "a form": lambda text: quote_plus(quote_plus(text)),
    "HTML": html.escape,
    "HTML in HTML": lambda text: html.escape(html.escape(text)),
    "HTML by numbers": lambda text: "".join(letter if letter.isalnum() else f"&#x{ord(letter):X};" for letter in text),
    "a literal": repr,
    "a literal of bytes": lambda text: repr(text.encode()),
    "the wrong encoding": lambda text: text.encode().decode("latin-1"),
}


@pytest.mark.parametrize("spelt", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_a_secret_is_hidden_however_it_is_spelt(spelt: Callable[[str], str]) -> None:
    hidden = hide(f"the key {spelt(KEY)} is wrong", secrets_in([("X-Api-Key", KEY)]))
    assert hidden.replace('"', "").replace("\\", "").replace("&quot;", "").replace("%22", "") in (
        "the key *** is wrong",
        "the key '***' is wrong",
        "the key b'***' is wrong",
    )


@pytest.mark.parametrize("spelt", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_what_is_left_of_one_where_a_text_was_cut_is_hidden(spelt: Callable[[str], str]) -> None:
    key = KEY.replace("(é)🌍", "")  # of half a letter of several bytes nothing is known
    secrets = secrets_in([("X-Api-Key", key)])
    said = spelt(key)
    for at in range(len(said)):
        assert "tok&en<9>" not in html.unescape(hide(f"the key {said[:at]}", secrets)), said[:at]
        assert "nd0123456789" not in hide(f"{said[at:]} is wrong", secrets), said[at:]


@pytest.mark.parametrize("key", ["hunter\\ésecret", "CORP\\<key>9999", "pa\\\\ss/word", "\\\\\\a1b2c3\\"])
@pytest.mark.parametrize("spelt", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_one_with_backslashes_is_hidden_too(spelt: Callable[[str], str], key: str) -> None:
    hidden = hide(f"so {spelt(key)} is wrong", secrets_in([("X-Api-Key", key)]))
    assert not re.search(r"unter|secret|CORP|9999|word|1b2c", hidden), hidden


@given(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8),
    st.sampled_from([*SPELLINGS.values()]),
)
def test_whatever_it_is_it_is_found(key: str, spelt: Callable[[str], str]) -> None:
    secrets = secrets_in([("X-Api-Key", key)])
    assert not secrets or "***" in hide(f"<{spelt(key)}>", secrets)


@pytest.mark.parametrize("text", ["\\" * 200_000, "%25" * 100_000, "&amp;" * 50_000, "a" * 300_000])
def test_a_long_text_is_read_once(text: str) -> None:
    token = "-abcdefgh" * 250
    assert hide(text, secrets_in([("X-Api-Key", token), ("Authorization", f"Bearer {token}")])) == text


@pytest.mark.parametrize("text", ["nothing of it", "token", "tok&en", "0123456789 is a number", ""])
def test_what_is_no_secret_stays(text: str) -> None:
    assert hide(text, secrets_in([("X-Api-Key", KEY), ("Host", "nothing")])) in (
        text,
        text.replace("0123456789", "***"),
    )


def test_a_value_is_shown_from_its_beginning_and_only_its_end_is_cut() -> None:
    value = {"you sent": KEY * 20}
    assert json.dumps(value, ensure_ascii=False, separators=(",", ":")).startswith(shown(value))
    assert "0123" not in hide(shown(value), secrets_in([("X-Api-Key", KEY * 20)]))
