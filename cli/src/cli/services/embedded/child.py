"""The child process of a loaded model: started, listened to, ended. It never outlives its parent."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from cli.services.embedded.refusals import EngineRefusal
from vuhitra.hosts import Host, resolve_host

_RUNNER = Path(__file__).with_name("runner.py")
_LINES_OF_STDERR = 40


class Child:
    """A running `runner.py`, and the folder its socket is in. Made with `start`.

    The pipe to its stdin is what holds it: when the parent ends, however that goes, the pipe does.
    """

    host: Host

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._stderr = asyncio.create_task(_last_lines(process.stderr))

    @classmethod
    async def start(cls, settings: Mapping[str, Any]) -> Child:
        """Starts a child and waits until it has loaded its model.

        settings: what `runner.py` reads, but for the address and the key. Raises EngineRefusal
        with what was wrong.
        """
        spawning = asyncio.create_task(cls._spawn())
        try:
            child = await asyncio.shield(spawning)
        except asyncio.CancelledError:  # half a process can't be stopped: it has to be there first
            await (await spawning).stop()
            raise
        try:
            await child.load(settings)
        except BaseException:  # whatever it is, nobody else knows of the child yet
            await child.stop()
            raise
        return child

    @classmethod
    async def _spawn(cls) -> Child:
        folder = Path(tempfile.mkdtemp(prefix="vuhitra-"))  # for its owner alone
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", str(_RUNNER)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C at the terminal is for the parent
            )
        except BaseException:  # whatever it is, nobody else knows of the folder yet
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return cls(process, folder)

    @property
    def alive(self) -> bool:
        """Whether it is there."""
        return self._process.returncode is None and not _has_ended(self._process.pid)

    async def stop(self) -> None:
        """Ends it at once, and removes its folder."""
        with suppress(ProcessLookupError):
            self._process.kill()
        stdin = self._stdin
        stdin.close()
        try:
            await self._process.wait()
            await self._stderr
            with suppress(ConnectionError):  # settings that it didn't live to read
                await stdin.wait_closed()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _stdin(self) -> asyncio.StreamWriter:
        assert self._process.stdin is not None  # noqa: S101  it was started with pipes
        return self._process.stdin

    async def load(self, settings: Mapping[str, Any]) -> None:
        """Has it load its model, once. Raises EngineRefusal with what was wrong."""
        key = secrets.token_urlsafe(32)
        local = hasattr(socket, "AF_UNIX")
        listen_on = str(self._folder / "llama.sock") if local else "127.0.0.1"
        own = {"listen_on": listen_on, "folder": str(self._folder), "key": key}
        address = await self._ask({**settings, **own})
        if address is None:
            why = _reason(await self._stderr)
            raise EngineRefusal(500, f"llama runner process has terminated: {why}")
        host = resolve_host(address, "the embedded engine's child")
        self.host = replace(host, authorization=f"Bearer {key}")

    async def _ask(self, settings: Mapping[str, Any]) -> str | None:
        """Where it listens, once its model is loaded; None if it ended, or will."""
        with suppress(ConnectionError):  # it has ended already: then stdout has, too
            self._stdin.write(json.dumps(settings).encode() + b"\n")
            await self._stdin.drain()
        try:
            address = json.loads(await _line(self._process.stdout))
        except ValueError:  # nothing, or a debugger's last words
            return None
        return address if isinstance(address, str) else None


def _has_ended(pid: int) -> bool:
    """Whether a process has ended, as the system knows it: the event loop hears of that a moment later."""
    if not hasattr(os, "waitid"):  # Windows, and macOS before Python 3.13
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # it was waited for in the meantime
        return True


async def _last_lines(stream: asyncio.StreamReader | None) -> list[str]:
    """The last lines of a pipe, once it has ended; until then it is kept from filling up."""
    lines: deque[bytes] = deque(maxlen=_LINES_OF_STDERR)
    while line := await _line(stream):
        lines.append(line)
    return [line.decode("utf-8", "replace").strip() for line in lines]


async def _line(stream: asyncio.StreamReader | None) -> bytes:
    assert stream is not None  # noqa: S101  it was started with pipes
    try:
        return await stream.readline()
    except ValueError:  # longer than asyncio cares to keep; it was thrown away
        return b"...\n"


def _reason(lines: Sequence[str]) -> str:
    """What says most: the first error of loading, or else the last line."""
    for line in lines:
        _, found, rest = line.partition("error loading model: ")
        if found:
            return found + rest
    return lines[-1] if lines else "it said nothing"
