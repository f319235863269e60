"""`vuhitra doctor`: every check, as it goes well and as it fails, and what that has skipped."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from cli.config import read_settings
from cli.services.memory import SERVER_ANSWERED, Memory
from cli.services.remedies import remedy
from cli.services.servers import connected
from tests.commands.conftest import InTurn, Routes, Serve, listed
from tests.commands.running import Ran, World, in_terminal
from tests.library.wire.serving import AUTHORITY, VERSION, serving, with_tls
from tests.scripted_server import Close, Hang, WaitFor, answer, unused_url
from vuhitra import (
    OllamaConnectionError,
    OllamaError,
    OllamaProtocolError,
    OllamaResponseError,
    OllamaTimeoutError,
    resolve_host,
)
from vuhitra.errors import ConnectionReason, Phase

SHOWN = answer({"capabilities": ["completion"], "model_info": {"general.architecture": "x", "x.context_length": 8192}})
ROUTES: Routes = {
    "/api/version": answer({"version": "0.33.0"}),
    "/api/tags": listed("m:latest", "llama3.1:8b", capabilities=["completion"]),
    "/api/ps": answer({"models": [{"name": "m:latest", "context_length": 4096}]}),
    "/api/show": SHOWN,
}
NAMES = ["url", "dns", "tcp", "proxy", "tls", "version", "key", "models", "loaded", "model", "window"]


@pytest.fixture
def here(world: World, serve: Serve) -> World:
    """Somebody with a server, and a default model on it."""
    (world.home / ".env").write_text(f"OLLAMA_IP={serve(ROUTES).url}\nMODEL=m\n")
    return world


def lines_of(ran: Ran) -> list[str]:
    """What is printed, without the times."""
    assert ran.err == ""
    return re.sub(r" ?\(?\b\d+(\.\d)? m?s\b\)?", "", ran.out).splitlines()


def checks_of(ran: Ran) -> dict[str, Any]:
    return {each["name"]: each for each in ran.json["checks"]}


def outcomes(ran: Ran) -> list[str]:
    return [f"{each['name']} {each['verdict']}" for each in ran.json["checks"] if each["verdict"] != "ok"]


def answering(serve: Serve, **changed: Any) -> str:
    """The URL of a server that answers all but these paths as it should."""
    return serve({**ROUTES, **{f"/api/{name}": script for name, script in changed.items()}}).url


class TestAllIsWell:
    def test_a_line_a_subject(self, here: World) -> None:
        ran = here.run("doctor")
        port = ran.out.partition(",")[0].rpartition(":")[2]
        assert ran.status == 0
        assert lines_of(ran) == [
            f"ok    setting   http://127.0.0.1:{port}, from OLLAMA_IP in ./.env",
            f"ok    network   port {port} open, no proxy",
            "ok    server    Ollama 0.33.0, no key sent, 2 models, 1 loaded",
            "ok    model     m:latest (MODEL in ./.env), 98 MB",
            "ok    window    8k tokens at most, loaded with 4k",
            "skip  disk      no folder of models on this machine",
            "No problem in 6 checks,. Every step: vuhitra doctor --verbose",
        ]

    def test_a_line_a_step(self, here: World) -> None:
        ran = here.run("doctor", "--verbose")
        assert [line.split()[1] for line in lines_of(ran)[:-1]] == [*NAMES, "disk"]
        assert lines_of(ran)[-1] == "No problem in 12 checks,."
        assert re.search(r"(?m)^ok    models    2 models \(0 ms\)$", ran.out)
        assert "skip  tls       not on this way\n" in ran.out

    def test_only_the_times_that_tell_the_distance_are_shown_with_others(self, here: World) -> None:
        out = here.run("doctor").out
        assert re.search(r"open \(\d+ ms\), no proxy\n", out)
        assert re.search(r"Ollama 0\.33\.0 \(0 ms\), no key sent, 2 models, 1 loaded\n", out)

    def test_for_a_program(self, here: World) -> None:
        ran = here.run("doctor", "--json")
        assert (ran.status, ran.err, ran.json["ok"]) == (0, "", True)
        checks = checks_of(ran)
        assert list(checks) == [*NAMES, "disk"]
        assert checks["version"]["facts"] == {"engine": "ollama", "server_version": "0.33.0"}
        assert checks["model"]["text"] == "m:latest (MODEL in ./.env), 98 MB"
        assert checks["window"]["facts"] == {"window": 8192, "window_loaded": 4096}
        assert checks["tls"] == {**checks["tls"], "subject": "network", "verdict": "skip", "error": None}

    def test_quiet(self, here: World) -> None:
        assert here.run("doctor", "-q") == Ran(0, "", "")
        ran = here.run("doctor", "-q", "--host", unused_url())
        assert [line[:14] for line in ran.out.splitlines()] == ["FAIL  network ", "              "]

    def test_a_name_is_looked_up(self, here: World) -> None:
        env = here.home / ".env"
        env.write_text(env.read_text().replace("127.0.0.1", "localhost"))
        assert re.search(r"ok    network   localhost is [\d.:, ]+ \(\d+ ms\), port", here.run("doctor").out)

    def test_the_room_that_there_is(self, here: World) -> None:
        folder = here.home / ".ollama" / "models"
        folder.mkdir(parents=True)
        ran = here.run("doctor")
        assert re.search(rf"(?m)^ok    disk      [\d.]+ [GT]B free in {folder}$", ran.out)

    def test_a_server_elsewhere_has_no_disk_here(self, here: World, serve: Serve) -> None:
        gpu = serve({f"http://gpu.lan:11434{path}": script for path, script in ROUTES.items()})
        ran = here.with_(variables={"http_proxy": gpu.url}).run_process("doctor", "--host", "gpu.lan")
        assert lines_of(ran)[1:3] == [
            f"ok    network   port {gpu.port} open, through the proxy {gpu.url} (http_proxy)",
            "ok    server    Ollama 0.33.0, no key sent, 2 models, 1 loaded",
        ]
        assert lines_of(ran)[-1] == "No problem in 5 checks,. Every step: vuhitra doctor --verbose --host gpu.lan"

    def test_the_built_in_engine(self, world: World) -> None:
        ran = world.run("doctor", "--embedded")
        assert ran.status == 0
        assert lines_of(ran) == [
            "ok    setting   the built-in engine, from --embedded",
            "skip  network   inside this program",
            "ok    server    the built-in engine, 1 model, 0 loaded",
            "ok    model     smollm2:135m (built in), 98 MB",
            "ok    window    8k tokens at most",
            "No problem in 5 checks,. Every step: vuhitra doctor --verbose --embedded",
        ]

    def test_a_key_is_told_and_not_shown(self, here: World) -> None:
        with (here.home / ".env").open("a") as env:
            env.write("OLLAMA_API_KEY=hunter2\n")
        ran = here.run("doctor", "--verbose")
        assert "ok    key       key sent (OLLAMA_API_KEY in ./.env)\n" in ran.out
        assert "hunter2" not in ran.out

    def test_tls(self, world: World) -> None:
        AUTHORITY.cert_pem.write_to_path(str(world.home / "ca.pem"))
        with serving(with_tls(VERSION)) as url:
            config(world, f'[profiles.lan]\nurl = "{url}"\nca = "~/ca.pem"\n')
            ran = world.run("doctor", "--host", "lan", "--verbose")
        assert f"ok    url       {url}, from profile lan (--host)\n" in ran.out
        assert re.search(r"(?m)^ok    tls       TLS 1\.\d, certificate until \d{4}-\d\d-\d\d \(\d+ ms\)$", ran.out)


class TestWhatIsWrong:
    def test_nothing_listens(self, world: World) -> None:
        url = unused_url()
        ran = world.run("doctor", "--host", url)
        assert ran.status == 3
        port = url.rpartition(":")[2]
        first, second, remedy, *skipped, last = lines_of(ran)
        assert first == f"ok    setting   {url}, from --host"
        assert second == f"FAIL  network   refused: nothing listens on port {port} of this machine"
        assert remedy.startswith("                try: ")
        assert skipped == [
            "skip  server    needs the network",
            "skip  model     needs the server",
            "skip  window    needs the model",
            "skip  disk      no folder of models on this machine",
        ]
        assert last == f"1 problem in 6 checks,. Every step: vuhitra doctor --verbose --host {url}"

    def test_what_comes_after_a_step_is_skipped(self, world: World) -> None:
        ran = world.run("doctor", "--host", unused_url(), "--json")
        assert outcomes(ran) == ["dns skip", "tcp FAIL", *(f"{name} skip" for name in NAMES[3:]), "disk skip"]
        checks = checks_of(ran)
        assert (checks["tls"]["text"], checks["models"]["text"]) == ("needs tcp", "needs the network")
        assert (ran.json["ok"], ran.status) == (False, 3)
        assert checks["tcp"]["error"] == json.loads(ran.err)["error"]

    @pytest.mark.parametrize(
        ("host", "says", "remedy"),
        [
            pytest.param("gpu.invalid", "no address is known for gpu.invalid", "the name in --host", id="dns"),
            pytest.param("unix:///none", "refused: nothing listens on /none", "the path in --host", id="socket"),
        ],
    )
    def test_the_way_there(self, world: World, host: str, says: str, remedy: str) -> None:
        ran = world.run("doctor", "--host", host)
        assert ran.status == 3
        assert f"FAIL  network   {says} (" in ran.out
        assert f"                try: {remedy}" in ran.out

    def test_a_setting_that_can_not_be_read(self, world: World) -> None:
        ran = world.with_(variables={"OLLAMA_IP": "gpu:x"}).run("doctor")
        assert ran.status == 2
        assert lines_of(ran) == [
            "FAIL  setting   OLLAMA_IP: no server can be read from 'gpu:***': a port is a number from 1 to 65535",
            "                try: a URL such as http://127.0.0.1:11434 in OLLAMA_IP",
            "skip  network   needs the setting",
            "skip  server    needs the network",
            "skip  model     needs the server",
            "skip  window    needs the model",
            "1 problem in 5 checks,.",
        ]

    def test_a_config_file_that_can_not_be_read(self, world: World) -> None:
        config(world, "profile = \n")
        ran = world.run("doctor")
        assert ran.status == 2
        assert lines_of(ran)[:2] == [
            "FAIL  setting   ~/.config/vuhitra/config.toml, line 1: not TOML: invalid value",
            "                try: vuhitra config validate",
        ]

    def test_a_key_that_can_not_be_had(self, world: World, serve: Serve) -> None:
        server = serve(ROUTES)
        config(world, f'profile = "lan"\n[profiles.lan]\nurl = "{server.url}"\nkey_variable = "LAN_KEY"\n')
        ran = world.run("doctor")
        assert ran.status == 4
        assert lines_of(ran)[2:4] == [
            "FAIL  server    no key for profile lan: LAN_KEY is not set",
            "                try: export LAN_KEY=KEY",
        ]
        assert server.requests == []

    def test_a_key_that_is_refused(self, here: World, serve: Serve) -> None:
        url = answering(serve, version=answer({"error": "unauthorized"}, 401))
        ran = here.run("doctor", "--host", url, "--json")
        assert ran.status == 4
        assert outcomes(ran)[2:5] == ["version skip", "key FAIL", "models skip"]
        assert checks_of(ran)["version"]["text"] == "needs key"
        assert checks_of(ran)["key"]["error"]["hint"] == "export OLLAMA_API_KEY=KEY"

    @pytest.mark.parametrize(("path", "blamed"), [("tags", "models"), ("show", "window")])
    def test_a_key_that_is_refused_later(self, here: World, serve: Serve, path: str, blamed: str) -> None:
        refusing = answering(serve, **{path: answer({"error": "unauthorized"}, 401)})
        ran = here.run("doctor", "--host", refusing, "--json")
        assert (ran.status, checks_of(ran)["key"]["verdict"]) == (4, "ok")
        assert checks_of(ran)[blamed]["error"]["hint"] == "export OLLAMA_API_KEY=KEY"

    @pytest.mark.parametrize(
        ("script", "status", "remedy"),
        [
            (answer(b"<h1>It works!</h1>"), 10, "another URL in --host: what answers at HOST is no Ollama server"),
            (answer({"error": "no"}, 500), 10, "journalctl -u ollama, or whatever else shows the log of the server"),
            ([Close()], 3, "another port than PORT, or https: what listens there hangs up"),
        ],
        ids=["another", "failing", "hanging up"],
    )
    def test_what_to_look_at_where_the_server_does_not_say(
        self, here: World, serve: Serve, script: list[Any], status: int, remedy: str
    ) -> None:
        url = answering(serve, version=script)
        ran = here.run("doctor", "--host", url)
        assert ran.status == status
        assert re.search(r"(?m)^FAIL  server    .+", ran.out)
        remedy = remedy.replace("HOST", url[7:]).replace("PORT", url.rpartition(":")[2])
        assert f"                try: {remedy}\n" in ran.out

    def test_what_listens_and_says_nothing_is_no_firewall(self, world: World) -> None:
        over = threading.Event()

        def say_nothing(_: object) -> None:
            over.wait(10)

        with serving(say_nothing) as url:
            ran = world.run("doctor", "--host", url)
            over.set()
        port = url.rpartition(":")[2]
        assert ran.status == 6
        assert f"FAIL  network   tls: Ollama at {url} (--host) could not be reached within 5 s (" in ran.out
        assert (
            f"try: a URL with http, or another port than {port}: what listens there takes connections, and says"
            in ran.out
        )

    def test_a_file_that_holds_no_certificate(self, world: World) -> None:
        (world.home / "no.pem").write_text("no certificate")
        config(world, '[profiles.lan]\nurl = "https://127.0.0.1:1"\nca = "~/no.pem"\n')
        ran = world.run("doctor", "--host", "lan")
        assert ran.status == 2
        what = f"FAIL  network   profile lan: no certificate can be used from '{world.home}/no.pem' (ca)"
        assert lines_of(ran)[1] == what
        assert lines_of(ran)[3] == "                try: vuhitra config set profiles.lan.ca FILE"

    def test_a_file_that_is_not_there(self, world: World) -> None:
        config(world, '[profiles.lan]\nurl = "https://127.0.0.1:1"\nca = "~/no.pem"\n')
        ran = world.run("doctor", "--host", "lan", "--json")
        assert (ran.status, outcomes(ran)[:5]) == (
            2,
            ["dns skip", "tcp skip", "proxy skip", "tls FAIL", "version skip"],
        )

    @pytest.mark.parametrize("host", ["gpu:hunter2", "http://x?key=hunter2", "http://u:hunter2@h:x"])
    def test_no_credential_is_told(self, world: World, host: str) -> None:
        ran = world.run("doctor", "--host", host)
        assert ran.status == 2
        assert "hunter2" not in ran.out + ran.err

    def test_a_key_that_the_server_says_is_not_told(self, here: World, serve: Serve) -> None:
        url = answering(serve, version=answer({"version": "1 hunter2secret"}))
        ran = here.with_(variables={"OLLAMA_API_KEY": "hunter2secret"}).run("doctor", "--host", url)
        assert "Ollama 1 ***" in ran.out

    def test_debug(self, world: World) -> None:
        ran = world.run("doctor", "--debug", "--host", unused_url())
        assert ran.status == 3
        assert "Traceback (most recent call last):" in ran.err
        assert "FAIL  network" in ran.out

    def test_a_level_that_is_none(self, world: World) -> None:
        ran = world.with_(variables={"LOG_LEVEL": "LOUD"}).run("doctor")
        assert lines_of(ran)[1] == "                try: LOG_LEVEL=WARNING"

    def test_log(self, here: World) -> None:
        ran = here.with_(variables={"LOG_LEVEL": "DEBUG"}).run("doctor")
        assert "vuhitra doctor begins" in ran.err

    def test_a_server_that_says_nothing(self, here: World, serve: Serve) -> None:
        ran = here.run("doctor", "--host", answering(serve, version=[Hang()]))
        assert ran.status == 6
        assert re.search(r"(?m)^FAIL  server    Ollama at \S+ \(--host\) .+ within 5 s \(0 ms\)$", ran.out)
        assert "                try: journalctl -u ollama, or " in ran.out

    def test_a_server_that_does_not_list_its_models(self, here: World, serve: Serve) -> None:
        ran = here.run("doctor", "--json", "--host", answering(serve, tags=answer({"error": "no"}, 500)))
        assert (ran.status, outcomes(ran)[2:]) == (
            10,
            ["models FAIL", "loaded skip", "model skip", "window skip", "disk skip"],
        )
        assert checks_of(ran)["loaded"]["text"] == "needs models"

    @pytest.mark.parametrize(
        "script",
        [answer({"error": "no"}, 404), answer({"error": "no"}, 500), answer({"error": "no"}, 401), [Close()]],
        ids=["unknown", "failing", "refused", "hanging up"],
    )
    def test_a_server_that_does_not_tell_what_is_loaded_is_no_worse(
        self, here: World, serve: Serve, script: list[Any]
    ) -> None:
        ran = here.run("doctor", "--host", answering(serve, ps=script))
        assert ran.status == 0
        assert "ok    server    Ollama 0.33.0 (0 ms), no key sent, 2 models\n" in ran.out

    def test_full_disk(self, here: World) -> None:
        """The only full disk that each Linux has is no folder, so the room is that of `/proc`: none."""
        ran = here.with_(variables={"OLLAMA_MODELS": "/proc"}).run("doctor")
        assert ran.status == 10
        assert "FAIL  disk      no room for a model in /proc\n" in ran.out
        assert "try: vuhitra models remove NAME" in ran.out


class TestTheModel:
    def run(self, world: World, *args: str, **variables: str) -> Ran:
        return world.with_(variables=variables).run("doctor", *args)

    @pytest.mark.parametrize(
        ("model", "instead"), [("llama3:8b", "llama3.1:8b"), ("nothing-like-it", "m:latest")], ids=["near", "any"]
    )
    def test_it_is_not_there(self, here: World, model: str, instead: str) -> None:
        ran = self.run(here, MODEL=model)
        assert ran.status == 5
        assert lines_of(ran)[3:6] == [
            f"FAIL  model     {model} (MODEL) is not on that server",
            f"                try: vuhitra models pull {model}, or MODEL={instead}",
            "skip  window    needs the model",
        ]

    def test_its_name_is_none(self, here: World) -> None:
        ran = self.run(here, MODEL="a b")
        assert ran.status == 2
        assert lines_of(ran)[3:5] == [
            "FAIL  model     MODEL is 'a b', which names no model",
            "                try: vuhitra config show",
        ]

    def test_the_file_that_names_it(self, here: World, serve: Serve) -> None:
        config(here, 'model = "gone"\n')
        ran = self.run(here, "--host", answering(serve), OLLAMA_IP="http://127.0.0.1:1")
        assert "gone" not in ran.out  # ./.env is stronger
        (here.home / ".env").unlink()
        ran = self.run(here, "--host", answering(serve))
        assert "FAIL  model     gone (model in ~/.config/vuhitra/config.toml) is not on that server\n" in ran.out
        assert re.search(r"or vuhitra models default m:latest --host \S+\n", ran.out)

    def test_it_can_not_chat(self, here: World, serve: Serve) -> None:
        embeds = {"name": "e:latest", "capabilities": ["embedding"]}
        tags = answer({"models": [embeds, {"name": "m:latest", "capabilities": ["completion"]}]})
        ran = self.run(here, "--host", answering(serve, tags=tags), MODEL="e")
        assert ran.status == 5
        assert lines_of(ran)[3:5] == [
            "FAIL  model     e (MODEL) can't chat",
            "                try: MODEL=m:latest",
        ]

    def test_there_are_several(self, world: World, serve: Serve) -> None:
        url = answering(serve)
        ran = world.run("doctor", "--host", url)
        assert ran.status == 0
        assert lines_of(ran)[3:6] == [
            f"skip  model     none is set; 2 of those at {url[7:]} can chat",
            f"                try: vuhitra models default m:latest --host {url}",
            "skip  window    needs a model",
        ]

    def test_there_is_one(self, world: World, serve: Serve) -> None:
        url = answering(serve, tags=listed("m:latest", capabilities=["completion"]))
        assert (
            "ok    model     m:latest (the only one that can chat), 98 MB\n" in world.run("doctor", "--host", url).out
        )

    def test_there_is_none(self, world: World, serve: Serve) -> None:
        url = answering(serve, tags=answer({"models": []}))
        ran = world.run("doctor", "--host", url)
        assert ran.status == 5
        assert f"FAIL  model     no models at {url[7:]}" in ran.out
        assert "try: vuhitra models pull smollm2:135m" in ran.out

    def test_the_built_in_engine_has_no_other(self, world: World) -> None:
        ran = self.run(world, "--embedded", MODEL="llama3")
        assert ran.status == 5
        assert "FAIL  model     llama3 (MODEL) is not in the built-in engine\n" in ran.out
        assert "                try: MODEL=smollm2:135m\n" in ran.out

    @pytest.mark.parametrize("script", [answer({"error": "no"}, 404), answer(b"", 405)], ids=["404", "405"])
    def test_a_server_that_describes_no_models_is_no_worse(self, here: World, serve: Serve, script: list[Any]) -> None:
        silent = answering(serve, show=script, ps=answer({"models": []}))
        ran = here.run("doctor", "--host", silent)
        assert (ran.status, lines_of(ran)[4]) == (0, "skip  window    the server doesn't tell")

    def test_a_server_that_is_slow_to_describe_them_is_no_worse(self, here: World, serve: Serve) -> None:
        ran = here.run("doctor", "--host", answering(serve, show=[Hang()], ps=answer({"models": []})))
        assert ran.status == 0
        assert re.search(r"(?m)^skip  window    Ollama at \S+ \(--host\) .+ within 5 s$", ran.out)

    def test_numbers_that_can_not_be(self, here: World, serve: Serve) -> None:
        running = answer({"models": [{"name": "m:latest", "context_length": -5}]})
        shown = answer({"model_info": {"general.architecture": "x", "x.context_length": True}})
        assert "the server doesn't tell" in here.run("doctor", "--host", answering(serve, ps=running, show=shown)).out

    def test_one_that_can_not_be_described(self, here: World, serve: Serve) -> None:
        ran = here.run("doctor", "--host", answering(serve, show=answer({"error": "unable to read it"}, 500)))
        assert ran.status == 10
        assert "ok    model     m:latest" in ran.out
        assert "FAIL  window    " in ran.out

    def test_a_server_that_does_not_tell_the_window(self, here: World, serve: Serve) -> None:
        silent = answering(serve, show=answer({"details": {}}), ps=answer({"models": []}))
        ran = here.run("doctor", "--host", silent)
        assert ran.status == 0
        assert "skip  window    the server doesn't tell\n" in ran.out
        loaded = answering(serve, show=answer({"details": {}}))
        assert "ok    window    loaded with 4k tokens\n" in here.run("doctor", "--host", loaded).out


NOBODY = "refused: nothing listens on port 11434 of this machine"


class TestWithoutAServer:
    """Nobody chose one, and the built-in model answers: nothing is wrong."""

    def test_the_built_in_model_answers(self, fresh: World) -> None:
        ran = fresh.run("doctor")
        assert ran.status == 0
        assert lines_of(ran)[:3] == [
            "ok    setting   http://127.0.0.1:11434, the default",
            f"skip  network   {NOBODY}; the built-in model answers instead",
            "                try: ollama serve, or OLLAMA_IP=URL for a server elsewhere",
        ]
        assert "ok    server    the built-in engine (" in ran.out

    def test_it_is_not_offered_for_what_it_has_not(self, fresh: World) -> None:
        assert "vuhitra doctor --embedded" not in fresh.with_(variables={"MODEL": "llama3"}).run("doctor").out
        Memory(str(fresh.home / ".local" / "state" / "vuhitra")).remember(SERVER_ANSWERED)
        assert "vuhitra doctor --embedded" in fresh.run("doctor").out

    def test_unless_one_has_answered_before(self, fresh: World) -> None:
        Memory(str(fresh.home / ".local" / "state" / "vuhitra")).remember(SERVER_ANSWERED)
        ran = fresh.run("doctor")
        assert ran.status == 3
        assert "FAIL  network   refused: " in ran.out


class TestWhileItGoes:
    def test_each_line_comes_as_soon_as_it_is_known(self, here: World, serve: Serve, released: threading.Event) -> None:
        url = answering(serve, version=[WaitFor(released), *answer({"version": "0.33.0"})])
        with in_terminal(here, "doctor", "--host", url) as terminal:
            terminal.wait_for("network .*no proxy")
            terminal.wait_for("checking version … 1 s")
            assert "server" not in terminal.seen
            released.set()
            assert terminal.end() == 0
        assert not any("checking" in line for line in terminal.screen)

    def test_ctrl_c(self, here: World, serve: Serve) -> None:
        with in_terminal(here, "doctor", "--host", answering(serve, version=[Hang()])) as terminal:
            terminal.wait_for("checking version")
            terminal.send("\x03")
            assert terminal.end() == 130
        assert terminal.screen[-2:] == ["Stopped.", ""]

    def test_a_folder_that_names_a_server_elsewhere_is_told_first(self, world: World, serve: Serve) -> None:
        gpu = serve({f"http://gpu.lan:11434{path}": script for path, script in ROUTES.items()})
        (world.home / ".env").write_text("OLLAMA_IP=gpu.lan\n")
        with in_terminal(world.with_(variables={"http_proxy": gpu.url}), "doctor") as terminal:
            terminal.wait_for(r"names a server beyond this machine: http://gpu\.lan:11434")
            terminal.wait_for(r"\? .*\] ")
            assert gpu.requests == []
            terminal.send("n\n")
            assert terminal.end() == 4
        assert gpu.requests == []

    def test_what_a_server_says_can_not_steer_the_terminal(self, here: World, serve: Serve) -> None:
        evil = answering(serve, version=answer({"version": "1\x1b[2J"}))
        ran = here.at_terminal.with_(variables={"NO_COLOR": "1"}).run("doctor", "--host", evil)
        assert "Ollama 1 (0 ms), no key sent" in ran.out
        assert "\x1b" not in ran.out

    def test_what_is_typed_can_not_either(self, world: World) -> None:
        ran = world.at_terminal.with_(variables={"NO_COLOR": "1"}).run("doctor", "--host", "\x1b[2Jx")
        assert ran.status == 2
        assert "\x1b" not in ran.out


def late(phase: Phase) -> OllamaTimeoutError:
    return OllamaTimeoutError("x", phase=phase, seconds=1)


def lost(reason: ConnectionReason) -> OllamaConnectionError:
    return OllamaConnectionError("x", reason=reason)


@pytest.mark.parametrize(
    ("error", "stage", "says"),
    [
        (late("connect"), "dns", "the name server"),
        (late("connect"), "tcp", "a firewall before gpu may drop what comes to port 11434"),
        (late("connect"), "proxy", "another proxy: gpu:11434"),
        (late("connect"), "tls", "a URL with http"),
        (late("start"), "", "journalctl"),
        (lost("dns"), "dns", "the name in OLLAMA_IP"),
        (lost("unreachable"), "tcp", "is gpu up"),
        (lost("tls"), "tls", "openssl s_client -connect gpu:11434"),
        (lost("reset"), "", "another port than 11434"),
        (lost("stopped"), "", None),
        (OllamaProtocolError("x"), "", "another URL in OLLAMA_IP"),
        (OllamaResponseError("x", status=502, body=""), "", "journalctl"),
        (OllamaResponseError("x", status=404, body=""), "", "another URL in OLLAMA_IP"),
        (OllamaResponseError("x", status=400, body=""), "", None),
    ],
)
def test_what_to_look_at(error: OllamaError, stage: str, says: str | None) -> None:
    found = remedy(error, stage, resolve_host("gpu", "OLLAMA_IP"))
    assert found is None if says is None else found is not None and found.startswith(says)


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        pytest.param(OllamaConnectionError("x", reason="dns"), "vuhitra doctor --host gpu", id="dns"),
        pytest.param(OllamaConnectionError("x", reason="unreachable"), "vuhitra doctor --host gpu", id="unreachable"),
        pytest.param(OllamaTimeoutError("x", phase="connect", seconds=1), "vuhitra doctor --host gpu", id="too late"),
        pytest.param(
            OllamaConnectionError("x", reason="refused", hint="y"),
            "start Ollama there, listening beyond 127.0.0.1; or: vuhitra doctor --host gpu",
            id="refused",
        ),
        pytest.param(OllamaConnectionError("x", reason="tls", hint="y"), "y", id="known"),
        pytest.param(OllamaConnectionError("x", reason="reset"), None, id="lost"),
        pytest.param(OllamaTimeoutError("x", phase="start", seconds=1), None, id="reached"),
    ],
)
def test_an_error_that_does_not_know_why_sends_here(
    tmp_path: Path, error: OllamaConnectionError, hint: str | None
) -> None:
    settings = read_settings({}, {}).with_flags(host="gpu")
    with pytest.raises(OllamaConnectionError) as raised, connected(settings, Memory(str(tmp_path))):
        raise error
    assert raised.value.hint == hint


def test_a_state_that_changes_in_between_is_told_as_it_is(here: World, serve: Serve) -> None:
    url = answering(serve, tags=InTurn(answer({"models": []}), listed("m:latest")))
    assert "FAIL  model     m (MODEL in ./.env) is not on that server\n" in here.run("doctor", "--host", url).out


def config(world: World, text: str) -> None:
    path: Path = world.home / ".config" / "vuhitra" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
