"""What a person sees, drawn: whole windows with their looks, and the same words in a narrow one.

In a drawing `<dim>…</>` is how a text looks, and what stands between `⟨⟩` is a pattern, for numbers and times.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from cli.commands.doctor_lines import by_subject, finding_of, line_of_subject, print_line
from cli.config import read_settings
from cli.environment import Stream
from cli.failure import Failure
from cli.reporting import report_of
from cli.services.doctor import Check, completed
from cli.services.memory import Memory
from cli.services.servers import configured_host, connected
from cli.services.trust import Trust
from cli.terminal.columns import columns
from cli.terminal.errors import render
from cli.terminal.screen import Screen
from tests.commands.conftest import RoutedServer, Routes, Serve, generated, listed
from tests.commands.running import Terminal, World, in_terminal
from tests.scripted_server import STREAM_HEAD, Hang, Step, WaitFor, answer, chunk, stream, unused_url
from vuhitra import OllamaConnectionError
from vuhitra.limits import Deadline
from vuhitra.transport.faults import translated
from vuhitra.transport.route import Route

WIDE, NARROW = 79, 40
GPU = "http://gpu.lan:11434"
LOOKS = {"1": "bold", "2": "dim", "1;31": "red", "32": "green", "33": "yellow"}
HALF = {"status": "pulling a", "digest": "a", "total": 2_000_000_000, "completed": 1_100_000_000}
WHOLE = {**HALF, "completed": 2_000_000_000}


@pytest.fixture
def person(world: World) -> World:
    """Somebody with a terminal that has colours."""
    return world.with_(variables={"COLORTERM": "truecolor"})


def gpu(world: World, serve: Serve, routes: Routes) -> tuple[World, RoutedServer]:
    """A world whose server is `gpu.lan`, and that server: it is reached as if it were a proxy."""
    server = serve({GPU + path: script for path, script in routes.items()})
    return world.with_(variables={"OLLAMA_IP": GPU, "http_proxy": server.url}), server


def in_minutes(minutes: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def model(name: str, size: int, can: str, minutes: float, **details: object) -> dict[str, object]:
    changed = in_minutes(-minutes)
    return {"name": name, "size": size, "modified_at": changed, "details": details, "capabilities": can.split()}


MODELS = [
    model("llama3.1:8b", 4_900_000_000, "completion tools", 4400, quantization_level="Q4_K_M", context_length=131_072),
    model("smollm2:latest", 98_362_745, "completion", 200, quantization_level="Q4_1", context_length=8192),
    model("all-minilm:latest", 45_000_000, "embedding", 190, quantization_level="F16", context_length=256),
]
TAGS = answer({"models": MODELS})


def marked(seen: str) -> str:
    """What a terminal was sent, with words for its looks, and without what was erased again."""
    lines = [re.split("\r\x1b\\[K", line)[-1] for line in seen.replace("\r\n", "\n").split("\n")]
    text = "\n".join(lines)
    for code, look in LOOKS.items():
        text = text.replace(f"\x1b[{code}m", f"<{look}>")
    return text.replace("\x1b[0m", "</>")


def words(text: str) -> list[str]:
    """The words alone, wherever lines end."""
    return re.sub("</?[a-z]*>", "", text).split()


def pattern(drawing: str) -> str:
    """What a drawing matches."""
    return re.sub("⟨(.*?)⟩", lambda part: re.sub(r"\\(.)", r"\1", part.group(1)), re.escape(drawing))


def assert_drawn(terminal: Terminal, drawing: str) -> None:
    """The window is as drawn; the test's own Enter stands above it."""
    seen = marked(terminal.seen)
    assert re.fullmatch(pattern("\n" + drawing), seen), seen


def assert_said(terminal: Terminal, drawing: str, columns_wide: int = NARROW) -> None:
    """The window has the words of the drawing, and no line of it is too wide but one that is a command.

    That is wrapped by the terminal alone: it is pasted as it was written.
    """
    assert re.fullmatch(pattern(" ".join(words(drawing))), " ".join(words(marked(terminal.seen))))
    for line in terminal.screen:
        assert columns(line) <= columns_wide or re.fullmatch(" +vuhitra [^;,]+,?", line), line
        assert line == line.rstrip()


def check(world: World, args: Sequence[str], status: int, drawing: str, stop_at: str | None = None) -> None:
    """Run it in a wide and in a narrow window. stop_at: where Ctrl-C is pressed."""
    for columns_wide, check_one in ((WIDE, assert_drawn), (NARROW, assert_said)):
        anew = world.with_(variables={"XDG_STATE_HOME": str(world.home / str(columns_wide))})
        with in_terminal(anew, *args, columns=columns_wide) as terminal:
            if stop_at:
                terminal.wait_for(stop_at)
                terminal.send("\x03")
            assert terminal.end() == status
        check_one(terminal, drawing)


def test_the_first_run_without_a_server(person: World) -> None:
    drawing = """\
<dim>No Ollama server here, so the built-in model answers: </><bold>smollm2:135m</><dim>.</>
<dim>It is small and often wrong. Better: ollama.com/download, or set OLLAMA_IP.</>

The sky ⟨(?s:.+)⟩
"""
    check(person, ("chat", "--num-predict", "12", "why is the sky blue"), 0, drawing)


@pytest.mark.parametrize("columns_wide", [WIDE, NARROW])
def test_a_model_that_loads(person: World, serve: Serve, released: threading.Event, columns_wide: int) -> None:
    answering = [WaitFor(released), *stream(generated("The sky looks blue."))]
    nothing_runs = answer({"models": []})
    here, _ = gpu(person, serve, {"/api/generate": answering, "/api/ps": nothing_runs, "/api/tags": TAGS})
    Memory(here.environment().state_dir).note_load(GPU, "llama3.1:8b", 19)
    with in_terminal(here, "chat", "x", "-m", "llama3.1:8b", columns=columns_wide) as terminal:
        shown = "\x1b[2m⠙ loading llama3.1:8b (4.9 GB) … 1 s, last time 19 s"[: columns_wide + 1]
        terminal.wait_for(re.escape(shown).replace("⠙", "[⠋⠙⠹⠸]").replace("1\\ s", "\\d s"))
        released.set()
        assert terminal.end() == 0
    assert_drawn(terminal, "<dim>Model: llama3.1:8b at gpu.lan:11434</>\nThe sky looks blue.\n")


def test_the_list_of_models(person: World, serve: Serve) -> None:
    loaded = {"name": "llama3.1:8b", "context_length": 4096, "expires_at": in_minutes(4.5)}
    here, _ = gpu(person, serve, {"/api/tags": TAGS, "/api/ps": answer({"models": [loaded]})})
    (here.home / ".env").write_text("MODEL=llama3.1:8b\n")
    wide = """\
<dim>  NAME                 SIZE  QUANT   WINDOW   CAN          CHANGED      LOADED</>
* <bold>llama3.1:8b</>        4.9 GB  Q4_K_M  4k/128k  chat, tools  3 days ago   <green>4 min</>
  smollm2<dim>:latest</>      98 MB  Q4_1    8k       chat         3 hours ago
  all-minilm<dim>:latest</>   45 MB  F16     256      embed        3 hours ago

<dim>3 models, 5.0 GB, at gpu.lan:11434   * the default (MODEL in ./.env)</>
"""
    narrow = """\
<dim>  NAME               WINDOW   LOADED</>
* <bold>llama3.1:8b</>        4k/128k  <green>4 min</>
  smollm2<dim>:latest</>     8k
  all-minilm<dim>:latest</>  256

<dim>3 models, 5.0 GB, at gpu.lan:11434</>
"""
    for columns_wide, drawing in ((WIDE, wide), (NARROW, narrow)):
        with in_terminal(here, "models", "list", columns=columns_wide) as terminal:
            assert terminal.end() == 0
        assert_drawn(terminal, drawing)


@pytest.mark.parametrize(
    ("columns_wide", "bar"),
    [
        (WIDE, "<bold>llama3.2</>  <green>━━━━━━━━━━━━</><dim>──────────</><dim>  1.1 of 2.0 GB  55%</>"),
        (NARROW, "<bold>llama3.2</>  <green>━━━</><dim>───</><dim>  1.1 of 2.0 GB  55%</>"),
    ],
)
def test_a_pull_and_ctrl_c(person: World, serve: Serve, columns_wide: int, bar: str) -> None:
    here, _ = gpu(person, serve, {"/api/pull": [STREAM_HEAD, chunk(HALF), Hang()]})
    with in_terminal(here, "models", "pull", "llama3.2", columns=columns_wide) as terminal:
        terminal.wait_for("1\\.1 of 2\\.0 GB  55%\x1b\\[0m")
        assert marked(terminal.seen) == f"\n{bar}"
        terminal.send("\x03")
        assert terminal.end() == 130
    assert_said(terminal, "Stopped at 1.1 of 2.0 GB. The same command goes on from there.", columns_wide)


def test_a_pull_that_stalls_and_is_tried_again(person: World, serve: Serve) -> None:
    here, _ = gpu(person, serve, {"/api/pull": [STREAM_HEAD, chunk(HALF), Hang()]})
    with in_terminal(here, "models", "pull", "llama3.2", columns=WIDE) as terminal:
        terminal.wait_for("stalled \\d s")
        line = "<bold>llama3.2</>  <green>━━━━━━━━━━━━</><dim>──────────</><dim>  1.1 of 2.0 GB  55%</>"
        assert re.fullmatch(
            pattern(f"\n{line}⟨.*⟩<yellow>  stalled ⟨\\d⟩ s"), marked(terminal.seen).rpartition("</>")[0]
        )
        terminal.send("\x03")
        assert terminal.end() == 130


def test_a_pull_that_is_done(person: World, serve: Serve) -> None:
    here, _ = gpu(person, serve, {"/api/pull": stream([HALF, WHOLE, {"status": "success"}])})
    drawing = "<green>✓</> Model pulled successfully: <bold>llama3.2</>   2.0 GB in ⟨\\d\\.\\d⟩ s\n"
    check(here, ("models", "pull", "llama3.2"), 0, drawing)


def test_refused(person: World) -> None:
    url = unused_url()
    (person.home / ".env").write_text(f"OLLAMA_IP={url}\n")
    port = url.rpartition(":")[2]
    drawing = f"""\
<red>Error: </>cannot connect to Ollama at <bold>{url}</> (OLLAMA_IP in ./.env)
  refused: nothing listens on port {port} of this machine
<dim>  try: </>⟨(?s:.+)⟩
"""
    check(person, ("chat", "x"), 3, drawing)


def test_refused_by_another_machine(world: World) -> None:
    """As a client of `gpu.lan` would meet with it, which no test can have."""
    settings = read_settings({}, {"OLLAMA_IP": GPU})
    route = Route(configured_host(settings), "", True, None)
    refused = translated(route, ConnectionRefusedError(111, "refused"), Deadline(0.0, "connect", 1.0))
    with pytest.raises(OllamaConnectionError) as caught, connected(settings, Memory(str(world.home))):
        raise refused
    stream = Stream(io.BytesIO(), is_terminal=True)
    render(report_of(caught.value, {}), Screen(stream, colour=True))
    assert isinstance(stream.bytes, io.BytesIO)
    drawing = f"""\
<red>Error: </>cannot connect to Ollama at <bold>{GPU}</> (OLLAMA_IP in ./.env)
  refused: gpu.lan is up, but nothing listens on port 11434
<dim>  try: </>start Ollama there, listening beyond 127.0.0.1; or: <bold>vuhitra doctor</>
"""
    assert marked(stream.bytes.getvalue().decode()) == drawing


def test_doctor_with_one_failure(person: World, serve: Serve) -> None:
    version, running = answer({"version": "0.33.0"}), answer({"models": [MODELS[0]]})
    here, server = gpu(person, serve, {"/api/version": version, "/api/tags": TAGS, "/api/ps": running})
    (here.home / ".env").write_text(f"OLLAMA_IP={GPU}\nMODEL=llama3:8b\n")
    here = here.with_(variables={"OLLAMA_IP": ""})
    Trust(str(here.home / str(WIDE) / "vuhitra")).add(str(here.home), GPU)
    Trust(str(here.home / str(NARROW) / "vuhitra")).add(str(here.home), GPU)
    ms = "⟨\\d+⟩ ms"
    drawing = f"""\
<green>ok    </><bold>setting   </>{GPU}, from OLLAMA_IP in ./.env
<green>ok    </><bold>network   </>port {server.port} open<dim> ({ms})</>, through the proxy
                {server.url} (http_proxy)
<green>ok    </><bold>server    </>Ollama 0.33.0<dim> ({ms})</>, no key sent, 3 models, 1 loaded
<red>FAIL  </><bold>model     </>llama3:8b (MODEL in ./.env) is not on that server
<dim>                try: </><bold>vuhitra models pull llama3:8b</>, or MODEL=llama3.1:8b
<dim>skip  </><bold>window    </>needs the model
<dim>1 problem in 5 checks, {ms}. Every step: </><dim>vuhitra doctor --verbose</>
"""
    check(here, ("doctor",), 5, drawing)


def test_doctor_word_for_word() -> None:
    """The drawing of the one failure, at a server whose name no test can have looked up."""
    missing = Failure(
        "llama3:8b (MODEL in ./.env) is not on that server",
        hint="vuhitra models pull llama3:8b, or MODEL=llama3.1:8b",
    )
    checks = [
        Check("url", facts={"url": GPU, "source": "OLLAMA_IP in ./.env"}),
        Check("dns", "ok", 0.002, {"name": "gpu.lan", "addresses": ["10.0.0.7"]}),
        Check("tcp", "ok", 0.001, {"address": "10.0.0.7", "port": 11434}),
        Check("proxy", facts={"proxy": None, "source": None}),
        Check("tls", "skip", why="not on this way"),
        Check("version", "ok", 0.004, {"engine": "ollama", "server_version": "0.33.0"}),
        Check("key", facts={"source": None}),
        Check("models", "ok", 0.003, {"models": 3}),
        Check("loaded", "ok", 0.003, {"loaded": 1}),
        Check("model", "FAIL", 0.001, error=missing),
    ]
    stream = Stream(io.BytesIO(), is_terminal=True)
    for group in by_subject(finding_of(check, {}) for check in completed(checks)):
        print_line(Screen(stream, colour=True), line_of_subject(group))
    assert isinstance(stream.bytes, io.BytesIO)
    drawing = f"""\
<green>ok    </><bold>setting   </>{GPU}, from OLLAMA_IP in ./.env
<green>ok    </><bold>network   </>gpu.lan is 10.0.0.7<dim> (2 ms)</>, port 11434 open<dim> (1 ms)</>, no proxy
<green>ok    </><bold>server    </>Ollama 0.33.0<dim> (4 ms)</>, no key sent, 3 models, 1 loaded
<red>FAIL  </><bold>model     </>llama3:8b (MODEL in ./.env) is not on that server
<dim>                try: </><bold>vuhitra models pull llama3:8b</>, or MODEL=llama3.1:8b
<dim>skip  </><bold>window    </>needs the model
"""
    assert marked(stream.bytes.getvalue().decode()) == drawing


def test_a_misspelt_model(person: World, serve: Serve) -> None:
    missing = answer({"error": "model 'lama3.1:8b' not found"}, 404)
    here, server = gpu(person, serve, {"/api/tags": TAGS, "/api/generate": missing})
    drawing = """\
<dim>Model: lama3.1:8b at gpu.lan:11434</>
<red>Error: </>no model 'lama3.1:8b' at gpu.lan:11434; nothing was pulled
  near names: llama3.1:8b
<dim>  try: </>-m llama3.1:8b, or fetch it as written: <bold>vuhitra models pull lama3.1:8b</>
"""
    check(here, ("chat", "x", "-m", "lama3.1:8b"), 5, drawing)
    assert f"{GPU}/api/pull" not in server.paths


def test_too_long(person: World, serve: Serve) -> None:
    (person.home / "report.txt").write_text("word " * 5000)
    said = {"message": "too long", "type": "exceed_context_size_error", "n_ctx": 4096, "n_prompt_tokens": 6210}
    shown = {"details": {}, "model_info": {"general.architecture": "llama", "llama.context_length": 8192}}
    here, _ = gpu(person, serve, {"/api/generate": answer({"error": said}, 400), "/api/show": answer(shown)})
    drawing = """\
<dim>Model: smollm2 at gpu.lan:11434</>
<dim>report.txt, about 6.3k tokens</>
<red>Error: </>too long for smollm2: <bold>6,210</> tokens, and its window is <bold>4,096</>
  report.txt is about 6,210 of them; nothing was cut, nothing was answered
<dim>  try: </>--num-ctx 8192 (the most it can; loads it again), or a shorter file
"""
    check(here, ("chat", "-m", "smollm2", "-f", "report.txt", "Sum this up."), 8, drawing)


def test_after_ctrl_c(person: World, serve: Serve) -> None:
    text = "The sky looks blue because air scatters blue light far more"
    script: list[Step] = [STREAM_HEAD, chunk(generated(text)[0]), Hang()]
    here, _ = gpu(person, serve, {"/api/generate": script})
    drawing = f"<dim>Model: m at gpu.lan:11434</>\n{text}^C\n<dim>Stopped after 11 words.</>\n"
    check(here, ("chat", "x", "-m", "m"), 130, drawing, stop_at="far more")


def test_an_answer_that_repeats_itself(person: World, serve: Serve) -> None:
    records = generated("🌟", *["🌍"] * 31)[:-1]
    end = {"model": "smollm2", "response": "", "done": False}
    here, _ = gpu(person, serve, {"/api/generate": stream([*records, end])})
    drawing = f"""\
<dim>Model: smollm2 at gpu.lan:11434</>
🌟{"🌍" * 31}
<red>Error: </>smollm2 repeated one token 30 times, and the server ended the answer
    there
  what was said is printed, unfinished
<dim>  try: </>--temperature 0.8, or -o repeat_penalty=1.2
"""
    with in_terminal(here, "chat", "x", "-m", "smollm2", columns=WIDE) as terminal:
        assert terminal.end() == 7
    assert_drawn(terminal, drawing)


def test_the_same_in_a_log(world: World, serve: Serve) -> None:
    here, _ = gpu(world, serve, {"/api/pull": stream([HALF, WHOLE, {"status": "success"}])})
    ran = here.run_process("models", "pull", "llama3.2")
    assert re.fullmatch(r"llama3\.2: 50% of 2\.0 GB(, .+B/s)?\nllama3\.2: 100% of 2\.0 GB(, .+B/s)?\n", ran.err)
    assert re.fullmatch(r"✓ Model pulled successfully: llama3\.2   2\.0 GB in \d\.\d s\n", ran.out)


def test_the_table_in_a_pipe_drops_nothing(world: World, serve: Serve) -> None:
    here, _ = gpu(world, serve, {"/api/tags": listed("m:latest", modified_at="2026-01-01T00:00:00Z")})
    heading, row = here.run_process("models", "list").out.splitlines()
    assert heading.split() == ["NAME", "SIZE", "QUANT", "WINDOW", "CAN", "CHANGED", "LOADED"]
    assert row == row.rstrip()
