"""Signals that end the program: on the spot while it starts and once it has ended, in good order in between.

This file imports as little as can be: what comes before it, a signal ends with a traceback.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False  # typing takes a while to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
_TIME_TO_HEAR = 0.05
_CAN_SEND_AGAIN = hasattr(signal, "pthread_kill")
"""Not on Windows, where all waits are short."""
_WEAK_REFERENCES = ("weakref", "_weakrefset")
"""Modules that are called when what they know of is cleared away."""
_KILLED = 128
"""What a shell adds to a signal's number, for the exit code of whom it ended."""


def end_at_once() -> None:
    """From now on they end the process on the spot: there is nothing that could be left half done."""
    _answer_with(_leave)


def end_in_order() -> None:
    """From now on they raise KeyboardInterrupt, or its kind for the other two: what was begun is ended."""
    heard: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        if not (_CAN_SEND_AGAIN and _finalizes(frame)):  # what is raised there is printed and lost
            heard.append(number)
            _raise(number)

    _answer_with(hear)
    if _CAN_SEND_AGAIN:
        _make_sure(heard)


def _finalizes(frame: FrameType | None) -> bool:
    """Whether an object that nobody needs any more is being cleared away."""
    while frame is not None:
        if frame.f_code.co_name == "__del__" or frame.f_globals.get("__name__") in _WEAK_REFERENCES:
            return True
        frame = frame.f_back
    return False


def _answer_with(handler: Callable[[int, FrameType | None], None]) -> None:
    for name in _ENDING:
        number = getattr(signal, name, None)  # Windows lacks one of them
        # A process that was started to ignore one, as by nohup, goes on ignoring it.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _leave(number: int, _: object) -> None:
    os._exit(_KILLED + number)


def _make_sure(heard: list[int]) -> None:
    """Send a signal again that wasn't heard.

    One that comes just before the program begins to wait for the network doesn't wake it up: Python
    looks for signals before the wait and after it.
    """
    import select
    from threading import Thread, get_ident

    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    main_thread = get_ident()

    def watch() -> None:
        known = 0
        while True:
            select.select([reading], [], [])
            select.select([], [], [], _TIME_TO_HEAR)
            number = os.read(reading, 100)[-1]
            if len(heard) == known:
                signal.pthread_kill(main_thread, number)
            known = len(heard)

    Thread(target=watch, name="signals", daemon=True).start()


def _raise(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    from cli.exit_status import Verdict
    from cli.failure import Terminated

    raise Terminated(Verdict.TERMINATED if number == signal.SIGTERM else Verdict.HUNG_UP)
