"""A pull, a push or a making as it is shown: that of a verb of `models`, or of a chat that lacks its model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from cli.commands.invocation import Invocation
from cli.narration import attempts_heard
from cli.terminal import documents
from cli.terminal.progress import ALONE, Place, TransferBar

if TYPE_CHECKING:
    from vuhitra import ProgressStream
    from vuhitra.types import Progress

_TOLD = ("status", "digest", "total", "completed")
"""What a program is told of a step."""


class Transferred(NamedTuple):
    """What a transfer came to: bytes, seconds, and both in words."""

    size: int
    seconds: float
    summary: str


def measured(records: ProgressStream) -> tuple[int | None, Iterator[Progress]]:
    """The bytes of a pull's first layer, which is nearly all there is, and all its steps.

    None where no step tells its size. May wait for the steps until it is told.
    """
    read: list[Progress] = []
    for step in records:
        read.append(step)
        if total := step.get("total"):
            return total, chain(read, records)
    return None, iter(read)


def transfer(
    call: Invocation,
    name: str,
    records: ProgressStream,
    *,
    steps: Iterable[Progress] | None = None,
    place: Place = ALONE,
) -> Transferred:
    """Take in all records of a transfer while its bar is drawn; Ctrl-C learns how far it came.

    steps: the records as they are to be shown, where that isn't as they come. place: which of how many it is.
    """
    clock = call.environment.monotonic
    bar = TransferBar(call.err, clock, name, quiet=not call.narrates, place=place)

    try:
        with records, attempts_heard(bar.again), closing(bar.over(steps or records)) as followed:
            for step in followed:
                if call.flags.json and call.flags.stream:
                    told = {key: value for key, value in step.items() if key in _TOLD}
                    documents.record(call.out, "progress", {"name": name, **told})
    except KeyboardInterrupt as stop:
        stop.add_note(bar.stopped())
        raise
    return Transferred(bar.transfer.total, clock() - bar.transfer.began, bar.finished())
