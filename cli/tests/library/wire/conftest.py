"""Both clients for one body of tests: the asynchronous one is driven by a loop of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from tests.scripted_server import Received, ScriptedServer, Step
from vuhitra import AsyncOllamaClient, OllamaClient


class Blocking:
    """An asynchronous client or stream, used as if it were a blocking one."""

    def __init__(self, wrapped: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._wrapped = wrapped
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._wrapped, {"close": "aclose"}.get(name, name))
        if not callable(attribute):
            return attribute
        return lambda *arguments, **options: self._wait_for(attribute(*arguments, **options))

    def __iter__(self) -> Iterator[Any]:
        return self._iterate(self._wrapped.__aiter__())

    def __next__(self) -> Any:
        try:
            return self._loop.run_until_complete(self._wrapped.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def __enter__(self) -> Blocking:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run_until_complete(self._wrapped.aclose())

    def _iterate(self, iterator: Any) -> Iterator[Any]:
        while True:
            try:
                yield self._loop.run_until_complete(iterator.__anext__())
            except StopAsyncIteration:
                return

    def _wait_for(self, result: Any) -> Any:
        if asyncio.iscoroutine(result):
            result = self._loop.run_until_complete(result)
        is_asynchronous = hasattr(result, "__aexit__") or hasattr(result, "__aiter__")
        return Blocking(result, self._loop) if is_asynchronous else result


Connect = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes a client, of either colour, that is closed at the end of the test."""
    with ExitStack() as closing:
        if request.param == "sync":
            yield lambda *a, **o: closing.enter_context(OllamaClient(*a, **o))
        else:
            loop = asyncio.new_event_loop()
            closing.callback(loop.close)
            closing.callback(lambda: loop.run_until_complete(loop.shutdown_asyncgens()))
            yield lambda *a, **o: closing.enter_context(Blocking(AsyncOllamaClient(*a, **o), loop))


Serve = Callable[..., ScriptedServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a scripted server that is stopped at the end of the test."""
    with ExitStack() as stopping:

        def start(*scripts: list[Step]) -> ScriptedServer:
            return stopping.enter_context(ScriptedServer(*scripts))

        yield start


class AskedServer(ScriptedServer):
    """Asks a function what to answer, instead of going by the order in which requests arrive.

    The function is called when a request has arrived, in a thread of its connection; it may wait there.
    """

    def __init__(self, answer_to: Callable[[Received], Sequence[Step]]) -> None:
        super().__init__()
        self._answer_to = answer_to

    def _script_for(self, request: Received, before: int) -> Sequence[Step]:
        return self._answer_to(request)


ServeBy = Callable[[Callable[[Received], Sequence[Step]]], AskedServer]


@pytest.fixture
def serve_by() -> Iterator[ServeBy]:
    """Starts a server that asks a function what to answer, and is stopped at the end of the test."""
    with ExitStack() as stopping:
        yield lambda answer_to: stopping.enter_context(AskedServer(answer_to))
