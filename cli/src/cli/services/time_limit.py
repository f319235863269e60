"""A limit on the time of what knows none: looking up a name, a server that dribbles its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """What some work comes to, which raises what that raises. Raises TimeoutError where it isn't done in time.

    It is done in a thread, which is left to itself then, and ends with the process at the latest.
    """
    from concurrent.futures import Future
    from threading import Thread

    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  it is raised where it is waited for
            future.set_exception(error)

    Thread(target=run, name="within", daemon=True).start()
    return future.result(seconds)
