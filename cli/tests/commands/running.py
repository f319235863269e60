"""Runs the command line: in process with an environment of the test's own, as a process, in a terminal."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pyte

from cli.environment import Environment, Stream
from cli.main import cli

SOON = 20.0
"""Seconds after which something that should have happened will not happen."""

ROWS = 24
"""How high a terminal is."""

COMMAND = [sys.executable, "-m", "cli"]


@dataclass(frozen=True)
class Ran:
    """What came of a command."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout, decoded."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Stdout, decoded line by line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Any:
        """The error on stderr, decoded."""
        return json.loads(self.err)["error"]


@dataclass(frozen=True)
class World:
    """Where a command runs: a home of its own, and no settings but those given.

    time: when that is. In this process the clock stands there, so that nothing is shown because a machine is slow.
    """

    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    stdin_is_terminal: bool = False
    stdout_is_terminal: bool = False
    stderr_is_terminal: bool = False
    encoding: str = "utf-8"
    width: int | None = None
    time: float = 0.0

    def with_(self, **changes: Any) -> World:
        """The same world but for these changes; variables are added to those it has."""
        added = changes.pop("variables", {})
        return replace(self, variables={**self.variables, **added}, **changes)

    @property
    def at_terminal(self) -> World:
        """The same world with a person in it."""
        return replace(
            self,
            stdin_is_terminal=True,
            stdout_is_terminal=True,
            stderr_is_terminal=True,
            width=self.width or 80,
        )

    def environment(self) -> Environment:
        """The world as the command line sees it."""
        return Environment(
            stdin=Stream(io.BytesIO(self.stdin), self.stdin_is_terminal),
            stdout=Stream(io.BytesIO(), self.stdout_is_terminal, self.encoding),
            stderr=Stream(io.BytesIO(), self.stderr_is_terminal, self.encoding),
            variables={"HOME": str(self.home), **self.variables},
            cwd=str(self.home),
            measure=lambda: self.width,
            monotonic=lambda: self.time,
            now=lambda: self.time,
        )

    def run(self, *args: str, **changes: Any) -> Ran:
        """Run a command line in this process. changes: what else is in its environment."""
        environment = self.environment()._replace(**changes)
        status = 0
        try:
            cli.main(list(args), "vuhitra", obj={"environment": environment})
        except SystemExit as end:
            status = int(end.code or 0)
        return Ran(status, _text(environment.stdout), _text(environment.stderr))

    def process_variables(self) -> dict[str, str]:
        """The environment variables of a process in this world. For a shell, `python` is this one."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return {"PATH": path, "HOME": str(self.home), "PYTHONPATH": os.pathsep.join(sys.path), **self.variables}

    def start(self, *args: str, program: Sequence[str] = tuple(COMMAND), **options: Any) -> subprocess.Popen[bytes]:
        """Start a command line, or another program, as a process, with pipes for its streams."""
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        pipes |= options
        process: Any = subprocess.Popen([*program, *args], cwd=self.home, env=self.process_variables(), **pipes)
        return cast("subprocess.Popen[bytes]", process)

    def run_process(self, *args: str, **options: Any) -> Ran:
        """Run a command line as a process, to its end. options: as `start` takes them."""
        with self.start(*args, **options) as process:
            out, err = process.communicate(None if "stdin" in options else self.stdin, timeout=SOON)
            return Ran(process.returncode, out.decode(), err.decode())


class Terminal:
    """A terminal in which a process runs; `seen` is all that it was sent."""

    def __init__(self, pid: int, descriptor: int, columns: int) -> None:
        self.pid = pid
        self.descriptor = descriptor
        self.seen = ""
        self._screen = pyte.Screen(columns, ROWS)
        self._drawing = pyte.Stream(self._screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def wait_for(self, pattern: str, after: int = 0) -> str:
        """Read until a pattern is matched by what was seen, and give the match. after: where to begin."""
        until = time.monotonic() + SOON
        while not (found := re.search(pattern, self.seen[after:])):
            assert time.monotonic() < until, f"no {pattern!r} in {self.seen!r}"
            assert self._read(), f"the end came before {pattern!r}: {self.seen!r}"
        return found.group()

    def wait_for_more(self, pattern: str) -> str:
        """The same in what is sent from now on."""
        return self.wait_for(pattern, len(self.seen))

    def send(self, text: str) -> None:
        """Type something."""
        os.write(self.descriptor, text.encode())

    def resize(self, columns: int) -> None:
        """Make the window wider or narrower."""
        _set_columns(self.descriptor, columns)
        self._screen.resize(ROWS, columns)

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self.descriptor)
        self.descriptor = -1

    def end(self) -> int:
        """Read to the end, and give the exit code."""
        while self.descriptor >= 0 and self._read():
            pass
        until = time.monotonic() + SOON
        while os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            assert time.monotonic() < until, f"it goes on: {self.seen!r}"
            time.sleep(0.01)
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    @property
    def screen(self) -> list[str]:
        """The lines as a person sees them at the end: what was erased is gone."""
        return [_what_stands(line) for line in self.seen.replace("\r\n", "\n").split("\n")]

    @property
    def display(self) -> list[str]:
        """What stands in the window now, row by row as a terminal draws it, down to the last that isn't empty."""
        rows = [row.rstrip() for row in self._screen.display]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    @property
    def shows_cursor(self) -> bool:
        """Whether the cursor is there to be seen."""
        return not self._screen.cursor.hidden

    @property
    def settings(self) -> tuple[bool, bool]:
        """Whether what is typed is echoed, and whether it comes line by line."""
        import termios

        local = termios.tcgetattr(self.descriptor)[3]
        return bool(local & termios.ECHO), bool(local & termios.ICANON)

    def _read(self) -> bool:
        ready, _, _ = select.select([self.descriptor], [], [], SOON)
        if not ready:
            return False
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:  # how Linux tells that the other side is gone
            return False
        text = self._decoder.decode(data)
        self.seen += text
        self._drawing.feed(text)
        return bool(data)


@contextlib.contextmanager
def in_terminal(
    world: World, *args: str, columns: int = 80, program: Sequence[str] = tuple(COMMAND)
) -> Generator[Terminal]:
    """Run a command line, or another program, in a terminal of so many columns."""
    variables = {"TERM": "xterm", "LANG": "C.UTF-8", **world.process_variables()}
    pid, descriptor = pty.fork()
    if pid == 0:
        try:
            os.chdir(world.home)
            # The size is known only once it is set, which this waits for.
            os.read(0, 1)
            os.execve(program[0], [*program, *args], variables)  # noqa: S606  a process of ours
        finally:
            os._exit(99)
    terminal = Terminal(pid, descriptor, columns)
    try:
        _set_columns(descriptor, columns)
        terminal.send("\n")
        yield terminal
    finally:
        if terminal.pid:
            os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)
        if terminal.descriptor >= 0:
            os.close(descriptor)


@contextlib.contextmanager
def in_shell(world: World, columns: int = 80) -> Generator[Terminal]:
    """A shell with job control in a terminal; `vuhitra` is this one."""
    here = world.with_(variables={"PS1": "$ ", "HISTFILE": ""})
    shell = (shutil.which("bash") or "bash", "--norc", "--noprofile", "-i")
    with in_terminal(here, columns=columns, program=shell) as terminal:
        terminal.send('vuhitra() { command python -m cli "$@"; }\n')
        terminal.wait_for(r"\$ .*\n.*\$ ")
        yield terminal


def _set_columns(descriptor: int, columns: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))


def _what_stands(line: str) -> str:
    """A line after its rewritings, without its colours."""
    last = re.split("\r\x1b\\[K", line)[-1]
    return re.sub("\x1b\\[[0-9;]*m", "", last)


def _text(stream: Stream) -> str:
    assert isinstance(stream.bytes, io.BytesIO)
    return stream.bytes.getvalue().decode(stream.encoding)
