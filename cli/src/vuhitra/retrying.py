"""Whether and when a call is sent again. This file knows no network and no clock.

What may be sent again is decided by one question: could an answer be heard twice, or the work be done twice
where that does harm?
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from vuhitra import journal
from vuhitra.errors import OllamaBusyError, OllamaConnectionError, OllamaError, OllamaResponseError, OllamaTimeoutError
from vuhitra.limits import Retry

if TYPE_CHECKING:
    from vuhitra.calls import Call


class Repeat(NamedTuple):
    """What a call may be sent again after, besides a server that wasn't reached, was lost, or was busy.

    loading: a 500 that says that the model is still loading. slow_start: a `start` time-out.
    broken: an answer that broke off or fell silent after it had begun.
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
            case OllamaBusyError(quota=quota):
                return not quota
            case OllamaResponseError(loading=loading):
                return loading and self.loading
            case _:
                return False


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
        self._made = 0
        self._stop_at: float | None = None

    @property
    def number(self) -> int:
        """Which attempt is the next, from 1."""
        return self._made + 1

    def begin_anew(self) -> None:
        """Forgets what failed: there was progress."""
        self._failures.clear()
        self._stop_at = None

    def wait_after(self, error: OllamaError, now: float) -> float:
        """Seconds to wait before the next attempt. Raises `error` where there must not be another."""
        wait = self._next_wait(error, now)
        if wait is None:
            self.give_up(error)
        error.attempts = tuple(self._failures)
        self._failures.append(error)
        self._made += 1
        journal.waiting(self._call, len(self._failures) + 1, self._retry.attempts, error, wait)
        return wait

    def give_up(self, error: OllamaError) -> NoReturn:
        """Raises `error`, whatever it is."""
        error.attempts = tuple(self._failures)
        journal.failed(self._call, self.number, error)
        raise error

    def _next_wait(self, error: OllamaError, now: float) -> float | None:
        """Seconds; None where there must not be another attempt."""
        if not self._call.repeat.allows(error) or len(self._failures) + 1 >= self._retry.attempts:
            return None
        if self._stop_at is None:
            self._stop_at = now + self._retry.budget
        wait = error.retry_after if isinstance(error, OllamaBusyError) else None
        if wait is None:
            wait = self._retry.longest_wait(len(self._failures)) * self._jitter()
        fits = now + wait <= min(self._stop_at, self._give_up_at or self._stop_at)
        return wait if fits else None
