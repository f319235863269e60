"""The embedded engine as a server in the background of this process, for this process alone."""

from __future__ import annotations

import os
import platform
import secrets
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from cli.services.embedded import EngineNotInstalledError, ModelNotInstalledError
from cli.services.embedded.model_store import ModelStore, find_bundled_model, ollama_folder
from vuhitra.hosts import Host, resolve_host

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_NEEDED = ("xllamacpp", "starlette", "uvicorn")
_GRACE = 1
"""Seconds that answers may still take once the server is told to stop."""


def default_threads() -> int:
    """One less than there are cores, since busy cores make each other slow; at least one."""
    return max(1, (os.cpu_count() or 1) - 1)


@contextmanager
def serve_in_background(
    store: ModelStore | None = None,
    *,
    slots: int = 1,
    queue: int = 512,
    threads: int | None = None,
) -> Generator[Host]:
    """A server on a free port of the loopback address, with a key, until the block is left.

    It answers at once and loads a model when one is asked for. store: its models; None for those
    of this machine. slots: requests at once, each with the whole window; so many more as `queue`
    may wait. threads: None for `default_threads`.

    Raises EngineNotInstalledError, and ModelNotInstalledError where there is no model to run.
    """
    store = servable(store)
    key = secrets.token_urlsafe(32)
    app = _app(store, key, slots=slots, queue=queue, threads=threads or default_threads())
    with socket.create_server(("127.0.0.1", 0)) as listener, _running(app, listener):
        port = listener.getsockname()[1]
        host = resolve_host(f"http://127.0.0.1:{port}", "the built-in engine")
        yield replace(host, authorization=f"Bearer {key}")


def servable(store: ModelStore | None = None) -> ModelStore:
    """The models to serve, None for those of this machine, once all that serving them takes is there.

    Raises EngineNotInstalledError, and ModelNotInstalledError where there is no model to run.
    """
    for package in _NEEDED:
        if find_spec(package) is None:
            raise EngineNotInstalledError(package)
    if store is None:
        store = ModelStore(find_bundled_model(), ollama_folder(os.environ))
    if not store.models():
        raise ModelNotInstalledError
    return store


def _app(store: ModelStore, key: str, *, slots: int, queue: int, threads: int) -> ASGIApp:
    from cli.services.embedded.app import Admission, build_app
    from cli.services.embedded.engine import LlamaEngine
    from cli.services.embedded.loading import Loading
    from cli.services.embedded.scheduler import Scheduler

    scheduler = Scheduler(LlamaEngine.start, slots=slots, queue=queue)
    loading = Loading(store, scheduler, slots=slots, threads=threads)
    return build_app(loading, Admission(platform.node(), key))


@contextmanager
def _running(app: ASGIApp, listener: socket.socket) -> Generator[None]:
    """Runs the app in a thread with an event loop of its own."""
    import uvicorn

    ready = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

    config: dict[str, Any] = {
        "log_config": None,
        "log_level": "error",
        "access_log": False,
        "server_header": False,
        "http": "h11",
        "loop": "asyncio",
        "ws": "none",
        "lifespan": "on",
        "timeout_graceful_shutdown": _GRACE,
    }
    server = Server(uvicorn.Config(app, **config))

    def run() -> None:
        try:
            server.run([listener])
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="embedded engine")
    thread.start()
    try:
        ready.wait()
        if not server.started:
            raise RuntimeError("the built-in engine's server did not start")
        yield
    finally:
        server.should_exit = True
        thread.join()
