"""What two sides measured in turns come to: medians, how they compare, how far that spreads, and the verdict.

This file measures nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Literal, NamedTuple

Verdict = Literal["kept", "missed", "too close to tell"]


class Round(NamedTuple):
    """What both sides measured, one right after the other."""

    ours: float
    against: float


@dataclass(frozen=True)
class Budget:
    """What a comparison may come to.

    kind: whether our side is divided by the other, or the other is taken away from ours, in seconds.
    at_least: whether more is better.
    """

    limit: float
    kind: Literal["ratio", "seconds added"] = "ratio"
    at_least: bool = False

    def compared(self, both: Round) -> float:
        """What a round comes to."""
        return both.ours / both.against if self.kind == "ratio" else both.ours - both.against

    def is_kept_by(self, figure: float) -> bool:
        """Whether it allows that."""
        return figure >= self.limit if self.at_least else figure <= self.limit

    def share_of(self, figure: float) -> float:
        """How much of the budget that takes: up to 1 where it is kept."""
        return self.limit / figure if self.at_least else figure / self.limit


@dataclass(frozen=True)
class Comparison:
    """What came of some rounds. ours and against are medians, and so is the figure, of what each round comes to.

    low and high: the quartiles of the figures. rounds: how many there were.
    """

    ours: float
    against: float
    figure: float
    low: float
    high: float
    rounds: int
    verdict: Verdict


def compare(budget: Budget, rounds: Sequence[Round]) -> Comparison:
    """Sum up at least two rounds."""
    figures = [budget.compared(each) for each in rounds]
    low, figure, high = quantiles(figures, n=4, method="inclusive")
    return Comparison(
        ours=median(each.ours for each in rounds),
        against=median(each.against for each in rounds),
        figure=figure,
        low=low,
        high=high,
        rounds=len(rounds),
        verdict=_verdict(budget, low, high),
    )


def _verdict(budget: Budget, low: float, high: float) -> Verdict:
    """Only what holds for both quartiles is said."""
    kept = {budget.is_kept_by(low), budget.is_kept_by(high)}
    if len(kept) == 2:
        return "too close to tell"
    return "kept" if kept == {True} else "missed"
