"""A pull as it is shown, whoever asked for it: `models pull`, or a chat with a model that isn't there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from cli.commands.invocation import Invocation
from cli.logger import attempts_heard
from cli.terminal.progress import PullBar

if TYPE_CHECKING:
    from vuhitra import ProgressStream


class Pulled(NamedTuple):
    """What was fetched: bytes, seconds, and both in words."""

    size: int
    seconds: float
    summary: str


def pull(call: Invocation, name: str, records: ProgressStream) -> Pulled:
    """Take in all records of a pull while its bar is drawn; Ctrl-C learns how far it came."""
    clock = call.environment.monotonic
    bar = PullBar(call.err, clock, name, quiet=not call.narrates)

    def hear(attempt: str) -> None:
        bar.attempt = attempt

    try:
        with records, attempts_heard(hear), closing(bar.over(records)) as followed:
            _exhaust(followed)
    except KeyboardInterrupt as stop:
        stop.add_note(bar.stopped())
        raise
    return Pulled(bar.transfer.total, clock() - bar.transfer.began, bar.finished())


def _exhaust(records: Iterable[Mapping[str, Any]]) -> None:
    for _ in records:
        pass
