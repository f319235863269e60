"""Models are made over real sockets: what is sent, what is streamed from the disk, and what each answer means."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.scripted_server import STREAM_HEAD, Close, Hang, ScriptedServer, Step, WaitFor, chunk, stream
from vuhitra import (
    AsyncOllamaClient,
    OllamaConnectionError,
    OllamaError,
    OllamaResponseError,
    OllamaTimeoutError,
    Timeouts,
)

RECORDED: dict[str, Any] = json.loads((Path(__file__).parents[2] / "embedded/recordings/create.json").read_text())
MB = 1024 * 1024
DONE = stream([{"status": "success"}])


def recorded(name: str) -> list[Step]:
    """What a server answered, byte by byte as far as it was kept."""
    response = RECORDED[name]["response"]
    body = "".join(f"{line}\n" for line in response.get("lines", [])) or response["body"]
    kept = {name: value for name, value in response["headers"].items() if name != "Transfer-Encoding"}
    headers = {"Content-Length": len(body.encode()), **kept}
    lines = [f"HTTP/1.1 {response['status']} X", *(f"{name}: {value}" for name, value in headers.items())]
    return ["\r\n".join([*lines, "", body]).encode()]


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def asked(server: ScriptedServer) -> list[tuple[str, str]]:
    return [(request.method, request.path) for request in server.requests]


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    """The file that the recordings speak of."""
    path = tmp_path / "m.gguf"
    path.write_bytes(b"hello blob")
    return path


def test_from_a_model(connect: Connect, serve: Serve) -> None:
    server = serve(recorded("create-from"))
    options = {"from_": "smollm2", "system": "You are a parrot.", "parameters": {"temperature": 0.1}}
    assert connect(server.url).create_model("parrot", **options) is None
    assert server.requests[0].json == {**RECORDED["create-from"]["request"]["body"], "stream": True}


def test_each_step_is_streamed(connect: Connect, serve: Serve) -> None:
    server = serve(recorded("create-from"))
    with connect(server.url).create_model("parrot", modelfile="FROM smollm2", stream=True) as steps:
        statuses = [step["status"] for step in steps]
    assert statuses == [json.loads(line)["status"] for line in RECORDED["create-from"]["response"]["lines"]]


def test_a_file_that_is_missing_is_uploaded(connect: Connect, serve: Serve, blob: Path) -> None:
    server = serve(recorded("blob-head-missing"), recorded("blob-post"), DONE)
    digest = RECORDED["blob-post"]["request"]["path"].removeprefix("/api/blobs/")
    with connect(server.url).create_model("m", from_=blob, stream=True) as steps:
        assert list(steps) == [
            {"status": "uploading", "digest": digest, "total": 10, "completed": 0},
            {"status": "uploading", "digest": digest, "total": 10, "completed": 10},
            {"status": "success"},
        ]
    assert asked(server) == [
        ("HEAD", f"/api/blobs/{digest}"),
        ("POST", f"/api/blobs/{digest}"),
        ("POST", "/api/create"),
    ]
    upload = server.requests[1]
    assert upload.body == b"hello blob"
    assert upload.headers["content-type"] == "application/octet-stream"
    assert server.requests[2].json == {"model": "m", "files": {"m.gguf": digest}, "stream": True}


def test_a_file_that_is_there_is_not_uploaded(connect: Connect, serve: Serve, blob: Path) -> None:
    server = serve(recorded("blob-head-there"), DONE)
    connect(server.url).create_model("m", files={"m.gguf": blob})
    assert [method for method, _ in asked(server)] == ["HEAD", "POST"]


def test_a_modelfile_with_its_files(connect: Connect, serve: Serve, blob: Path) -> None:
    path = blob.with_name("Modelfile")
    path.write_text("FROM ./m.gguf\nSYSTEM Squawk.\n")
    server = serve(recorded("blob-head-missing"), recorded("blob-post-again"), DONE)
    connect(server.url).create_model("m", modelfile=path)
    assert server.requests[-1].json == {
        "model": "m",
        "files": {"m.gguf": digest_of(b"hello blob")},
        "system": "Squawk.",
        "stream": True,
    }


def test_a_large_file_arrives_whole(connect: Connect, serve: Serve, tmp_path: Path) -> None:
    data = os.urandom(5 * MB + 3)
    (tmp_path / "m.gguf").write_bytes(data)
    server = serve(recorded("blob-head-missing"), recorded("blob-post"), DONE)
    connect(server.url).create_model("m", from_=tmp_path / "m.gguf")
    assert digest_of(server.requests[1].body) == digest_of(data)
    assert server.requests[1].headers["content-length"] == str(len(data))


def test_an_upload_that_was_cut_is_sent_again(connect: Connect, serve: Serve, blob: Path) -> None:
    server = serve(recorded("blob-head-missing"), [Close()], recorded("blob-post"), DONE)
    connect(server.url).create_model("m", from_=blob)
    assert [request.body for request in server.requests[1:3]] == [b"hello blob"] * 2


@pytest.mark.parametrize(
    ("scripts", "said"),
    [
        (["blob-head-missing", "blob-post-mismatch"], r"m\.gguf changed while it was uploaded"),
        (["blob-head-there", "create-not-gguf"], "not in GGUF format"),
        (["blob-head-there", "create-missing-blob"], "no such file"),
        (["blob-head-there", "create-nothing"], "neither 'from' or 'files'"),
        (["blob-bad-digest"], "400"),
    ],
)
def test_what_the_server_refuses(connect: Connect, serve: Serve, blob: Path, scripts: list[str], said: str) -> None:
    server = serve(*map(recorded, scripts))
    with pytest.raises(OllamaResponseError, match=said):
        connect(server.url).create_model("m", from_=blob)
    assert len(server.requests) == len(scripts)


def test_a_base_that_can_not_be_fetched(connect: Connect, serve: Serve) -> None:
    server = serve(recorded("create-from-missing"))
    steps = connect(server.url).create_model("m", from_="nope", stream=True)
    with steps:
        assert next(steps) == {"status": "pulling manifest"}
        with pytest.raises(OllamaError, match="no such host"):
            next(steps)


def test_a_creation_that_breaks_off_is_not_sent_again(connect: Connect, serve: Serve) -> None:
    server = serve([STREAM_HEAD, chunk({"status": "parsing GGUF"}), Close()])
    with pytest.raises(OllamaConnectionError):
        connect(server.url).create_model("m", from_="smollm2")
    assert len(server.requests) == 1


def test_a_creation_that_falls_silent_is_given_up(connect: Connect, serve: Serve) -> None:
    server = serve([STREAM_HEAD, chunk({"status": "parsing GGUF"}), Hang()])
    with pytest.raises(OllamaTimeoutError) as raised:
        connect(server.url).create_model("m", from_="smollm2", timeout=Timeouts(idle=0.1))
    assert raised.value.phase == "idle"
    assert len(server.requests) == 1


def test_closing_the_stream_ends_it(connect: Connect, serve: Serve) -> None:
    server = serve([STREAM_HEAD, chunk({"status": "parsing GGUF"}), Hang()])
    with connect(server.url).create_model("m", from_="smollm2", stream=True) as steps:
        next(steps)
    assert server.hung_up.wait(5)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, TypeError),
        ({"from_": "m", "modelfile": "FROM m"}, TypeError),
        ({"form": "m"}, TypeError),
        ({"modelfile": "FORM m"}, ValueError),
        ({"modelfile": "FROM ./nothing.gguf"}, FileNotFoundError),
        ({"modelfile": Path("nowhere/Modelfile")}, FileNotFoundError),
    ],
)
def test_what_cant_be_right_is_told_before_anything_is_sent(
    connect: Connect, serve: Serve, options: dict[str, Any], kind: type[Exception], streaming: bool
) -> None:
    server = serve(DONE)
    with pytest.raises(kind):
        connect(server.url).create_model("m", stream=streaming, **options)
    assert not server.requests


def test_a_loop_goes_on_while_a_file_is_hashed_and_uploaded(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(bytes(3 * MB))
    ticked = threading.Event()
    server = serve([WaitFor(ticked), *recorded("blob-head-missing")], recorded("blob-post"), DONE)

    async def run() -> int:
        ticks = 0
        async with AsyncOllamaClient(server.url) as client:
            creating = asyncio.create_task(client.create_model("m", from_=tmp_path / "m.gguf"))
            while not creating.done():
                await asyncio.sleep(0)
                ticks += 1
                if server.requests:
                    ticked.set()
            await creating
        return ticks

    assert asyncio.run(run()) > 3
    assert len(server.requests[1].body) == 3 * MB


def test_several_creations_at_once(serve: Serve, blob: Path) -> None:
    server = serve(DONE)

    async def run() -> None:
        async with AsyncOllamaClient(server.url) as client:
            await asyncio.gather(*(client.create_model(f"m{number}", from_="smollm2") for number in range(5)))

    asyncio.run(run())
    assert {request.json["model"] for request in server.requests} == {f"m{number}" for number in range(5)}
