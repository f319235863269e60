"""`make bench`: all cases, or those that are named, as a table; a whole run is written into docs."""

from __future__ import annotations

import compileall
import os
import platform
import re
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.cases import Case, Places, Side, cases
from benchmarks.comparing import compare
from benchmarks.docs import keep
from benchmarks.report import Report, Row, as_text
from benchmarks.running import FailedError, measured, rounds, server

_CLI = Path(__file__).parents[1]
_OURS = Path(sys.prefix)
_PEERS = _OURS / "peers"
_SHOWN = ("ollama", "llm", "llm-ollama")


def main(names: Sequence[str]) -> int:
    """Measure, print and write; 1 where something did not run. A budget that is missed is told, and no failure."""
    _compile()
    with server(_CLI) as url, tempfile.TemporaryDirectory() as home:
        places = Places(_OURS / "bin", _PEERS / "bin", url)
        wanted = _chosen(cases(places), names)
        variables = _variables(Path(home), url)
        rows = list(_rows(wanted, lambda side: measured(side, variables, Path(home))))
    sys.stdout.write(as_text(rows) if rows else "")
    if len(rows) < len(wanted):
        return 1
    if not names:
        keep(Report(datetime.now(UTC).date().isoformat(), _machine(), _versions(), rows))
    return 0


def _compile() -> None:
    """Have bytecode for all that is imported, as after an installation."""
    for folder in (_CLI / "src", sysconfig.get_path("purelib"), _PEERS / "lib"):
        compileall.compile_dir(str(folder), quiet=2)


def _chosen(known: Sequence[Case], names: Sequence[str]) -> list[Case]:
    """The cases of these names; all where none is named."""
    if unknown := set(names) - {case.key for case in known}:
        there = ", ".join(case.key for case in known)
        raise SystemExit(f"Error: there is no case {', '.join(sorted(unknown))}, but {there}.")
    return [case for case in known if not names or case.key in names]


def _variables(home: Path, url: str) -> dict[str, str]:
    """All that measured programs know of the world: a server, and a home with nothing in it."""
    named = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "LLM_USER_PATH": str(home / "llm")}
    return {**named, "OLLAMA_IP": url, "OLLAMA_HOST": url}


def _rows(wanted: Sequence[Case], measure: Callable[[Side], float]) -> Generator[Row]:
    """What comes of each case; one that does not run is told, and left out."""
    for number, case in enumerate(wanted, 1):
        _tell(f"{number} of {len(wanted)}: {case.what} against {case.against.name}")
        try:
            yield Row.of(case, compare(case.budget, list(rounds(case, measure))))
        except FailedError as error:
            _tell(f"Error: {error}")


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _machine() -> str:
    """The machine, without its name."""
    return f"{platform.system()} on {platform.machine()} with {os.cpu_count()} cores"


def _versions() -> dict[str, str]:
    pins = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)$", Path(__file__).with_name("peers.txt").read_text("utf-8")))
    ours = {"vuhitra": version("vuhitra"), "Python": platform.python_version(), "xllamacpp": version("xllamacpp")}
    return {**ours, **{name: pins[name] for name in _SHOWN}}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
