"""What docstrings say of a function and its parameters, in each of the usual ways."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vuhitra.docstrings import described

GOOGLE = """Looks up the weather.

    It asks a station: the nearest one.

    Args:
        city (str, optional): Where to look,
            near or far.
        days: How many; from 1: today.
        **more (dict[str, (int)]): Ignored.

    Returns:
        dict: The weather.
            city: not this one.

    Raises:
        KeyError: days: never this one.
    """

NUMPY = """Looks up the weather.

    It asks a station: the nearest one.

    Parameters
    ----------
    city : str, optional
        Where to look,
        near or far.
    days, more
        How many; from 1: today.

    Returns
    -------
    city : str
        Not this one.
    """

SPHINX = """Looks up the weather.

    It asks a station: the nearest one.

    :param str city: Where to look,
        near or far.
    :param days: How many; from 1: today.
    :type days: int
    :returns: not the city: this one
    :raises KeyError: never
    """

EPYTEXT = """Looks up the weather.

    It asks a station: the nearest one.

    @param city: Where to look,
        near or far.
    @param days: How many; from 1: today.
    @return: days: not this one
    """

PLAIN = """Looks up the weather.

    It asks a station: the nearest one.

    city: Where to look,
        near or far.
    days, more: How many; from 1: today.
    Raises KeyError for others.
    """


@pytest.mark.parametrize("docstring", [GOOGLE, NUMPY, SPHINX, EPYTEXT], ids=["google", "numpy", "sphinx", "epytext"])
def test_the_usual_ways(docstring: str) -> None:
    summary, parameters = described(inspect.cleandoc(docstring), ["city", "days"])
    assert summary == "Looks up the weather.\n\nIt asks a station: the nearest one."
    assert parameters == {"city": "Where to look, near or far.", "days": "How many; from 1: today."}


def test_lines_of_names() -> None:
    summary, parameters = described(inspect.cleandoc(PLAIN), ["city", "days", "more"])
    assert summary == "Looks up the weather.\n\nIt asks a station: the nearest one."
    assert parameters["city"] == "Where to look, near or far."
    assert parameters["days"] == parameters["more"] == "How many; from 1: today. Raises KeyError for others."


def test_several_names_on_a_line() -> None:
    text = "Adds.\n\na: the first, as in a: 1. b: the second. c, d: unused.\n\nMore words.\n\ne: the last."
    summary, parameters = described(text, list("abcde"))
    assert summary == "Adds."
    assert parameters == {
        "a": "the first, as in a: 1.",
        "b": "the second.",
        "c": "unused.",
        "d": "unused.",
        "e": "the last.",
    }


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("", ""),
        ("One line.", "One line."),
        ("Note: this is text.\nSee: there.", "Note: this is text.\nSee: there."),
        ("Adds.\n\nReturns:\n    The sum.", "Adds."),
        ("Adds.\n\nExample::\n\n    add(1)", "Adds.\n\nExample::\n\n    add(1)"),
        ("Args:\n    a: the first", ""),
        ("Heading\n-------\nwords", ""),
    ],
)
def test_where_a_summary_ends(text: str, summary: str) -> None:
    assert described(text, ["a"]).summary == summary
    assert described(text, []).summary == summary


def test_only_parameters_that_are_there_are_described() -> None:
    assert described("Args:\n    a: one\n    b: two", ["b", "c"]).parameters == {"b": "two"}


@given(st.text(st.sampled_from("ab :-\n.@()*,A") | st.characters(), max_size=200))
def test_any_text_is_a_docstring(text: str) -> None:
    summary, parameters = described(text, ["a", "b"])
    assert summary in text
    assert set(parameters) <= {"a", "b"}
