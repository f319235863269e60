"""Carries out flows over blocking sockets: the one place where a blocking client waits."""

from __future__ import annotations

import threading
from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from vuhitra.errors import OllamaError
from vuhitra.flows import Flow, Leave, Next, Outcome, Report, Run, Send, Share, Step, Wait
from vuhitra.retrying import after
from vuhitra.sharing import Turns, waited_in_vain
from vuhitra.stream import Receiving

if TYPE_CHECKING:
    from vuhitra.hosts import Host
    from vuhitra.http import Headers
    from vuhitra.transport.interface import Closing, Transport

T = TypeVar("T")


class Driver:
    """Carries out flows over a transport. headers: sent with each request."""

    def __init__(self, host: Host, headers: Headers, transport: Transport) -> None:
        self._host = host
        self._headers = headers
        self._transport = transport
        self._turns = Turns(threading.Event)
        self._closed = threading.Event()
        self._waits: set[threading.Event] = set()

    def with_headers(self, headers: Headers) -> Driver:
        """The same with other headers, on the same connections."""
        other = copy(self)
        other._headers = headers  # noqa: SLF001  of this very class
        return other

    def now(self) -> float:
        """The clock that deadlines are on, in seconds."""
        return self._transport.now()

    def close(self) -> None:
        """Closes the connections, and ends all waits: what would be sent after them is told that this is closed."""
        self._transport.close()
        self._closed.set()
        for awake in tuple(self._waits):
            awake.set()

    def run(self, flow: Flow[T], kind: type[Receiving[Any]] = Receiving) -> T:
        """Carries out a flow to its end. kind: what an answer is opened as that isn't read whole."""
        running = Running(self, flow, kind)
        while running.take() is not None:
            pass
        return running.result

    def carry_out(self, step: Step, running: Running[Any]) -> Outcome:
        """Does what a flow asks for. An error of the library is an outcome like any other."""
        try:
            result = self._do(step, running)
        except OllamaError as error:
            result = error
        return Outcome(result, self.now())

    def _do(self, step: Step, running: Running[Any]) -> Any:
        match step:
            case Send():
                return self._send(step, running)
            case Next(answer):
                return answer.take()
            case Leave(answer, error):
                answer.abandon(error)
            case Wait(seconds):
                self._wait(seconds, running.awake)
            case Run(function):
                return function()
            case Share():
                self._share(step)
            case Report():
                pass
        return None

    def _send(self, step: Send, running: Running[Any]) -> Any:
        now = self.now()
        step.check_time(now, self._host)
        request = step.call.request(self._host, self._headers)
        incoming = self._transport.open(request, step.timeouts, step.ends_at(now), running)
        attempt = step._replace(attempt=step.attempt + len(incoming.lost))
        receiving = running.kind(incoming, step.call.reader_for(self._host, incoming.sent, incoming.head), attempt)
        running.hold(receiving)
        with after(incoming.lost):
            receiving.opened()
            return receiving.finish() if step.whole else receiving

    def _wait(self, seconds: float, awake: threading.Event) -> None:
        """Waits until somebody wakes it, or the client is closed, at most so many seconds."""
        self._waits.add(awake)
        try:
            if not self._closed.is_set():
                self._transport.sleep(seconds, awake)
        finally:
            self._waits.discard(awake)

    def _share(self, step: Share) -> None:
        """Does the work, or waits for the one who does; who leaves it undone is stood in for."""
        manner, give_up_at = (step.terms.retry, self._headers), step.terms.give_up_at
        while True:
            with self._turns.join(step.key, manner) as (turn, is_first):
                if is_first:
                    self.run(step.flow)
                elif not turn.ended.wait(_patience(give_up_at, self.now())):
                    raise waited_in_vain(step.work, step.terms)
            if turn.holds_under(step.terms, manner):
                break
        turn.result()


def _patience(until: float | None, now: float) -> float | None:
    """The seconds that are left, as many as threads can wait; None: as long as it takes."""
    return None if until is None else min(max(0.0, until - now), threading.TIMEOUT_MAX)


class Running(Generic[T]):
    """A flow that is being carried out, from one report to the next.

    kind: what an answer is opened as. result: what came of the flow, at its end.
    awake: set when it is to wait no longer.
    """

    result: T

    def __init__(self, driver: Driver, flow: Flow[T], kind: type[Receiving[Any]] = Receiving) -> None:
        self.kind = kind
        self._driver = driver
        self._flow = flow
        self._lock = threading.RLock()
        self._taking = threading.Lock()
        self._outcome: Outcome | None = None
        self._held: Closing | None = None
        self._is_over = False
        self._is_closed = False
        self.awake = threading.Event()

    def take(self) -> Any:
        """What the flow reports next; None at its end.

        Raises RuntimeError where it was closed before, or another thread takes.
        """
        if not self._taking.acquire(blocking=False):
            raise RuntimeError("another thread waits for this stream already")
        try:
            return self._go_on()
        finally:
            self._taking.release()

    def _go_on(self) -> Any:
        if self._outcome is not None:  # the flow goes on only now that the next report is asked for
            self._outcome = Outcome(None, self._driver.now())
        try:
            while (step := self._next_step()) is not None:
                if isinstance(step, Report):
                    self._outcome = Outcome(None, self._driver.now())
                    return step.item
                self._outcome = self._driver.carry_out(step, self)
        except BaseException:  # whatever ends the flow early, hangs up
            self.close()
            raise
        return None

    def hold(self, held: Closing) -> None:
        """Notes what there is to close, and closes it where that was to be done already."""
        self._held = held
        if self._is_closed:
            held.close()

    def close(self) -> None:
        """Ends the flow at once, and what it waits for. May be called twice, and by any thread."""
        self._is_closed = True
        self.awake.set()
        with self._lock, suppress(ValueError):  # a signal may come while this very thread is in it
            self._flow.close()
        if self._held is not None:
            self._held.close()

    def _next_step(self) -> Step | None:
        """What the flow asks for; None at its end."""
        if self._is_over:
            return None
        with self._lock:
            if self._is_closed:
                raise RuntimeError("this stream is closed")
            try:
                return self._flow.send(cast("Outcome", self._outcome))
            except StopIteration as end:
                self._is_over, self.result = True, end.value
                return None
