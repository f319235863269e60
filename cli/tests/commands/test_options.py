"""`-o KEY=VALUE` and the flags for single options, how long a model stays loaded, and whether it thinks."""

from __future__ import annotations

from typing import Any

import pytest

from cli.services.request_options import KNOWN, keep_alive_of, options_of
from tests.commands.conftest import Serve
from tests.commands.running import World
from vuhitra.types import Options


def sent(world: World, serve: Serve, *args: str) -> Any:
    """The request that a command line makes."""
    server = serve(says=["a"])
    ran = world.run("chat", "x", "-m", "m", "--host", server.url, *args)
    assert ran.status == 0, ran.err
    return server.requests[-1].json


def test_every_option_of_the_library_is_known() -> None:
    assert set(KNOWN) == set(Options.__annotations__)


def test_options_are_sent_with_their_types(world: World, serve: Serve) -> None:
    given = ("-o", "temperature=0.5", "-o", "num_ctx=4096", "-o", "use_mmap=false", "-o", "stop=a", "-o", "stop=b=c")
    assert sent(world, serve, *given)["options"] == {
        "temperature": 0.5,
        "num_ctx": 4096,
        "use_mmap": False,
        "stop": ["a", "b=c"],
    }


def test_some_options_have_flags_of_their_own(world: World, serve: Serve) -> None:
    given = ("--temperature", "1", "--seed", "-1", "--num-ctx", "8192", "--num-predict=-2", "-o", "seed=7")
    assert sent(world, serve, *given)["options"] == {
        "temperature": 1.0,
        "seed": -1,
        "num_ctx": 8192,
        "num_predict": -2,
    }


def test_without_options_none_are_sent(world: World, serve: Serve) -> None:
    assert "options" not in sent(world, serve)


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (["-o", "temprature=1"], "no option 'temprature'\n  near names: temperature\n  try: -o temperature=1"),
        (["-o", "num-ctx=1"], "no option 'num-ctx'\n  near names: num_ctx\n  try: -o num_ctx=1"),
        (["-o", "numCtx=1"], "no option 'numCtx'\n  near names: num_ctx\n  try: -o num_ctx=1"),
        (["-o", "max_tokens=9"], "no option 'max_tokens'\n  near names: num_predict\n  try: -o num_predict=9"),
        (["-o", "temperature=hot"], "the option temperature is a number, not 'hot'"),
        (["-o", "temperature=-1"], "the option temperature is a number, 0 at least, not -1"),
        (["-o", "temperature=nan"], "the option temperature is a number, not 'nan'"),
        (["-o", "top_p=1.5"], "the option top_p is a number, from 0 to 1, not 1.5"),
        (["-o", "seed=1.5"], "the option seed is a whole number, not '1.5'"),
        (["-o", "use_mmap=1"], "the option use_mmap is true or false, not '1'"),
        (["--seed", "x"], "--seed is a whole number, not 'x'"),
        (["--num-ctx", "0"], "--num-ctx is a whole number, 1 at least, not 0"),
        (["-o", "temperature", "0.5"], "-o takes KEY=VALUE, not 'temperature'\n  try: -o temperature=0.5"),
        (["-o", "stop", "."], "-o takes KEY=VALUE, not 'stop'\n  try: -o stop=VALUE"),
        (["-o", "stop="], "the option stop is empty"),
        (["-o", "=1"], "-o takes KEY=VALUE, not '=1'\n  try: -o temperature=0.5"),
        (["-o", "xyzzy"], "-o takes KEY=VALUE, not 'xyzzy'\n  try: -o temperature=0.5"),
    ],
)
def test_what_an_option_does_not_take_is_an_error(world: World, args: list[str], error: str) -> None:
    ran = world.run("chat", "why", "-m", "m", *args)
    assert (ran.status, ran.out, ran.err) == (2, "", f"Error: {error}\n")


def test_what_is_near_to_nothing_is_told_all_there_is(world: World) -> None:
    assert "  there are: num_ctx, num_predict," in world.run("chat", "x", "-o", "xyzzy=1").err


def test_the_user_s_own_options_go_before_those_of_the_built_in_model(world: World) -> None:
    shown = world.run("chat", "x", "--embedded", "--show-prompt", "--json", "--temperature", "1").json
    assert shown["request"]["options"] == {"temperature": 1.0, "num_predict": 1024}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10m", "10m"),
        ("1h30m", "1h30m"),
        ("-1m", "-1m"),
        ("1.5h", "1.5h"),
        ("300", 300),
        ("-1", -1),
        ("0.5", 0.5),
        ("9223372036", 9_223_372_036),
        ("2562047h", "2562047h"),
        ("-99999999999", -99_999_999_999),
    ],
)
def test_how_long_a_model_stays_loaded(text: str, value: float | str) -> None:
    read = keep_alive_of(text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("text", ["", "5x", "m", "1h 30m", "forever", "nan"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        keep_alive_of(text)


@pytest.mark.parametrize(
    "text", ["9223372037", "99999999999", "1e30", "2562047h48m", "-2562047h48m", "9223372036s999999999us"]
)
def test_longer_than_a_server_can_count_is_out_of_range(text: str) -> None:
    with pytest.raises(ValueError, match="is no time up to 9,223,372,036 seconds"):
        keep_alive_of(text)


def test_keep_alive_on_the_wire_and_misspelt(world: World, serve: Serve) -> None:
    assert sent(world, serve, "--keep-alive", "10m")["keep_alive"] == "10m"
    assert sent(world, serve, "--keepalive", "0")["keep_alive"] == 0
    ran = world.run("chat", "x", "--keep-alive", "5x")
    assert ran.status == 2
    assert "'5x' is no time: 10m, 1h30m, 300 (seconds)" in ran.err


class TestThinking:
    @pytest.mark.parametrize(
        ("args", "think"),
        [
            (["--think"], True),
            (["--no-think"], False),
            (["--think=high"], "high"),
            (["--think=false"], False),
            (["--no-think", "--think"], True),
        ],
    )
    def test_it_is_asked_for(self, world: World, serve: Serve, args: list[str], think: bool | str) -> None:
        assert sent(world, serve, *args)["think"] == think

    def test_unasked_it_is_left_to_the_model(self, world: World, serve: Serve) -> None:
        assert "think" not in sent(world, serve)

    def test_a_level_stands_only_behind_an_equals_sign(self, world: World, serve: Serve) -> None:
        server = serve(says=["a"])
        world.run("chat", "--think", "high", "-m", "m", "--host", server.url)
        assert (server.requests[0].json["prompt"], server.requests[0].json["think"]) == ("high", True)

    @pytest.mark.parametrize(
        ("args", "note"),
        [
            (
                ["chat", "--think", "low", "hi", "-m", "m"],
                "note: low is part of the prompt; --think=low sets a level\n",
            ),
            (["run", "m", "hi", "--think", "max"], "note: max is part of the prompt; --think=max sets a level\n"),
            (["chat", "--think", "low", "hi", "-m", "m", "-q"], ""),
            (["chat", "--think", "why", "low", "-m", "m"], ""),
            (["chat", "low", "--think", "-m", "m"], ""),
            (["chat", "--think=low", "low", "-m", "m"], ""),
            (["run", "--think", "low", "hi"], ""),
        ],
    )
    def test_a_level_in_the_prompt_is_noted(self, world: World, serve: Serve, args: list[str], note: str) -> None:
        ran = world.run(*args, "--host", serve(says=["a"]).url)
        assert (ran.status, ran.err) == (0, note)

    def test_a_value_that_looks_like_the_flag_is_a_value(self, world: World, serve: Serve) -> None:
        body = sent(world, serve, "--system", "--think")
        assert body["system"] == "--think"
        assert "think" not in body
        server = serve(says=["a"])
        world.run("chat", "-m", "m", "--host", server.url, "--", "--think")
        assert server.requests[0].json["prompt"] == "--think"

    def test_a_level_that_is_none_is_an_error(self, world: World) -> None:
        ran = world.run("chat", "x", "--think=hi")
        assert ran.status == 2
        assert "'hi' is none of low, medium, high, max" in ran.err
        assert world.run("chat", "x", "--no-think=high").status == 2


def test_pairs_without_a_value_know_what_else_was_said() -> None:
    assert options_of(["num_predict=5"], ["why"]) == {"num_predict": 5}
