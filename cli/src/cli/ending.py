"""How every command ends: the one place where an error becomes lines on stderr and an exit code."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from cli.environment import Environment
from cli.exit_status import ExitStatus, Verdict
from cli.failure import AlreadyTold, Failure, ReaderGone, Terminated
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
    obj |= {"environment": environment, "words": list(args)}
    colour = _color_in(args)
    obj["screens"] = made = {colour: screens(environment, colour)}
    try:
        width = min(environment.width, 79)
        with command.make_context(name, list(args), obj=obj, terminal_width=width) as context:
            command.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except AlreadyTold as end:
        return end.status
    except ReaderGone:
        return ExitStatus.DONE
    except KeyboardInterrupt as stop:
        return _stopped(stop, _flags_in(command, args), made[colour])
    except Exception as error:  # noqa: BLE001  whatever it is, nobody is shown a traceback
        return _failed(error, args, _flags_in(command, args), made[colour], environment.variables)
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
    verdict = _verdict_on(stop)
    return {"code": verdict.code, "message": "stopped", "hint": None, "exit": verdict.status}


def _flags_in(command: click.Command, args: Sequence[str]) -> set[str]:
    """The names of the flags that were given; asked where the command line may be one that can't be parsed."""
    from cli.command_line import flags_in

    try:
        return flags_in(command, args)
    except Exception:  # noqa: BLE001  what failed may be the very import of a command
        return {word[2:] for word in args if word.startswith("--")}


def _failed(
    error: Exception,
    args: Sequence[str],
    flags: Collection[str],
    shown_on: tuple[Screen, Screen],
    variables: Mapping[str, str],
) -> int:
    from cli.reporting import report_of, traceback_of
    from cli.terminal.errors import as_object

    (out, err), as_json = shown_on, "json" in flags
    try:
        report = report_of(error, variables, args)
    except Exception as worse:  # noqa: BLE001  finding out what to say may fail as anything may
        error, report = worse, report_of(worse, variables, args)
    if "debug" in flags:
        traceback = traceback_of(error, variables)
        if as_json:
            report = report._replace(traceback=traceback)
        else:
            err.write(traceback)
    _end_lines(out, flags, as_object(report))
    tell(report, err, as_json=as_json)
    return report.verdict.status


def _end_lines(out: Screen, flags: Collection[str], error: Mapping[str, object]) -> None:
    """Where a program is told in lines, the last says why there are no more."""
    if {"json", "stream"} <= set(flags) and not out.has_ended:
        from cli.terminal import documents

        with suppress(Failure, ReaderGone):  # nobody is there to be told
            documents.record(out, "error", {"error": error})


def _stopped(stop: KeyboardInterrupt, flags: Collection[str], shown_on: tuple[Screen, Screen]) -> int:
    """Ctrl-C, or a signal to the same end. Whoever was at work left a note of how far it came."""
    (out, err), status = shown_on, _verdict_on(stop).status
    if "json" in flags:
        from cli.terminal import documents

        _end_lines(out, flags, interruption(stop))
        documents.error(err, interruption(stop))
        return status
    err.start_afresh(stop)
    if "quiet" not in flags:
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


def _verdict_on(stop: KeyboardInterrupt) -> Verdict:
    return stop.verdict if isinstance(stop, Terminated) else Verdict.INTERRUPTED


def _color_in(args: Sequence[str]) -> str:
    """The word that belongs to `--color`: the one behind it, and no other. Read at each start, and so in no depth."""
    words = "\0".join(args[: list(args).index("--")] if "--" in args else args)
    wishes: list[str] = re.findall("(?:^|\0)--color[=\0](always|never)(?=\0|$)", words)
    return wishes[-1] if wishes else "auto"
