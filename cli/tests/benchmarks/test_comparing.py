"""Rounds, and what they come to: medians, quartiles and verdicts."""

from __future__ import annotations

import pytest

from benchmarks.comparing import Budget, Round, compare

HALF = Budget(0.5)
ADDED = Budget(0.002, kind="seconds added")
AS_FAST = Budget(0.95, at_least=True)


def rounds(*ratios: float) -> list[Round]:
    return [Round(ratio * 10, 10) for ratio in ratios]


def test_what_is_told_are_medians() -> None:
    found = compare(HALF, [Round(1, 4), Round(2, 4), Round(30, 4), Round(3, 4), Round(2, 40)])
    assert (found.ours, found.against, found.rounds) == (2, 4, 5)
    assert (found.low, found.figure, found.high) == (0.25, 0.5, 0.75)


def test_a_round_is_compared_with_itself_alone() -> None:
    """A machine that becomes slower in the middle changes nothing."""
    found = compare(HALF, [Round(1, 4), Round(1, 4), Round(10, 40), Round(10, 40)])
    assert (found.low, found.figure, found.high) == (0.25, 0.25, 0.25)


@pytest.mark.parametrize(
    ("budget", "ratios", "verdict"),
    [
        (HALF, (0.4, 0.5, 0.5), "kept"),
        (HALF, (0.6, 0.6, 0.7), "missed"),
        (HALF, (0.3, 0.4, 0.9), "too close to tell"),
        (HALF, (0.1, 0.4, 0.4, 0.4, 9.0), "kept"),
        (AS_FAST, (0.95, 0.95, 1.2), "kept"),
        (AS_FAST, (0.8, 0.9, 0.9), "missed"),
        (AS_FAST, (0.8, 0.97, 1.0), "too close to tell"),
    ],
)
def test_a_verdict_holds_for_both_quartiles(budget: Budget, ratios: tuple[float, ...], verdict: str) -> None:
    assert compare(budget, rounds(*ratios)).verdict == verdict


def test_what_is_added_is_a_difference() -> None:
    found = compare(ADDED, [Round(0.75, 0.5), Round(0.75, 0.5), Round(0.75, 0.5)])
    assert (found.figure, found.verdict) == (0.25, "missed")
    assert compare(ADDED, [Round(0.1, 0.2), Round(0.1, 0.2)]).verdict == "kept"


@pytest.mark.parametrize(
    ("budget", "figure", "share"), [(HALF, 0.25, 0.5), (HALF, 1.0, 2.0), (AS_FAST, 0.95, 1.0), (AS_FAST, 1.9, 0.5)]
)
def test_a_budget_that_is_kept_is_not_taken_whole(budget: Budget, figure: float, share: float) -> None:
    assert budget.share_of(figure) == share
    assert budget.is_kept_by(figure) == (share <= 1)
