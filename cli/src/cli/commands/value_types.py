"""What the values of flags can be: seconds, counts, how long a model stays loaded, what it is told to be."""

from __future__ import annotations

from typing import Any

import click

from cli.commands.command import Text

_LONGEST = 1_000_000.0
"""Seconds of the longest limit: more than anybody waits, and not too much for a clock to reckon with."""


class Seconds(click.ParamType[float]):
    """A time that something may take."""

    name = "seconds"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Fails for what is none, and for what nothing can wait for."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= _LONGEST:  # nor is NaN
            self.fail(f"{value!r} is no number of seconds, above 0 and up to {_LONGEST:,.0f}", param, ctx)
        return seconds


TIMEOUT: dict[str, Any] = {
    "metavar": "SECONDS",
    "type": Seconds(),
    "help": "How long the answer may take to begin, and each piece of it to follow.",
}
"""What `--timeout` is for verbs that wait for one answer."""
UNTIL_IT_BEGINS: dict[str, Any] = {**TIMEOUT, "help": "How long the server may take to begin."}
"""The same for what may take long between two signs of life."""


class Count(click.ParamType[int]):
    """A whole number, from `lowest` to `highest`."""

    name = "count"

    def __init__(self, lowest: int, highest: int | None = None) -> None:
        self._lowest = lowest
        self._highest = highest

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number. Fails for what is none, and for one beyond the bounds."""
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        bounds = f"{self._lowest} at least" if self._highest is None else f"from {self._lowest} to {self._highest}"
        if number < self._lowest or (self._highest is not None and number > self._highest):
            self.fail(f"{number} is not {bounds}", param, ctx)
        return number


class KeepAlive(click.ParamType["float | str"]):
    """How long a model stays loaded, as a server takes it."""

    name = "time"

    def convert(self, value: float | str, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """Seconds, or a duration as Go writes it. Fails for what is neither."""
        from cli.services.request_options import keep_alive_of

        try:
            return keep_alive_of(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _names_system_file(given: str) -> bool:
    return given.startswith("@") and not given.startswith("@@")


SYSTEM = Text(names_file=_names_system_file)
"""What every `--system` takes: a text, or the name of a file behind an @."""
