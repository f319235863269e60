"""What is told holds no credentials, and is otherwise left as it is."""

from __future__ import annotations

import pytest

from cli.credentials import concealed, without_user_info


@pytest.mark.parametrize(
    "name",
    [
        "OLLAMA_API_KEY",
        "APIKEY",
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "DEPLOY_KEYS",
        "GPU_KEY2",
        "TOKEN_1",
        "VAULT_PASSPHRASE",
        "MYSQL_PWD",
        "PGPASSWORD",
        "MYSQL_PASSWD",
        "NPM_AUTH",
        "PROXY_AUTHORIZATION",
        "my_credentials",
        "client_secret",
    ],
)
def test_a_variable_that_is_called_a_secret_is_one(name: str) -> None:
    assert concealed("it was swordfish.", {name: "swordfish"}) == "it was ***."


@pytest.mark.parametrize("name", ["GIT_AUTHOR_NAME", "KEYMAP", "TOKENIZERS_PARALLELISM", "SECRETARY", "PWD", "OLDPWD"])
def test_another_is_none(name: str) -> None:
    assert concealed("try: vuhitra models", {name: "vuhitra"}) == "try: vuhitra models"


def test_one_that_begins_like_another_is_concealed_whole() -> None:
    assert concealed("abcdefgh", {"A_KEY": "abcdef", "B_KEY": "abcdefgh"}) == "***"


def test_what_is_short_is_a_word_and_no_secret() -> None:
    assert concealed("chat", {"OLLAMA_API_KEY": "chat"}) == "chat"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no answer of http://me:pw@gpu.lan/x", "no answer of http://***@gpu.lan/x"),
        ("http://me:p@ss@gpu.lan and https://you@h", "http://***@gpu.lan and https://***@h"),
        ("me:pw@gpu.lan:80", "***@gpu.lan:80"),
        ("'http://u:sec/ret@h/x' and more@home", "'http://***@h/x' and more@home"),
        ("http://u:p@s/s@h", "http://***@h"),
        ("http://gpu.lan/a@b", "http://gpu.lan/a@b"),
        ("http://gpu.lan/a:b/c@d", "http://gpu.lan/a:b/c@d"),
        ("http://gpu.lan:8080/a@b", "http://gpu.lan:8080/a@b"),
        ("http://[::1]:8080/a@b", "http://[::1]:8080/a@b"),
        ("http://gpu.lan?mail=a@b", "http://gpu.lan?mail=a@b"),
        ("mail me@home", "mail me@home"),
    ],
)
def test_urls_name_no_user(text: str, told: str) -> None:
    assert without_user_info(text) == told
