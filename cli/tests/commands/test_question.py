"""What is asked as a value, what happens where it is too long or can't be done, and what `--show-prompt` shows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from cli.services.question import Material, Question
from tests.commands.conftest import InTurn, Routes, Serve, generated, listed
from tests.commands.running import World
from tests.scripted_server import Step, answer, stream, unused_url

TEXT = "word " * 4_000


def overlong(needed: int = 6_210, window: int = 4_096) -> list[Step]:
    """What a server says to a prompt that is longer than the window."""
    inner = {
        "code": 400,
        "message": f"request ({needed} tokens) exceeds the available context size ({window} tokens), try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": needed,
        "n_ctx": window,
    }
    return answer({"error": inner}, 400)


def model(name: str, window: int = 4_096, *capabilities: str) -> dict[str, Any]:
    """A model in a list."""
    can = ["completion", *capabilities]
    return {"name": name, "size": 1, "capabilities": can, "details": {"context_length": window}}


class TestValue:
    def test_the_material_goes_first(self) -> None:
        question = Question("why?", [Material("a", "ay\n", "```"), Material("stdin", "in")])
        assert question.prompt == "```a\nay\n```\n\nin\n\nwhy?"

    def test_four_bytes_are_about_a_token(self) -> None:
        assert Question("x" * 41, system="y" * 4).tokens == 11 + 1
        assert Question("é" * 4).tokens == 2

    def test_only_what_was_given_is_asked_for(self) -> None:
        assert Question("why?").asked == {}
        assert Question("why?", think=False, keep_alive=0).asked == {"think": False, "keep_alive": 0}


class TestTooLong:
    def routes(self, limit: int, *models: dict[str, Any], needed: int = 6_210) -> Routes:
        shown = {"model_info": {"general.architecture": "llama", "llama.context_length": limit}, "details": {}}
        return {
            "/api/generate": overlong(needed),
            "/api/show": answer(shown),
            "/api/tags": answer({"models": [model("m", limit), *models]}),
        }

    def asked(self, world: World, serve: Serve, routes: Routes) -> list[str]:
        (world.home / "report.txt").write_text(TEXT)
        ran = world.run("chat", "sum up", "-f", "report.txt", "-m", "m", "--host", serve(routes).url)
        assert (ran.status, ran.out) == (8, "")
        return ran.err.splitlines()

    def test_it_says_by_how_much_and_by_what(self, world: World, serve: Serve) -> None:
        first, second, third = self.asked(world, serve, self.routes(8_192))
        assert first == "Error: too long for m: 6,210 tokens, and its window is 4,096"
        assert second == "  report.txt is about 6,210 of them; nothing was cut, nothing was answered"
        assert third == "  try: --num-ctx 8192 (the most it can; loads it again), or a shorter file"

    def test_a_larger_window_is_offered_only_where_the_model_has_one(self, world: World, serve: Serve) -> None:
        most = self.asked(world, serve, self.routes(7_000))[2]
        assert most == "  try: --num-ctx 7000 (the most it can; loads it again), or a shorter file"
        more = self.asked(world, serve, self.routes(131_072))[2]
        assert more == "  try: --num-ctx 8192 (loads it again), or a shorter file"
        larger = (model("vast", 131_072), model("large", 8_192), model("embedder", 7_000))
        larger[2]["capabilities"] = ["embedding"]
        other = self.asked(world, serve, self.routes(4_096, *larger))[2]
        assert other.startswith("  try: -m large, whose window takes up to 8,192; or a shorter file")
        assert self.asked(world, serve, self.routes(4_096))[2] == "  try: a shorter file, or --on-overflow trim"

    def test_without_material_it_is_the_text(self, world: World, serve: Serve) -> None:
        ran = world.run("chat", TEXT, "-m", "m", "--host", serve(self.routes(4_096)).url)
        assert ran.err.splitlines()[1:] == ["  nothing was cut, nothing was answered", "  try: a shorter text"]

    def test_the_server_may_cut_it_with_a_warning(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": InTurn(overlong(), stream(generated("a")))})
        ran = world.run("chat", TEXT, "--on-overflow", "warn", "-m", "m", "--host", server.url)
        assert (ran.status, ran.out) == (0, "a\n")
        assert ran.err == (
            "warning: too long: the server left out 2,114 of 6,210 tokens or more; its window is 4,096\n"
        )
        sent = [(each.json["truncate"], each.json["shift"]) for each in server.requests]
        assert sent == [(False, False), (True, True)]

    def test_the_end_of_the_material_may_be_cut(self, world: World, serve: Serve) -> None:
        (world.home / "a.txt").write_text(TEXT)
        (world.home / "b.txt").write_text("short")
        server = serve({"/api/generate": InTurn(overlong(), stream(generated("a")))})
        args = ("-f", "a.txt", "-f", "b.txt", "-s", "be brief", "--on-overflow", "trim", "why?")
        ran = world.run("chat", *args, "-m", "m", "--host", server.url)
        assert (ran.status, ran.out) == (0, "a\n")
        assert ran.err == "warning: too long: the last 51% of a.txt was cut, b.txt was left out\n"
        whole, cut = (each.json for each in server.requests)
        assert cut["prompt"].endswith("```\n\nwhy?")
        assert len(cut["prompt"]) / len(whole["prompt"]) == pytest.approx(0.75 * 4_096 / 6_210, abs=0.01)
        assert (cut["system"], cut["truncate"]) == ("be brief", False)

    def test_it_is_cut_again_until_it_fits(self, world: World, serve: Serve) -> None:
        turns = InTurn(overlong(), overlong(5_000), overlong(4_200), stream(generated("a")))
        server = serve({"/api/generate": turns})
        ran = world.with_(stdin=TEXT.encode()).run(
            "chat", "x", "--on-overflow", "trim", "-m", "m", "--host", server.url
        )
        assert (ran.status, ran.err.count("warning: ")) == (0, 1)
        lengths = [len(each.json["prompt"]) for each in server.requests]
        parts = [0.75 * 4_096 / needed for needed in (6_210, 5_000, 4_200)]
        assert [after / before for before, after in pairwise(lengths)] == pytest.approx(parts, abs=0.01)

    def test_where_nobody_counts_it_is_cut_to_what_may_fit_and_then_halved(self, world: World, serve: Serve) -> None:
        refused = answer({"error": "the input length exceeds the context length"}, 400)
        turns = [refused] * 4
        server = serve(
            {
                "/api/ps": answer({"models": [{"name": "m:latest", "context_length": 1_000}]}),
                "/api/generate": InTurn(*turns, stream(generated("a"))),
            }
        )
        piped = world.with_(stdin=TEXT.encode())
        args = ("chat", "x", "--on-overflow", "trim", "-m", "m", "--host", server.url)
        ran = piped.run(*args)
        assert (ran.status, ran.err) == (0, "warning: too long: the last 98% of stdin was cut\n")
        lengths = [len(each.json["prompt"]) for each in server.requests if each.path == "/api/generate"]
        assert lengths == pytest.approx([20_000, 3_000, 1_500, 750, 375], abs=5)
        server.routes["/api/generate"] = InTurn(*turns[:1], stream(generated("a")))
        assert piped.run(*args, "--num-ctx", "4096").status == 0
        assert len(server.requests[-1].json["prompt"]) == pytest.approx(0.75 * 4_096 * 4, abs=5)

    def test_what_is_done_already_is_not_offered(self, world: World, serve: Serve) -> None:
        refused = answer({"error": "the input length exceeds the context length"}, 400)
        routes: list[Routes] = [{"/api/generate": refused}, self.routes(4_096, needed=1_000_000)]
        for each in routes:
            piped = world.with_(stdin=TEXT.encode())
            ran = piped.run("chat", TEXT, "--on-overflow", "trim", "-m", "m", "--host", serve(each).url)
            assert (ran.status, "--on-overflow" in ran.err) == (8, False)
            assert "  try: a shorter text" in ran.err

    def test_what_nobody_counts_is_estimated_for_what_to_try(self, world: World, serve: Serve) -> None:
        refused = answer({"error": "the input length exceeds the context length"}, 400)
        shown = {"model_info": {"general.architecture": "x", "x.context_length": 8_192}}
        server = serve({"/api/generate": refused, "/api/show": answer(shown)})
        ran = world.run("chat", TEXT, "-m", "m", "--host", server.url)
        assert (ran.status, ran.err.splitlines()[-1]) == (
            8,
            "  try: --num-ctx 8192 (the most it can; it may not be enough), or a shorter text",
        )
        ran = world.run("chat", "a few words", "--num-ctx", "64", "-m", "m", "--host", server.url)
        assert ran.err.splitlines()[-1] == "  try: --num-ctx 1024 (it may not be enough), or a shorter text"

    def test_a_question_is_never_cut(self, world: World, serve: Serve) -> None:
        server = serve(self.routes(4_096))
        for times, here in enumerate((world, world.with_(stdin=b"short")), 1):
            ran = here.run("chat", TEXT, "--on-overflow", "trim", "-m", "m", "--host", server.url)
            assert (ran.status, server.paths.count("/api/generate")) == (8, times)

    def test_as_json(self, world: World, serve: Serve) -> None:
        ran = world.run("--json", "chat", TEXT, "-m", "m", "--host", serve(self.routes(4_096)).url)
        assert (ran.error["code"], ran.error["exit"]) == ("too-long", 8)


class TestWhatAModelCannotDo:
    def refusing(self, text: str, *models: dict[str, Any]) -> Routes:
        return {
            "/api/generate": answer({"error": text}, 400),
            "/api/tags": answer({"models": [model("m"), *models]}),
        }

    def test_thinking(self, world: World, serve: Serve) -> None:
        routes = self.refusing('"m" does not support thinking', model("thinker", 1, "thinking"))
        asked = ("chat", "x", "--think", "--host", serve(routes).url)
        ran = world.run(*asked, "-m", "m")
        assert (ran.status, ran.err) == (
            5,
            (
                "Error: m can't think\n  models there that can: thinker\n"
                "  try: -m thinker, or the same without --think\n"
            ),
        )
        set_so = world.with_(variables={"MODEL": "m"}).run(*asked)
        assert set_so.err.startswith("Error: m (MODEL) can't think\n")

    def test_thinking_at_a_level(self, world: World, serve: Serve) -> None:
        text = 'think value "low" is not supported for this model'
        args = ("chat", "x", "--think=low", "-m", "m", "--host")
        ran = world.run(*args, serve(self.refusing(text, model("thinker", 1, "thinking"))).url)
        assert (ran.status, ran.err.splitlines()[0]) == (5, "Error: m can't think")
        thinks = {
            "/api/generate": answer({"error": text}, 400),
            "/api/tags": answer({"models": [model("m", 1, "thinking")]}),
        }
        ran = world.run(*args, serve(thinks).url)
        assert (ran.status, ran.err) == (
            5,
            f"Error: m takes no level of thinking\n  {text}\n  try: the same with --think\n",
        )

    def test_what_a_model_can_and_not_so_is_told_in_the_words_of_the_server(self, world: World, serve: Serve) -> None:
        said = '"m" does not support thinking'
        thinks = {
            "/api/generate": answer({"error": said}, 400),
            "/api/tags": answer({"models": [model("m", 1, "thinking")]}),
        }
        ran = world.run("chat", "x", "--think", "-m", "m", "--host", serve(thinks).url)
        assert (ran.status, ran.err) == (5, f"Error: m can't think\n  {said}\n")

    def test_seeing(self, world: World, serve: Serve) -> None:
        (world.home / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        server = serve(self.refusing("this model does not support images"))
        ran = world.run("chat", "x", "-a", "x.png", "-m", "m", "--host", server.url)
        assert (ran.status, ran.err) == (
            5,
            (f"Error: m can't see images\n  no model at 127.0.0.1:{server.port} can\n  try: the same without -a\n"),
        )

    def test_a_server_that_would_leave_the_image_out_is_not_asked(self, world: World, serve: Serve) -> None:
        (world.home / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        server = serve(
            {
                "/api/show": answer({"capabilities": ["completion"]}),
                "/api/tags": answer({"models": [model("m"), model("llava", 1, "vision")]}),
                "/api/generate": stream(generated("a boat")),
            }
        )
        args = ("chat", "x", "-a", "x.png", "--host", server.url)
        ran = world.run(*args, "-m", "m")
        assert (ran.status, ran.out) == (5, "")
        assert ran.err == (
            "Error: m can't see images\n  models there that can: llava\n  try: -m llava, or the same without -a\n"
        )
        assert "/api/generate" not in server.paths
        server.routes["/api/show"] = answer({"capabilities": ["completion", "vision"]})
        assert world.run(*args, "-m", "llava").out == "a boat\n"

    @pytest.mark.parametrize("shown", [answer({"details": {}}), answer({"capabilities": []}), answer({}, 500)])
    def test_a_server_that_does_not_tell_is_shown_the_image(
        self, world: World, serve: Serve, shown: list[Step]
    ) -> None:
        (world.home / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        server = serve({"/api/show": shown, "/api/generate": stream(generated("a"))})
        assert world.run("chat", "x", "-a", "x.png", "-m", "m", "--host", server.url).out == "a\n"
        assert server.paths == ["/api/show", "/api/generate"]


class TestShowPrompt:
    def test_nothing_is_sent_and_nothing_asked(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("one", "two")})
        ran = world.run("chat", "why?", "-s", "be brief", "--host", server.url, "--show-prompt", "--seed", "1")
        assert (ran.status, server.requests) == (0, [])
        assert ran.out == (
            f"POST {server.url}/api/generate\n"
            "model: none is named: the only one there that can chat, if there is just one\n"
            'truncate: false\nshift: false\noptions: {"seed": 1}\nstream: true\n'
            "\nsystem:\nbe brief\n\nprompt:\nwhy?\n"
        )
        assert ran.err == "note: about 3 tokens; nothing was sent\n"

    @pytest.mark.parametrize(("flag", "tokens"), [(("--raw",), "1 token"), (("-s", "y"), "2 tokens")])
    def test_it_is_what_goes_over_the_wire(
        self, world: World, serve: Serve, flag: tuple[str, ...], tokens: str
    ) -> None:
        (world.home / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        server = serve(says=['{"a": 1}'])
        flags = ("--think=low", "-o", "stop=x", "--schema", "a int", "--keep-alive", "5m", "-a", "x.png", *flag)
        args = ("chat", "x", "-m", "m", *flags, "--host", server.url)
        shown = world.run(*args, "--show-prompt", "--json").json
        assert world.run(*args).status == 0
        assert shown["request"] == server.requests[-1].json
        assert shown["url"] == f"{server.url}/api/generate"
        assert next(iter(shown)) == "version"
        said = world.run(*args, "--show-prompt")
        assert "images: 1 (8 B)\n" in said.out
        assert "model: m (from --model)\n" in said.out
        assert said.err == f"note: about {tokens} and 1 image; nothing was sent\n"

    def test_what_may_be_left_out_is_noted(self, world: World) -> None:
        args = ("chat", "x", "-m", "m", "--show-prompt", "--on-overflow")
        sent = "note: about 1 token; nothing was sent\n"
        server_s = "note: all of it is shown; of what doesn't fit the window, the server would leave out a part\n"
        assert world.run(*args, "warn").err == server_s + sent
        assert world.run(*args, "trim").err == sent
        assert world.run(*args, "error").err == sent
        piped = world.with_(stdin=b"y").run(*args, "trim")
        own = "note: all of the material is shown; of what doesn't fit the window, its end would be cut\n"
        assert (piped.out.endswith("prompt:\ny\n\nx\n"), piped.err) == (True, own + sent)

    def test_the_built_in_model(self, world: World) -> None:
        said = world.run("chat", "x", "--embedded", "--show-prompt").out
        assert said.startswith("POST /api/generate of the built-in engine\nmodel: smollm2:135m (the built-in one)\n")

    def test_it_cannot_harm_a_terminal(self, world: World) -> None:
        person = world.with_(stdout_is_terminal=True, stdin=b"\x1b[31mred")
        assert "\x1b" not in person.run("chat", "x", "--show-prompt").out
        assert "\x1b[31m" in world.with_(stdin=b"\x1b[31mred").run("chat", "x", "--show-prompt").out


class TestWindow:
    def test_it_is_looked_up_for_a_person_with_material(self, world: World, serve: Serve) -> None:
        (world.home / "report.txt").write_text(TEXT)
        running = answer({"models": [{"name": "m:latest", "context_length": 8192}]})
        server = serve({"/api/ps": running, "/api/generate": stream(generated("a"))})
        args = ("chat", "x", "-f", "report.txt", "-m", "m", "--host", server.url)
        assert world.run(*args).err == ""
        assert server.paths == ["/api/generate"]
        person = world.with_(stderr_is_terminal=True, variables={"NO_COLOR": "1"})
        assert "report.txt, about 5.0k of 8k tokens" in person.run(*args).err
        assert server.paths[1:] == ["/api/ps", "/api/generate"]
        assert "report.txt, about 5.0k of 4k tokens" in person.run(*args, "--num-ctx", "4096").err
        assert server.paths[3:] == ["/api/generate"]

    def test_without_material_it_is_worth_no_request(self, world: World, serve: Serve) -> None:
        server = serve(says=["a"])
        world.with_(stderr_is_terminal=True).run("chat", "x", "-m", "m", "--host", server.url)
        assert server.paths == ["/api/generate"]

    def test_a_server_that_does_not_tell_is_asked_all_the_same(self, world: World, serve: Serve) -> None:
        (world.home / "report.txt").write_text(TEXT)
        person = world.with_(stderr_is_terminal=True)
        ran = person.run("chat", "x", "-f", "report.txt", "-m", "m", "--host", serve(says=["a"]).url)
        assert (ran.status, ran.out) == (0, "a\n")


def test_a_server_may_be_waited_for(world: World, serve: Serve) -> None:
    server = serve({"/api/version": answer({"version": "1"}), "/api/generate": stream(generated("a"))})
    assert world.run("chat", "x", "-m", "m", "--wait", "5", "--host", server.url).out == "a\n"
    assert server.paths == ["/api/version", "/api/generate"]
    assert world.run("chat", "x", "-m", "m", "--wait", "0.2", "--host", unused_url()).status == 3


def test_retries_are_counted(world: World, serve: Serve) -> None:
    server = serve({"/api/generate": answer({"error": "busy"}, 503)})
    ran = world.run("chat", "x", "-m", "m", "--retries", "0", "--host", server.url)
    assert (ran.status, len(server.requests)) == (10, 1)
