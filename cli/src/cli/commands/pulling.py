"""A transfer as it is shown, whoever asked for it: `models pull`, or a chat with a model that isn't there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cli.commands.invocation import Invocation
from cli.logger import attempts_heard
from cli.terminal import documents
from cli.terminal.progress import ALONE, Place, PullBar

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from vuhitra import ProgressStream
    from vuhitra.types import Progress

__all__ = ["Measured", "Place", "Pulled", "Steps", "pull"]

_TOLD = ("status", "digest", "total", "completed")
"""What a program is told of a step."""


class Steps(Protocol):
    """The steps of a transfer: a stream of the library's, or what is made of one."""

    def __iter__(self) -> Iterator[Progress]: ...
    def __enter__(self) -> object: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Pulled(NamedTuple):
    """What was fetched: bytes, seconds, and both in words."""

    size: int
    seconds: float
    summary: str


class Measured:
    """A pull whose size is known before it is shown. What was read to learn it comes again."""

    def __init__(self, records: ProgressStream) -> None:
        self._records = records
        self._read: list[Progress] = []

    def size(self) -> int | None:
        """The bytes of the first layer, which is nearly all there is; None where no step tells. May wait."""
        for step in self._records:
            self._read.append(step)
            if total := step.get("total"):
                return total
        return None

    def __iter__(self) -> Iterator[Progress]:
        return chain(self._read, self._records)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._records.close()


def pull(call: Invocation, name: str, records: Steps, place: Place = ALONE) -> Pulled:
    """Take in all records of a transfer while its bar is drawn; Ctrl-C learns how far it came.

    place: which of how many it is.
    """
    clock = call.environment.monotonic
    bar = PullBar(call.err, clock, name, quiet=not call.narrates, place=place)

    def hear(attempt: str) -> None:
        bar.attempt = attempt

    try:
        with records, attempts_heard(hear), closing(bar.over(records)) as followed:
            for step in followed:
                if call.flags.json and call.flags.stream:
                    told = {key: value for key, value in step.items() if key in _TOLD}
                    documents.record(call.out, "progress", {"name": name, **told})
    except KeyboardInterrupt as stop:
        stop.add_note(bar.stopped())
        raise
    return Pulled(bar.transfer.total, clock() - bar.transfer.began, bar.finished())
