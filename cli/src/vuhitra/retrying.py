"""Whether and when a call is sent again. This file knows no network and no clock.

What may be sent again is decided by one question: could an answer be heard twice, or the work be done twice
where that does harm?
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from vuhitra import journal
from vuhitra.errors import (
    OllamaBusyError,
    OllamaConnectionError,
    OllamaError,
    OllamaIncompleteError,
    OllamaPullError,
    OllamaResponseError,
    OllamaTimeoutError,
)
from vuhitra.limits import Retry

if TYPE_CHECKING:
    from vuhitra.calls import Call


class Repeat(NamedTuple):
    """What a call may be sent again after, besides a server that wasn't reached, was lost, or was busy.

    loading: a 500 that says that the model is still loading. slow_start: a `start` time-out.
    broken: an answer that broke off or fell silent after it had begun. Each attempt of such a call may take very
    long, so that the budget counts its waits only.
    """

    loading: bool = True
    slow_start: bool = False
    broken: bool = False

    def allows(self, error: OllamaError) -> bool:
        """Whether a call that ended in `error` may be sent again."""
        match error:
            case OllamaTimeoutError(phase=phase):
                return {"connect": True, "start": self.slow_start, "idle": self.broken, "total": False}[phase]
            case OllamaConnectionError(reason=reason):
                return reason in ("refused", "reset", "closed")
            case OllamaPullError(reason="no-end") | OllamaIncompleteError(reason="no-end"):
                return self.broken
            case OllamaBusyError(quota=quota):
                return not quota
            case OllamaResponseError(loading=loading):
                return loading and self.loading
            case _:
                return False


@contextmanager
def after(lost: tuple[OllamaError, ...]) -> Generator[None]:
    """What goes wrong in it comes after attempts that were lost before, of which only the error can tell."""
    try:
        yield
    except OllamaError as error:
        error.attempts = (*lost, *error.attempts)
        raise


ORDINARY = Repeat()
"""What all calls may be sent again after that say nothing else."""


class Attempts:
    """The attempts of one call. jitter: a random number from 0 to 1.

    give_up_at: when the whole operation must be over, on the clock of whoever calls; None: never.
    """

    def __init__(self, call: Call[Any], retry: Retry, give_up_at: float | None, jitter: Callable[[], float]) -> None:
        self._call = call
        self._retry = retry
        self._give_up_at = give_up_at
        self._jitter = jitter
        self._failures: list[OllamaError] = []
        self._in_vain = 0
        self._failed_at: float | None = None
        self._waited = 0.0

    @property
    def number(self) -> int:
        """Which attempt is the next, from 1."""
        return len(self._failures) + 1

    def wait_after(self, error: OllamaError, now: float, *, came_further: bool = False) -> float:
        """Seconds to wait before the next attempt. Raises `error` where there must not be another.

        The attempts that the error itself tells of count, too: each was sent.

        came_further: whether there was progress before the error; then the counting begins anew. Where one attempt
        is all there may be, it is one.
        """
        if came_further:
            self._in_vain, self._failed_at, self._waited = 0, None, 0.0
        else:
            self._in_vain += 1 + len(error.attempts)
        wait = self._next_wait(error, now)
        if wait is None:
            self.give_up(error)
        lost, error.attempts = error.attempts, (*self._failures, *error.attempts)
        self._failures += [*lost, error]
        self._waited += wait
        journal.waiting(self._call, max(self._in_vain, 1) + 1, self._retry.attempts, error, wait)
        return wait

    def give_up(self, error: OllamaError) -> NoReturn:
        """Raises `error`, whatever it is."""
        error.attempts = (*self._failures, *error.attempts)
        raise error

    def _next_wait(self, error: OllamaError, now: float) -> float | None:
        """Seconds; None where there must not be another attempt."""
        most = self._retry.attempts
        if not self._call.repeat.allows(error) or self._in_vain >= most or most == 1:
            return None
        if self._failed_at is None:
            self._failed_at = now
        wait = error.retry_after if isinstance(error, OllamaBusyError) else None
        if wait is None:
            wait = self._retry.longest_wait(max(self._in_vain - 1, 0)) * self._jitter()
        spent = self._waited if self._call.repeat.broken else now - self._failed_at
        too_late = self._give_up_at is not None and now + wait > self._give_up_at
        return None if too_late or spent + wait > self._retry.budget else wait
