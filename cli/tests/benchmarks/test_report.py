"""What came of a run, as it is read: units, budgets in words, tables, JSON."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks.cases import Unit
from benchmarks.comparing import Budget
from benchmarks.page import page
from benchmarks.report import Report, allowed, as_markdown, as_text, quantity, written
from tests.benchmarks.reports import report, row


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (13.08, "s", "13.1 s"),
        (0.0612, "s", "61.2 ms"),
        (0.000262, "s", "262 µs"),
        (-0.000262, "s", "-262 µs"),
        (0.0, "s", "0 ns"),
        (1.446e-5, "s/piece", "14.5 µs a piece"),
        (1.5e-9, "s/byte", "1.5 ns a byte"),
        (22_712_320, "bytes", "22.7 MB"),
        (3_278_561_280, "bytes", "3279 MB"),
        (63.13, "tokens/s", "63.1 tokens/s"),
    ],
)
def test_three_digits_are_told(number: float, unit: Unit, text: str) -> None:
    assert quantity(number, unit) == text


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (Budget(0.35), "at most 0.35×"),
        (Budget(0.95, at_least=True), "at least 0.95×"),
        (Budget(0.002, kind="seconds added"), "at most 2 ms more"),
    ],
)
def test_budgets_in_words(budget: Budget, words: str) -> None:
    assert allowed(budget) == words


def test_figures_are_in_the_unit_of_their_budget() -> None:
    assert written(Budget(0.35), 15.123) == "15.1×"
    assert written(Budget(0.002, kind="seconds added"), 0.00026) == "260 µs"


def test_the_table_as_text() -> None:
    assert as_text([row("a case", 0.25, 0.25), row("another", 1.0, 1.0)]) == (
        "WHAT     VUHITRA  AGAINST           COMES TO  QUARTILES      BUDGET        VERDICT\n"
        "a case   2.5 ms   the other  10 ms  0.25×     0.25× – 0.25×  at most 0.5×  kept\n"
        "another  10 ms    the other  10 ms  1×        1× – 1×        at most 0.5×  missed\n"
    )


def test_the_table_as_markdown() -> None:
    heading, line, first = as_markdown([row("a case", 0.25, 0.25)]).splitlines()
    assert {each.count("|") for each in (heading, line, first)} == {9}
    assert first == "| a case | 2.5 ms | the other | 10 ms | 0.25× | 0.25× – 0.25× | at most 0.5× | kept |"


def test_a_report_that_is_kept_is_the_same_again() -> None:
    kept = report(row("a case", 0.1, 0.2), row("added", 1, 2, budget=Budget(2, kind="seconds added")))
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Report) == kept


def test_the_page_says_what_was_run_when_and_where() -> None:
    text = page(report(row("a case", 0.25, 0.25)))
    assert "| a case |" in text
    assert "Measured on 2026-01-31: a machine, with vuhitra 1.0 and ollama 0.6." in text
