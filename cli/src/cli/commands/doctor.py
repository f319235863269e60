"""`vuhitra doctor`: where the way to an answer ends, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from shlex import join

import click

from cli.commands.command import CommandWithoutSettings, read_settings
from cli.commands.doctor_lines import Finding, Line, by_subject, finding_of, line_of, line_of_subject, print_line
from cli.commands.invocation import Invocation, invocation, mind_the_server
from cli.failure import AlreadyTold, Failure
from cli.reporting import verdict
from cli.services.doctor import Check, Coming, check_server, check_setting, completed
from cli.terminal.errors import as_object
from cli.terminal.escape_filter import harmless_line
from cli.terminal.numbers import counted, milliseconds
from cli.terminal.screen import DIM
from cli.terminal.segments import Command


@click.command(name="doctor", cls=CommandWithoutSettings)
@click.option("--verbose", is_flag=True, help="A line for every step.")
@click.pass_context
def doctor(context: click.Context, *, verbose: bool) -> None:
    """Find out what is wrong: settings, network, server, model.

    Goes the way to an answer, step by step, up to the model and its window, and tells what to try where it ends.
    The model is asked for nothing.

    Exit 0 where nothing fails, else the code of what fails first.

    \b
    Examples:
      vuhitra doctor
      vuhitra doctor --verbose
      vuhitra doctor --host http://gpu.lan:11434
    """
    broken = _broken(context)
    call = invocation(context, sends=False)
    told: list[Sequence[Finding]] = []
    with closing(completed(_checks(call, broken))) as checks:
        findings = (finding_of(check, call.environment.variables) for check in checks)
        for group in ([finding] for finding in findings) if verbose else by_subject(findings):
            told.append(group)
            _tell(call, line_of(group[0]) if verbose else line_of_subject(group))
    if call.flags.json:
        _document(call, list(chain.from_iterable(told)))
    elif not call.flags.quiet:
        _sum_up(call, told, is_short=not verbose)
    _end(call, chain.from_iterable(told))


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
    yield from _awaited(call, check_server(call.settings, call.memory, call.environment.monotonic))


def _awaited(call: Invocation, steps: Iterator[Coming | Check]) -> Iterator[Check]:
    """The checks, each told as long as it is waited for."""
    coming = "the network"
    while True:
        with call.waiting(f"checking {coming}") as waiting:
            while isinstance(step := next(steps, None), Coming):
                waiting.now(f"checking {step.name}")
        if step is None:
            return
        coming = "what comes next"
        yield step


def _tell(call: Invocation, line: Line) -> None:
    if not call.flags.json and (line.outcome == "FAIL" or not call.flags.quiet):
        print_line(call.out, line)


def _sum_up(call: Invocation, told: Sequence[Sequence[Finding]], *, is_short: bool) -> None:
    """The last line. is_short: whether there is more to be seen."""
    failed = sum(any(finding.report for finding in group) for group in told)
    found = f"{counted(failed, 'problem') if failed else 'No problem'} in {counted(len(told), 'check')}"
    last = f"{found}, {milliseconds(_seconds(chain.from_iterable(told)))}."
    names_a_server = told[0][0].report is None
    if not (is_short and names_a_server):
        call.out.sentence((last, DIM))
        return
    every_step = join(["vuhitra", "doctor", "--verbose", *call.settings.host_flags])
    call.out.sentence((f"{last} Every step: ", DIM), Command(harmless_line(every_step), DIM))


def _seconds(findings: Iterable[Finding]) -> float:
    return sum(finding.check.seconds or 0.0 for finding in findings)


def _document(call: Invocation, findings: Sequence[Finding]) -> None:
    is_well = not any(finding.report for finding in findings)
    checks = [_object(finding) for finding in findings]
    call.document({"ok": is_well, "seconds": round(_seconds(findings), 3), "checks": checks})


def _object(finding: Finding) -> dict[str, object]:
    check = finding.check
    return {
        "subject": check.subject,
        "name": check.name,
        "verdict": check.outcome,
        "text": finding.what,
        "hint": finding.hint,
        "seconds": None if check.seconds is None else round(check.seconds, 4),
        "facts": dict(check.facts),
        "error": finding.report and as_object(finding.report),
    }


def _end(call: Invocation, findings: Iterable[Finding]) -> None:
    """End as what failed first does."""
    for check, *_ in findings:
        if check.error is not None:
            is_untold = call.flags.json or call.flags.debug
            raise check.error if is_untold else AlreadyTold(verdict(check.error).status)
