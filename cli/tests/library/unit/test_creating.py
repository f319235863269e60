"""What a model is made from, and each path of making it, driven by hand: a disk, but no socket and no clock."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from tests.library.unit.disk import POINTER, written
from vuhitra import OllamaConnectionError, OllamaResponseError, OllamaTimeoutError, Retry, Timeouts
from vuhitra.creating import Making, create, making
from vuhitra.flows import Flow, Next, Outcome, Report, Run, Send, Terms, Wait
from vuhitra.http import Upload

TERMS = Terms(Timeouts(), Retry(), give_up_at=None, jitter=lambda: 1.0)
DIGEST = "sha256:" + "a" * 64
MB = 1024 * 1024


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def refused(status: int, body: str = "") -> OllamaResponseError:
    return OllamaResponseError("no", status=status, body=body, why=body)


class Driven:
    """A flow that was carried out by hand: what it sent, reported and gave.

    results: of the calls, in order. now: the clock, which goes on by a second with each step.
    """

    def __init__(self, flow: Flow[None], *results: object) -> None:
        self.sent: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.reported: list[Any] = []
        self.waits: list[float] = []
        self.runs = 0
        self._results = list(results)
        self._items = iter([{"status": "writing manifest"}, {"status": "success"}])
        now = 0.0
        try:
            step = next(flow)
            while True:
                now += 1.0
                step = flow.send(Outcome(self._done(step), now))
        except StopIteration:
            assert not self._results

    def _done(self, step: object) -> object:
        match step:
            case Send(call=call):
                self.sent.append((call.method, call.path))
                self.bodies.append(call.body)
                return self._results.pop(0)
            case Run(function=function):
                self.runs += 1
                return function()
            case Report(item=item):
                self.reported.append(item)
                return None
            case Wait(seconds=seconds):
                self.waits.append(seconds)
                return None
            case Next():
                return next(self._items, None)
            case _:
                raise AssertionError(step)


def create_it(name: str, asked: Any, terms: Terms) -> Flow[None]:
    """What a client does."""
    return create(making(name, asked), terms)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one, with a home in it."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def test_what_is_given_is_sent() -> None:
    made = making(
        "parrot",
        {
            "from_": "smollm2",
            "system": "You are a parrot.",
            "template": "{{ .Prompt }}",
            "parameters": {"temperature": 0.1, "stop": ["a"], "brand_new": True},
            "messages": [{"role": "user", "content": "hi"}],
            "license": "MIT",
            "quantize": "q4_K_M",
            "requires": "0.14.0",
            "renderer": "r",
            "parser": "p",
            "adapters": {"a.gguf": DIGEST},
        },
    )
    assert made == Making(
        "parrot",
        {
            "from": "smollm2",
            "system": "You are a parrot.",
            "template": "{{ .Prompt }}",
            "parameters": {"temperature": 0.1, "stop": ["a"], "brand_new": True},
            "messages": [{"role": "user", "content": "hi"}],
            "license": ["MIT"],
            "quantize": "q4_K_M",
            "requires": "0.14.0",
            "renderer": "r",
            "parser": "p",
        },
        {"adapters": {"a.gguf": DIGEST}},
    )


def test_a_modelfiles_text_is_sent_as_the_fields_it_means(here: Path) -> None:
    text = 'FROM smollm2\nSYSTEM ""\nPARAMETER stop a\nMESSAGE user hi\nLICENSE MIT\nPARSER p'
    assert making("m", {"modelfile": text, "quantize": "q8_0"}) == Making(
        "m",
        {
            "from": "smollm2",
            "system": "",
            "parameters": {"stop": ["a"]},
            "messages": [{"role": "user", "content": "hi"}],
            "license": ["MIT"],
            "parser": "p",
            "quantize": "q8_0",
        },
        {},
    )


def test_paths_in_a_modelfile_are_relative_to_it(here: Path) -> None:
    there = written(here.parent / "there", "m.gguf", "mmproj.gguf", "a.gguf", "d.gguf", "Modelfile")
    (there / "Modelfile").write_bytes(
        b"\xef\xbb\xbfFROM m.gguf\r\nFROM ./mmproj.gguf\r\nADAPTER a.gguf\r\nDRAFT d.gguf"
    )
    assert making("m", {"modelfile": there / "Modelfile"}).files == {
        "files": {"m.gguf": there / "m.gguf", "mmproj.gguf": there / "mmproj.gguf"},
        "adapters": {"a.gguf": there / "a.gguf"},
        "draft_files": {"d.gguf": there / "d.gguf"},
    }


def test_paths_in_a_text_are_relative_to_the_current_folder(here: Path) -> None:
    written(here, "m.gguf", "plain")
    written(here.parent / "home", "h.gguf")
    for spelt in ("m.gguf", "./m.gguf", str(here / "m.gguf"), '"m.gguf"'):
        made = making("m", {"modelfile": f"FROM {spelt}"})
        assert made == Making("m", {}, {"files": {"m.gguf": here / "m.gguf"}})
    assert making("m", {"modelfile": "FROM plain"}).files == {"files": {"plain": here / "plain"}}
    home = making("m", {"modelfile": "FROM ~/h.gguf"})
    assert home.files == {"files": {"h.gguf": here.parent / "home" / "h.gguf"}}


@pytest.mark.parametrize("path", ["./m", "../m", "/nowhere/m", "~/m", "~nobody-is-called-so/m", "m.gguf", "d/m.GGUF"])
@pytest.mark.parametrize("command", ["FROM", "FROM smollm2\nADAPTER"])
def test_a_path_where_nothing_is_is_no_name(here: Path, command: str, path: str) -> None:
    with pytest.raises(FileNotFoundError, match="m"):
        making("m", {"modelfile": f"{command} {path}"})


def test_an_adapter_is_never_a_name(here: Path) -> None:
    with pytest.raises(FileNotFoundError):
        making("m", {"modelfile": "FROM smollm2\nADAPTER smollm2"})


@pytest.mark.parametrize(
    ("asked", "kind", "said"),
    [
        ({}, TypeError, "one of them"),
        ({"system": "a"}, TypeError, "one of them"),
        ({"files": {}}, TypeError, "one of them"),
        ({"from_": "m", "files": {"m.gguf": DIGEST}}, TypeError, "one of them"),
        ({"modelfile": "FROM m", "from_": "m"}, TypeError, "takes no from_"),
        ({"modelfile": "FROM m", "files": {"m": DIGEST}}, TypeError, "takes no files"),
        ({"modelfile": "FROM m", "system": "a", "license": "b"}, TypeError, "takes no system and no license"),
        ({"modelfile": ""}, ValueError, "without a FROM"),
        ({"modelfile": "./Modelfile"}, ValueError, r"Path\('./Modelfile'\)"),
        ({"modelfile": "FROM m\nFORM n"}, ValueError, "line 2"),
        ({"modelfile": "FROM m\nFROM n"}, ValueError, "not from all of these: m, n"),
        ({"modelfile": b"FROM m"}, TypeError, "modelfile is no bytes"),
        ({"from_": 5}, TypeError, "from_ is no int"),
        ({"from_": "./m.gguf"}, ValueError, r"Path\('./m.gguf'\)"),
        ({"from_": " "}, ValueError, "no model is named"),
        ({"from_": "m", "system": 5}, TypeError, "system is a str"),
        ({"from_": "m", "quantize": 4}, TypeError, "quantize is a str"),
        ({"from_": "m", "license": 5}, TypeError, "license is a str"),
        ({"from_": "m", "license": [5]}, TypeError, "license is a str"),
        ({"from_": "m", "messages": "hi"}, TypeError, "messages is a list"),
        ({"from_": "m", "messages": [{"content": "hi"}]}, TypeError, "role"),
        ({"from_": "m", "parameters": {"num_ctx": "big"}}, TypeError, "num_ctx"),
        ({"from_": "m", "parameters": "num_ctx 1"}, TypeError, "dict"),
        ({"files": ["m.gguf"]}, TypeError, "files is a dict"),
        ({"files": {5: DIGEST}}, TypeError, "files: the name"),
        ({"files": {"m.gguf": 5}}, TypeError, "is no int"),
        ({"files": {"m.gguf": "m.gguf"}}, ValueError, "or a digest as"),
        ({"files": {"m.gguf": "sha256:abc"}}, ValueError, "or a digest as"),
        ({"files": {"../m.gguf": DIGEST}}, ValueError, "no name of a file"),
        ({"files": {"/m.gguf": DIGEST}}, ValueError, "no name of a file"),
        ({"files": {"m.gguf": Path("nowhere")}}, FileNotFoundError, "nowhere"),
        ({"from_": Path("nowhere")}, FileNotFoundError, "nowhere"),
        ({"modelfile": Path("nowhere")}, FileNotFoundError, "nowhere"),
        ({"from_": "m", "adapters": {"a": "b"}}, ValueError, "adapters: 'a' is a path"),
    ],
)
def test_what_cant_be_right_is_told_before_anything_is_sent(
    here: Path, asked: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        Driven(create_it("m", asked, TERMS))


def test_a_folder_is_given_by_its_path(here: Path) -> None:
    folder = written(here / "folder", "model.safetensors", "config.json")
    files = {name: folder / name for name in ("model.safetensors", "config.json")}
    for asked in ({"from_": folder}, {"from_": Path("folder")}, {"modelfile": "FROM folder"}):
        assert making("m", cast("Any", asked)) == Making("m", {}, {"files": files})


def test_what_is_not_there_is_a_models_name(here: Path) -> None:
    assert making("m", {"modelfile": "FROM smollm2:latest"}) == Making("m", {"from": "smollm2:latest"}, {})


def test_files_of_every_field_are_looked_at_first(here: Path) -> None:
    written(here, "m.gguf")
    (here / "p.gguf").write_text(POINTER)
    assert making("m", {"files": {"m.gguf": Path("m.gguf")}}).files == {"files": {"m.gguf": here / "m.gguf"}}
    for field in ("files", "adapters"):
        with pytest.raises(ValueError, match="git lfs pull"):
            making("m", cast("Any", {"files": {"m": DIGEST}} | {field: {"p.gguf": here / "p.gguf"}}))


def test_a_model_has_a_name() -> None:
    with pytest.raises(ValueError, match="no model is named"):
        making("", {"from_": "m"})


def test_two_files_of_one_name_are_not_mixed_up(here: Path) -> None:
    written(here, "a/m.gguf", "b/m.gguf")
    with pytest.raises(ValueError, match=r"would both be called m\.gguf"):
        making("m", {"modelfile": "FROM a/m.gguf\nFROM b/m.gguf"})


def test_from_a_model_nothing_is_uploaded() -> None:
    driven = Driven(create_it("parrot", {"from_": "smollm2", "system": "Squawk."}, TERMS), "answer")
    assert driven.sent == [("POST", "/api/create")]
    assert driven.bodies == [{"model": "parrot", "from": "smollm2", "system": "Squawk.", "stream": True}]
    assert driven.reported == [{"status": "writing manifest"}, {"status": "success"}]


def test_what_the_server_lacks_is_uploaded_and_named_by_its_digest(here: Path) -> None:
    written(here, "a.gguf", "b.gguf")
    a, b = digest_of(b"a.gguf"), digest_of(b"b.gguf")
    files = {"a.gguf": here / "a.gguf", "b.gguf": here / "b.gguf"}
    driven = Driven(create_it("m", {"files": files}, TERMS), refused(404), None, None, "answer")
    assert driven.sent == [
        ("HEAD", f"/api/blobs/{a}"),
        ("POST", f"/api/blobs/{a}"),
        ("HEAD", f"/api/blobs/{b}"),
        ("POST", "/api/create"),
    ]
    assert driven.bodies[1] == Upload(here / "a.gguf", 6)
    assert driven.bodies[3]["files"] == {"a.gguf": a, "b.gguf": b}
    assert driven.reported == [
        {"status": "uploading", "digest": a, "total": 6, "completed": 0},
        {"status": "uploading", "digest": a, "total": 6, "completed": 6},
        {"status": "writing manifest"},
        {"status": "success"},
    ]


def test_a_file_is_read_and_uploaded_once_however_often_it_is_named(here: Path) -> None:
    written(here, "a")
    (here / "same").write_text("a")
    files = {"x": here / "a", "y": here / "a", "z": here / "same", "w": digest_of(b"a")}
    driven = Driven(
        create_it("m", {"files": files, "adapters": {"x": here / "a"}}, TERMS), refused(404), None, "answer"
    )
    assert [method for method, _ in driven.sent] == ["HEAD", "POST", "POST"]
    assert set(driven.bodies[2]["files"].values()) == {digest_of(b"a")}
    assert driven.bodies[2]["adapters"] == {"x": digest_of(b"a")}
    assert driven.runs == 2 * 3


def test_a_large_file_is_hashed_step_by_step(here: Path) -> None:
    data = os.urandom(2 * MB + 5)
    (here / "m.gguf").write_bytes(data)
    driven = Driven(create_it("m", {"from_": here / "m.gguf"}, TERMS), None, "answer")
    assert driven.sent[0] == ("HEAD", f"/api/blobs/{digest_of(data)}")
    assert [(step["status"], step["completed"]) for step in driven.reported[:3]] == [
        ("hashing m.gguf", MB),
        ("hashing m.gguf", 2 * MB),
        ("hashing m.gguf", 2 * MB + 5),
    ]
    assert driven.runs == 1 + 4


def test_an_empty_file_is_a_file(here: Path) -> None:
    (here / "config.json").touch()
    driven = Driven(
        create_it("m", {"files": {"config.json": here / "config.json"}}, TERMS), refused(404), None, "answer"
    )
    assert driven.bodies[1] == Upload(here / "config.json", 0)


def test_a_digest_that_the_server_has_is_not_uploaded() -> None:
    driven = Driven(create_it("m", {"files": {"m.gguf": DIGEST}}, TERMS), None, "answer")
    assert driven.bodies[-1]["files"] == {"m.gguf": DIGEST}


def test_a_digest_that_the_server_lacks_is_told_before_it_creates() -> None:
    with pytest.raises(OllamaResponseError, match=f"doesn't have {DIGEST}") as raised:
        Driven(create_it("m", {"files": {"m.gguf": DIGEST}}, TERMS), refused(404))
    assert raised.value.status == 404


def test_a_file_that_changed_meanwhile_is_told(here: Path) -> None:
    written(here, "m.gguf")
    with pytest.raises(
        OllamaResponseError, match=r"m\.gguf changed while it was uploaded to Ollama at .*: digest mismatch"
    ) as raised:
        Driven(create_it("m", {"from_": here / "m.gguf"}, TERMS), refused(404), refused(400, "digest mismatch"))
    assert raised.value.status == 400
    assert raised.value.hint


@pytest.mark.parametrize("results", [[refused(403)], [refused(404), refused(500)], [None, refused(500)]])
def test_other_refusals_are_told_as_they_are(here: Path, results: list[object]) -> None:
    written(here, "m.gguf")
    with pytest.raises(OllamaResponseError) as raised:
        Driven(create_it("m", {"from_": here / "m.gguf"}, TERMS), *results)
    assert raised.value is results[-1]


def test_each_step_is_sent_again_where_the_server_was_not_there(here: Path) -> None:
    written(here, "m.gguf")
    lost = [OllamaConnectionError("lost", reason="reset") for _ in range(3)]
    results = [lost[0], refused(404), lost[1], None, lost[2], "answer"]
    driven = Driven(create_it("m", {"from_": here / "m.gguf"}, TERMS), *results)
    assert [method for method, _ in driven.sent] == ["HEAD", "HEAD", "POST", "POST", "POST", "POST"]
    assert len(driven.waits) == 3
    assert [step["completed"] for step in driven.reported[:2]] == [0, 6]


def test_the_limit_for_the_whole_call_covers_hashing(here: Path) -> None:
    (here / "m.gguf").write_bytes(bytes(5 * MB))
    terms = TERMS._replace(timeouts=Timeouts(total=4), give_up_at=4.0)
    with pytest.raises(OllamaTimeoutError) as raised:
        Driven(create_it("m", {"from_": here / "m.gguf"}, terms))
    assert (raised.value.phase, raised.value.seconds) == ("total", 4)


def test_a_file_that_vanishes_is_told(here: Path) -> None:
    written(here, "m.gguf")
    made = making("m", {"from_": here / "m.gguf"})
    (here / "m.gguf").unlink()
    with pytest.raises(FileNotFoundError, match=r"m\.gguf"):
        Driven(create(made, TERMS))


def test_a_flow_that_is_given_up_leaves_no_file_open(here: Path) -> None:
    (here / "m.gguf").write_bytes(bytes(2 * MB))
    flow = create_it("m", {"from_": here / "m.gguf"}, TERMS)
    step = next(flow)
    for _ in range(2):
        assert isinstance(step, Run)
        step = flow.send(Outcome(step.function(), 0.0))
    flow.close()
    assert not [name for name in opened() if name.endswith("m.gguf")]


def opened() -> Mapping[str, int]:
    """The files that this process has open, by path."""
    descriptors = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            descriptors[os.readlink(f"/proc/self/fd/{number}")] = int(number)
        except FileNotFoundError:
            continue
    return descriptors
