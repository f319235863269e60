"""What streams of both colours share: the items that have arrived, and whether it is over."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vuhitra import journal
from vuhitra.errors import OllamaError
from vuhitra.lines import MalformedError

if TYPE_CHECKING:
    from vuhitra.flows import Send
    from vuhitra.readers import Reader

Item = TypeVar("Item")


class Arriving(Generic[Item]):
    """An answer that is read: what has come of it, and not been taken yet."""

    _belongs_to_the_user = False
    """Whether no flow sees to what becomes of it, once it is opened."""

    def __init__(self, reader: Reader[Item, Any], step: Send) -> None:
        self._reader = reader
        self._step = step
        self._items: deque[Item] = deque()
        self._failure: OllamaError | None = None
        self._lock = threading.Lock()
        self._awaited = threading.Lock()  # by whoever waits for more of it
        self._is_opened = False
        self._ended = False
        self._left = False

    def _take_in(self, data: bytes) -> bool:
        """Feeds the reader; whether something came of it, or the answer is over."""
        try:
            self._items.extend(self._reader.feed(data) if data else self._reader.end())
        except MalformedError as error:
            raise self._reader.malformed(error) from error
        return bool(self._items) or self._reader.finished

    def _meant_by(self, error: OllamaError) -> OllamaError:
        """What an error of the connection means at this point of the answer."""
        meant = self._reader.broken(error)
        if meant is not error:
            meant.__cause__ = error
        return meant

    def _raise_if_left(self) -> None:
        """Raises RuntimeError where its user has left it."""
        if self._left:
            raise RuntimeError("this stream is closed")

    def _raise_what_ended_it(self) -> None:
        """Raises the error that ended the answer, for which the items before it were waited; later on, RuntimeError."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            self._note_failure(failure)
            raise failure
        if self._ended and not self._reader.finished:
            raise RuntimeError("this stream is closed")

    def _put_off(self, error: BaseException) -> bool:
        """Keeps an error until the items that came before it are taken; False where there is nothing to wait for."""
        if not isinstance(error, OllamaError) or not self._items:
            return False
        self._failure = error
        return True

    def _end(self) -> bool:
        """Ends the exchange; True for the first who does, who then sees to the connection."""
        with self._lock:
            first, self._ended = not self._ended, True
        return first

    def _end_early(self, error: BaseException | None = None) -> bool:
        """As `_end`, for an answer that isn't whole. error: what went wrong; None where its user closes it."""
        is_first = self._end()
        if not isinstance(error, OllamaError):
            if is_first or self._failure is not None:
                self._failure = None
                if self._step.noted:
                    journal.left(self._step.call, self._step.attempt)
        elif is_first and not self._items:
            self._note_failure(error)
        return is_first

    def _note_failure(self, error: OllamaError) -> None:
        """Notes what a user is told of by no flow."""
        if self._is_opened and self._belongs_to_the_user and self._step.noted and not self._step.whole:
            journal.failed(self._step.call, self._step.attempt, error)

    def _end_whole(self) -> bool:
        """As `_end`, for an answer that has come to its end."""
        is_first = self._end()
        if is_first and self._step.noted:
            result, stats = self._reader.result(), self._reader.stats
            journal.answered(self._step.call, self._step.attempt, result, stats)
        return is_first

    def _whole(self) -> Any:
        """The whole answer, once all of it was taken."""
        if self._items or not self._reader.finished:
            raise RuntimeError("the answer isn't whole yet")
        return self._reader.result()

    def _leave(self) -> None:
        """What wasn't taken by now never will be."""
        self._left = self._left or bool(self._items) or not self._reader.finished
