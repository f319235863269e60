"""What there is to say about an error, whoever found it: in the words of a command line, and without credentials.

Which error gets which exit code is here, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from shlex import quote

import click

from cli.credentials import concealed
from cli.exit_status import Verdict
from cli.failure import Failure, NeedsYes
from cli.misuse import repeated, report_misuse
from cli.terminal.errors import Report
from cli.terminal.escape_filter import harmless
from vuhitra import errors

_IN_FLAGS = {
    "verify=": "vuhitra config set profiles.NAME.ca",
    "cert=": "vuhitra config set profiles.NAME.client_certificate",
    "think=False": "--no-think",
    "num_predict": "--num-predict",
    "num_ctx": "--num-ctx",
    "the same call": "the same command",
}
"""What the library calls a setting, and what it is here."""

_BY_CLASS = {
    # The first class that fits counts, so each stands before its parent.
    errors.OllamaTimeoutError: Verdict.TIMED_OUT,
    errors.OllamaConnectionError: Verdict.NOT_REACHED,
    errors.OllamaAuthenticationError: Verdict.NOT_ALLOWED,
    errors.OllamaModelNotFoundError: Verdict.NO_SUCH_MODEL,
    errors.OllamaCapabilityError: Verdict.NOT_CAPABLE,
    errors.OllamaPullError: Verdict.PULL_FAILED,
    errors.OllamaModelError: Verdict.MODEL,
    errors.OllamaContextError: Verdict.TOO_LONG,
    errors.OllamaIncompleteError: Verdict.BROKE_OFF,
    errors.OllamaOutputError: Verdict.MISFIT,
    errors.OllamaBusyError: Verdict.BUSY,
    errors.OllamaProtocolError: Verdict.NOT_OLLAMA,
}

_BUILT_IN = re.compile(r"(?:Ollama at )?http://127\.0\.0\.1:\d+ \((the built-in engine)\)")


def report_of(error: Exception, variables: Mapping[str, str], args: Sequence[str] = ()) -> Report:
    """What there is to say. variables: those of the environment. args: the command line, where it is known."""
    report = _report(error, args)
    return report._replace(
        what=concealed(report.what, variables),
        why=report.why and concealed(report.why, variables),
        hint=report.hint and concealed(report.hint, variables),
    )


def traceback_of(error: Exception, variables: Mapping[str, str]) -> str:
    """Where an error comes from, for `--debug`."""
    from traceback import format_exception

    return concealed(harmless("".join(format_exception(error))), variables)


def verdict(error: Exception) -> Verdict:
    """How an error of the library or of the command line ends."""
    if isinstance(error, Failure):
        return error.verdict
    if isinstance(error, errors.OllamaPullError) and error.missing:
        return Verdict.NO_SUCH_MODEL
    for kind, found in _BY_CLASS.items():
        if isinstance(error, kind):
            return found
    if isinstance(error, errors.OllamaResponseError):
        return Verdict.REFUSED if 400 <= error.status < 500 else Verdict.SERVER_FAILED
    return Verdict.UNEXPECTED


def _report(error: Exception, args: Sequence[str]) -> Report:
    if isinstance(error, click.ClickException):
        return report_misuse(error, args)
    if what := getattr(error, "what", None):
        what = _BUILT_IN.sub(r"\1", what)  # a person knows nothing of its port of the moment
        return Report(what, getattr(error, "why", None), _hint(error, args), verdict(error))
    why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Report("unexpected", why, _debugging(args), verdict(error))


def _hint(error: Exception, args: Sequence[str]) -> str | None:
    hint: str | None = getattr(error, "hint", None)
    if isinstance(error, errors.OllamaError):
        return hint and _in_flags(hint)
    if args and isinstance(error, NeedsYes):
        return repeated([*args, error.flag]) or hint
    if isinstance(error, Failure) and error.instead:
        return ", ".join(filter(None, [f"-m {quote(error.instead)}", hint]))
    return hint


def _in_flags(hint: str) -> str:
    """What the library says to try, as flags: it speaks of the settings of a client, and of URLs."""
    hint, *made_here = re.split(r"(?=\bvuhitra )", hint, maxsplit=1)
    return "".join([_translated(hint), *made_here])


def _translated(hint: str) -> str:
    if hint.startswith("http"):
        url, _, why = hint.partition(": ")
        return f"--host {url}, since {why}" if why else f"--host {url}"
    for setting, called in _IN_FLAGS.items():
        hint = re.sub(rf"(?<![\w-]){re.escape(setting)}", called, hint)
    return hint


def _debugging(args: Sequence[str]) -> str | None:
    """The same command, so that it shows where it fails."""
    return repeated(["--debug", *args]) if args and "--debug" not in args else None
