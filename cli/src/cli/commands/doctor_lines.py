"""The lines of `vuhitra doctor`: a check in words, and how it looks; alone, or with the others of its subject."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cli.credentials import concealed
from cli.reporting import report_of
from cli.services.doctor import SUBJECTS, Check, Outcome
from cli.terminal.errors import Report, tell_hint
from cli.terminal.escape_filter import harmless_line
from cli.terminal.numbers import counted, milliseconds, size, tokens
from cli.terminal.screen import BOLD, DIM, GREEN, PLAIN, RED, Screen
from cli.terminal.segments import Segment
from vuhitra.errors import OllamaConnectionError

Facts = Mapping[str, Any]

_LOOKS: dict[Outcome, str] = {"ok": GREEN, "FAIL": RED, "skip": DIM}
_INDENT = " " * 16
_ADDRESSES = 2
"""Addresses that are shown of a name."""
_DISTANCES = ("dns", "tcp", "proxy", "tls", "version")
"""Checks whose time tells how far away the server is; that of the others is shown only in a line of their own."""


class Finding(NamedTuple):
    """A check in words. report: all there is to say of its error, where it failed."""

    check: Check
    what: str
    why: str | None
    hint: str | None
    report: Report | None


class Line(NamedTuple):
    """What is shown of a check, or of all that are about one subject.

    parts: what was found, and how long it took. why, hint: the lines below, where there are any.
    """

    outcome: Outcome
    name: str
    parts: Sequence[Segment]
    why: str | None
    hint: str | None


def finding_of(check: Check, variables: Mapping[str, str]) -> Finding:
    """A check in words that hold no credential. variables: those of the environment."""
    if check.error is None:
        words = check.why or _FOUND[check.name](check.facts)
        return Finding(check, concealed(words, variables), None, check.hint, None)
    report = report_of(check.error, variables)
    what, why = report.what, report.why
    if check.subject == "network" and isinstance(check.error, OllamaConnectionError):
        # What is not reached stands above it already.
        what, why = why or f"{check.name}: {what}", None
    return Finding(check, what, why, report.hint, report)


def by_subject(findings: Iterable[Finding]) -> Iterator[list[Finding]]:
    """The findings in groups, each as soon as its last is there."""
    group = []
    for finding in findings:
        group.append(finding)
        if finding.check.name == SUBJECTS[finding.check.subject][-1]:
            yield group
            group = []


def line_of(finding: Finding) -> Line:
    """A check alone."""
    return _line(finding.check.name, [finding], timed=(finding.check.name,))


def line_of_subject(findings: Sequence[Finding]) -> Line:
    """All checks of a subject: what failed, or all that is well, or else why nothing was checked."""
    failed = [each for each in findings if each.report]
    well = [each for each in findings if each.check.outcome == "ok"]
    skipped = sorted(findings, key=lambda each: each.hint is None)[:1]
    return _line(findings[0].check.subject, failed or well or skipped, timed=_DISTANCES)


def print_line(screen: Screen, line: Line) -> None:
    """Print it, with what it needs below it."""
    begin = [(f"{line.outcome:6}", _LOOKS[line.outcome]), (f"{line.name:9} ", BOLD)]
    screen.sentence(*begin, *line.parts, indent=_INDENT)
    if line.why:
        screen.sentence(_INDENT + harmless_line(line.why), indent=_INDENT)
    if line.hint:
        tell_hint(line.hint, screen, indent=_INDENT)


def _line(name: str, findings: Sequence[Finding], timed: Sequence[str]) -> Line:
    first = findings[0]
    return Line(first.check.outcome, name, list(_parts(findings, timed)), first.why, first.hint)


def _parts(findings: Sequence[Finding], timed: Sequence[str]) -> Iterator[Segment]:
    for number, (check, what, *_) in enumerate(findings):
        yield (", " if number else "") + harmless_line(what), PLAIN
        if check.seconds is not None and check.name in timed:
            yield f" ({milliseconds(check.seconds)})", DIM


def _url(facts: Facts) -> str:
    what, source = facts["url"] or "the built-in engine", facts["source"]
    return f"{what}, {source}" if source == "the default" else f"{what}, from {source}"


def _names(facts: Facts) -> str:
    addresses = facts["addresses"]
    more = len(addresses) - _ADDRESSES
    shown = ", ".join(addresses[:_ADDRESSES]) + (f" and {more} more" if more > 0 else "")
    return f"{facts['name']} is {shown}"


def _port(facts: Facts) -> str:
    return f"port {facts['port']} open" if facts["port"] else f"{facts['address']} is open"


def _proxy(facts: Facts) -> str:
    return f"through the proxy {facts['proxy']} ({facts['source']})" if facts["proxy"] else "no proxy"


def _tls(facts: Facts) -> str:
    protocol, ends = facts["protocol"].replace("TLSv", "TLS "), facts["certificate_ends"]
    return f"{protocol}, certificate until {datetime.fromtimestamp(ends, UTC).date()}" if ends else protocol


def _version(facts: Facts) -> str:
    return "the built-in engine" if facts["engine"] == "embedded" else f"Ollama {facts['server_version']}"


def _key(facts: Facts) -> str:
    return f"key sent ({facts['source']})" if facts["source"] else "no key sent"


def _models(facts: Facts) -> str:
    return counted(facts["models"], "model")


def _loaded(facts: Facts) -> str:
    return f"{facts['loaded']} loaded"


def _model(facts: Facts) -> str:
    return f"{facts['model']} ({facts['source']})" + (f", {size(facts['size'])}" if facts["size"] else "")


def _window(facts: Facts) -> str:
    most, loaded = facts["window"], facts["window_loaded"]
    if most is None:
        return f"loaded with {tokens(loaded)} tokens"
    return f"{tokens(most)} tokens at most" + (f", loaded with {tokens(loaded)}" if loaded else "")


def _disk(facts: Facts) -> str:
    return f"{size(facts['free'])} free in {facts['folder']}"


_FOUND: Mapping[str, Callable[[Facts], str]] = {
    "url": _url,
    "dns": _names,
    "tcp": _port,
    "proxy": _proxy,
    "tls": _tls,
    "version": _version,
    "key": _key,
    "models": _models,
    "loaded": _loaded,
    "model": _model,
    "window": _window,
    "disk": _disk,
}
"""What a check found, in words."""
