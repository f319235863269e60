"""An error that the command line finds itself. It is told like the library's: what, why, what to do."""

from __future__ import annotations

from collections.abc import Sequence

from cli.exit_status import ExitStatus, Verdict


class Failure(Exception):
    """Ends the command.

    what: one line that says what failed, and where. why: the cause. hint: a command to try.
    instead: a model to ask instead, which goes before the hint.
    near: names that may have been meant; where there are any, they are told as the cause.
    verdict: how it ends, for a program.
    """

    def __init__(
        self,
        what: str,
        *,
        why: str | None = None,
        near: Sequence[str] = (),
        instead: str | None = None,
        hint: str | None = None,
        verdict: Verdict = Verdict.USAGE,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = f"near names: {', '.join(near)}" if near else why
        self.near = tuple(near)
        self.instead = instead
        self.hint = hint
        self.verdict = verdict


class NeedsYes(Failure):
    """A question that nobody is there to answer. flag: what answers it with yes."""

    def __init__(self, question: str, flag: str) -> None:
        super().__init__(
            f"this needs a yes: {question}",
            why="nobody can be asked where there is no terminal",
            hint=f"the same with {flag}",
            verdict=Verdict.NEEDS_YES,
        )
        self.flag = flag


class AlreadyTold(Exception):
    """Ends the command with this exit code; all there is to say was said."""

    def __init__(self, status: ExitStatus) -> None:
        super().__init__(status)
        self.status = status


class ReaderGone(Exception):
    """Nobody reads stdout any more, as in `| head -1`: no failure, but a reason to stop."""


class Terminated(KeyboardInterrupt):
    """A signal asked the program to end; everything that stops for Ctrl-C stops for it too."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__()
        self.verdict = verdict
