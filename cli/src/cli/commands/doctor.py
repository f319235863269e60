"""`vuhitra doctor`: where the way to an answer ends, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from shlex import join

import click

from cli.commands.command import CommandWithoutSettings, read_settings
from cli.commands.doctor_lines import by_subject, line_of, line_of_subject, print_line, words_of
from cli.commands.invocation import Invocation, invocation, mind_the_server
from cli.failure import AlreadyTold, Failure
from cli.reporting import report_of, verdict
from cli.services.doctor import Check, check_server, check_setting, completed, name_after
from cli.terminal.errors import Report, as_object
from cli.terminal.numbers import counted, milliseconds
from cli.terminal.screen import DIM


@click.command(name="doctor", cls=CommandWithoutSettings)
@click.option("--verbose", is_flag=True, help="A line for every step.")
@click.pass_context
def doctor(context: click.Context, *, verbose: bool) -> None:
    """Find out what is wrong: settings, network, server, model.

    Goes all the way to an answer, step by step, and tells what it finds and what to try where it ends.
    Exit 0 where nothing fails, else the code of what fails first.

    \b
    Examples:
      vuhitra doctor
      vuhitra doctor --verbose
      vuhitra doctor --host http://gpu.lan:11434
    """
    broken = _broken(context)
    call = invocation(context, sends=False)
    clock = call.environment.monotonic
    began, told = clock(), list[Sequence[Check]]()
    with closing(completed(_checks(call, broken))) as checks:
        for group in ([check] for check in checks) if verbose else by_subject(checks):
            told.append(group)
            if not call.flags.json:
                _tell(call, group, alone=verbose)
    _sum_up(call, told, clock() - began, alone=verbose)
    _end(call, told)


def _broken(context: click.Context) -> Failure | None:
    """Read the settings; the error where they can't be read."""
    try:
        read_settings(context)
    except Failure as error:
        return error
    return None


def _checks(call: Invocation, broken: Failure | None) -> Iterator[Check]:
    """The checks, as far as one gets. broken: why the settings can't be read, where they can't."""
    setting = Check("url", "FAIL", error=broken) if broken else check_setting(call.settings)
    yield setting
    if setting.outcome == "FAIL":
        return
    mind_the_server(call)
    checks = check_server(call.settings, call.memory, call.environment.monotonic)
    check: Check | None = setting
    while check is not None:
        with call.waiting(f"checking the {name_after(check.name)}"):
            check = next(checks, None)
        if check is not None:
            yield check


def _tell(call: Invocation, group: Sequence[Check], *, alone: bool) -> None:
    report = _report(call, group)
    if report is not None or not call.flags.quiet:
        print_line(call.out, line_of(group[0], report) if alone else line_of_subject(group, report))


def _report(call: Invocation, checks: Sequence[Check]) -> Report | None:
    """What there is to say of the one that failed, if one did."""
    error = _first_error(checks)
    return report_of(error, call.environment.variables) if error else None


def _first_error(checks: Iterable[Check]) -> Exception | None:
    return next((check.error for check in checks if check.error is not None), None)


def _sum_up(call: Invocation, told: Sequence[Sequence[Check]], seconds: float, *, alone: bool) -> None:
    failed = sum(_first_error(group) is not None for group in told)
    if call.flags.json:
        checks = [_document(call, check) for check in chain.from_iterable(told)]
        call.document({"ok": not failed, "seconds": round(seconds, 3), "checks": checks})
    elif not call.flags.quiet:
        found = f"{counted(failed, 'problem') if failed else 'No problem'} in {counted(len(told), 'check')}"
        again = "" if alone else f" Every step: {join(['vuhitra', 'doctor', '--verbose', *call.settings.host_flags])}"
        call.out.sentence((f"{found}, {milliseconds(seconds)}.{again}", DIM))


def _document(call: Invocation, check: Check) -> dict[str, object]:
    report = _report(call, [check])
    return {
        "subject": check.subject,
        "name": check.name,
        "verdict": check.outcome,
        "text": words_of(check, report),
        "hint": check.hint,
        "seconds": None if check.seconds is None else round(check.seconds, 4),
        "facts": dict(check.facts),
        "error": report and as_object(report),
    }


def _end(call: Invocation, told: Sequence[Sequence[Check]]) -> None:
    """End as what failed first does."""
    error = _first_error(chain.from_iterable(told))
    if error is not None:
        raise error if call.flags.json else AlreadyTold(verdict(error).status)
