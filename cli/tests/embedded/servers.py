"""Servers of a test's own, for what would disturb the others."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any

import pytest

from cli.services.embedded.model_store import ModelStore, find_bundled_model
from cli.services.embedded.serving import serve_in_background
from tests.embedded.asking import MODEL, ask
from vuhitra.hosts import Host

PATIENCE = 20.0
"""Seconds after which something that should happen at once is taken not to happen."""

STORY: dict[str, Any] = {
    "model": MODEL,
    "prompt": "Write a very long story",
    "options": {"num_predict": 4000, "temperature": 1.2, "top_k": 100, "top_p": 1.0},
}
"""A request that takes very much longer than that to answer."""

BOOK: dict[str, Any] = {"model": MODEL, "prompt": "A new word, and another one. " * 900, "options": {"num_ctx": 8192}}
"""A request whose prompt alone takes long."""

SHORT: dict[str, Any] = {"model": MODEL, "prompt": "Hi", "options": {"num_predict": 1}, "stream": False}


@contextmanager
def server(**settings: Any) -> Generator[Host]:
    """A server with the real model, not loaded yet."""
    with serve_in_background(ModelStore(find_bundled_model()), **settings) as host:
        yield host


def running(host: Host) -> list[Any]:
    """What is loaded."""
    models: list[Any] = ask(host, "GET", "/api/ps").json["models"]
    return models


def wait_until_loaded(host: Host) -> None:
    """Waits for the model, which is loaded for whoever asked for it first."""
    until(lambda: running(host) != [])


def until(condition: Callable[[], bool]) -> None:
    """Waits for what no event tells."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("it did not come about")
        time.sleep(0.01)


def wait_for_end(pid: int) -> None:
    """Waits until a process has ended, its parent or not."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], PATIENCE)
    finally:
        os.close(descriptor)
    assert ready, f"process {pid} is still there"


def first_line(response: HTTPResponse) -> bytes:
    """The first record of a stream."""
    line = response.readline()
    assert line.endswith(b"\n")
    return line
