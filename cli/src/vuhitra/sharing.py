"""Work that several ask for at once, and one of them does: whose turn it is, and what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from vuhitra.errors import OllamaConnectionError, OllamaError, OllamaPullError, OllamaTimeoutError
from vuhitra.forks import begins_anew_in_children

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
            case OllamaPullError(reason=None):
                return True
            case OllamaTimeoutError(phase="total") | OllamaConnectionError(reason="stopped"):
                return False
            case OllamaError() if manner != self._manner:
                return False
            case OllamaTimeoutError(phase=phase, seconds=seconds):
                return bool(getattr(terms.timeouts, phase) <= seconds)
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
        self.begin_anew()
        begins_anew_in_children(self)

    def begin_anew(self) -> None:
        """Nothing is under way: whoever was at work is not in a child made by fork."""
        self._lock = threading.Lock()
        self._turns: dict[Hashable, Turn[AnySignal]] = {}

    @contextmanager
    def join(self, key: Hashable, manner: Hashable) -> Generator[tuple[Turn[AnySignal], bool]]:
        """The turn that is under way for a key, and whether it has just begun, for the caller to do the work.

        The turn of who does the work ends with the block, however that does.
        """
        own = Turn(self._make_signal(), manner)
        try:
            with self._lock:
                turn = self._turns.setdefault(key, own)
            yield turn, turn is own
        except OllamaError as error:
            own.settle(error)
            raise
        else:
            own.settle(None)
        finally:
            with self._lock:
                if self._turns.get(key) is own:
                    del self._turns[key]
            own.ended.set()


def waited_in_vain(work: str, terms: Terms) -> OllamaTimeoutError:
    """The error of one who waited for the work of others for all the time it had. work: what it is."""
    seconds = terms.timeouts.total or 0.0
    what = f"{work} at {terms.server}, which another call had begun, was not done within {seconds:g} s"
    return OllamaTimeoutError(what, phase="total", seconds=seconds)
