"""Loading, unloading, and how long a model stays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.embedded.asking import MODEL, ask, children
from tests.embedded.recorded import recordings
from tests.embedded.servers import SHORT, running, server, until, wait_until_loaded
from tests.embedded.test_recordings import shape
from vuhitra.hosts import Host

RECORDINGS = recordings()


def generate(host: Host, **fields: Any) -> Any:
    return ask(host, "POST", "/api/generate", SHORT | fields).json


def seconds_left(host: Host) -> float:
    (model,) = running(host)
    return (datetime.fromisoformat(model["expires_at"]) - datetime.now(UTC)).total_seconds()


def test_what_is_loaded_is_listed_like_the_recorded_one() -> None:
    with server() as host:
        assert running(host) == RECORDINGS["ps-nothing-loaded"].records[0]["models"]
        assert ask(host, "POST", "/api/chat", {"model": MODEL, "messages": []}).json["done_reason"] == "load"
        recorded = RECORDINGS["ps-loaded"].records[0]["models"]
        assert shape(running(host)) == shape(recorded)
        assert running(host)[0]["context_length"] == recorded[0]["context_length"]


def test_another_window_loads_the_model_again() -> None:
    before = children()
    with server() as host:
        generate(host, options={"num_ctx": 256, "num_predict": 1})
        (first,) = children() - before
        assert running(host)[0]["context_length"] == 256
        generate(host, options={"num_ctx": 256, "num_predict": 2})
        assert children() - before == {first}
        generate(host, options={"num_ctx": 10**9, "num_predict": 1})
        assert running(host)[0]["context_length"] == 8192
        assert len(children() - before) == 1
        assert children() - before != {first}


@pytest.mark.parametrize(
    ("keep_alive", "seconds"), [(None, 300), ("10m", 600), (30, 30), (-1, 9e9), ("-5s", 9e9), (0.9e8, 0.9e8)]
)
def test_how_long_it_stays(keep_alive: Any, seconds: float) -> None:
    with server() as host:
        generate(host, keep_alive=keep_alive)
        assert seconds_left(host) == pytest.approx(seconds, abs=20, rel=0.05)


def test_what_was_asked_for_holds_until_something_else_is() -> None:
    with server() as host:
        generate(host, keep_alive="1h")
        generate(host)
        assert seconds_left(host) == pytest.approx(3600, abs=20)


@pytest.mark.parametrize("keep_alive", [0, "0", "1ms"])
def test_a_model_whose_time_is_up_is_unloaded(keep_alive: Any) -> None:
    before = children()
    with server() as host:
        assert generate(host, keep_alive=keep_alive)["done"]
        until(lambda: running(host) == [])
        until(lambda: children() == before)


def test_unloading_is_done_when_it_is_answered() -> None:
    with server() as host:
        generate(host, prompt="")
        wait_until_loaded(host)
        assert generate(host, prompt="", keep_alive=0)["done_reason"] == "unload"
        assert running(host) == []
        assert generate(host, prompt="", keep_alive=0)["done_reason"] == "unload"
        assert generate(host)["done"]
