"""`vuhitra models bench`: what is asked, and what is made of the answers."""

from __future__ import annotations

import pytest

from cli.services.bench import Run, summed_up
from tests.commands.conftest import InTurn, Serve, generated, listed
from tests.commands.running import World
from tests.scripted_server import answer, stream

SECOND = 1_000_000_000
STATS = {
    "eval_count": 64,
    "eval_duration": 2 * SECOND,
    "prompt_eval_count": 30,
    "prompt_eval_duration": SECOND // 10,
}
WARM = stream(generated("a", load_duration=3 * SECOND))


def test_the_table(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": InTurn(WARM, stream(generated("a", "b", **STATS)))})
    ran = world.run("models", "bench", "m", "--runs", "2", "--num-predict", "64", "--host", server.url)
    assert (ran.status, ran.err) == (0, "")
    heading, row = ran.out.splitlines()
    assert heading.split() == ["MODEL", "FIRST", "WORD", "TOKENS/S", "READING", "LOAD"]
    name, _, unit, *others = row.split()
    assert (name, unit, others) == ("m", "ms", ["32", "t/s", "300", "t/s", "3", "s"])


def test_every_run_is_asked_alike_and_none_profits_from_the_one_before(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": InTurn(WARM, stream(generated("a", **STATS)))})
    world.run("models", "bench", "m", "--runs", "3", "--num-predict", "16", "--host", server.url)
    first, *runs = [request.json for request in server.requests]
    assert first["options"]["num_predict"] == 1
    assert [run["options"] for run in runs] == [{"temperature": 0, "seed": 0, "num_predict": 16}] * 3
    prompts = [run["prompt"] for run in runs]
    assert [prompt[:3] for prompt in prompts] == ["1. ", "2. ", "3. "]
    assert len({prompt[3:] for prompt in prompts}) == 1


def test_json_has_every_run(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": InTurn(WARM, stream(generated("a", **STATS)))})
    document = world.run("models", "bench", "m", "--runs", "2", "--json", "--host", server.url).json
    found = document["models"][0]
    assert (document["version"], found["load"], found["tokens_a_second"]) == (1, 3.0, 32.0)
    assert [run["tokens"] for run in found["runs"]] == [64, 64]


def test_one_that_is_not_there_leaves_the_others(world: World, serve: Serve) -> None:
    gone = answer({"error": "model 'x' not found"}, 404)
    server = serve(
        {"/api/generate": InTurn(gone, WARM, stream(generated("a", **STATS))), "/api/tags": listed("llama3")}
    )
    ran = world.run("models", "bench", "lama3", "llama3", "--runs", "1", "--host", server.url)
    assert ran.status == 5
    assert "near names: llama3" in ran.err
    assert f"  try: vuhitra models bench llama3 --runs 1 --host {server.url}\n" in ran.err
    assert ran.out.splitlines()[1].startswith("llama3 ")


def test_the_sum_is_the_median_and_stands_what_a_server_leaves_out() -> None:
    runs = [Run(seconds, None, None, 0, 1.0) for seconds in (0.1, 9.0, 0.2)]
    found = summed_up("m", None, [*runs, Run(None, None, None, 0, 1.0)])
    assert (found.first_word, found.tokens_a_second) == (0.2, None)


@pytest.mark.parametrize("flags", [["--runs", "0"], ["--num-predict", "0"], ["--runs", "many"]])
def test_wrong_numbers(world: World, flags: list[str]) -> None:
    assert world.run("models", "bench", "m", *flags).status == 2


def test_with_the_built_in_model(world: World) -> None:
    ran = world.run("models", "bench", "smollm2:135m", "--runs", "1", "--num-predict", "4", "--embedded", "--json")
    assert ran.status == 0, ran.err
    assert ran.json["models"][0]["tokens_a_second"] > 0
