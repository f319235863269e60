"""`--json`: what each command prints fits the schema that ships in the docs, which tells every key."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import jsonschema_rs
import pytest

from cli.exit_status import ExitStatus, Verdict
from cli.main import cli
from tests.commands.conftest import InTurn, RoutedServer, Routes, Serve, generated, listed
from tests.commands.running import SOON, World
from tests.scripted_server import STREAM_HEAD, Hang, Step, answer, chunk, stream, unused_url

DOCS = Path(__file__).parents[3] / "docs"
SCHEMAS = DOCS / "schemas"
GONE = answer({"error": "model 'x' not found"}, 404)
DONE = answer(b"")
VERSION = answer({"version": "0.33.0"})
TAGS = listed("m:latest", digest="sha256:1", modified_at="2026-01-31T09:30:00Z", capabilities=["completion"])
LOADED = {"name": "m:latest", "size": 4, "size_vram": 2, "context_length": 4096, "expires_at": "2026-01-31T09:30:00Z"}
RUNNING = answer({"models": [LOADED]})
LAYERS = [{"status": "pulling 1", "digest": "sha256:1", "total": 8, "completed": done} for done in (2, 8)]
CALL = {"function": {"name": "add", "arguments": {"a": 1}}}
CALLING = {"model": "m", "response": "", "tool_calls": [CALL], "done": False}


class Form(NamedTuple):
    """A way to call a command, what the server answers then, and what the output is to be."""

    args: str
    routes: Routes
    schema: str
    status: int = 0


def making(*records: Mapping[str, Any]) -> list[Step]:
    return stream([*records, {"status": "success"}])


SAYS = {"/api/generate": stream(generated("4", ".", eval_count=2, eval_duration=10**9))}
BROKEN: Routes = {"/api/generate": stream(generated("4", ".")[:2])}
WELL: Routes = {
    "/api/version": VERSION,
    "/api/tags": TAGS,
    "/api/ps": RUNNING,
    "/api/show": answer({"model_info": {"general.architecture": "x", "x.context_length": 8192}}),
}

FORMS = [
    Form("chat 2+2", SAYS, "answer"),
    Form("chat 2+2 --extract", {"/api/generate": stream(generated("```\n4\n```"))}, "answer"),
    Form("chat 2+2 --format json", {"/api/generate": stream(generated('{"a": 1}'))}, "answer"),
    Form("chat 2+2", {"/api/generate": stream([CALLING, *generated()])}, "answer"),
    Form("chat 2+2", BROKEN, "answer", 7),
    Form("chat 2+2 --show-prompt", {}, "request"),
    Form("models list", {"/api/tags": TAGS, "/api/ps": RUNNING}, "models-list"),
    Form("models show m", {"/api/show": answer({"details": {}, "capabilities": []})}, "models-show"),
    Form("models pull m", {"/api/pull": making(*LAYERS)}, "models-pull"),
    Form("models push m", {"/api/push": making(*LAYERS)}, "models-pull"),
    Form("models push m", {"/api/push": GONE, "/api/tags": TAGS}, "models-pull", 5),
    Form("models create n --from m", {"/api/tags": TAGS, "/api/create": making()}, "models-create"),
    Form("models copy m n", {"/api/copy": DONE}, "models-copy"),
    Form("models remove m --yes", {"/api/tags": TAGS, "/api/delete": DONE}, "models-remove"),
    Form("models remove x --yes", {"/api/tags": TAGS, "/api/delete": GONE}, "models-remove", 5),
    Form("models running", {"/api/ps": RUNNING}, "models-running"),
    Form("models load m", {"/api/generate": answer({"done": True, "done_reason": "load"})}, "models-load"),
    Form("models unload m", {"/api/generate": answer({"done": True, "done_reason": "unload"})}, "models-unload"),
    Form("models unload x", {"/api/generate": GONE, "/api/tags": TAGS}, "models-unload", 5),
    Form("models default", {"/api/tags": TAGS}, "models-default"),
    Form("models default m", {"/api/tags": TAGS}, "models-default"),
    Form("models health", {"/api/version": VERSION, "/api/tags": TAGS, "/api/ps": RUNNING}, "models-health"),
    Form("models health", {"/api/version": answer("<html>", 502)}, "models-health", 10),
    Form("doctor", WELL, "doctor"),
    Form("doctor", {**WELL, "/api/tags": answer({"models": []})}, "doctor", 5),
    Form("doctor", {"/api/version": answer("<html>", 502)}, "doctor", 10),
    Form("models bench m --runs 2", SAYS, "models-bench"),
    Form("models bench x", {"/api/generate": GONE, "/api/tags": TAGS}, "models-bench", 5),
    Form("config show", {}, "config-show"),
    Form("config validate", {}, "config-validate"),
    Form("config set model m", {}, "config-set"),
    Form("config set --unset model", {}, "config-set"),
    Form("config path", {}, "config-path"),
    Form("completion bash", {}, "completion"),
    Form("", {}, "commands"),
    Form("models", {}, "commands"),
    Form("config", {}, "commands"),
    Form("-V", {}, "version"),
]
LINES = {"answer": "answer-line", "models-pull": "models-pull-line", "models-create": "models-create-line"}
"""What comes in pieces, and what each of its lines is. All else comes as one line."""
FINDINGS = {"models-health", "doctor"}
"""What says itself that a server isn't there, and is done with that."""
PRINTED_ELSEWHERE = {"error", "error-line", "progress-line", "log-line", *LINES.values()}


def closed(schema: Any) -> Any:
    """A schema in which every object has the keys it tells, and no others."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    return {"additionalProperties": False, **inner} if "properties" in schema else inner


def read(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))


def retrieve(uri: str) -> Any:
    return closed(read(Path(uri).stem))


def check(name: str, printed: Any) -> None:
    """Raise where it doesn't fit."""
    validator = jsonschema_rs.Draft202012Validator(
        retrieve(name), retriever=retrieve, base_uri=f"json-schema:///{name}.json"
    )
    validator.validate(printed)


def check_lines(schema: str, lines: list[Any]) -> None:
    """Raise where one doesn't fit, or one that isn't the last is an end. schema: that of the whole document."""
    assert [line["type"] in ("done", "error") for line in lines] == [False] * (len(lines) - 1) + [True]
    for line in lines:
        if schema in LINES:
            check(LINES[schema], line)
        elif line["type"] == "error":
            check("error-line", line)
        else:
            check(schema, {name: value for name, value in line.items() if name != "type"})
    assert schema in LINES or len(lines) == 1


def commands(group: click.Command, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The names of all commands that are shown."""
    if not isinstance(group, click.Group):
        yield before
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if not found.hidden:
            yield from commands(found, (*before, name))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.args} {form.status}")
def test_what_is_printed_fits_the_schema(form: Form, world: World, serve: Serve) -> None:
    server = serve({"/api/version": VERSION, **form.routes})
    where = ["--model", "m"] if form.args.startswith("chat") else []
    here = world.with_(variables={"OLLAMA_IP": server.url})
    ran = here.run(*form.args.split(), *where, "--json")
    assert ran.status == form.status, ran.err
    assert next(iter(ran.json)) == "version"
    check(form.schema, ran.json)
    if form.status:
        check("error", json.loads(ran.err))
        assert ran.error["exit"] == form.status
    else:
        assert ran.err == ""


@pytest.mark.parametrize("name", [" ".join(each) for each in commands(cli)])
def test_every_command_has_a_schema(name: str) -> None:
    assert any(f"{form.args} ".startswith(f"{name} ") for form in FORMS)


def test_every_schema_is_a_command_s() -> None:
    assert {path.stem for path in SCHEMAS.iterdir()} == {form.schema for form in FORMS} | PRINTED_ELSEWHERE


@pytest.mark.parametrize("path", sorted(SCHEMAS.iterdir()), ids=lambda path: path.stem)
def test_a_schema_is_one(path: Path) -> None:
    jsonschema_rs.meta.validate(json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize("schema", sorted(path.stem for path in SCHEMAS.iterdir()))
def test_a_schema_refuses_what_it_does_not_tell(schema: str) -> None:
    nonsense: Any
    for nonsense in ({}, [], {"version": 2}):
        with pytest.raises(jsonschema_rs.ValidationError):
            check(schema, nonsense)


def test_a_streamed_answer_is_lines_of_one_shape(world: World, serve: Serve) -> None:
    pieces = [{"model": "m", "thinking": "hm", "response": "", "done": False}, *generated("4", ".")]
    server = serve({"/api/generate": stream(pieces)})
    ran = world.run("chat", "2+2", "-m", "m", "--json", "--stream", "--host", server.url)
    for line in ran.lines:
        check("answer-line", line)
    assert [line["type"] for line in ran.lines] == ["thinking", "text", "text", "done"]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.args} {form.status}")
def test_streamed_each_line_fits(form: Form, world: World, serve: Serve) -> None:
    here = world.with_(variables={"OLLAMA_IP": serve({"/api/version": VERSION, **form.routes}).url})
    where = ["--model", "m"] if form.args.startswith("chat") else []
    ran = here.run("--stream", *form.args.split(), *where, "--json")
    check_lines(form.schema, ran.lines)
    assert (ran.status, ran.lines[-1]["type"]) == (form.status, "error" if form.routes is BROKEN else "done")


@pytest.mark.parametrize("form", {form.args: form for form in FORMS}.values(), ids=lambda form: form.args)
def test_streamed_each_line_fits_where_there_is_no_server(form: Form, world: World) -> None:
    ran = world.run("--stream", *form.args.split(), "--json", "--host", unused_url())
    check_lines(form.schema, ran.lines)
    if ran.status and form.schema not in FINDINGS:
        assert (ran.lines[-1]["type"], ran.lines[-1]["error"]) == ("error", ran.error)


@pytest.mark.parametrize("args", ["zzz", "chat --zzz", "models pull", "models load m --keep-alive soon"])
def test_streamed_wrong_usage_is_a_line(args: str, world: World) -> None:
    ran = world.run(*args.split(), "--json", "--stream")
    check_lines("error", ran.lines)
    assert (ran.status, ran.lines[-1]["error"]) == (2, ran.error)


FAILING = stream([LAYERS[0], {"error": "no room"}])
BREAKING = [
    Form("models pull m", {"/api/pull": FAILING}, "models-pull", 10),
    Form("models push m", {"/api/push": FAILING}, "models-pull", 10),
    Form("models create n --from m", {"/api/create": FAILING}, "models-create", 10),
]


@pytest.mark.parametrize("form", BREAKING, ids=lambda form: form.args)
def test_streamed_each_line_fits_where_it_fails_midway(form: Form, world: World, serve: Serve) -> None:
    server = serve({"/api/tags": TAGS, **form.routes})
    ran = world.run(*form.args.split(), "--json", "--stream", "--host", server.url)
    check_lines(form.schema, ran.lines)
    assert (ran.status, ran.lines[0]["type"]) == (form.status, "progress")


HANGING: list[Step] = [STREAM_HEAD, chunk(LAYERS[0]), Hang()]
STOPPED = [
    Form("chat 2+2 -m m", {"/api/generate": [STREAM_HEAD, chunk(generated("4")[0]), Hang()]}, "answer"),
    Form("models pull m", {"/api/pull": HANGING}, "models-pull"),
    Form("models push m", {"/api/push": HANGING}, "models-pull"),
    Form("models create n --from m", {"/api/tags": TAGS, "/api/create": HANGING}, "models-create"),
    Form("models list", {"/api/tags": [Hang()]}, "models-list"),
]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("form", STOPPED, ids=lambda form: form.args)
def test_streamed_each_line_fits_where_it_is_stopped(
    form: Form, number: signal.Signals, status: int, world: World, serve: Serve
) -> None:
    server = serve(form.routes)
    args = (*form.args.split(), "--json", "--stream", "--host", server.url)
    with world.start(*args, stdin=subprocess.DEVNULL) as process:
        begun = _begun(process, server, form)
        process.send_signal(number)
        out, _ = process.communicate(timeout=SOON)
    lines = [json.loads(line) for line in (begun + out).splitlines()]
    check_lines(form.schema, lines)
    assert (process.returncode, lines[-1]["error"]["exit"]) == (status, status)


def _begun(process: subprocess.Popen[bytes], server: RoutedServer, form: Form) -> bytes:
    """The first line of what comes in lines; of what doesn't, nothing, once the server is asked."""
    assert process.stdout
    if form.schema in LINES:
        return process.stdout.readline()
    assert server.arrived.wait(SOON)
    return b""


def test_the_steps_of_a_pull_are_lines_of_one_shape(world: World, serve: Serve) -> None:
    server = serve({"/api/pull": making(*({**step, "surprise": 1} for step in LAYERS))})
    ran = world.run("models", "pull", "m", "--json", "--stream", "--host", server.url)
    for line in ran.lines:
        check("models-pull-line", line)
    assert [line.get("completed") for line in ran.lines] == [2, 8, None, None]
    assert [line["type"] for line in ran.lines] == ["progress"] * 3 + ["done"]


def test_a_chat_that_fetches_its_model_tells_so_in_that_shape(world: World, serve: Serve) -> None:
    generate = InTurn(GONE, stream(generated("4")))
    server = serve({"/api/generate": generate, "/api/tags": listed(), "/api/pull": making(*LAYERS)})
    ran = world.run("chat", "2+2", "-m", "m", "--json", "--stream", "--host", server.url)
    for line in ran.lines:
        check("answer-line", line)
    assert [line["type"] for line in ran.lines] == ["progress"] * 3 + ["text", "done"]


def test_what_breaks_off_ends_in_a_line_of_that_shape(world: World, serve: Serve) -> None:
    server = serve(BROKEN)
    ran = world.run("chat", "2+2", "-m", "m", "--json", "--stream", "--host", server.url)
    for line in ran.lines:
        check("answer-line", line)
    assert (ran.status, ran.lines[-1]["type"]) == (7, "error")


def test_no_server_is_told_in_that_shape(world: World) -> None:
    ran = world.run("models", "health", "--json", "--host", "http://127.0.0.1:1")
    check("models-health", ran.json)
    check("error", json.loads(ran.err))
    assert (ran.status, ran.json["reached"]) == (3, False)


def test_a_broken_config_file_is_told_in_that_shape(world: World) -> None:
    file = world.home / ".config" / "vuhitra" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("modle = 'm'\n")
    ran = world.run("config", "validate", "--json")
    check("config-validate", ran.json)
    assert (ran.status, ran.json["problems"][0]["line"]) == (2, 1)


def test_lines_of_the_log_are_of_one_shape(world: World, serve: Serve) -> None:
    server = serve(SAYS)
    here = world.with_(variables={"LOG_LEVEL": "DEBUG", "LOG_FORMAT": "json"})
    logged = here.run("chat", "2+2", "-m", "m", "--host", server.url).err.splitlines()
    assert len(logged) > 1
    for line in logged:
        check("log-line", json.loads(line))


def codes() -> dict[str, set[int]]:
    """The words that stand for errors, with the exit codes that they go with."""
    found: dict[str, set[int]] = {}
    for verdict in Verdict:
        found.setdefault(verdict.code, set()).add(verdict.status)
    return found


def test_the_schema_of_errors_tells_every_code() -> None:
    assert set(read("error")["$defs"]["error"]["properties"]["code"]["enum"]) == set(codes())


def table(heading: str) -> dict[str, str]:
    """The first two columns of a table in the guide."""
    section = (DOCS / "scripting.md").read_text("utf-8").partition(heading)[2].lstrip().partition("\n\n")[0]
    rows = [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in section.splitlines()[2:]]
    return {row[0]: row[1] for row in rows}


def test_the_guide_tells_every_code_of_an_error_with_its_exit_codes() -> None:
    told = {code: {int(each) for each in exits.split(", ")} for code, exits in table("The codes in errors:").items()}
    assert told == codes()


def test_the_guide_tells_every_exit_code() -> None:
    told = {int(code) for codes in table("## Exit codes") for code in codes.split(", ")}
    assert told == {int(status) for status in ExitStatus}
