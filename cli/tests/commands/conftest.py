"""A world for each command to run in, and servers that answer as a script says."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.commands.running import World
from tests.scripted_server import Received, ScriptedServer, Step, answer, stream


class InTurn:
    """Scripts for one path: the first request gets the first, and so on; the last one stays."""

    def __init__(self, *scripts: Sequence[Step]) -> None:
        self._scripts = list(scripts)

    def next(self) -> Sequence[Step]:
        """The script for the next request."""
        return self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]


Routes = Mapping[str, Sequence[Step] | InTurn]


class RoutedServer(ScriptedServer):
    """A scripted server with a script for each path, whatever the order of the requests."""

    def __init__(self, routes: Routes) -> None:
        super().__init__()
        self.routes = dict(routes)

    def _script_for(self, request: Received, before: int) -> Sequence[Step]:
        script = self.routes.get(request.path, answer({"error": "not in the script"}, 404))
        return script.next() if isinstance(script, InTurn) else script

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, in their order."""
        return [request.path for request in self.requests]


Serve = Callable[..., RoutedServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server: a script for each path, or the pieces of the answer it gives to any prompt."""
    with ExitStack() as stopping:

        def start(routes: Routes | None = None, *, says: Sequence[str] = ()) -> RoutedServer:
            wanted = routes or {"/api/generate": stream(generated(*says))}
            return stopping.enter_context(RoutedServer(wanted))

        yield start


@pytest.fixture
def released(serve: Serve) -> Iterator[threading.Event]:
    """What a script may wait for; set at the latest when the test is over, so that servers can stop."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A home with nothing in it, nothing on stdin, and nobody at a terminal."""
    return World(tmp_path)


@pytest.fixture
def fresh(world: World) -> World:
    """A machine that never had a server."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 11434)) == 0:
            pytest.skip("a server listens at the default address of this machine")
    return world


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Takes back what the program sets up for logging, as it would end with the process."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


def generated(*texts: str, **last: Any) -> list[dict[str, Any]]:
    """The records of an answer to a prompt, in these pieces. last: more fields of the last record."""
    records = [{"model": "m", "response": text, "done": False} for text in texts]
    end: dict[str, Any] = {"model": "m", "response": "", "done": True, "done_reason": "stop"}
    return [*records, {**end, **last}]


def listed(*names: str, **fields: Any) -> list[Step]:
    """What `/api/tags` answers where these models are there."""
    models = [{"name": name, "model": name, "size": 98_362_745, **fields} for name in names]
    return answer({"models": models})
