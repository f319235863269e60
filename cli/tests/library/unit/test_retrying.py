"""What is sent again, when, and how often: every cell of the table, and every bound; no socket and no clock."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from tests.library.unit.driving import ended_pull, ended_push, late, lost, missing
from vuhitra import (
    OllamaAuthenticationError,
    OllamaBusyError,
    OllamaCapabilityError,
    OllamaConnectionError,
    OllamaContextError,
    OllamaError,
    OllamaIncompleteError,
    OllamaProtocolError,
    OllamaPullError,
    OllamaResponseError,
    OllamaTimeoutError,
    Reply,
    Retry,
    calls,
)
from vuhitra.calls import Call
from vuhitra.http import Upload
from vuhitra.retrying import Attempts

ASKING: dict[str, Call[Any]] = {
    "tags": calls.list_models(),
    "ps": calls.running_models(),
    "version": calls.version(),
    "show": calls.show_model("m", {}),
    "embed": calls.embed("m", ["a"], {}),
}
CHANGING: dict[str, Call[Any]] = {
    "create": calls.create_model("m", {"from": "n"}),
    "blob": calls.has_blob("sha256:aa"),
    "upload": calls.upload_blob("sha256:aa", Upload(Path("file"), 1)),
    "copy": calls.copy_model("m", "n"),
    "load": calls.load_model("m", None, None),
    "unload": calls.load_model("m", None, 0),
    "load embedder": calls.load_embedder("m", None, None),
}
PULL, PUSH = calls.pull_model("m", {}), calls.push_model("m", {})
TRANSFERS: dict[str, Call[Any]] = {"pull": PULL, "push": PUSH}
DELETE: dict[str, Call[Any]] = {"delete": calls.delete_model("m")}
ANSWERS: dict[str, Call[Any]] = {
    "generate": calls.generate("m", "hi", None, {}),
    "chat": calls.chat("m", [{"role": "user", "content": "hi"}], {}),
}
ALL = {**ASKING, **CHANGING, **TRANSFERS, **DELETE, **ANSWERS}


def no(status: int, *, loading: bool = False) -> OllamaResponseError:
    error = OllamaResponseError("no", status=status, body="")
    error.loading = loading
    return error


def busy(status: int = 503, *, retry_after: float | None = None, quota: bool = False) -> OllamaBusyError:
    error = OllamaBusyError("busy", status=status, body="")
    error.retry_after, error.quota = retry_after, quota
    return error


ROWS: list[tuple[str, OllamaError, dict[str, Call[Any]]]] = [
    ("refused", lost("refused"), ALL),
    ("connect time-out", late("connect"), ALL),
    ("reset", lost("reset"), ALL),
    ("closed", lost("closed"), ALL),
    *((f"busy {status}", busy(status), ALL) for status in (429, 502, 503, 504)),
    ("usage limit", busy(429, quota=True), {}),
    ("still loading", no(500, loading=True), {name: call for name, call in ALL.items() if name != "delete"}),
    *((f"no {status}", no(status), {}) for status in (301, 400, 404, 409, 500, 501)),
    ("not allowed", OllamaAuthenticationError("no", status=401, body=""), {}),
    ("start time-out", late("start"), {"pull": PULL}),
    ("idle", late("idle"), TRANSFERS),
    ("total", late("total"), {}),
    *((reason, lost(reason), {}) for reason in ("unreachable", "dns", "tls", "proxy", "stopped")),
    ("missing model", missing(), {}),
    ("incapable model", OllamaCapabilityError("no", model="m"), {}),
    ("failed pull", OllamaPullError("no", model="m"), {}),
    ("pull without success", ended_pull(), TRANSFERS),
    ("push without success", ended_push(), TRANSFERS),
    ("too long", OllamaContextError("long", window=1, needed=2), {}),
    ("broken answer", OllamaIncompleteError("cut", partial=Reply("4"), reason="cut"), {}),
    ("no protocol", OllamaProtocolError("what?"), {}),
]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("error", "again"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_may_be_sent_again(name: str, error: OllamaError, again: dict[str, Call[Any]]) -> None:
    assert ALL[name].repeat.allows(error) is (name in again)


CHAT = ANSWERS["chat"]
THRICE = Retry()


def attempts(retry: Retry = THRICE, *, give_up_at: float | None = None, jitter: float = 1.0) -> Attempts:
    return Attempts(CHAT, retry, give_up_at, lambda: jitter)


def waits_after(tries: Attempts, *errors: OllamaError, now: float = 1000.0) -> list[float]:
    """The waits after these errors; the clock goes on by the waits alone."""
    waits: list[float] = []
    for error in errors:
        waits.append(tries.wait_after(error, now + sum(waits)))
    return waits


def test_waits_grow_and_are_bounded() -> None:
    tries = attempts(Retry(attempts=9, first_wait=1, factor=3, max_wait=20), jitter=0.5)
    assert waits_after(tries, *[lost() for _ in range(7)]) == [0.5, 1.5, 4.5, 10, 10, 10, 10]


def test_no_more_attempts_than_allowed() -> None:
    for number in (1, 2, 5):
        tries = attempts(Retry(number))
        assert len(waits_after(tries, *[lost() for _ in range(number - 1)])) == number - 1
        with pytest.raises(OllamaConnectionError):
            tries.wait_after(lost(), 1000.0)


def test_attempts_are_counted_from_one() -> None:
    tries = attempts()
    assert tries.number == 1
    tries.wait_after(lost(), 0.0)
    assert tries.number == 2


def test_the_last_error_keeps_the_earlier_ones() -> None:
    errors = [lost("refused"), lost("reset"), OllamaProtocolError("what?")]
    tries = attempts()
    waits_after(tries, *errors[:2])
    with pytest.raises(OllamaProtocolError) as caught:
        tries.wait_after(errors[2], 1000.0)
    assert caught.value is errors[2]
    assert [error.attempts for error in errors] == [(), (errors[0],), (errors[0], errors[1])]


@pytest.mark.parametrize(
    ("budget", "waits"),
    [
        pytest.param(0, [], id="none"),
        pytest.param(0.25, [0.25], id="for one wait"),
        pytest.param(0.74, [0.25], id="nearly for two"),
        pytest.param(0.75, [0.25, 0.5], id="for two"),
    ],
)
def test_no_attempt_begins_after_the_budget(budget: float, waits: list[float]) -> None:
    tries = attempts(Retry(attempts=10, budget=budget))
    assert waits_after(tries, *[lost() for _ in waits]) == waits
    with pytest.raises(OllamaConnectionError):
        tries.wait_after(lost(), 1000.0 + sum(waits))


def test_attempts_that_take_long_use_the_budget_up() -> None:
    tries = attempts(Retry(attempts=10, budget=12, first_wait=0))
    for now in (5.0, 10.0, 17.0):
        assert tries.wait_after(late("connect"), now) == 0
    with pytest.raises(OllamaTimeoutError):
        tries.wait_after(late("connect"), 17.1)


def test_no_wait_goes_beyond_the_limit_of_the_whole_operation() -> None:
    tries = attempts(Retry(attempts=10), give_up_at=1000.3)
    assert tries.wait_after(lost(), 1000.0) == 0.25
    with pytest.raises(OllamaConnectionError):
        tries.wait_after(lost(), 1000.25)


@pytest.mark.parametrize("seconds", [0.0, 7.0, 60.0])
def test_what_the_server_asks_to_wait_is_waited_whole(seconds: float) -> None:
    tries = attempts(Retry(first_wait=0.25, max_wait=1), jitter=0.0)
    assert tries.wait_after(busy(429, retry_after=seconds), 1000.0) == seconds


@pytest.mark.parametrize(
    ("seconds", "before", "give_up_at"),
    [
        pytest.param(60.5, 0.0, None, id="longer than the budget"),
        pytest.param(31.0, 30.0, None, id="longer than what is left of it"),
        pytest.param(7.0, 0.0, 1006.0, id="longer than the whole operation"),
    ],
)
def test_what_can_not_be_waited_for_is_raised_at_once(seconds: float, before: float, give_up_at: float | None) -> None:
    tries = attempts(give_up_at=give_up_at)
    if before:
        tries.wait_after(busy(retry_after=before), 1000.0)
    asked = busy(retry_after=seconds)
    with pytest.raises(OllamaBusyError) as caught:
        tries.wait_after(asked, 1000.0 + before)
    assert caught.value is asked
    assert caught.value.retry_after == seconds


def test_a_usage_limit_is_not_waited_for() -> None:
    with pytest.raises(OllamaBusyError):
        attempts().wait_after(busy(429, retry_after=1.0, quota=True), 1000.0)


def test_progress_gives_all_attempts_and_the_whole_budget_anew() -> None:
    tries = attempts(Retry(attempts=2, budget=10))
    for day in range(5):
        assert tries.wait_after(lost(), day * 86400.0, came_further=True) == 0.25
    assert tries.number == 6
    last = lost()
    tries.wait_after(lost(), 0.0)
    with pytest.raises(OllamaConnectionError):
        tries.wait_after(last, 0.0)
    assert len(last.attempts) == 6


def test_a_wait_is_logged_with_its_reason_and_its_error(caplog: pytest.LogCaptureFixture) -> None:
    waits_after(attempts(jitter=0.5), lost("reset"), busy(503))
    assert {(record.name, record.levelno) for record in caplog.records} == {("vuhitra", logging.WARNING)}
    said = [vars(record) for record in caplog.records]
    assert [{key: each[key] for key in ("attempt", "attempts", "reason", "wait", "model")} for each in said] == [
        {"attempt": 2, "attempts": 3, "reason": "reset", "wait": 0.125, "model": "m"},
        {"attempt": 3, "attempts": 3, "reason": "503", "wait": 0.25, "model": "m"},
    ]
    assert "POST /api/chat m: busy; attempt 3 of 3 in 0.25 s" in caplog.text
