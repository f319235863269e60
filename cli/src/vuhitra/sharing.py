"""Work that several ask for at once, and one of them does: whose turn it is, and what came of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from vuhitra.errors import OllamaConnectionError, OllamaError, OllamaPullError, OllamaTimeoutError

if TYPE_CHECKING:
    from vuhitra.flows import Terms


class Signal(Protocol):
    """What an end is waited for with: an event of threads, or of a loop's tasks."""

    def set(self) -> None:
        """It has come."""
        ...


AnySignal = TypeVar("AnySignal", bound=Signal)


class Turn(Generic[AnySignal]):
    """One try at the work. ended: set when it is over. manner: how it is tried, and on whose behalf."""

    def __init__(self, ended: AnySignal, manner: Hashable) -> None:
        self.ended = ended
        self._manner = manner
        self._is_settled = False
        self._error: OllamaError | None = None

    def settle(self, error: OllamaError | None) -> None:
        """Notes what came of it."""
        self._error = error
        self._is_settled = True

    def holds_under(self, terms: Terms, manner: Hashable) -> bool:
        """Whether what came of it would have come under these terms, too. What stopped the one who tried would not.

        Work that is done, or that the server failed at, is so for all; another failure may be due to the manner.
        """
        match self._error:
            case OllamaTimeoutError(phase="total"):
                return False
            case OllamaTimeoutError(phase=phase, seconds=seconds):
                return bool(getattr(terms.timeouts, phase) <= seconds)
            case OllamaConnectionError(reason="stopped"):
                return False
            case OllamaPullError():
                return True
            case OllamaError() if manner != self._manner:
                return False
            case _:
                return self._is_settled

    def result(self) -> None:
        """Raises what went wrong, if something did."""
        if self._error is not None:
            raise copy(self._error)


class Turns(Generic[AnySignal]):
    """The work that is under way. make_signal: makes what an end is waited for with."""

    def __init__(self, make_signal: Callable[[], AnySignal]) -> None:
        self._make_signal = make_signal
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._turns: dict[Hashable, Turn[AnySignal]] = {}

    def join(self, key: Hashable, manner: Hashable) -> tuple[Turn[AnySignal], bool]:
        """The turn that is under way for a key, and whether it has just begun, for the caller to do the work."""
        if self._process != os.getpid():  # whoever was at work is not in this child made by fork
            self._begin()
        with self._lock:
            is_first = key not in self._turns
            if is_first:
                self._turns[key] = Turn(self._make_signal(), manner)
            return self._turns[key], is_first

    @contextmanager
    def leading(self, key: Hashable) -> Generator[None]:
        """Does the work of a turn; it ends, however the work does."""
        turn = self._turns[key]
        try:
            yield
        except OllamaError as error:
            turn.settle(error)
            raise
        else:
            turn.settle(None)
        finally:
            with self._lock:
                del self._turns[key]
            turn.ended.set()


def waited_in_vain(work: str, terms: Terms) -> OllamaTimeoutError:
    """The error of one who waited for the work of others for all the time it had. work: what it is."""
    seconds = terms.timeouts.total or 0.0
    what = f"{work} at {terms.server}, which another call had begun, was not done within {seconds:g} s"
    return OllamaTimeoutError(what, phase="total", seconds=seconds)
