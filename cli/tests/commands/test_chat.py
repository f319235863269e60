"""`vuhitra chat`: prompts in, answers out, and which model and server gives them."""

from __future__ import annotations

import pytest

from cli.commands.facts import cut_of, is_cut_as_asked
from cli.services.question import Question
from tests.commands.conftest import InTurn, Routes, Serve, generated, listed
from tests.commands.running import World
from tests.scripted_server import STREAM_HEAD, Close, answer, chunk, stream, unused_url
from vuhitra import Reply, Stats
from vuhitra.reply import StoppedBy

NOT_FOUND = answer({"error": "model 'm' not found"}, 404)
CONFIG = ".config/vuhitra/config.toml"


def test_stdout_is_the_answer_and_nothing_else(world: World, serve: Serve) -> None:
    ran = world.run("chat", "hello", "-m", "m", "--host", serve(says=["one ", "two"]).url)
    assert (ran.status, ran.out, ran.err) == (0, "one two\n", "")


@pytest.mark.parametrize(
    ("pieces", "printed"),
    [
        (["a\n"], "a\n"),
        (["a", "\n", "\n"], "a\n"),
        (["a\n", "\nb"], "a\n\nb\n"),
        (["\na "], "\na \n"),
        (["\x1b[31m\u202e\x00"], "\x1b[31m\u202e\x00\n"),
    ],
)
def test_the_text_is_exact_and_ends_in_one_newline(world: World, serve: Serve, pieces: list[str], printed: str) -> None:
    server = serve(says=pieces)
    assert world.run("chat", "x", "-m", "m", "--host", server.url).out == printed
    assert world.run("chat", "x", "-m", "m", "--no-stream", "--host", server.url).out == printed


@pytest.mark.parametrize("flag", ["-n", "--no-log"])
def test_no_record_is_kept(world: World, serve: Serve, flag: str) -> None:
    server = serve(says=["the answer"])
    ran = world.run("chat", "the question", flag, "-m", "m", "--host", server.url)
    assert (ran.status, ran.out, ran.err) == (0, "the answer\n", "")
    kept = b"".join(path.read_bytes() for path in world.home.rglob("*") if path.is_file())
    assert b"the question" not in kept
    assert b"the answer" not in kept


def test_one_answer_is_one_request(world: World, serve: Serve) -> None:
    server = serve(says=["a"])
    world.run("chat", "hello", "-m", "m", "--host", server.url)
    assert server.paths == ["/api/generate"]
    assert server.requests[0].json["prompt"] == "hello"


@pytest.mark.parametrize("pieces", [[], ["\n", " \t\n"]])
def test_an_answer_that_is_empty_is_said_to_be(world: World, serve: Serve, pieces: list[str]) -> None:
    ran = world.run("chat", "hello", "-m", "m", "--host", serve(says=pieces).url)
    assert (ran.status, ran.out.strip(), ran.err) == (0, "", "note: m answered nothing\n")


def test_of_an_empty_answer_that_names_no_model_the_one_that_was_asked_is_told(world: World, serve: Serve) -> None:
    nameless = serve({"/api/generate": stream(generated(model=""))})
    assert world.run("chat", "x", "-m", "asked", "--host", nameless.url).err == "note: asked answered nothing\n"


@pytest.mark.parametrize(
    ("stopped_by", "said"),
    [
        ("limit", "m was stopped after 7 tokens"),
        ("window", "m stopped after 7 tokens: its window is full"),
        ("length", "m stopped after 7 tokens: its window is full, or its limit reached"),
        ("stop", None),
    ],
)
def test_an_answer_that_has_no_end_is_said_to_have_none(stopped_by: StoppedBy, said: str | None) -> None:
    reply = Reply("and then, and then")
    reply.stopped_by, reply.stats = stopped_by, Stats(eval_count=7)
    assert cut_of(reply, "m") == said


CUT = "m was stopped after 1 token\n"
CUT_ELSEWHERE = "m stopped after 1 token: its window is full, or its limit reached\n"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], f"warning: {CUT_ELSEWHERE}"),
        (["-q"], f"warning: {CUT_ELSEWHERE}"),
        (["--num-predict", "1"], f"note: {CUT}"),
        (["-q", "-o", "num_predict=1"], ""),
        (["-q", "--num-predict", "2"], f"warning: {CUT_ELSEWHERE}"),
        (["-q", "--num-predict", "-1"], f"warning: {CUT_ELSEWHERE}"),
    ],
)
def test_an_answer_that_was_cut_is_a_loss_unless_its_length_was_asked_for(
    world: World, serve: Serve, flags: list[str], said: str
) -> None:
    server = serve({"/api/generate": stream(generated("a", done_reason="length", eval_count=1))})
    ran = world.run("chat", "x", "-m", "m", "--host", server.url, *flags)
    assert (ran.status, ran.out, ran.err) == (0, "a\n", said)


def test_the_limit_of_the_built_in_model_is_nobody_s_wish() -> None:
    reply = Reply("and then")
    reply.stopped_by = "limit"
    assert not is_cut_as_asked(reply, Question("x"))
    assert is_cut_as_asked(reply, Question("x", options={"num_predict": 9}))


def test_notes_are_no_plain_text_among_json(world: World, serve: Serve) -> None:
    ran = world.run("chat", "x", "-m", "m", "--json", "--host", serve(says=[]).url)
    assert (ran.status, ran.json["text"], ran.err) == (0, "", "")


@pytest.mark.parametrize(
    ("args", "stdin", "prompt"),
    [
        (["why", "so", "blue"], "", "why so blue"),
        (["what?"], "some text\n", "some text\n\nwhat?"),
        ([], "some text\n\n", "some text"),
        (["what?", "--no-stdin"], "some text\n", "what?"),
        (["what?"], "\ufeffBOM", "BOM\n\nwhat?"),
        (["--", "--help"], "", "--help"),
    ],
)
def test_the_material_goes_first_and_the_question_last(
    world: World, serve: Serve, args: list[str], stdin: str, prompt: str
) -> None:
    server = serve(says=["a"])
    world.with_(stdin=stdin.encode()).run("chat", "-m", "m", "--host", server.url, *args)
    assert server.requests[0].json["prompt"] == prompt


@pytest.mark.parametrize("stdin", [b"", b"\n", b" \n"])
def test_no_prompt_and_an_empty_stdin_is_wrong_usage(world: World, stdin: bytes) -> None:
    ran = world.with_(stdin=stdin).run("chat")
    assert ran.status == 2
    assert ran.err.startswith("Error: PROMPT is missing, and stdin is empty\n  try: vuhitra chat ")


@pytest.mark.parametrize("args", [(), ("",), (" ", "--no-stdin")])
def test_no_prompt_at_a_terminal_shows_what_to_type(world: World, args: tuple[str, ...]) -> None:
    ran = world.at_terminal.with_(variables={"NO_COLOR": "1"}).run("chat", *args)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == 'Error: PROMPT is missing\n  try: vuhitra chat "Why is the sky blue?"\n'


def test_stdin_that_is_no_text_is_refused_with_the_place(world: World) -> None:
    ran = world.with_(stdin=b"abc\xff").run("chat", "what?")
    assert (ran.status, ran.err) == (
        2,
        (
            "Error: stdin is not text in UTF-8\n  byte 0xff at position 3, in line 1\n"
            "  try: iconv -f ISO-8859-1 -t UTF-8, in the pipe before vuhitra\n"
        ),
    )


def test_names_of_files_are_not_taken_for_their_text(world: World) -> None:
    for name in ("a.txt", "b c.txt"):
        (world.home / name).touch()
    for args in (["sum up", "a.txt", "b c.txt"], ["-f", "a.txt", "b c.txt", "sum up"], ["a.txt", "b c.txt", "sum up"]):
        ran = world.run("chat", *args)
        assert ran.status == 2
        assert ran.err.endswith(
            "  these are files, and only their names would be sent; in quotes, as one PROMPT, they are\n"
            "  try: vuhitra chat -f a.txt -f 'b c.txt' 'sum up'\n"
        )
    assert world.run("chat", "a.txt", "b c.txt").err.startswith("Error: did you mean -f a.txt -f 'b c.txt'?\n")


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ("chat --host h -m m -f a.md b.md x", "chat --host h -m m -f a.md -f b.md x"),
        ("--json chat a.md b.md x --think -xm m", "--json chat -f a.md -f b.md --think -xm m x"),
        ("run m a.md b.md --seed 1", "run m -f a.md -f b.md --seed 1"),
        ("run a.md a.md b.md", "run a.md -f a.md -f b.md"),
        ("chat -s a.md a.md b.md", "chat -s a.md -f a.md -f b.md"),
        ("chat -m m -- -x.md a.md", "chat -m m -f ./-x.md -f a.md"),
        ("chat -m m -- a.md b.md -why", "chat -m m -f a.md -f b.md -- -why"),
    ],
)
def test_the_line_that_sends_files_is_the_one_that_was_typed(world: World, args: str, line: str) -> None:
    for name in ("a.md", "b.md", "-x.md"):
        (world.home / name).touch()
    ran = world.run(*args.split())
    said = ran.error["hint"] if "--json" in args else ran.err.splitlines()[-1].removeprefix("  try: ")
    assert (ran.status, said) == (2, f"vuhitra {line}")


def test_a_word_that_is_a_file_among_others_is_a_word(world: World, serve: Serve) -> None:
    (world.home / "README").touch()
    server = serve(says=["a"])
    for words in (["what", "is", "README"], ["README"], ["README", "and", "so", "on"], ["what is README"]):
        assert world.run("chat", "-m", "m", "--host", server.url, *words).status == 0
        assert server.requests[-1].json["prompt"] == " ".join(words)


def test_json_is_one_document(world: World, serve: Serve) -> None:
    records = generated("one ", "two", eval_count=2, eval_duration=1_000_000_000)
    server = serve({"/api/generate": stream(records)})
    document = world.run("chat", "x", "-m", "m", "--json", "--host", server.url).json
    assert next(iter(document)) == "version"
    assert document["version"] == 1
    assert document["text"] == "one two"
    assert document["engine"] == "ollama"
    assert document["host"] == server.url
    assert document["done_reason"] == document["stopped_by"] == "stop"
    assert document["stats"]["eval_duration"] == 1.0


def test_json_with_stream_is_a_line_a_piece(world: World, serve: Serve) -> None:
    ran = world.run("--json", "chat", "x", "-m", "m", "--stream", "--host", serve(says=["a", "é"]).url)
    assert [line["type"] for line in ran.lines] == ["text", "text", "done"]
    assert [line.get("text") for line in ran.lines] == ["a", "é", None]
    assert all(next(iter(line.items())) == ("version", 1) for line in ran.lines)


def test_thinking_is_not_part_of_the_answer(world: World, serve: Serve) -> None:
    thought = {"model": "m", "response": "", "thinking": "hm", "done": False}
    server = serve({"/api/generate": stream([thought, *generated("yes")])})
    args = ("chat", "x", "-m", "m", "--host", server.url)
    assert world.run(*args).out == "yes\n"
    assert world.run(*args, "--json").json["thinking"] == "hm"
    assert world.run(*args, "--json", "--stream").lines[0]["type"] == "thinking"


def test_the_header_is_for_a_person_at_stderr(world: World, serve: Serve) -> None:
    host = serve(says=["a"]).url
    person = world.with_(stderr_is_terminal=True, variables={"NO_COLOR": "1"})
    assert person.run("chat", "x", "-m", "m", "--host", host).err == "Model: m\n"
    assert person.run("chat", "x", "-m", "m", "--quiet", "--host", host).err == ""
    coloured = person.run("chat", "x", "-m", "m", "--color", "always", "--host", host)
    assert coloured.err == "\x1b[2mModel: m\x1b[0m\n"
    assert coloured.out == "a\n"


class TestWhichModel:
    def test_the_flag_goes_before_the_setting(self, world: World, serve: Serve) -> None:
        server = serve(says=["a"])
        settings = {"OLLAMA_IP": server.url, "MODEL": "from-settings"}
        world.with_(variables=settings).run("chat", "x")
        world.with_(variables=settings).run("chat", "x", "--model", "from-flag")
        assert [each.json["model"] for each in server.requests] == ["from-settings", "from-flag"]

    def test_the_only_one_that_can_chat(self, world: World, serve: Serve) -> None:
        embedding = {"name": "embedder", "size": 1, "capabilities": ["embedding"]}
        models = {"models": [embedding, {"name": "talker", "size": 1}]}
        shown = answer({"capabilities": ["completion"]})
        server = serve({"/api/tags": answer(models), "/api/show": shown, "/api/generate": stream(generated("a"))})
        assert world.run("chat", "x", "--host", server.url).out == "a\n"
        assert server.paths == ["/api/tags", "/api/show", "/api/generate"], "the list doesn't tell whether it talks"
        assert server.requests[2].json["model"] == "talker"

    def test_an_older_server_is_asked_which_of_its_models_can_chat(self, world: World, serve: Serve) -> None:
        shows = InTurn(answer({"capabilities": ["embedding"]}), answer({"capabilities": ["completion"]}))
        routes: Routes = {"/api/tags": listed("minilm:latest", "talker:latest"), "/api/show": shows}
        server = serve({**routes, "/api/generate": stream(generated("a"))})
        assert world.run("chat", "x", "--host", server.url).out == "a\n"
        assert server.requests[-1].json["model"] == "talker:latest"

    def test_of_several_one_has_to_be_named(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("one:latest", "two:latest")})
        unsure = world.run("chat", "x", "--host", server.url)
        assert unsure.err.startswith(f"Error: which model? 2 of those at 127.0.0.1:{server.port} may be able to chat\n")
        server.routes["/api/tags"] = listed("one:latest", "two:latest", capabilities=["completion"])
        ran = world.run("chat", "x", "--host", server.url)
        assert ran.status == 2
        assert ran.err == (
            f"Error: which model? 2 of those at 127.0.0.1:{server.port} can chat\n"
            "  one:latest, two:latest\n"
            f'  try: vuhitra chat -m one:latest --host {server.url} "…",'
            f" or: vuhitra models default one:latest --host {server.url}\n"
        )

    @pytest.mark.parametrize(("count", "rest"), [(10, "m8, m9"), (11, "m9 and 1 more"), (300, "m9 and 290 more")])
    def test_of_many_ten_are_named(self, world: World, serve: Serve, count: int, rest: str) -> None:
        server = serve({"/api/tags": listed(*(f"m{number}" for number in range(count)), capabilities=["completion"])})
        _, named, _ = world.run("chat", "x", "--host", server.url).err.splitlines()
        assert named.startswith("  m0, m1, ")
        assert named.endswith(rest)

    def test_a_person_is_asked_which(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("one:latest", "two:latest"), "/api/generate": stream(generated("a"))})
        person = world.with_(stdin=b"2\n", stdin_is_terminal=True, stderr_is_terminal=True)
        ran = person.run("chat", "x", "--host", server.url)
        assert (ran.status, ran.out) == (0, "a\n")
        assert "1" in ran.err
        assert "one:latest" in ran.err
        assert server.requests[-1].json["model"] == "two:latest"
        assert person.run("chat", "x", "--json", "--host", server.url).status == 2

    def test_a_server_with_no_models_says_how_to_get_one(self, world: World, serve: Serve) -> None:
        ran = world.run("chat", "x", "--host", serve({"/api/tags": listed()}).url)
        assert ran.status == 5
        assert "try: vuhitra models pull" in ran.err

    def test_a_misspelt_one_is_never_pulled(self, world: World, serve: Serve) -> None:
        tags = listed("llama3.1:8b", "llama3.1:8b-q8_0")
        server = serve({"/api/tags": tags, "/api/generate": NOT_FOUND})
        ran = world.run("chat", "x", "-m", "lama3.1:8b", "--host", server.url)
        assert ran.status == 5
        assert ran.err == (
            f"Error: no model 'lama3.1:8b' at 127.0.0.1:{server.port}; nothing was pulled\n"
            "  near names: llama3.1:8b, llama3.1:8b-q8_0\n"
            "  try: -m llama3.1:8b, or fetch it as written:"
            f" vuhitra models pull lama3.1:8b --host {server.url}\n"
        )
        assert "/api/pull" not in server.paths

    @pytest.mark.parametrize("name", ["bad name", "x:y:z"])
    def test_one_that_can_not_be_is_not_asked_for(self, world: World, serve: Serve, name: str) -> None:
        server = serve(says=["a"])
        here = world.with_(variables={"OLLAMA_IP": server.url})
        ran = here.run("chat", "x", "-m", name)
        assert (ran.status, ran.err.splitlines()[0]) == (
            2,
            f"Error: invalid value for '-m' / '--model': not a model name: {name!r}",
        )
        set_so = here.with_(variables={"MODEL": name})
        ran = set_so.run("chat", "x")
        assert (ran.status, ran.err) == (
            2,
            f"Error: MODEL is {name!r}, which names no model\n  try: vuhitra config show\n",
        )
        assert set_so.run("chat", "x", "--show-prompt").err == ran.err
        assert server.requests == []
        assert set_so.run("chat", "x", "-m", "m").status == 0

    def test_a_missing_one_is_pulled_and_then_asked(self, world: World, serve: Serve) -> None:
        layer = {"status": "pulling ab", "digest": "ab", "total": 2_000_000, "completed": 2_000_000}
        server = serve(
            {
                "/api/generate": InTurn(NOT_FOUND, stream(generated("here"))),
                "/api/tags": listed("other:latest"),
                "/api/pull": stream([layer, {"status": "success"}]),
            }
        )
        ran = world.run("chat", "x", "-m", "m", "--host", server.url)
        assert (ran.status, ran.out) == (0, "here\n")
        note = f"note: no model m at 127.0.0.1:{server.port}; fetching it (2.0 MB)\n"
        assert ran.err == note + "m: 100% of 2.0 MB\n"
        assert server.paths == ["/api/generate", "/api/tags", "/api/pull", "/api/generate"]

    def test_a_missing_one_is_not_pulled_against_the_will(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": NOT_FOUND, "/api/tags": listed("other:latest")})
        ran = world.run("chat", "x", "-m", "m", "--no-pull", "--host", server.url)
        assert ran.status == 5
        assert ran.err.startswith(f"Error: no model 'm' at 127.0.0.1:{server.port}; nothing was pulled\n")
        assert "/api/pull" not in server.paths

    @pytest.mark.parametrize(
        ("where", "written", "told"),
        [
            (".env", "MODEL=lama3", "MODEL in ./.env"),
            (CONFIG, 'model = "lama3"', "model in ~/.config/vuhitra/config.toml"),
            (CONFIG, '[profiles.team]\nurl = "{url}"\nmodel = "lama3"', "model in profile team"),
        ],
    )
    def test_the_setting_that_named_a_missing_one_is_told(
        self, world: World, serve: Serve, where: str, written: str, told: str
    ) -> None:
        server = serve({"/api/tags": listed("llama3:latest"), "/api/generate": NOT_FOUND})
        file = world.home / where
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(written.format(url=server.url))
        asked = ("chat", "x", "--host", "team" if "profile" in told else server.url)
        missing = f"Error: no model 'lama3' at 127.0.0.1:{server.port}"
        ran = world.run(*asked)
        assert (ran.status, ran.err.splitlines()[0]) == (5, f"{missing} ({told}); nothing was pulled")
        assert world.run(*asked, "-m", "lama3").err.startswith(f"{missing}; nothing was pulled\n")


class TestWhichServer:
    def test_a_configured_host_is_never_replaced(self, world: World) -> None:
        for ran in (
            world.run("chat", "x", "--host", unused_url()),
            world.with_(variables={"OLLAMA_IP": unused_url()}).run("chat", "x"),
            world.with_(variables={"OLLAMA_HOST": unused_url()}).run("chat", "x"),
        ):
            assert ran.status == 3
            assert ran.err.startswith("Error: cannot connect to Ollama at http://127.0.0.1:")

    def test_flag_and_engine_together_are_one_too_many(self, world: World) -> None:
        ran = world.run("chat", "x", "--host", "a", "--embedded")
        assert (ran.status, ran.err.splitlines()[0]) == (
            2,
            "Error: --host and --embedded name two servers; only one can answer",
        )


class TestBrokenOff:
    def test_what_was_said_is_kept(self, world: World, serve: Serve) -> None:
        cut = [STREAM_HEAD, *map(chunk, generated("half an ")[:1]), Close()]
        ran = world.run("chat", "x", "-m", "m", "--host", serve({"/api/generate": cut}).url)
        assert (ran.status, ran.out) == (7, "half an \n")
        what, why, hint = ran.err.splitlines()
        assert what.startswith("Error: ")
        assert what.endswith(" broke off in the middle of the answer")
        assert why == "  closed the connection too soon"
        assert hint.startswith("  try: vuhitra chat x -m m --host http://127.0.0.1:")

    def test_what_came_through_a_pipe_is_not_asked_without_it(self, world: World, serve: Serve) -> None:
        cut = [STREAM_HEAD, *map(chunk, generated("half an ")[:1]), Close()]
        piped = world.with_(stdin=b"It rained.")
        ran = piped.run("chat", "x", "-m", "m", "--host", serve({"/api/generate": cut}).url)
        assert ran.err.endswith("\n  try: the same command again\n")
        misfit = ("chat", "x", "-m", "m", "--schema", "a int", "--host", serve(says=["{}"]).url)
        assert piped.run(*misfit).err.endswith("\n  try: the same with --json\n")

    def test_what_is_held_back_is_whole_or_carries_its_error(self, world: World, serve: Serve) -> None:
        cut = [STREAM_HEAD, *map(chunk, generated("half an ")[:1]), Close()]
        args = ("chat", "x", "-m", "m", "--host", serve({"/api/generate": cut}).url)
        assert (world.run(*args, "--no-stream").status, world.run(*args, "--no-stream").out) == (7, "")
        ran = world.run(*args, "--json")
        assert (ran.status, ran.error["code"], ran.error["exit"]) == (7, "broke-off", 7)
        assert (ran.json["text"], ran.json["error"]) == ("half an ", ran.error)

    def test_a_stream_of_json_ends_with_the_error(self, world: World, serve: Serve) -> None:
        cut = [STREAM_HEAD, *map(chunk, generated("half")[:1]), Close()]
        server = serve({"/api/generate": cut})
        ran = world.run("chat", "x", "-m", "m", "--json", "--stream", "--host", server.url)
        assert [line["type"] for line in ran.lines] == ["text", "error"]
        assert ran.lines[-1]["error"] == ran.error
