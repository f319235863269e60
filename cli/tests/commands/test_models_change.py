"""`vuhitra models`: what changes a server: create, push, copy, remove, load, unload."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import InTurn, Serve, generated, listed
from tests.commands.running import World
from tests.scripted_server import STREAM_END, STREAM_HEAD, Hang, Pause, answer, chunk, stream

RECORDINGS = Path(__file__).parents[1] / "embedded" / "recordings"
GONE = answer({"error": "model 'x' not found"}, 404)
DONE = answer(b"")
TINY = b"GGUF\x03\0\0\0"
OTHERS = answer({"models": [{"name": name, "digest": f"sha256:{name}"} for name in ("a", "b:latest")]})
ONE_MODEL = listed("a", "b:latest", digest="sha256:1")
REPLACED = "note: b was another model before, and is replaced\n"


def making(*statuses: str) -> list[Any]:
    return stream([{"status": status} for status in (*statuses, "success")])


def recorded_making(name: str) -> list[Any]:
    lines = json.loads((RECORDINGS / "create.json").read_text())[name]["response"]["lines"]
    return stream([json.loads(line) for line in lines])


class TestCreate:
    def test_from_another_model(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("smollm2:latest"), "/api/create": recorded_making("create-from")})
        args = ("--from", "smollm2", "--system", "You are a parrot.", "--host", server.url)
        ran = world.run("models", "create", "parrot", *args)
        assert (ran.status, ran.err) == (0, "")
        assert re.fullmatch(r"✓ Model created successfully: parrot   \d\.\d s\n", ran.out)
        sent = server.requests[-1].json
        assert (sent["model"], sent["from"], sent["system"]) == ("parrot", "smollm2", "You are a parrot.")

    def test_from_the_modelfile_that_is_here(self, world: World, serve: Serve) -> None:
        (world.home / "Modelfile").write_text("FROM smollm2\nSYSTEM Be brief.\nPARAMETER temperature 0\n")
        server = serve({"/api/create": making("writing manifest")})
        ran = world.run("models", "create", "brief", "--quantize", "q4_K_M", "--json", "--host", server.url)
        assert (ran.status, ran.json["name"], ran.err) == (0, "brief", "")
        assert server.requests[-1].json["system"] == "Be brief."
        assert server.requests[-1].json["quantize"] == "q4_K_M"

    def test_from_a_modelfile_elsewhere(self, world: World, serve: Serve) -> None:
        (world.home / "sub").mkdir()
        (world.home / "sub" / "my.modelfile").write_text("FROM smollm2\n")
        server = serve({"/api/create": making()})
        ran = world.run("models", "create", "x", "-f", "sub/my.modelfile", "--host", server.url)
        assert (ran.status, server.requests[-1].json["from"]) == (0, "smollm2")

    def test_a_tilde_is_the_home_folder(self, world: World, serve: Serve) -> None:
        (world.home / "Modelfile").write_text("FROM smollm2\n")
        server, elsewhere = serve({"/api/create": making()}), str(world.home.parent)
        args = ("models", "create", "x", "--host", server.url)
        assert world.run(*args, "--file=~/Modelfile", cwd=elsewhere).status == 0
        assert world.run(*args, "~/no.gguf", cwd=elsewhere).err == "Error: no such file: ~/no.gguf\n"
        (world.home / "no.gguf").mkdir()
        assert "no.gguf" in world.run(*args, "~/no.gguf", cwd=elsewhere).err.splitlines()[1]

    def test_from_weights_which_are_uploaded(self, world: World, serve: Serve) -> None:
        from hashlib import sha256

        (world.home / "tiny.gguf").write_bytes(TINY)
        digest = f"sha256:{sha256(TINY).hexdigest()}"
        blob = InTurn(answer({"error": "no such blob"}, 404), answer(b"", 201))
        server = serve({f"/api/blobs/{digest}": blob, "/api/create": making("parsing GGUF")})
        ran = world.run("models", "create", "tiny", "tiny.gguf", "--host", server.url)
        assert (ran.status, ran.err) == (0, "")
        assert server.requests[-1].json["files"] == {"tiny.gguf": digest}
        assert server.requests[2].body == TINY

    @pytest.mark.parametrize(
        ("args", "what"),
        [
            ([], "nothing to make a model from: no Modelfile is here"),
            (["-f", "nowhere"], "no such file: nowhere"),
            (["no.gguf"], "no such file: no.gguf"),
            (["x.gguf", "--from", "smollm2"], "a model is made from one thing, and these are 2: smollm2, x.gguf"),
        ],
    )
    def test_what_can_not_be_made_is_told_before_anything_is_sent(
        self, world: World, serve: Serve, args: list[str], what: str
    ) -> None:
        server = serve({"/api/create": making()})
        ran = world.run("models", "create", "m", *args, "--host", server.url)
        assert (ran.status, ran.err.splitlines()[0]) == (2, f"Error: {what}")
        assert not server.requests

    def test_a_place_where_nobody_may_look_is_told(self, world: World, serve: Serve) -> None:
        server = serve({"/api/create": making()})
        ran = world.run("models", "create", "m", "-f", "x" * 300, "--host", server.url)
        assert (ran.status, ran.err) == (2, f"Error: cannot read {world.home}/{'x' * 300}\n  File name too long\n")
        assert not server.requests

    def test_a_file_behind_from_is_put_in_its_place(self, world: World, serve: Serve) -> None:
        server = serve({"/api/create": making()})
        args = ("--from", "./my-m.gguf", "-s", "Be brief.", "--host", server.url)
        ran = world.run("models", "create", "m", *args)
        assert (ran.status, server.requests) == (2, [])
        assert ran.err == (
            "Error: --from takes a model's name, and ./my-m.gguf is a file\n"
            f"  try: vuhitra models create m ./my-m.gguf -s 'Be brief.' --host {server.url}\n"
        )

    @pytest.mark.parametrize("base", ["./Modelfile", "Modelfile"])
    def test_a_modelfile_behind_from_goes_behind_its_flag(self, world: World, serve: Serve, base: str) -> None:
        (world.home / "Modelfile").write_text("FROM smollm2\n")
        server = serve({"/api/tags": listed("smollm2:latest"), "/api/create": making()})
        ran = world.run("models", "create", "m", "--from", base, "--json", "--host", server.url)
        assert (ran.status, "/api/create" in server.paths) == (2, False)
        assert ran.error["message"] == f"--from takes a model's name, and {base} is a file"
        assert ran.error["hint"] == f"vuhitra models create m -f {base} --json --host {server.url}"

    def test_a_base_with_a_name_too_long_for_a_file_is_a_model(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed(), "/api/create": making()})
        assert world.run("models", "create", "m", "--from", "x" * 300, "--host", server.url).status == 0

    def test_a_model_that_is_called_as_a_file_here_is_a_model(self, world: World, serve: Serve) -> None:
        (world.home / "smollm2").write_text("FROM other\n")
        server = serve({"/api/tags": listed("smollm2:latest"), "/api/create": making()})
        assert world.run("models", "create", "m", "--from", "smollm2", "--host", server.url).status == 0

    @pytest.mark.parametrize("text", [b"FROM smollm2\n", "FROM smollm2\n".encode("utf-16")])
    def test_a_modelfile_is_no_weights(self, world: World, serve: Serve, text: bytes) -> None:
        (world.home / "my file").write_bytes(text)
        server = serve({"/api/create": making()})
        ran = world.run("models", "create", "m", "my file", "--quantize", "q8_0", "--host", server.url)
        assert (ran.status, server.requests) == (2, [])
        assert ran.err == (
            "Error: my file is text, and no model's weights\n"
            f"  try: vuhitra models create m -f 'my file' --quantize q8_0 --host {server.url}\n"
        )

    def test_what_points_to_weights_is_told_as_such(self, world: World, serve: Serve) -> None:
        (world.home / "m.gguf").write_text("version https://git-lfs.github.com/spec/v1\n")
        ran = world.run("models", "create", "m", "m.gguf", "--host", serve({"/api/create": making()}).url)
        assert (ran.status, "`git lfs pull` fetches it" in ran.err) == (2, True)

    @pytest.mark.parametrize(("given", "sent"), [("@parrot.txt", "You are a parrot."), ("@@home", "@home")])
    def test_the_system_text_is_given_as_in_a_chat(self, world: World, serve: Serve, given: str, sent: str) -> None:
        (world.home / "parrot.txt").write_text("You are a parrot.\n")
        server = serve({"/api/tags": listed("smollm2:latest"), "/api/create": making()})
        assert world.run("models", "create", "m", "--from", "smollm2", "-s", given, "--host", server.url).status == 0
        assert server.requests[-1].json["system"] == sent

    def test_a_system_text_that_is_not_there_is_told_before_anything_is_sent(self, world: World, serve: Serve) -> None:
        server = serve({"/api/create": making()})
        ran = world.run("models", "create", "m", "--from", "smollm2", "-s", "@no.txt", "--host", server.url)
        assert (ran.status, ran.err, server.requests) == (2, "Error: no file no.txt\n", [])

    def test_a_modelfile_that_makes_no_sense(self, world: World, serve: Serve) -> None:
        (world.home / "Modelfile").write_text("SYSTEM Be brief.\n")
        server = serve({"/api/create": making()})
        ran = world.run("models", "create", "m", "--host", server.url)
        assert ran.status == 2
        assert ran.err.startswith("Error: cannot make m\n")
        assert "/api/create" not in server.paths

    def test_a_misspelt_base_is_not_fetched(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("smollm2:latest"), "/api/create": making()})
        ran = world.run("models", "create", "m", "--from", "smolm2", "-s", "Be brief.", "--host", server.url)
        assert ran.status == 5
        tried = f"vuhitra models create m --from smollm2:latest -s 'Be brief.' --host {server.url}"
        assert f"  try: {tried}\n" in ran.err
        ran = world.run("models", "create", "smolm2", "--from", "smolm2", "--host", server.url)
        assert f"  try: vuhitra models create smolm2 --from smollm2:latest --host {server.url}\n" in ran.err
        assert server.paths.count("/api/create") == 0

    @pytest.mark.parametrize("args", [["--from", "a"], []])
    @pytest.mark.parametrize(("now", "replaced"), [(ONE_MODEL, True), (OTHERS, False), (GONE, None)])
    def test_another_model_of_its_name_is_told(
        self, world: World, serve: Serve, now: list[Any], replaced: bool | None, args: list[str]
    ) -> None:
        (world.home / "Modelfile").write_text("FROM a\n")
        server = serve({"/api/tags": InTurn(OTHERS, now, OTHERS, now), "/api/create": making()})
        ran = world.run("models", "create", "b", *args, "--host", server.url)
        assert (ran.status, ran.err) == (0, REPLACED if replaced else "")
        ran = world.run("models", "create", "b", *args, "--json", "--host", server.url)
        assert (ran.json["replaced"], ran.err) == (replaced, "")

    @pytest.mark.parametrize(("there", "replaced"), [(listed("a"), False), (GONE, None)])
    def test_a_name_that_is_new_is_asked_for_once(
        self, world: World, serve: Serve, there: list[Any], replaced: bool | None
    ) -> None:
        (world.home / "Modelfile").write_text("FROM a\n")
        server = serve({"/api/tags": there, "/api/create": making()})
        ran = world.run("models", "create", "b", "--json", "--host", server.url)
        assert (ran.status, ran.json["replaced"], ran.err) == (0, replaced, "")
        assert server.paths == ["/api/tags", "/api/create"]

    def test_what_the_server_says_against_it(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("other"), "/api/create": recorded_making("create-from-missing")})
        ran = world.run("models", "create", "m", "--from", "nope", "--host", server.url)
        assert ran.status in (5, 10)
        assert "no such host" in ran.err


class TestPush:
    def test_as_it_is_told(self, world: World, serve: Serve) -> None:
        layer = {"status": "pushing a", "digest": "a", "total": 5_000_000, "completed": 5_000_000}
        server = serve({"/api/push": stream([{"status": "retrieving manifest"}, layer, {"status": "success"}])})
        ran = world.run("models", "push", "ann/parrot", "--host", server.url)
        assert ran.status == 0
        assert re.fullmatch(r"✓ Model pushed successfully: ann/parrot   5\.0 MB in \d\.\d s\n", ran.out)

    def test_json_and_a_failure(self, world: World, serve: Serve) -> None:
        denied = stream([{"status": "retrieving manifest"}, {"error": "you are not authorized to push to this"}])
        server = serve({"/api/push": InTurn(denied, stream([{"status": "success"}]))})
        ran = world.run("models", "push", "a/b", "c/d", "--json", "--host", server.url)
        assert ran.status == ran.json["models"][0]["error"]["exit"] != 0
        assert [each["name"] for each in ran.json["models"]] == ["a/b", "c/d"]

    def test_a_model_that_is_not_there_is_told_as_by_the_other_verbs(self, world: World, serve: Serve) -> None:
        missing = stream(
            [{"status": "retrieving manifest"}, {"error": "open /m/parot/latest: no such file or directory"}]
        )
        server = serve({"/api/push": missing, "/api/tags": listed("parrot:latest")})
        ran = world.run("models", "push", "--insecure", "parot", "--host", server.url)
        assert (ran.status, ran.out) == (5, "")
        assert ran.err == (
            f"Error: no model 'parot' at 127.0.0.1:{server.port}\n  near names: parrot:latest\n"
            f"  try: vuhitra models push parrot:latest --insecure --host {server.url}\n"
        )
        there = world.run("models", "push", "parrot", "--host", server.url)
        assert (there.status, "no such file" in there.err) == (10, True)


class TestCopy:
    def test_as_it_is_told(self, world: World, serve: Serve) -> None:
        server = serve({"/api/copy": DONE})
        ran = world.run("models", "copy", "a", "b", "--host", server.url)
        assert (ran.status, ran.out, ran.err) == (0, "✓ Model copied: a is also b\n", "")
        assert server.requests[-1].json == {"source": "a", "destination": "b"}

    @pytest.mark.parametrize(("there", "replaced"), [(OTHERS, True), (ONE_MODEL, False), (listed("a"), False)])
    def test_another_model_of_the_second_name_is_told(
        self, world: World, serve: Serve, there: list[Any], replaced: bool
    ) -> None:
        server = serve({"/api/copy": DONE, "/api/tags": there})
        ran = world.run("models", "copy", "a", "b", "--host", server.url)
        assert (ran.status, ran.err) == (0, REPLACED if replaced else "")
        ran = world.run("models", "copy", "a", "b", "--json", "--host", server.url)
        assert (ran.json["replaced"], ran.err) == (replaced, "")

    @pytest.mark.parametrize("there", [answer({"error": "no"}, 500), listed("a", "b")])
    def test_where_that_is_not_known_it_is_copied_all_the_same(
        self, world: World, serve: Serve, there: list[Any]
    ) -> None:
        server = serve({"/api/copy": DONE, "/api/tags": there})
        ran = world.run("models", "copy", "a", "b", "--json", "--host", server.url)
        assert (ran.status, ran.json["replaced"], ran.err) == (0, None, "")

    def test_a_model_is_no_copy_of_itself(self, world: World, serve: Serve) -> None:
        server = serve({"/api/copy": DONE})
        ran = world.run("models", "copy", "m", "M:latest", "--host", server.url)
        assert (ran.status, ran.err) == (2, "Error: SOURCE and DESTINATION are the same model\n")
        assert not server.requests

    def test_a_source_that_is_not_there(self, world: World, serve: Serve) -> None:
        server = serve({"/api/copy": GONE, "/api/tags": listed("llama3:8b")})
        ran = world.run("models", "copy", "llama", "b", "--host", server.url)
        assert ran.status == 5
        assert "near names: llama3:8b" in ran.err
        assert ran.err.endswith(f"  try: vuhitra models copy llama3:8b b --host {server.url}\n")


class TestRemove:
    def test_where_nobody_can_be_asked_it_names_the_flag(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("m:latest"), "/api/delete": DONE})
        ran = world.run("models", "remove", "m", "--host", server.url)
        assert ran.status == 4
        assert "--yes" in ran.err
        assert "/api/delete" not in server.paths

    def test_yes_removes(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("m:latest"), "/api/delete": DONE})
        ran = world.run("models", "remove", "m", "-y", "--host", server.url)
        assert (ran.status, ran.out, ran.err) == (0, "✓ Model removed: m\n", "")
        assert server.requests[-1].json["model"] == "m"

    def test_a_person_is_asked(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("m:latest"), "/api/delete": DONE})
        person = world.at_terminal.with_(variables={"NO_COLOR": "1"})
        ran = person.with_(stdin=b"n\n").run("models", "remove", "m", "--host", server.url)
        assert f"Remove m (98 MB) from 127.0.0.1:{server.port}?" in ran.err
        assert (ran.status, "/api/delete" in server.paths) == (4, False)
        assert ran.err.endswith("note: nothing was removed\n")
        ran = person.with_(stdin=b"y\n").run("models", "remove", "m", "--host", server.url)
        assert (ran.status, "/api/delete" in server.paths) == (0, True)

    def test_what_is_named_twice_is_removed_once(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("m:latest"), "/api/delete": DONE})
        ran = world.run("models", "remove", "m", "m", "--yes", "--host", server.url)
        assert (ran.status, server.paths.count("/api/delete")) == (0, 1)

    def test_the_others_are_removed_where_one_is_missing(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("mistral:latest", "b"), "/api/delete": InTurn(GONE, DONE)})
        ran = world.run("models", "remove", "mistrall", "b", "--yes", "--host", server.url)
        assert (ran.status, ran.out) == (5, "✓ Model removed: b\n")
        assert "near names: mistral:latest" in ran.err
        assert f"  try: vuhitra models list --host {server.url}\n" in ran.err, "the yes was for another"

    @pytest.mark.parametrize(
        ("variables", "dotenv", "config", "source"),
        [
            ({"MODEL": "M"}, "", "", "MODEL"),
            ({}, "MODEL=m", "", "MODEL in ./.env"),
            ({}, "", 'model = "m:latest"', "model in ~/.config/vuhitra/config.toml"),
        ],
    )
    def test_that_it_was_the_default_is_told(
        self, world: World, serve: Serve, *, variables: dict[str, str], dotenv: str, config: str, source: str
    ) -> None:
        (world.home / ".env").write_text(dotenv)
        (world.home / ".config" / "vuhitra").mkdir(parents=True)
        (world.home / ".config" / "vuhitra" / "config.toml").write_text(config)
        server = serve({"/api/tags": listed("m:latest", "b"), "/api/delete": InTurn(DONE, DONE, GONE)})
        here, args = world.with_(variables=variables), ("models", "remove", "--yes", "--host", server.url)
        assert here.run(*args, "b", "m").err == f"note: it was the default ({source})\n"
        assert "note: " not in here.run(*args, "m").err, "it wasn't there"

    def test_json(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("a", "b"), "/api/delete": InTurn(GONE, DONE)})
        ran = world.run("models", "remove", "a", "b", "--yes", "--json", "--host", server.url)
        first, second = ran.json["models"]
        assert (ran.status, first["error"]["code"]) == (5, "no-such-model")
        assert second == {"name": "b", "removed": True}

    def test_json_has_an_error_for_each_that_fails_and_the_first_decides(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": listed("a", "b"), "/api/delete": InTurn(GONE, answer({"error": "no"}, 400))})
        ran = world.run("models", "remove", "a", "b", "--yes", "--json", "--host", server.url)
        told = [json.loads(line)["error"] for line in ran.err.splitlines()]
        assert told == [each["error"] for each in ran.json["models"]]
        assert (ran.status, [each["exit"] for each in told]) == (5, [5, 2])


class TestLoad:
    def test_as_it_is_told(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": stream(generated(done_reason="load"))})
        ran = world.run("models", "load", "m", "--keep-alive", "1h", "--host", server.url)
        assert (ran.status, ran.err) == (0, "")
        assert re.fullmatch(r"✓ Model loaded: m   in \d\.\d s\n", ran.out)
        assert server.requests[-1].json["keep_alive"] == "1h"

    def test_a_time_that_is_none(self, world: World) -> None:
        assert world.run("models", "load", "m", "--keep-alive", "soon").status == 2

    def test_a_model_that_is_not_there(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": GONE, "/api/tags": listed("mm:latest")})
        ran = world.run("models", "load", "mmm", "--host", server.url)
        assert ran.status == 5
        assert f"  try: vuhitra models load mm:latest --host {server.url}\n" in ran.err

    def test_what_it_tells_to_try_has_all_flags_that_were_given(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": GONE, "/api/tags": listed("mm:latest")})
        common = ("--color", "never", "--debug", "--no-stream")
        ran = world.run("-q", "models", "load", "mmm", "--keep-alive", "1h", *common, "--host", server.url)
        flags = f"--keep-alive 1h -q --color never --debug --no-stream --host {server.url}"
        assert f"  try: vuhitra models load mm:latest {flags}\n" in ran.err
        ran = world.run("models", "load", "mmm", "--json", "--stream", "--host", server.url)
        assert ran.error["hint"] == f"vuhitra models load mm:latest --json --stream --host {server.url}"

    def test_unloading_several(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": stream(generated(done_reason="unload"))})
        ran = world.run("models", "unload", "a", "b", "--host", server.url)
        assert (ran.status, ran.out) == (0, "✓ Model unloaded: a\n✓ Model unloaded: b\n")
        assert {request.json["keep_alive"] for request in server.requests if request.body} == {0}


class TestTimeout:
    @pytest.mark.parametrize("args", ["load m", "unload m", "pull m", "push m", "create m --from n"])
    def test_a_server_that_never_answers_is_given_up(self, world: World, serve: Serve, args: str) -> None:
        silent = {f"/api/{each}": [Hang()] for each in ("generate", "pull", "push", "create")}
        server = serve({"/api/tags": listed("n"), **silent})
        ran = world.run("models", *args.split(), "--timeout", "0.2", "--host", server.url)
        assert ran.status == 6
        assert "did not begin to answer within 0.2 s" in ran.err

    @pytest.mark.parametrize("verb", ["pull", "push", "create"])
    def test_a_transfer_may_be_silent_once_it_has_begun(self, world: World, serve: Serve, verb: str) -> None:
        (world.home / "Modelfile").write_text("FROM n\n")
        begun = [STREAM_HEAD, chunk({"status": "begun"}), Pause(0.6), chunk({"status": "success"}), STREAM_END]
        server = serve({f"/api/{verb}": begun})
        ran = world.run("models", verb, "m", "--timeout", "0.3", "--host", server.url)
        assert ran.status == 0, ran.err

    def test_what_it_tells_to_try_has_the_same(self, world: World, serve: Serve) -> None:
        server = serve({"/api/generate": GONE, "/api/tags": listed("mm:latest")})
        ran = world.run("models", "load", "mmm", "--timeout", "5", "--host", server.url)
        assert f"  try: vuhitra models load mm:latest --timeout 5 --host {server.url}\n" in ran.err

    def test_it_is_seconds_as_in_a_chat(self, world: World) -> None:
        ran = world.run("models", "load", "m", "--timeout", "0")
        assert ran.err == world.run("chat", "x", "--timeout", "0").err.replace("chat", "models load")


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (["pull", "m"], "fetch models"),
        (["push", "m"], "upload models"),
        (["create", "m", "--from", "n"], "make models"),
        (["copy", "a", "b"], "copy models"),
        (["remove", "m", "-y"], "remove models"),
        (["load", "m"], "keep models loaded"),
        (["unload", "m"], "unload models: none stays loaded"),
    ],
)
def test_the_built_in_engine_says_what_it_can_not_do(world: World, args: list[str], what: str) -> None:
    ran = world.run("models", *args, "--embedded")
    assert ran.status == 2
    first, hint = ran.err.splitlines()
    assert first == f"Error: the built-in engine can't {what}"
    assert hint == "  try: ollama serve, and then the same without --embedded"
