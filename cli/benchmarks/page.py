"""The page of a run, docs/benchmarks.md. This file reads and writes nothing."""

from __future__ import annotations

from benchmarks.report import Report, as_markdown

_PAGE = """\
# Benchmarks

How long vuhitra takes, beside others that do the same. `make bench` measures it anew on your machine and writes this
page; it takes five to ten minutes, and wants a machine that does nothing else.

![How much of its budget each case takes](benchmarks.svg)

{table}
Measured on {date}: {machine}, with {versions}. [benchmarks.json](benchmarks.json) has the same for programs.

## How it is measured

- Both sides of a case run in turns, each time as a process of its own. A round is one run of each. Both sides' numbers
  are medians, and so is what they come to, over all rounds; between the quartiles lie half of the rounds.
- Each round is compared in itself, since how fast a machine is changes with the hour: our side is divided by the other,
  or, for the first piece, what is more is told. Each case has a budget for that. It is kept or missed when both
  quartiles say so; otherwise it is too close to tell.
- The server is a program on the same machine that answers at once. No model thinks, so the time is the clients' own;
  only the built-in engine is measured with its model.
- Peers are the [official client](https://github.com/ollama/ollama-python) and [llm](https://llm.datasette.io/) with
  llm-ollama, in an environment of their own, at the versions in
  [peers.txt](../cli/benchmarks/peers.txt).

## What is measured

| case | |
|---|---|
| `--version`, `--help`, import | the time of the whole process, that of the interpreter included |
| `vuhitra chat "x"` | the same, until an answer of one word is printed; llm keeps no log here, as vuhitra keeps none |
| a streamed piece | the processor time of the client's process, divided by the pieces: 200 a packet, or one |
| the first piece | from the call until the first piece, over an open connection, beyond what a bare socket needs |
| Markdown | the processor time a byte, of long texts beside short ones: it shall not grow with the length |
| memory | the most that a process holds while it reads an answer in the library, which keeps it for its `Reply` |
| 10,000 texts embedded | in requests of 1,000 texts, against a request a text; until all vectors are there |
| vectors read | the processor time for one reply |
| the built-in engine | tokens a second of one answer, through the library, against the binding of llama.cpp alone |

`make bench ARGS="chat engine"` measures some cases only, by the keys that benchmarks.json has for them, and keeps
nothing.
"""


def page(report: Report) -> str:
    """The page for a run."""
    versions = [f"{name} {version}" for name, version in report.versions.items()]
    return _PAGE.format(
        table=as_markdown(report.rows),
        date=report.date,
        machine=report.machine,
        versions=f"{', '.join(versions[:-1])} and {versions[-1]}",
    )
