"""Code blocks: where they begin and end, and `--extract`."""

from __future__ import annotations

import pytest

from cli.terminal.code_blocks import extracted
from tests.commands.conftest import Serve, generated
from tests.commands.running import World, in_terminal
from tests.scripted_server import STREAM_HEAD, Close, Hang, chunk

WARNING = "warning: no code block in the answer; all of it is here\n"
TWO = "Here:\n```py\none\n```\nand\n~~~\ntwo\n\n~~~\nbye"


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        (TWO, "one", "two\n"),
        ("no code", None, None),
        ("`` ` `` and ``` `x` ```", None, None),
        ("```\n", "", ""),
        ("```\n```", "", ""),
        ("````md\n```\ninner\n```\n````", "```\ninner\n```", "```\ninner\n```"),
        ("~~~\n```\n~~~\n", "```", "```"),
        ("```\nunclosed\n", "unclosed\n", "unclosed\n"),
        ("- a:\n\n  ```sh\n  ls\n    -l\n  ```\n", "ls\n  -l", "ls\n  -l"),
        ("```\n    ```\n```", "    ```", "    ```"),
        ("```\na\n```` \nb", "a", "a"),
        ("```\na\n```x\n```", "a\n```x", "a\n```x"),
        ("```py title=`x`\nno\n", None, None),
        ("~~~py `x`\nyes\n~~~", "yes", "yes"),
        ("```\r\na\r\n```\r\n", "a\r", "a\r"),
    ],
)
def test_blocks(text: str, first: str | None, last: str | None) -> None:
    blocks = extracted(text, "first"), extracted(text, "last")
    assert tuple(block and block.text for block in blocks) == (first, last)


def test_the_block_alone_is_printed(world: World, serve: Serve) -> None:
    args = ("chat", "x", "-m", "m", "--host", serve(says=list(TWO)).url)
    assert world.run(*args, "--extract").out == "one\n"
    assert world.run(*args, "-x", "--stream").out == "one\n"
    assert world.run(*args, "--extract-last").out == "two\n"
    assert world.at_terminal.run(*args, "-x").out == "one\n"


def test_without_one_all_is_printed_and_that_is_said(world: World, serve: Serve) -> None:
    args = ("chat", "x", "-m", "m", "-x", "--host", serve(says=["**no** code"]).url)
    ran = world.run(*args)
    assert (ran.status, ran.out, ran.err) == (0, "**no** code\n", WARNING)
    assert world.run(*args, "--json").json["extracted"] is None


def test_a_block_without_an_end_is_said_to_have_none(world: World, serve: Serve) -> None:
    said = "warning: the code block isn't closed: the answer ends within it\n"
    args = ("chat", "x", "-m", "m", "-q", "--host", serve(says=["```\na\n```\n", "```\nb"]).url)
    assert (world.run(*args, "-x").out, world.run(*args, "-x").err) == ("a\n", "")
    ran = world.run(*args, "--xl")
    assert (ran.status, ran.out, ran.err) == (0, "b\n", said)
    assert world.run(*args, "--xl", "--json").json["extracted"] == "b"


def test_json_has_both(world: World, serve: Serve) -> None:
    args = ("chat", "x", "-m", "m", "-x", "--json", "--host", serve(says=[TWO]).url)
    document = world.run(*args).json
    assert (document["text"], document["extracted"]) == (TWO, "one")
    assert world.run(*args, "--stream").lines[-1]["extracted"] == "one"


def test_half_a_program_is_not_printed(world: World, serve: Serve) -> None:
    cut = [STREAM_HEAD, *map(chunk, generated("```sh\nrm -r /tmp")[:1]), Close()]
    ran = world.run("chat", "x", "-m", "m", "-x", "--host", serve({"/api/generate": cut}).url)
    assert (ran.status, ran.out) == (7, "")


def test_nor_is_it_after_a_signal(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": [STREAM_HEAD, *map(chunk, generated("```sh\nrm -r /tmp")[:1]), Hang()]})
    with in_terminal(world, "chat", "x", "-m", "m", "-x", "--host", server.url) as terminal:
        terminal.wait_for("answering")
        terminal.send("\x03")
        assert terminal.end() == 130
    assert terminal.screen == ["", "Model: m", "Stopped after 4 words.", ""]
