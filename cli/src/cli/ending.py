"""How every command ends: the one place where an error becomes lines on stderr and an exit code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cli.environment import Environment
from cli.exit_status import ExitStatus
from cli.failure import ReaderGone, Terminated, Told
from cli.terminal.screen import DIM, Screen, screens

if TYPE_CHECKING:
    from cli.terminal.errors import Report


def run_to_the_end(command: click.Command, args: Sequence[str], name: str, given: object = None) -> int:
    """Run a command line, tell what went wrong, and give the exit code.

    given: what the caller put into the context's `obj`; a dict gets an environment, where it has none.
    """
    obj: dict[str, object] = {**given} if isinstance(given, dict) else {}
    found = obj.get("environment")
    environment = found if isinstance(found, Environment) else Environment.of_this_process()
    obj["environment"] = environment
    _, err = screens(environment, _color_in(args))
    try:
        width = min(environment.width, 79)
        with command.make_context(name, list(args), obj=obj, terminal_width=width) as context:
            command.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except Told as end:
        return end.status
    except ReaderGone:
        return ExitStatus.DONE
    except KeyboardInterrupt as stop:
        return _stopped(stop, args, err)
    except Exception as error:  # noqa: BLE001  whatever it is, nobody is shown a traceback
        return _failed(error, args, err, environment)
    return ExitStatus.DONE


def tell(report: Report, err: Screen, *, as_json: bool) -> None:
    """Write an error on stderr, for a person or for a program."""
    from cli.terminal import documents
    from cli.terminal.errors import as_object, render

    if as_json:
        documents.error(err, as_object(report))
    else:
        render(report, err)


def interruption(stop: KeyboardInterrupt) -> dict[str, object]:
    """Ctrl-C, or a signal to the same end, as the error that `--json` promises."""
    return {"code": "interrupted", "message": "stopped", "hint": None, "exit": _status_of(stop)}


def _failed(error: Exception, args: Sequence[str], err: Screen, environment: Environment) -> int:
    from cli.reporting import report_of
    from cli.terminal.errors import traceback_of

    as_json, variables = _has(args, "--json"), environment.variables
    try:
        report = report_of(error, variables, args)
    except Exception as worse:  # noqa: BLE001  finding out what to say may fail as anything may
        error, report = worse, report_of(worse, variables, args)
    if _has(args, "--debug"):
        traceback = traceback_of(error, variables)
        if as_json:
            report = report._replace(traceback=traceback)
        else:
            err.write(traceback)
    tell(report, err, as_json=as_json)
    return report.exit


def _stopped(stop: KeyboardInterrupt, args: Sequence[str], err: Screen) -> int:
    """Ctrl-C, or a signal to the same end. Whoever was at work left a note of how far it came."""
    status = _status_of(stop)
    if _has(args, "--json"):
        from cli.terminal import documents

        documents.error(err, interruption(stop))
        return status
    err.start_afresh()
    if not _has(args, "--quiet", "-[^-m]*q.*"):
        for note in _notes(stop):
            err.sentence((note, DIM))
    return status


def _notes(stop: BaseException) -> Sequence[str]:
    """What was left with the first Ctrl-C; a second one may have come while that was told."""
    error: BaseException | None = stop
    while error is not None:
        if notes := getattr(error, "__notes__", None):
            return list(notes)
        error = error.__context__
    return ["Stopped."]


def _status_of(stop: KeyboardInterrupt) -> int:
    return stop.status if isinstance(stop, Terminated) else ExitStatus.INTERRUPTED


def _has(args: Sequence[str], *patterns: str) -> bool:
    """Whether a flag was given; asked where the command line may be one that can't be parsed."""
    return any(re.fullmatch(pattern, each) for each in _before_the_rest(args) for pattern in patterns)


def _color_in(args: Sequence[str]) -> str:
    """The word that belongs to `--color`: the one behind it, and no other."""
    words = "\0".join(_before_the_rest(args))
    wishes: list[str] = re.findall("(?:^|\0)--color[=\0](always|never)(?=\0|$)", words)
    return wishes[-1] if wishes else "auto"


def _before_the_rest(args: Sequence[str]) -> Sequence[str]:
    """All that may be a flag: what stands before `--`."""
    return args[: list(args).index("--")] if "--" in args else args
