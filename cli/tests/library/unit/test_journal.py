"""What the log says of a call: one INFO record each, however it goes, and never what was said."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vuhitra import (
    AsyncOllamaClient,
    OllamaClient,
    OllamaConnectionError,
    OllamaError,
    OllamaIncompleteError,
    OllamaPullError,
    OllamaResponseError,
    Retry,
    Timeouts,
)
from vuhitra.testing import (
    Answer,
    AsyncScriptedTransport,
    ScriptedTransport,
    answer,
    document,
    refusal,
    stream,
    unreachable,
)
from vuhitra.transport.interface import Ending

ASKED, SAID = "xyzzy", "plugh"
HELLO = [{"role": "user", "content": ASKED}]
COUNTS: dict[str, Any] = {
    "prompt_eval_count": 7,
    "eval_count": 2,
    "total_duration": 4_000_000_000,
    "load_duration": 1_000_000_000,
    "prompt_eval_duration": 500_000_000,
    "eval_duration": 250_000_000,
}
SECONDS = {"total_duration": 4.0, "load_duration": 1.0, "prompt_eval_duration": 0.5, "eval_duration": 0.25}
WHOLE = answer(SAID, " and ", SAID, **COUNTS)
LIMITS = Timeouts(start=5, idle=5)


def records(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[dict[str, Any]]:
    """What the library logged at a level, with all extras."""
    return [vars(record) for record in caplog.records if record.name == "vuhitra" and record.levelno == level]


def noted(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The one INFO record; nothing that was asked or answered is in any record."""
    everything = repr([vars(record) for record in caplog.records])
    assert ASKED not in everything
    assert SAID not in everything
    (record,) = records(caplog)
    return record


def carry_out(script: list[Answer | OllamaError], use: Callable[[OllamaClient], object]) -> None:
    transport = ScriptedTransport(*script)
    with OllamaClient("127.0.0.1", "m", LIMITS, transport=transport) as client:
        use(client)
    assert not transport.unused


@pytest.fixture(autouse=True)
def _listen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def expect(error: type[OllamaError], call: Callable[[], object]) -> None:
    with pytest.raises(error):
        call()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_an_answer(caplog: pytest.LogCaptureFixture, streamed: bool) -> None:
    carry_out([WHOLE], lambda client: "".join(client.chat(HELLO, stream=streamed)))
    record = noted(caplog)
    assert record["message"] == "POST /api/chat m answered"
    expected = {**COUNTS, **SECONDS, "model": "m", "path": "/api/chat", "attempts": 1, "done_reason": "stop"}
    assert {name: record[name] for name in expected} == expected


def test_an_answer_in_an_event_loop(caplog: pytest.LogCaptureFixture) -> None:
    async def ask() -> None:
        transport = AsyncScriptedTransport(unreachable(), WHOLE)
        async with (
            AsyncOllamaClient("127.0.0.1", "m", transport=transport) as client,
            await client.chat(HELLO, stream=True) as answered,
        ):
            assert [piece async for piece in answered] == [SAID, " and ", SAID]

    asyncio.run(ask())
    record = noted(caplog)
    assert (record["attempts"], record["eval_count"], record["eval_duration"]) == (2, 2, 0.25)


def test_an_answer_at_the_third_attempt(caplog: pytest.LogCaptureFixture) -> None:
    carry_out([unreachable(), refusal(503, "busy"), WHOLE], lambda client: client.generate(ASKED))
    assert noted(caplog)["attempts"] == 3
    assert [record["attempt"] for record in records(caplog, logging.WARNING)] == [2, 3]


def test_no_answer_at_three_attempts(caplog: pytest.LogCaptureFixture) -> None:
    script: list[Answer | OllamaError] = [unreachable() for _ in range(3)]
    carry_out(script, lambda client: expect(OllamaConnectionError, lambda: client.chat(HELLO)))
    record = noted(caplog)
    assert record["message"] == "POST /api/chat m failed: OllamaConnectionError"
    assert (record["attempts"], record["error"], record["model"]) == (3, "OllamaConnectionError", "m")


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_refusal(caplog: pytest.LogCaptureFixture, streamed: bool) -> None:
    script: list[Answer | OllamaError] = [refusal(400, "no")]
    carry_out(script, lambda client: expect(OllamaResponseError, lambda: client.chat(HELLO, stream=streamed)))
    assert noted(caplog)["error"] == "OllamaResponseError"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("cut", [WHOLE.breaks_off(2), stream({"message": {"content": SAID}}, {"error": "died"})])
def test_an_answer_that_fails_in_the_middle(caplog: pytest.LogCaptureFixture, streamed: bool, cut: Answer) -> None:
    carry_out(
        [unreachable(), cut],
        lambda client: expect(OllamaIncompleteError, lambda: "".join(client.chat(HELLO, stream=streamed))),
    )
    record = noted(caplog)
    assert (record["error"], record["attempts"]) == ("OllamaIncompleteError", 2)


AT_ONCE = [{"message": {"content": SAID}}, {"error": "died"}]
IN_ONE = WHOLE._replace(pieces=(b"".join(json.dumps(record).encode() + b"\n" for record in AT_ONCE),))


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_an_answer_that_fails_in_the_packet_in_which_it_began(caplog: pytest.LogCaptureFixture, streamed: bool) -> None:
    carry_out(
        [IN_ONE], lambda client: expect(OllamaIncompleteError, lambda: "".join(client.chat(HELLO, stream=streamed)))
    )
    assert noted(caplog)["error"] == "OllamaIncompleteError"


def test_a_stream_that_is_left_before_its_error_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    def leave(client: OllamaClient) -> None:
        with client.chat(HELLO, stream=True) as answered:
            assert next(answered) == SAID
        with pytest.raises(RuntimeError, match="this stream is closed"):
            next(answered)

    carry_out([IN_ONE], leave)
    assert noted(caplog)["message"] == "POST /api/chat m left before its end"


def test_what_a_server_says_that_is_busy_is_not_noted(caplog: pytest.LogCaptureFixture) -> None:
    carry_out([refusal(503, f"too busy for {ASKED}"), WHOLE], lambda client: client.chat(HELLO))
    assert noted(caplog)["attempts"] == 2
    (waited,) = records(caplog, logging.WARNING)
    assert (waited["reason"], "answered 503" in waited["message"]) == ("503", True)


def test_a_stream_that_is_left(caplog: pytest.LogCaptureFixture) -> None:
    def leave(client: OllamaClient) -> None:
        with client.chat(HELLO, stream=True) as answered:
            assert next(answered) == SAID

    carry_out([WHOLE], leave)
    record = noted(caplog)
    assert (record["message"], record["attempts"]) == ("POST /api/chat m left before its end", 1)


STEP = {"status": "pulling aa", "digest": "aa", "total": 9}
CUT = [stream({**STEP, "completed": completed}, {}).breaks_off(1) for completed in (3, 6)]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_pull_that_went_on_twice(caplog: pytest.LogCaptureFixture, streamed: bool) -> None:
    carry_out([*CUT, stream({"status": "success"})], lambda client: list(client.pull_model("m", stream=streamed) or ()))
    record = noted(caplog)
    assert (record["message"], record["attempts"]) == ("POST /api/pull m answered", 3)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_pull_that_went_on_twice_and_failed(caplog: pytest.LogCaptureFixture, streamed: bool) -> None:
    carry_out(
        [*CUT, stream(STEP, {"error": "pull model manifest: file does not exist"})],
        lambda client: expect(OllamaPullError, lambda: list(client.pull_model("m", stream=streamed) or ())),
    )
    record = noted(caplog)
    assert (record["error"], record["attempts"]) == ("OllamaPullError", 3)


def test_a_making_that_fails_in_the_middle(caplog: pytest.LogCaptureFixture) -> None:
    script: list[Answer | OllamaError] = [stream({"status": "reading"}, {"error": "no room left"})]
    carry_out(
        script, lambda client: expect(OllamaResponseError, lambda: client.create_model("m", from_="n", system=ASKED))
    )
    assert noted(caplog)["error"] == "OllamaResponseError"


def test_vectors_and_lists(caplog: pytest.LogCaptureFixture) -> None:
    carry_out([document({"embeddings": [[1.0]], **COUNTS})], lambda client: client.embed(ASKED))
    record = noted(caplog)
    assert record["message"] == "POST /api/embed m answered"
    assert (record["prompt_eval_count"], record["total_duration"]) == (7, 4.0)
    caplog.clear()
    carry_out([document({"models": []})], lambda client: client.list_models())
    assert noted(caplog)["message"] == "GET /api/tags answered"


def test_health(caplog: pytest.LogCaptureFixture) -> None:
    carry_out([unreachable()], lambda client: client.health_check())
    assert noted(caplog)["error"] == "OllamaConnectionError"


def test_a_pull_that_nobody_asked_for_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    missing = refusal(404, "model 'm' not found")
    carry_out([missing, stream({"status": "success"}), WHOLE], lambda client: client.chat(HELLO))
    (warning,) = records(caplog, logging.WARNING)
    assert warning["pulling"] == "m"
    assert noted(caplog)["message"] == "POST /api/chat m answered"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_pull_that_nobody_asked_for_and_that_fails(caplog: pytest.LogCaptureFixture, streamed: bool) -> None:
    missing, failed = refusal(404, "model 'm' not found"), stream({"error": "no space left on device"})
    carry_out([missing, failed], lambda client: expect(OllamaPullError, lambda: client.chat(HELLO, stream=streamed)))
    assert noted(caplog)["message"] == "POST /api/chat m failed: OllamaPullError"


TAGS = document({"models": []})


@pytest.mark.parametrize("listed", [TAGS, unreachable()], ids=["answered", "failed"])
def test_a_question_beside_the_point_is_not_noted(
    caplog: pytest.LogCaptureFixture, listed: Answer | OllamaError
) -> None:
    carry_out(
        [refusal(404, "model 'm' not found"), listed],
        lambda client: expect(OllamaError, lambda: client.with_options(auto_pull=False).chat(HELLO)),
    )
    assert noted(caplog)["message"] == "POST /api/chat m failed: OllamaModelNotFoundError"
    caplog.clear()
    late = WHOLE.falls_silent()
    carry_out([late, listed], lambda client: expect(OllamaError, lambda: client.chat(HELLO)))
    assert noted(caplog)["message"] == "POST /api/chat m failed: OllamaTimeoutError"


class Leaving(ScriptedTransport):
    """Has somebody leave while it waits."""

    def __init__(self, *script: Answer | OllamaError) -> None:
        super().__init__(*script)
        self.leave: Callable[[], object] = lambda: None

    def sleep(self, seconds: float, until: Ending | None = None) -> None:
        another = threading.Thread(target=self.leave)
        another.start()
        another.join()


def test_a_pull_that_is_left_between_two_attempts(caplog: pytest.LogCaptureFixture) -> None:
    transport = Leaving(*CUT)
    with OllamaClient("127.0.0.1", "m", transport=transport) as client, client.pull_model("m", stream=True) as steps:
        transport.leave = steps.close
        with pytest.raises(RuntimeError, match="closed"):
            list(steps)
    assert len(transport.requests) == 1
    record = noted(caplog)
    assert (record["message"], record["attempts"]) == ("POST /api/pull m left before its end", 1)


class AsyncWaiting(AsyncScriptedTransport):
    """Waits until it is left."""

    def __init__(self, *script: Answer | OllamaError) -> None:
        super().__init__(*script)
        self.waits_now = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.waits_now.set()
        await asyncio.Event().wait()


def test_a_pull_that_is_left_between_two_attempts_in_an_event_loop(caplog: pytest.LogCaptureFixture) -> None:
    async def leave() -> None:
        transport = AsyncWaiting(*CUT)
        async with AsyncOllamaClient("127.0.0.1", "m", transport=transport) as client:
            steps = await client.pull_model("m", stream=True)
            await anext(steps)
            taking = asyncio.ensure_future(anext(steps))
            await transport.waits_now.wait()
            await steps.aclose()
            with pytest.raises(RuntimeError, match="closed"):
                await taking

    asyncio.run(leave())
    record = noted(caplog)
    assert (record["message"], record["attempts"]) == ("POST /api/pull m left before its end", 1)


def test_where_nobody_listens_nothing_is_put_together(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "vuhitra")
    once = Retry(attempts=1)
    carry_out(
        [WHOLE, unreachable()],
        lambda client: (client.chat(HELLO), client.with_options(retry=once).health_check()),
    )
    assert not records(caplog)


QUIET = """
{first}
from vuhitra import OllamaClient
from vuhitra.testing import ScriptedTransport, answer, refusal
with OllamaClient(model="m", transport=ScriptedTransport(refusal(503, "busy"), answer("yes"))) as client:
    assert client.generate("?") == "yes"
print("logging" in sys.modules)
"""


@pytest.mark.parametrize(("first", "imported"), [("import sys", "False"), ("import sys, logging", "True")])
def test_nothing_is_printed_in_programs_that_set_no_logging_up(first: str, imported: str) -> None:
    ran = subprocess.run([sys.executable, "-c", QUIET.format(first=first)], capture_output=True, text=True, check=True)
    assert (ran.stdout.strip(), ran.stderr) == (imported, "")


def test_a_model_that_is_made_of_files_has_one_record(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"GGUF")
    script: list[Answer | OllamaError] = [refusal(404, ""), document(b""), stream({"status": "success"})]
    carry_out(script, lambda client: client.create_model("n", files={"m.gguf": file}))
    record = noted(caplog)
    assert (record["path"], record["model"]) == ("/api/create", "n")


def test_one_that_can_not_be_uploaded_has_one_too(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"GGUF")
    script: list[Answer | OllamaError] = [refusal(404, ""), refusal(500, "no space left on device")]
    carry_out(
        script, lambda client: expect(OllamaResponseError, lambda: client.create_model("n", files={"m.gguf": file}))
    )
    record = noted(caplog)
    assert (record["path"], record["error"]) == ("/api/create", "OllamaResponseError")


def test_a_model_that_embeds_is_loaded_with_one_record(caplog: pytest.LogCaptureFixture) -> None:
    script: list[Answer | OllamaError] = [refusal(400, '"m" does not support generate'), document({"embeddings": []})]
    carry_out(script, lambda client: client.load_model())
    assert noted(caplog)["path"] == "/api/embed"
