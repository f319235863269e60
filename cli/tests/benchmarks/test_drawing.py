"""The drawing of a run: bars as long as the share of the budget that is taken."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from benchmarks.comparing import Budget
from benchmarks.drawing import drawn
from benchmarks.report import Row
from tests.benchmarks.reports import report, row

SVG = "{http://www.w3.org/2000/svg}"


def elements(*rows: Row) -> list[ET.Element]:
    return list(ET.fromstring(drawn(report(*rows))).iter())  # noqa: S314  it was drawn here


def bars(*rows: Row) -> list[tuple[str, str, float]]:
    """What each bar is, how it looks and how long it is; a cut one has no length."""
    return [
        (each.tag.removeprefix(SVG), each.get("class", ""), float(each.get("width", "nan")))
        for each in elements(*rows)
        if each.get("class") in {"kept", "missed", "close"}
    ]


def budget_line() -> float:
    """How long a bar is that ends at the line of the budget."""
    (line,) = [each for each in elements(row("a", 1, 1)) if each.get("class") == "budget"]
    (bar,) = [each for each in elements(row("a", 0.5, 0.5)) if each.get("class") == "kept"]
    return float(line.get("x1", "")) - float(bar.get("x", ""))


def test_a_bar_is_as_long_as_what_is_taken_of_the_budget() -> None:
    whole = budget_line()
    assert bars(row("half", 0.25, 0.25), row("whole", 0.5, 0.5), row("more", 0.55, 0.55)) == [
        ("rect", "kept", whole / 2),
        ("rect", "kept", whole),
        ("rect", "missed", whole * 1.1),
    ]


def test_where_more_is_better_a_long_bar_is_bad_as_well() -> None:
    at_least = Budget(0.5, at_least=True)
    (kept,), (missed,) = bars(row("a", 1, 1, budget=at_least)), bars(row("a", 0.48, 0.48, budget=at_least))
    assert kept[2] == budget_line() / 2
    assert missed[1] == "missed"
    assert missed[2] > budget_line()


def test_a_bar_that_there_is_no_room_for_is_cut() -> None:
    ((tag, look, _),) = bars(row("far too much", 50, 50))
    assert (tag, look) == ("path", "missed")


def test_what_takes_less_than_nothing_has_no_bar() -> None:
    ((_, look, width),) = bars(row("less", 0.5, 0.5, budget=Budget(1, kind="seconds added")))
    assert (look, width) == ("kept", 0)


def test_all_is_said_in_words() -> None:
    said = [each.text for each in elements(row('chat "x" & <more>', 0.25, 0.25)) if each.tag == f"{SVG}text"]
    assert 'chat "x" & <more>' in said
    assert "against the other: at most 0.5×" in said
    assert "0.25×, kept" in said


def test_quartiles_stay_within_the_drawing() -> None:
    (line,) = [each for each in elements(row("far", 0.1, 90, 100)) if each.get("class") == "spread"]
    begin, end = float(line.get("x1", "")), float(line.get("x2", ""))
    assert begin <= end < 800
