"""Profiles, and keys that are sent to the server they belong to and to no other."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
from pathlib import Path
from typing import Literal

import pytest

from cli.config import read_settings
from cli.config_file import EMPTY, ConfigFile, Profile
from cli.config_rules import checked
from cli.services.memory import Memory
from cli.services.servers import connected
from tests.commands.conftest import RoutedServer, Serve, listed
from tests.commands.running import World
from tests.commands.test_config_file import config_of
from tests.library.wire.serving import AUTHORITY, serving, with_tls
from tests.scripted_server import answer
from vuhitra.errors import OllamaConnectionError


@pytest.fixture
def server(serve: Serve) -> RoutedServer:
    return serve({"/api/tags": listed("m"), "/api/ps": answer({"models": []})})


def sent(server: RoutedServer) -> str | None:
    """The credential that came with the first request."""
    return server.requests[0].headers.get("authorization")


class TestWhichServer:
    FILE = ConfigFile(
        "c",
        profile="lan",
        model="top",
        profiles={"lan": Profile("lan", "http://lan:1", model="big"), "far": Profile("far", "http://far:2")},
    )

    @pytest.mark.parametrize(
        ("given", "url", "source", "model"),
        [
            ((None, {}, {}), "http://lan:1", "profile lan", "big"),
            (("far", {}, {}), "http://far:2", "profile far (--host)", "top"),
            (("h", {}, {}), "h", "--host", "top"),
            (("lan", {"MODEL": "mine"}, {}), "http://lan:1", "profile lan (--host)", "mine"),
            ((None, {"VUHITRA_PROFILE": "far"}, {}), "http://far:2", "profile far (VUHITRA_PROFILE)", "top"),
            (
                (None, {"VUHITRA_PROFILE": "far", "OLLAMA_HOST": "h"}, {}),
                "http://far:2",
                "profile far (VUHITRA_PROFILE)",
                "top",
            ),
            (
                (None, {"VUHITRA_PROFILE": "far"}, {"OLLAMA_IP": "h"}),
                "http://far:2",
                "profile far (VUHITRA_PROFILE)",
                "top",
            ),
            ((None, {"VUHITRA_PROFILE": "far", "OLLAMA_IP": "h"}, {}), "h", "OLLAMA_IP", "top"),
            ((None, {}, {"OLLAMA_IP": "h"}), "h", "OLLAMA_IP in ./.env", "top"),
            ((None, {}, {"OLLAMA_IP": "h", "MODEL": "d"}), "h", "OLLAMA_IP in ./.env", "d"),
            ((None, {}, {"VUHITRA_PROFILE": "far"}), "http://lan:1", "profile lan", "big"),
        ],
    )
    def test_what_goes_first(
        self, given: tuple[str | None, dict[str, str], dict[str, str | None]], url: str, source: str, model: str
    ) -> None:
        flag, variables, dotenv = given
        settings = read_settings(variables, dotenv, self.FILE).with_flags(host=flag)
        assert (settings.ollama_ip, settings.source("ollama_ip"), settings.model) == (url, source, model)
        assert settings.host_is_set

    def test_what_is_told_to_try_asks_the_same_one(self, world: World, serve: Serve) -> None:
        config_of(world, f'[profiles.lan]\nurl = "{serve({"/api/tags": listed("llama3:8b")}).url}"\n')
        ran = world.run("models", "default", "lama3:8b", "--host", "lan")
        assert ran.err.endswith("  try: vuhitra models default llama3:8b --host lan\n")
        ran = world.with_(variables={"VUHITRA_PROFILE": "lan"}).run("models", "default", "lama3:8b")
        assert ran.err.endswith("  try: vuhitra models default llama3:8b\n")

    def test_the_model_says_where_it_stands(self) -> None:
        assert read_settings({}, {}, self.FILE).source("model") == "model in profile lan"
        assert read_settings({}, {}, self.FILE).with_flags(host="far").source("model") == "model in c"

    def test_a_profile_that_is_not_there_is_told_with_near_names(self, world: World) -> None:
        config_of(world, '[profiles.lan]\nurl = "h"\n')
        ran = world.with_(variables={"VUHITRA_PROFILE": "lna"}).run("models", "list")
        assert ran.status == 2
        assert ran.err.splitlines()[:2] == [
            "Error: no profile 'lna' in ~/.config/vuhitra/config.toml (VUHITRA_PROFILE)",
            "  near names: lan",
        ]
        ran = world.with_(variables={"VUHITRA_PROFILE": "gpu.lan"}).run("models", "list")
        assert ran.err.splitlines()[-1] == """  try: vuhitra config set 'profiles."gpu.lan".url' URL"""

    @pytest.mark.parametrize(
        ("reason", "why"),
        [("dns", "no address is known; near names of profiles: my lan"), ("refused", "no address is known")],
    )
    def test_a_word_that_is_no_server_may_be_a_profile(
        self, tmp_path: Path, reason: Literal["dns", "refused"], why: str
    ) -> None:
        file = ConfigFile(profiles={"my lan": Profile("my lan", "h")})
        settings = read_settings({}, {}, file).with_flags(host="mylan")
        with pytest.raises(OllamaConnectionError) as raised, connected(settings, Memory(str(tmp_path))):
            raise OllamaConnectionError("cannot connect", reason=reason, why="no address is known")
        assert raised.value.why == why
        assert (raised.value.hint == "--host 'my lan'") is (reason == "dns")


@pytest.mark.parametrize(
    ("flag", "variables", "dotenv", "key"),
    [
        (None, {"OLLAMA_API_KEY": "e"}, {}, "e"),
        ("h", {"OLLAMA_API_KEY": "e"}, {}, "e"),
        (None, {"OLLAMA_API_KEY": "e", "OLLAMA_IP": "h"}, {}, "e"),
        ("other", {"OLLAMA_API_KEY": "e", "OLLAMA_IP": "h"}, {}, None),
        ("h", {"OLLAMA_API_KEY": "e", "OLLAMA_IP": "h"}, {}, "e"),
        (None, {"OLLAMA_API_KEY": "e"}, {"OLLAMA_IP": "h"}, None),
        (None, {"OLLAMA_API_KEY": "e"}, {"OLLAMA_HOST": "h"}, None),
        (None, {"OLLAMA_API_KEY": "e"}, {"OLLAMA_IP": "h", "OLLAMA_API_KEY": "d"}, "d"),
        ("other", {}, {"OLLAMA_IP": "h", "OLLAMA_API_KEY": "d"}, None),
        (None, {"OLLAMA_API_KEY": "e", "OLLAMA_HOST": "h"}, {}, "e"),
        (None, {"OLLAMA_API_KEY": "e", "OLLAMA_HOST": "h"}, {"OLLAMA_HOST": "g"}, "e"),
        (None, {"OLLAMA_API_KEY": "e", "OLLAMA_HOST": "g", "OLLAMA_IP": "h"}, {}, "e"),
        (None, {}, {"OLLAMA_HOST": "h", "OLLAMA_API_KEY": "d"}, "d"),
        (None, {"OLLAMA_IP": "h"}, {"OLLAMA_API_KEY": "d"}, "d"),
        (None, {"OLLAMA_IP": "h"}, {"OLLAMA_IP": "g", "OLLAMA_API_KEY": "d"}, None),
    ],
)
def test_a_key_is_for_the_server_that_stands_beside_it(
    flag: str | None, variables: dict[str, str], dotenv: dict[str, str | None], key: str | None
) -> None:
    settings = read_settings(variables, dotenv, EMPTY).with_flags(host=flag)
    assert settings.api_key == key
    assert key is None or repr(key) not in repr(settings)


class TestKeysOnTheWire:
    def test_that_of_the_environment(self, world: World, server: RoutedServer) -> None:
        here = world.with_(variables={"OLLAMA_IP": server.url, "OLLAMA_API_KEY": "hunter2"})
        assert here.run("models", "list").status == 0
        assert sent(server) == "Bearer hunter2"

    @pytest.mark.parametrize("key", ["schlüssel", "two\nlines"])
    def test_one_that_can_not_be_sent_is_named(self, world: World, server: RoutedServer, key: str) -> None:
        here = world.with_(variables={"OLLAMA_IP": server.url, "OLLAMA_API_KEY": key})
        ran = here.run("models", "list")
        assert (ran.status, server.requests) == (2, [])
        assert ran.err.startswith("Error: the key in OLLAMA_API_KEY holds characters that can't be sent\n")

    def test_a_dotenv_gets_no_key_that_is_not_its_own(self, world: World, server: RoutedServer) -> None:
        (world.home / ".env").write_text(f"OLLAMA_IP={server.url}\n")
        assert world.with_(variables={"OLLAMA_API_KEY": "hunter2"}).run("models", "list").status == 0
        assert sent(server) is None

    def test_a_dotenv_gets_its_own(self, world: World, server: RoutedServer) -> None:
        (world.home / ".env").write_text(f"OLLAMA_IP={server.url}\nOLLAMA_API_KEY=its\n")
        assert world.run("models", "list").status == 0
        assert sent(server) == "Bearer its"

    def test_a_profile_has_its_own_from_a_variable(self, world: World, server: RoutedServer) -> None:
        config_of(world, f'profile = "lan"\n[profiles.lan]\nurl = "{server.url}"\nkey_variable = "LAN_KEY"\n')
        here = world.with_(variables={"OLLAMA_API_KEY": "other", "LAN_KEY": "hunter2"})
        assert here.run("models", "list").status == 0
        assert sent(server) == "Bearer hunter2"

    def test_the_key_of_a_profile_goes_nowhere_else(self, world: World, serve: Serve, server: RoutedServer) -> None:
        config_of(world, f'profile = "lan"\n[profiles.lan]\nurl = "{server.url}"\nkey_variable = "LAN_KEY"\n')
        elsewhere = serve({"/api/tags": listed("m"), "/api/ps": answer({"models": []})})
        here = world.with_(variables={"LAN_KEY": "hunter2"})
        assert here.run("models", "list", "--host", elsewhere.url).status == 0
        (world.home / ".env").write_text(f"OLLAMA_IP={elsewhere.url}\n")
        assert here.run("models", "list").status == 0
        assert not server.requests
        assert {request.headers.get("authorization") for request in elsewhere.requests} == {None}

    def test_a_command_prints_it(self, world: World, server: RoutedServer) -> None:
        script = world.home / "key.py"
        script.write_text("print('hunter2')\nprint('more')\n")
        command = f'["{sys.executable}", "{script}"]'
        config_of(world, f'[profiles.lan]\nurl = "{server.url}"\nkey_command = {command}\n')
        assert world.run("models", "list", "--host", "lan").status == 0
        assert sent(server) == "Bearer hunter2"

    def test_what_the_command_says_of_its_failure_is_the_cause(self, world: World, server: RoutedServer) -> None:
        script = world.home / "key.py"
        script.write_text("import sys\nsys.stderr.write('one\\n\\x1b[2Jlocked\\n')\nsys.exit(3)\n")
        config_of(world, f'[profiles.lan]\nurl = "{server.url}"\nkey_command = ["{sys.executable}", "{script}"]\n')
        ran = world.run_process("models", "list", "--host", "lan")
        assert (ran.status, ran.out) == (4, "")
        assert ran.err == (
            "Error: no key for profile lan: its key_command failed with exit code 3\n"
            "  locked\n  try: vuhitra config show\n"
        )

    def test_what_the_command_leaves_running_is_not_waited_for(self, world: World, server: RoutedServer) -> None:
        script = world.home / "key.sh"
        script.write_text("echo hunter2\nsleep 20 >/dev/null &\necho $! >pid\n")
        config_of(world, f'[profiles.lan]\nurl = "{server.url}"\nkey_command = ["sh", "{script}"]\n')
        ran = world.run_process("models", "list", "--host", "lan")
        os.kill(int((world.home / "pid").read_text()), signal.SIGKILL)
        assert (ran.status, ran.err) == (0, "")
        assert sent(server) == "Bearer hunter2"

    def test_the_command_reads_nothing_of_what_is_asked(self, world: World, serve: Serve) -> None:
        server = serve(says=["a"])
        script = world.home / "key.py"
        script.write_text("import sys\nsys.stdin.read()\nprint('hunter2')\n")
        config_of(world, f'[profiles.lan]\nurl = "{server.url}"\nkey_command = ["{sys.executable}", "{script}"]\n')
        here = world.with_(stdin=b"all of this")
        assert here.run_process("chat", "x", "-m", "m", "--host", "lan").status == 0
        assert server.requests[0].json["prompt"] == "all of this\n\nx"

    @pytest.mark.parametrize(
        ("lines", "what"),
        [
            ('key_variable = "LAN_KEY"', "no key for profile lan: LAN_KEY is not set"),
            ('key_command = "/nowhere/pass"', "no key for profile lan: its key_command can't be run"),
            ('key_command = "false"', "no key for profile lan: its key_command failed with exit code 1"),
            ('key_command = "true"', "no key for profile lan: its key_command printed nothing"),
        ],
    )
    def test_without_its_key_nothing_is_sent(self, world: World, server: RoutedServer, lines: str, what: str) -> None:
        config_of(world, f'[profiles.lan]\nurl = "{server.url}"\n{lines}\n')
        ran = world.run("models", "list", "--host", "lan")
        assert (ran.status, server.requests) == (4, [])
        assert ran.err.startswith(f"Error: {what}\n")

    @pytest.mark.parametrize(
        ("lines", "shown", "hint"),
        [
            ("", "no credential", "vuhitra config set profiles.lan.key_variable NAME_OF_VARIABLE"),
            (
                'key_variable = "LAN_KEY"',
                "the Bearer credential from LAN_KEY of profile lan",
                "export LAN_KEY=KEY, or: vuhitra config set profiles.lan.key_variable NAME_OF_VARIABLE",
            ),
            (
                'key_command = "echo hunter2"',
                "the Bearer credential from key_command of profile lan",
                "vuhitra config set profiles.lan.key_command COMMAND",
            ),
        ],
    )
    def test_where_it_is_refused_that_is_what_is_named(
        self, world: World, serve: Serve, lines: str, shown: str, hint: str
    ) -> None:
        server = serve(dict.fromkeys(("/api/tags", "/api/pull"), answer({"error": "unauthorized"}, 401)))
        config_of(world, f'[profiles.lan]\nurl = "{server.url}"\n{lines}\n')
        keyed = world.with_(variables={"LAN_KEY": "hunter2"})
        for command in (("models", "list"), ("models", "pull", "m")):
            what, why, tried = keyed.run(*command, "--host", "lan").err.splitlines()[:3]
            assert what.endswith(f", sent with {shown}")
            assert (why, tried) == ("  unauthorized", f"  try: {hint}")

    def test_without_a_profile_it_is_the_variable(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": answer({"error": "unauthorized"}, 401)})
        url = server.url
        here = world.with_(variables={"OLLAMA_IP": url})
        keyed = here.with_(variables={"OLLAMA_API_KEY": "hunter2"})
        elsewhere = keyed.with_(variables={"OLLAMA_IP": "gpu.lan"})
        with_password = world.with_(variables={"OLLAMA_IP": url.replace("//", "//me:hunter2@")})
        said = [each.run("models", "list", "--host", url) for each in (elsewhere, world)]
        said += [each.run("models", "list") for each in (keyed, here, with_password)]
        (world.home / ".env").write_text(f"OLLAMA_IP={url}\n")
        said.append(world.run("models", "list"))
        told = [each.err.splitlines() for each in said]
        assert [each[0].partition("sent with ")[2] for each in told] == [
            "no credential",
            "no credential",
            "the Bearer credential from OLLAMA_API_KEY",
            "no credential",
            "the Basic credential from OLLAMA_IP",
            "no credential",
        ]
        assert [each[2].removeprefix("  try: ") for each in told] == [
            f"export OLLAMA_IP={url} OLLAMA_API_KEY=KEY",
            "export OLLAMA_API_KEY=KEY",
            "export OLLAMA_API_KEY=KEY",
            "export OLLAMA_API_KEY=KEY",
            "another user:password@ in OLLAMA_IP",
            "OLLAMA_API_KEY=KEY in ./.env",
        ]

    def test_no_error_and_no_log_shows_it(self, world: World, serve: Serve) -> None:
        server = serve({"/api/tags": answer({"error": "unauthorized: Bearer hunter2"}, 401)})
        config_of(world, f'profile = "lan"\n[profiles.lan]\nurl = "{server.url}"\nkey_variable = "LAN_KEY"\n')
        loud = world.with_(variables={"LAN_KEY": "hunter2", "LOG_LEVEL": "DEBUG"})
        for args in (["--debug"], ["--json"], ["--json", "--debug"]):
            ran = loud.run("models", "list", *args)
            assert ran.status == 4
            assert "hunter2" not in ran.out + ran.err


def test_a_certificate_that_is_not_there_is_named(world: World, server: RoutedServer, tmp_path: Path) -> None:
    config_of(world, f'[profiles.lan]\nurl = "{server.url}"\nca = "{tmp_path}/none.pem"\n')
    ran = world.run("models", "list", "--host", "lan")
    assert ran.status == 2
    assert ran.err.startswith(f"Error: profile lan: no file '{tmp_path}/none.pem' (ca)\n")


@pytest.mark.parametrize("key", ["ca", "client_certificate"])
def test_a_file_that_holds_no_certificate_is_named(world: World, tmp_path: Path, key: str) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    config_of(world, f'[profiles.lan]\nurl = "https://127.0.0.1:1"\n{key} = "{tmp_path}/no.pem"\n')
    ran = world.run("models", "list", "--host", "lan")
    assert ran.status == 2
    what, why, hint = ran.err.splitlines()
    assert what == f"Error: profile lan: no certificate can be used from '{tmp_path}/no.pem' ({key})"
    assert "PEM" in why or "certificate" in why
    assert hint == f"  try: vuhitra config set profiles.lan.{key} FILE"


def test_its_certificates_are_used(world: World, tmp_path: Path) -> None:
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued = AUTHORITY.issue_cert("me@team.example")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "me.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "me.key"))
    tags = b'HTTP/1.1 200 OK\r\nContent-Length: 40\r\nConnection: close\r\n\r\n{"models": [{"name": "m:latest"}]}      '
    with serving(with_tls(tags, asks=True)) as url:
        config_of(world, f'[profiles.lan]\nurl = "{url}"\nca = "{tmp_path}/ca.pem"\n')
        assert world.run("models", "list", "-q", "--host", "lan").status == 3
    with serving(with_tls(tags, asks=True)) as url:
        lines = f'client_certificate = "{tmp_path}/me.pem"\nclient_key = "~/me.key"\n'
        config_of(world, f'[profiles.lan]\nurl = "{url}"\nca = "{tmp_path}/ca.pem"\n{lines}')
        ran = world.run("models", "list", "-q", "--host", "lan")
        assert (ran.status, ran.out, ran.err) == (0, "m:latest\n", "")


def test_the_guide_shows_what_happens(world: World) -> None:
    text = (Path(__file__).parents[3] / "docs" / "profiles.md").read_text("utf-8")
    shown = "".join(re.findall(r"(?ms)^```console\n(.*?)^```", text))
    told = [part.partition("\n") for part in re.split(r"(?m)^\$ vuhitra ", shown)[1:]]
    assert len(told) == 7
    for command, _, printed in told:
        ran = world.run(*shlex.split(command))
        assert ran.out + ran.err == printed
    [profile] = re.findall(r"(?ms)^```toml\n(.*?)^```", text)
    assert checked(profile)[1] == []
