"""The official client at work: a task, and the URL of a server; it prints one number.

It runs in the peers' environment. `library.py` says what its tasks are.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

ollama: Any = import_module("ollama")  # it is installed where this runs, and nowhere else

TEXTS = [f"This is text number {number}." for number in range(10_000)]


def pieces(client: Any, model: str = "pieces") -> float:
    """Seconds of this process's time that a piece takes."""
    began = time.process_time()
    count = sum(1 for part in client.generate(model, "x", stream=True) if part.response)
    return (time.process_time() - began) / count


def packets(client: Any) -> float:
    """The same where each piece comes in a packet of its own."""
    return pieces(client, "packets")


def embed(client: Any) -> float:
    """Seconds in which all texts are embedded, one by one."""
    began = time.perf_counter()
    for text in TEXTS:
        _ = client.embed("m", text).embeddings
    return time.perf_counter() - began


def decode(client: Any) -> float:
    """Seconds of this process's time that a reply with 1,000 vectors takes."""
    began = time.process_time()
    _ = client.embed("m", TEXTS[:1_000]).embeddings
    return time.process_time() - began


TASKS: dict[str, Callable[[Any], float]] = {task.__name__: task for task in (pieces, packets, embed, decode)}


def main() -> None:
    """Ask for one answer, so that everything is imported and connected, and do the task."""
    task, url = sys.argv[1:]
    client = ollama.Client(url)
    for _ in client.generate("instant", "x", stream=True):
        pass
    sys.stdout.write(f"{TASKS[task](client)}\n")


if __name__ == "__main__":
    main()
