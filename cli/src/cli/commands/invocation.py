"""What a command is given: the environment, the settings, the flags, and two screens."""

from __future__ import annotations

from dataclasses import dataclass

import click

from cli.commands.command import Flags, environment_of, flags_of
from cli.config import EMBEDDED, Settings, settings_of
from cli.environment import Environment
from cli.failure import Failure
from cli.services.memory import Memory
from cli.terminal.screen import DIM, Screen, screens
from cli.terminal.waiting import Waiting


@dataclass(frozen=True)
class Invocation:
    """One run of a command."""

    environment: Environment
    settings: Settings
    flags: Flags
    out: Screen
    err: Screen

    @property
    def memory(self) -> Memory:
        """What is remembered of this machine."""
        return Memory(self.environment.state_dir)

    @property
    def tells(self) -> bool:
        """Whether somebody reads along on stderr who wants to know more than errors."""
        return self.err.is_terminal and not (self.flags.quiet or self.flags.json)

    def aside(self, text: str) -> None:
        """A line for the person who reads along, if there is one."""
        if self.tells:
            self.err.line(text, DIM)

    def note(self, text: str) -> None:
        """A remark that matters in a log, too; a program finds the same in its JSON."""
        if self.narrates:
            self.err.line(f"note: {text}")

    def waiting(self, phase: str) -> Waiting:
        """The line that tells what is being waited for."""
        return Waiting(self.err, self.environment.monotonic, phase, quiet=not self.narrates)

    @property
    def narrates(self) -> bool:
        """Whether waiting and progress are told, be it to a person or to a log."""
        return not (self.flags.quiet or self.flags.json)


def invocation(context: click.Context, model: str | None = None, timeout: float | None = None) -> Invocation:
    """What this run is given; flags come before settings."""
    environment, flags = environment_of(context), flags_of(context)
    config = context.obj.get("config") if isinstance(context.obj, dict) else None
    if flags.host and flags.embedded:
        raise Failure("--host and --embedded name two servers; only one can answer")
    host = EMBEDDED if flags.embedded else flags.host
    settings = settings_of(config).with_flags(host=host, model=model, timeout=timeout)
    out, err = screens(environment, flags.color)
    return Invocation(environment, settings, flags, out, err)
