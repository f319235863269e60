"""What a command is given: the environment, the settings, the flags, and two screens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import click

from cli.commands.command import Flags, environment_of, flags_of, screens_of
from cli.config import DOTENV, Settings, settings_of
from cli.environment import Environment
from cli.exit_status import Verdict
from cli.failure import Failure, NeedsYes
from cli.logger import get_logger
from cli.services.memory import Memory
from cli.terminal.escape_filter import harmless_line
from cli.terminal.screen import DIM, Screen
from cli.terminal.waiting import Waiting


class Invocation(NamedTuple):
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
            self.err.sentence((text, DIM))

    def note(self, text: str) -> None:
        """A remark that matters in a log, too; a program finds the same in its JSON."""
        if self.narrates:
            self.err.sentence(f"note: {text}")

    def document(self, content: Mapping[str, object]) -> None:
        """All that a program is told, as `--json` asks for; with `--stream` in a line, the last of several."""
        from cli.terminal import documents

        documents.whole(self.out, content, stream=self.flags.stream)

    def waiting(self, phase: str) -> Waiting:
        """The line that tells what is being waited for."""
        return Waiting(self.err, self.environment.monotonic, phase, quiet=not self.narrates)

    @property
    def asking(self) -> str:
        """What is waited for where the server is asked something. Raises Failure where its setting can't be read."""
        if self.settings.embedded:
            return "asking the built-in engine"
        from cli.services.servers import configured_host

        return f"asking {configured_host(self.settings).name}"

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer a question."""
        return self.environment.stdin.is_terminal and self.err.is_terminal and not self.flags.json

    def confirm(self, question: str, *, flag: str = "--yes") -> bool:
        """Ask for a yes; all else is a no. Raises Failure that names the flag where nobody can be asked."""
        if not self.can_ask:
            raise NeedsYes(question, flag)
        from cli.terminal.questions import is_answered_with_yes

        return is_answered_with_yes(question, self.err, self.environment.stdin.bytes)

    def choose(self, title: str, names: Sequence[str]) -> str:
        """Have somebody choose one of several. An empty answer stops the command."""
        from cli.terminal.questions import chosen

        return chosen(title, names, self.err, self.environment.stdin.bytes)

    @property
    def narrates(self) -> bool:
        """Whether waiting and progress are told, be it to a person or to a log."""
        return not (self.flags.quiet or self.flags.json)


def invocation(
    context: click.Context, model: str | None = None, timeout: float | None = None, *, sends: bool = True
) -> Invocation:
    """What this run is given; flags come before settings.

    sends: whether it asks a server; False also where the command calls `mind_the_server` itself.
    """
    environment, flags = environment_of(context), flags_of(context)
    config = context.obj.get("config") if isinstance(context.obj, dict) else None
    if flags.host and flags.embedded:
        raise Failure("--host and --embedded name two servers; only one can answer")
    settings = settings_of(config).with_flags(host=flags.server, model=model, timeout=timeout)
    out, err = screens_of(context)
    call = Invocation(environment, settings, flags, out, err)
    if sends:
        mind_the_server(call)
    return call


def mind_the_server(call: Invocation) -> None:
    """Tell where a `.env` sends what is asked, if that is beyond this machine; ask once a folder.

    A `.env` may have come along with somebody else's files. Raises Failure where the answer is no.
    """
    if call.settings.origin != "dotenv" or call.settings.embedded:
        return
    from cli.services.servers import configured_host
    from cli.services.trust import Trust

    host = configured_host(call.settings)
    trust, folder = Trust(call.environment.state_dir), call.environment.cwd
    if host.is_loopback or trust.has(folder, host.url):
        return
    where = harmless_line(host.url)
    if not call.can_ask:
        get_logger("cli").warning("%s names a server beyond this machine: %s", DOTENV, where)
        return
    call.err.sentence(f"{DOTENV} in this folder names a server beyond this machine: {where}")
    if not call.confirm("Send there what you ask, from now on?"):
        raise Failure(
            f"nothing was sent to {where}, which {DOTENV} names",
            hint="--host URL for a server of your own",
            verdict=Verdict.NOT_TRUSTED,
        )
    trust.add(folder, host.url)
