"""What the verbs of `vuhitra models` share: several items in one command, a model that isn't there, done lines."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from cli.commands.command import Flags, flags_of
from cli.commands.invocation import Invocation
from cli.exit_status import ExitStatus, Verdict
from cli.failure import AlreadyTold, Failure
from cli.services.servers import Server, other_key
from cli.terminal.escape_filter import harmless_line
from cli.terminal.screen import BOLD, GREEN
from vuhitra.errors import (
    OllamaAuthenticationError,
    OllamaConnectionError,
    OllamaError,
    OllamaModelNotFoundError,
    OllamaTimeoutError,
)
from vuhitra.limits import Timeouts

if TYPE_CHECKING:
    from typing import Self


class Items:
    """A context manager around several things that are done one after the other.

    What fails is told, and the others are done; the exit code is the first failure's. Under `--json` what
    came of each is one document at the end, also where the server was lost before it.
    """

    def __init__(self, call: Invocation, server: Server) -> None:
        self._call = call
        self._server = server
        self._results: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._call.flags.json and self._results:
            self._call.document({"host": self._server.host.url, "models": self._results})
        if kind is None and self._first_failure is not None:
            raise AlreadyTold(self._first_failure)

    @property
    def _first_failure(self) -> ExitStatus | None:
        failures = [result["error"]["exit"] for result in self._results if "error" in result]
        return ExitStatus(failures[0]) if failures else None

    @contextmanager
    def item(self, name: str) -> Generator[dict[str, Any]]:
        """One of them, and what `--json` shows of it.

        Where the server is lost, there is nothing to go on with: raises OllamaConnectionError, or AlreadyTold where
        something had failed before.
        """
        from cli.ending import tell
        from cli.reporting import report_of
        from cli.terminal.errors import as_object

        result: dict[str, Any] = {"name": name}
        try:
            yield result
        except (OllamaError, Failure) as error:
            if isinstance(error, OllamaAuthenticationError):
                error.hint = error.hint or other_key(self._call.settings)
            report = report_of(error, self._call.environment.variables)
            result["error"] = as_object(report)
            is_lost = isinstance(error, OllamaConnectionError) and not _is_of_one_item(error)
            if is_lost and not self._results:  # it was never there
                raise
            first = self._first_failure
            self._results.append(result)
            if is_lost and first is None:
                raise
            tell(report, self._call.err, as_json=self._call.flags.json)
            if is_lost and first is not None:
                raise AlreadyTold(first) from error
        else:
            self._results.append(result)


def _is_of_one_item(error: OllamaConnectionError) -> bool:
    """Whether the server was there, and only this took too long, or broke off."""
    if isinstance(error, OllamaTimeoutError):
        return error.phase != "connect"
    return error.reason in ("reset", "closed")


MISSING = "\0"
"""What stands in a command line for the name that is wrong there; no argument can be it."""


def command_line(context: click.Context, *words: str, **values: str | None) -> list[str]:
    """This command with these arguments and all flags, as they were given, but for these values; None: without it.

    Those that name the server are left out: who knows it adds them.
    """
    given = {**_given(context), **values}
    line = [*context.command_path.split()[1:], *words]
    for each in context.command.params:
        if isinstance(each, click.Option) and (value := given.get(each.name or "")) is not None:
            line += _written(each, value)
    return line


def _given(context: click.Context) -> dict[str, Any]:
    """What was given in the command line, by the flags' names."""
    own, common = context.params, flags_of(context)._replace(host=None, embedded=False)._asdict()
    return {
        **{name: own[name] for name in own if context.get_parameter_source(name) is ParameterSource.COMMANDLINE},
        **{name: value for name, value in common.items() if value != getattr(Flags(), name)},
    }


def _written(option: click.Option, value: object) -> list[str]:
    """A flag as it is written."""
    if not option.is_flag:
        return [option.opts[0], f"{value:.15g}" if isinstance(value, float) else str(value)]
    return [option.opts[0] if value else option.secondary_opts[0]]


@contextmanager
def near_names_for(server: Server, line: Sequence[str]) -> Generator[None]:
    """Tells of a model that isn't there with near names. line: what to try, with MISSING for the model's name."""
    try:
        yield
    except OllamaModelNotFoundError as error:
        raise not_there(server, error.model, error.suggestions, line) from error


def not_there(server: Server, name: str, near: Sequence[str], line: Sequence[str]) -> Failure:
    """No such model, and which may have been meant. line: what to try with the nearest in the place of MISSING."""
    shown = [harmless_line(each) for each in near]
    return Failure(
        f"no model {name!r} at {server.name}",
        near=shown,
        hint=server.command(*(shown[0] if each == MISSING else each for each in line) if shown else ("models", "list")),
        verdict=Verdict.NO_SUCH_MODEL,
    )


def needs_ollama(call: Invocation, what: str) -> None:
    """Raise Failure where the built-in engine is asked for what only Ollama can do."""
    if call.settings.embedded:
        flag = "the same without --embedded" if call.flags.embedded else "the same with --host URL"
        raise Failure(f"the built-in engine can't {what}", hint=f"ollama serve, and then {flag}")


def begun_within(seconds: float | None) -> Timeouts:
    """The limits of what may be silent for long once it has begun. seconds: until then; None: as is usual."""
    return Timeouts() if seconds is None else Timeouts(start=seconds)


def tell_replaced(call: Invocation, name: str, before: str | None, now: str | None) -> bool | None:
    """Tell that a model took the place of another of its name; None where that isn't known.

    before, now: the digest behind the name; "" where there was no such model.
    """
    if before == "":
        return False
    if not (before and now):
        return None
    if before != now:
        call.note(f"{harmless_line(name)} was another model before, and is replaced")
    return before != now


def done(call: Invocation, said: str, name: str = "", rest: str = "") -> None:
    """The last line of what went well, with the model's name in bold."""
    if call.narrates:
        call.out.sentence(("✓", GREEN), f" {said}", (call.out.safe(name), BOLD), rest)
