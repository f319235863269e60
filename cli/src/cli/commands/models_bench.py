"""`vuhitra models bench`: how fast models answer, each asked the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from cli.commands.command import Command, check_model_names
from cli.commands.invocation import Invocation, invocation
from cli.commands.model_verbs import MISSING, Items, command_line, near_names_for
from cli.commands.value_types import Count
from cli.services.bench import Speed, run_once, summed_up, warm_up
from cli.services.servers import Server, connected
from cli.terminal.numbers import duration, milliseconds
from cli.terminal.tables import Column, print_table

_DROPPED_FIRST = ("READING", "LOAD", "FIRST WORD", "TOKENS/S")


@click.command(name="bench", cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="MODEL...", callback=check_model_names)
@click.option("--runs", type=Count(1, 100), default=3, help="How often each is asked (3).")
@click.option("--num-predict", type=Count(1), default=64, help="The tokens of each answer (64).")
@click.pass_context
def models_bench(context: click.Context, names: tuple[str, ...], *, runs: int, num_predict: int) -> None:
    """Measure how fast models answer.

    Each is asked once to load it, and then as often as --runs says; the table shows the medians. READING is how
    fast it takes a prompt in; LOAD is empty where it was loaded already.

    \b
    Examples:
      vuhitra models bench smollm2:135m
      vuhitra models bench smollm2:135m llama3.2 --runs 5
    """
    call = invocation(context)
    measured: list[Speed] = []
    with connected(call.settings, call.memory) as server:
        try:
            with Items(call, server) as items:
                for name in names:
                    with items.item(name) as result, near_names_for(server, command_line(context, MISSING)):
                        found = _measure(call, server, name, runs, num_predict)
                        measured.append(found)
                        result |= {**found._asdict(), "runs": [run._asdict() for run in found.runs]}
        finally:
            if measured and not call.flags.json:
                _print(call, measured)


def _measure(call: Invocation, server: Server, name: str, runs: int, tokens: int) -> Speed:
    with call.waiting(f"loading {name}") as waiting:
        load = warm_up(server.client, name)
        done = []
        for number in range(1, runs + 1):
            waiting.now(f"asking {name}, {number} of {runs}")
            done.append(run_once(server.client, name, call.environment.monotonic, tokens, number))
    return summed_up(name, load, done)


def _print(call: Invocation, measured: Sequence[Speed]) -> None:
    def cells(value: Callable[[Speed], float | None], write: Callable[[float], str]) -> list[str]:
        return ["" if (found := value(each)) is None else write(found) for each in measured]

    def rate(value: float) -> str:
        return f"{value:,.0f} t/s" if value >= 10 else f"{value:.1f} t/s"

    columns = [
        Column("MODEL", [each.name for each in measured]),
        Column("FIRST WORD", cells(lambda each: each.first_word, milliseconds), right=True),
        Column("TOKENS/S", cells(lambda each: each.tokens_a_second, rate), right=True),
        Column("READING", cells(lambda each: each.prompt_tokens_a_second, rate), right=True),
        Column("LOAD", cells(lambda each: each.load, duration), right=True),
    ]
    print_table(call.out, columns, _DROPPED_FIRST)
