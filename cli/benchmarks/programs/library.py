"""The library at work: a task, and the URL of a server; it prints one number.

`official.py` has tasks of the same names, done by the official client.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from vuhitra import OllamaClient

TEXTS = [f"This is text number {number}." for number in range(10_000)]
IN_A_REQUEST = 1_000
ANSWERS = 200


def pieces(client: OllamaClient, model: str = "pieces") -> float:
    """Seconds of this process's time that a piece takes."""
    began = time.process_time()
    count = sum(1 for _ in client.generate("x", model, stream=True))
    return (time.process_time() - began) / count


def packets(client: OllamaClient) -> float:
    """The same where each piece comes in a packet of its own."""
    return pieces(client, "packets")


def first(client: OllamaClient) -> float:
    """Seconds until the first piece of an answer is there, over a connection that is open already."""
    return median(_until_the_first(client) for _ in range(ANSWERS))


def _until_the_first(client: OllamaClient) -> float:
    began = time.perf_counter()
    with client.generate("x", "instant", stream=True) as stream:
        next(stream)
        taken = time.perf_counter() - began
        for _ in stream:  # to its end, which keeps the connection
            pass
    return taken


def embed(client: OllamaClient) -> float:
    """Seconds in which all texts are embedded."""
    began = time.perf_counter()
    for start in range(0, len(TEXTS), IN_A_REQUEST):
        client.embed(TEXTS[start : start + IN_A_REQUEST])
    return time.perf_counter() - began


def decode(client: OllamaClient) -> float:
    """Seconds of this process's time that a reply with 1,000 vectors takes."""
    began = time.process_time()
    client.embed(TEXTS[:1_000])
    return time.process_time() - began


def megabyte(client: OllamaClient, model: str = "megabyte") -> float:
    """The most bytes that this process has held by the end of an answer of 1 MB."""
    for _ in client.generate("x", model, stream=True):
        pass
    return _most_memory()


def hundred_megabytes(client: OllamaClient) -> float:
    """The same for an answer of 100 MB."""
    return megabyte(client, "hundred-megabytes")


def _most_memory() -> float:
    """The peak of this program alone, where the system tells it: `ru_maxrss` may be that of its parent."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:"))
    return float(line.split()[1]) * 1024


TASKS: dict[str, Callable[[OllamaClient], float]] = {
    task.__name__: task for task in (pieces, packets, first, embed, decode, megabyte, hundred_megabytes)
}


def main() -> None:
    """Ask for one answer, so that everything is imported and connected, and do the task."""
    task, url = sys.argv[1:]
    client = OllamaClient(url, "m")
    for _ in client.generate("x", "instant", stream=True):
        pass
    sys.stdout.write(f"{TASKS[task](client)}\n")


if __name__ == "__main__":
    main()
