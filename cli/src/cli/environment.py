"""The outside world in one object: streams, terminal, clocks, variables, folders.

Nothing else in the command line asks `sys`, `os.environ` or the clock, but the built-in engine, which is a server of
its own, and urllib, which finds the proxies of pages there. Tests build their own Environment.
Named tuples, here and in what every start imports: they are made in a fifth of a dataclass's time.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import BinaryIO, NamedTuple, TextIO, cast

UNKNOWN_WIDTH = 79


class Stream(NamedTuple):
    """One of the standard streams: its bytes, and whether a person sits at the other end.

    encoding: what a terminal shows; a pipe gets UTF-8 whatever this says.
    """

    bytes: BinaryIO
    is_terminal: bool = False
    encoding: str = "utf-8"


class Environment(NamedTuple):
    """All that a command sees of the world.

    variables: the environment variables. cwd: where `./.env` is looked for.
    measure: the terminal's width in columns, None where it is unknown.
    monotonic, now: seconds, to measure with and since the epoch.
    hear_signals: called before a command begins, for SIGTERM and SIGHUP to end it as Ctrl-C does.
    """

    stdin: Stream
    stdout: Stream
    stderr: Stream
    variables: Mapping[str, str] = MappingProxyType({})
    cwd: str = "."
    platform: str = "linux"
    measure: Callable[[], int | None] = lambda: None
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    hear_signals: Callable[[], None] = lambda: None

    @classmethod
    def of_this_process(cls) -> Environment:
        """What the process was started with."""
        return cls(
            stdin=_input(sys.stdin),
            stdout=_output(sys.stdout),
            stderr=_output(sys.stderr),
            variables=os.environ,
            cwd=os.curdir,
            platform=sys.platform,
            measure=_terminal_width,
        )

    @property
    def width(self) -> int:
        """The columns that a line may fill."""
        return self.measure() or UNKNOWN_WIDTH

    @property
    def is_accessible(self) -> bool:
        """Whether nothing may move on the screen: changes are lines, for readers and dumb terminals."""
        return self._asks_for("VUHITRA_ACCESSIBLE") or self.variables.get("TERM") == "dumb"

    @property
    def config_file(self) -> str:
        """The user's config file; it need not exist."""
        return os.path.join(self._folder("XDG_CONFIG_HOME", ".config", "APPDATA"), "config.toml")

    @property
    def state_dir(self) -> str:
        """The folder for what the program remembers; it need not exist."""
        return self._folder("XDG_STATE_HOME", os.path.join(".local", "state"), "LOCALAPPDATA")

    def colours(self, stream: Stream, wish: str = "auto") -> bool:
        """Whether to colour what goes to `stream`; `wish` is the flag `--color`."""
        if wish != "auto":
            return wish == "always"
        if self.variables.get("NO_COLOR"):
            return False
        if self.variables.get("FORCE_COLOR"):
            return self._asks_for("FORCE_COLOR")
        return stream.is_terminal and self.variables.get("TERM") != "dumb"

    def _asks_for(self, variable: str) -> bool:
        return self.variables.get(variable, "") not in ("", "0")

    def _folder(self, variable: str, below_home: str, on_windows: str) -> str:
        home = self.variables.get("HOME") or os.path.expanduser("~")
        base = self.variables.get(variable, "")
        if not os.path.isabs(base):  # as the XDG specification wants it: a relative one is ignored
            if self.platform == "win32" and self.variables.get(on_windows):
                base = self.variables[on_windows]
            elif self.platform == "darwin":
                base = os.path.join(home, "Library", "Application Support")
            else:
                base = os.path.join(home, below_home)
        return os.path.join(base, "vuhitra")


def is_utf8(text: str) -> bool:
    """Whether a text from outside was UTF-8: what wasn't arrives as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Closed(io.RawIOBase):
    """An output that the process was started without, as by `>&-`: whatever is written there is lost."""

    def write(self, _: object) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def _input(text: TextIO | None) -> Stream:
    if text is None:  # the process was started with stdin closed
        return Stream(io.BytesIO())
    return Stream(text.buffer, _is_terminal(text))


def _output(text: TextIO | None) -> Stream:
    if text is None:
        return Stream(cast("BinaryIO", _Closed()))
    # Unbuffered, so that each piece is one write, and nothing is left to fail when Python exits.
    raw = cast("BinaryIO", getattr(text.buffer, "raw", text.buffer))
    is_terminal = _is_terminal(text)
    return Stream(raw, is_terminal, _terminal_encoding(text) if is_terminal else "utf-8")


def _is_terminal(text: TextIO) -> bool:
    try:
        return text.isatty()
    except ValueError:  # closed
        return False


def _terminal_encoding(text: TextIO) -> str:
    """What the terminal shows. Under LC_ALL=C Python writes UTF-8, which such a terminal can't show."""
    if os.environ.get("PYTHONIOENCODING") or os.environ.get("PYTHONUTF8") or os.name == "nt":
        return text.encoding
    import locale

    return locale.getencoding()


def _terminal_width() -> int | None:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    for descriptor in (1, 2, 0):
        try:
            return os.get_terminal_size(descriptor).columns or None
        except OSError:  # not a terminal
            continue
    return None
