"""Whose turn it is to do what several ask for, and what holds of its end; threads are the wire tests' matter."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

import pytest

from tests.library.unit.driving import TERMS, ended_pull, late, lost, missing
from vuhitra import OllamaBusyError, OllamaError, OllamaPullError, Timeouts
from vuhitra.errors import Phase
from vuhitra.sharing import Turn, Turns, waited_in_vain

ALIKE = "in the same manner"


def turns() -> Turns[threading.Event]:
    return Turns(threading.Event)


def test_the_first_does_the_work_and_the_others_wait() -> None:
    work = turns()
    with work.join("m", ALIKE) as (turn, is_first):
        assert is_first
        with work.join("m", ALIKE) as joined, work.join("n", ALIKE) as other:
            assert joined == (turn, False)
            assert other[1]
        assert not turn.ended.is_set()
    assert turn.ended.is_set()
    assert turn.holds_under(TERMS, ALIKE)
    turn.result()


def test_what_is_done_can_be_begun_again() -> None:
    work = turns()
    for _ in range(2):
        with work.join("m", ALIKE) as (_, is_first):
            assert is_first


@pytest.mark.parametrize(
    "error",
    [
        OllamaPullError("no", model="m"),
        OllamaBusyError("busy", status=503, body=""),
        missing(),
        lost("refused"),
    ],
    ids=repr,
)
def test_the_servers_no_holds_for_all(error: OllamaError) -> None:
    work = turns()
    with pytest.raises(type(error)) as raised, work.join("m", ALIKE) as (turn, _):
        raise error
    assert raised.value is error
    assert turn.holds_under(TERMS, ALIKE)
    heard: list[OllamaError] = []
    for _ in range(2):
        with pytest.raises(type(error)) as caught:
            turn.result()
        heard.append(caught.value)
    assert [vars(each) for each in heard] == [vars(error)] * 2
    assert len({id(each) for each in (*heard, error)}) == 3, "each has a traceback of its own"


def test_a_pull_that_ended_without_success_holds_for_those_who_try_in_the_same_manner() -> None:
    work = turns()
    with pytest.raises(OllamaPullError), work.join("m", ALIKE) as (turn, _):
        raise ended_pull()
    assert turn.holds_under(TERMS, ALIKE)
    assert not turn.holds_under(TERMS, "in another")


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), late("total"), lost("stopped"), RuntimeError("this client is closed")],
    ids=repr,
)
def test_what_ended_one_who_tried_leaves_the_work_to_others(error: BaseException) -> None:
    work = turns()
    with pytest.raises(type(error)), work.join("m", ALIKE) as (turn, _):
        raise error
    assert turn.ended.is_set()
    assert not turn.holds_under(TERMS, ALIKE)
    with work.join("m", ALIKE) as (following, is_first):
        assert is_first
        assert following is not turn


def test_one_who_waits_no_longer_leaves_the_work_to_who_does_it() -> None:
    work = turns()
    with work.join("m", ALIKE) as (turn, _):
        with pytest.raises(KeyboardInterrupt), work.join("m", ALIKE):
            raise KeyboardInterrupt
        assert not turn.ended.is_set()
        with work.join("m", ALIKE) as (still, is_first):
            assert (still, is_first) == (turn, False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # newer Pythons warn of threads
def test_a_child_made_by_fork_does_not_wait_for_its_parent() -> None:
    work = turns()
    with work.join("m", ALIKE) as (turn, _):
        child = os.fork()
        if child == 0:
            with work.join("m", ALIKE) as (_, is_first), work.join("m", ALIKE) as (_, is_another):
                os._exit(0 if is_first and not is_another else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        with work.join("m", ALIKE) as joined:
            assert joined == (turn, False)


def test_one_who_waits_in_vain_is_told_its_own_limit() -> None:
    error = waited_in_vain("the pull", TERMS._replace(timeouts=Timeouts(total=12)))
    assert (error.phase, error.seconds, str(error)) == ("total", 12, f"{error.what}")
    assert "12 s" in str(error)


def test_a_turn_that_went_well_raises_nothing() -> None:
    turn = Turn(threading.Event(), ALIKE)
    turn.settle(None)
    assert turn.holds_under(TERMS, ALIKE)
    turn.result()


@pytest.mark.parametrize("phase", ["connect", "start", "idle"])
def test_a_limit_holds_for_those_who_would_not_wait_longer(phase: Phase) -> None:
    turn = Turn(threading.Event(), ALIKE)
    turn.settle(late(phase))  # after a second
    for seconds, holds in ((0.5, True), (1.0, True), (2.0, False)):
        terms = TERMS._replace(timeouts=replace(Timeouts(), **{phase: seconds}))
        assert turn.holds_under(terms, ALIKE) is holds


@pytest.mark.parametrize(
    "error",
    [missing(), lost(), OllamaBusyError("busy", status=503, body=""), late("idle"), late("connect")],
    ids=repr,
)
def test_a_failure_holds_for_those_who_would_not_try_otherwise(error: OllamaError) -> None:
    terms = TERMS._replace(timeouts=Timeouts(connect=1, idle=1))
    turn = Turn(threading.Event(), ALIKE)
    turn.settle(error)
    assert turn.holds_under(terms, ALIKE)
    assert not turn.holds_under(terms, "with another key")


@pytest.mark.parametrize("error", [None, OllamaPullError("no space", model="m")], ids=repr)
def test_what_the_server_did_or_could_not_do_holds_for_all(error: OllamaError | None) -> None:
    turn = Turn(threading.Event(), ALIKE)
    turn.settle(error)
    assert turn.holds_under(TERMS, "with another key")
