"""Programs run in turns, each a process of its own, and what was measured of them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.cases import Case, Side
from benchmarks.comparing import Round

_PATIENCE = 300
"""Seconds after which a program is taken not to end."""


class FailedError(Exception):
    """A program that doesn't do what it is to be measured doing."""


@contextmanager
def server(folder: Path) -> Generator[str]:
    """A server of `serving.py`, until the block is left; gives its URL. folder: the one that `benchmarks` is in."""
    command = (sys.executable, "-m", "benchmarks.serving")
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None  # noqa: S101  it was started with pipes
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        # Leaving closes its stdin, which ends it.


def rounds(case: Case, measure: Callable[[Side], float]) -> Generator[Round]:
    """Both sides in turns, beginning with the one and then with the other; a first round counts for nothing."""
    measure(case.ours)
    measure(case.against)
    for number in range(case.rounds):
        if number % 2:
            against = measure(case.against)
            yield Round(measure(case.ours), against)
        else:
            ours = measure(case.ours)
            yield Round(ours, measure(case.against))


def measured(side: Side, variables: Mapping[str, str], folder: Path) -> float:
    """The seconds that a program takes from its start to its end, or the number that it tells.

    Raises FailedError.
    """
    began = time.perf_counter()
    try:
        done = subprocess.run(
            side.command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise FailedError(f"{side.name} ended with {error.returncode}: {error.stderr.strip()}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FailedError(f"{side.name}: {error}") from error
    seconds = time.perf_counter() - began
    if side.says not in done.stdout:
        raise FailedError(f"{side.name} printed {done.stdout!r}, and not {side.says!r}")
    return float(done.stdout) if side.tells else seconds
