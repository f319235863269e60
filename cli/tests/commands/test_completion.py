"""`vuhitra completion`: the scripts, driven by a real bash, and what is answered when a shell asks."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.commands.completion import complete
from cli.main import cli
from tests.commands.conftest import Serve, listed
from tests.commands.running import SOON, World, in_shell, in_terminal
from tests.scripted_server import Hang, answer, unused_url

BREAKS = "\"'><=;|&(:"
DRIVE = """
{script}
COMP_LINE="$1"; COMP_POINT=${{#COMP_LINE}}
compopt() {{ local IFS=' '; echo "compopt $*"; }}
_vuhitra_completion vuhitra
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def asked(world: World, line: str, breaks: str = BREAKS, shell: str = "bash") -> list[str]:
    """What bash is answered for a line, without the kinds; in this process."""
    environment = world.with_(variables={"COMP_WORDS": line, "COMP_BREAKS": breaks}).environment()
    complete(cli, environment, shell)
    written = environment.stdout.bytes
    written.seek(0)
    assert not environment.stderr.bytes.tell()
    return [each.partition("\t")[2] for each in written.read().decode().splitlines()]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("vuhitra mo", ["models"]),
        ("vuhitra models re", ["remove"]),
        ("vuhitra models -q he", ["health"]),
        ("vuhitra --color a", ["auto", "always"]),
        ("vuhitra --color=al", ["always"]),
        ("vuhitra chat --no-st", ["--no-stdin", "--no-stream"]),
        ("vuhitra completion ", ["bash", "zsh", "fish"]),
        ("vuhitra ls --js", ["--json"]),
        ("vuhitra nonsense ", []),
        ("vuhitra chat hello", []),
        ("vuhitra --no-such-flag mod", ["models"]),
        ('vuhitra chat "half a quo', []),
    ],
)
def test_what_a_line_may_go_on_with(world: World, line: str, words: list[str]) -> None:
    assert sorted(asked(world, line)) == sorted(words)


def test_commands_that_no_list_names_are_not_offered(world: World) -> None:
    offered = asked(world, "vuhitra ")
    assert {"chat", "models", "completion"} <= set(offered)
    assert not {"run", "ls", "ps", "stop"} & set(offered)
    assert "rm" not in asked(world, "vuhitra models ")


def test_a_file_that_a_setting_names(world: World) -> None:
    assert asked(world, "vuhitra config set profiles.a.ca au") == ["au"]
    assert asked(world, "vuhitra config set profiles.a.url ht") == []


@pytest.mark.parametrize(
    "line",
    [
        "vuhitra chat -m ",
        "vuhitra config set model ",
        "vuhitra config set profiles.a.embed_model ",
        "vuhitra models show ",
        "vuhitra models pull ",
        "vuhitra run ",
    ],
)
def test_the_names_of_models(world: World, serve: Serve, line: str) -> None:
    here = world.with_(variables={"OLLAMA_IP": serve({"/api/tags": listed("llama3.1:8b", "smollm2:latest")}).url})
    assert asked(here, line) == ["llama3.1:8b", "smollm2:latest"]


def test_what_stands_in_the_settings(world: World) -> None:
    config = world.home / ".config" / "vuhitra" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        '[profiles.lan]\nurl = "http://a"\n[profiles.home]\nurl = "http://b"\n[profiles."$(id)"]\nurl = "c"\n'
        '[profiles."gpu.lan"]\nurl = "d"\n'
    )
    assert asked(world, "vuhitra chat --host ") == ["lan", "home", "gpu.lan"]
    assert asked(world, "vuhitra config set profiles.g") == []
    assert asked(world, "vuhitra config set profile ") == ["lan", "home", "gpu.lan"]
    assert asked(world, "vuhitra config set --unset profiles.home")[0] == "profiles.home"
    assert asked(world, "vuhitra models list --host=l") == ["lan"]
    assert asked(world, "vuhitra config set mo") == ["model"]
    assert asked(world, "vuhitra config set profiles.lan.u") == ["profiles.lan.url"]
    assert asked(world, "vuhitra config set profiles.new.key_") == [
        "profiles.new.key_variable",
        "profiles.new.key_command",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("vuhitra chat -o temp", ["temperature="]),
        ("vuhitra chat -o num_g", ["num_gpu="]),
        ("vuhitra chat -o temperature=", []),
        ("vuhitra chat --think=", ["low", "medium", "high", "max"]),
        ("vuhitra chat --think=h", ["high"]),
        ("vuhitra chat --think ", []),
        ("vuhitra chat -s ", []),
    ],
)
def test_what_flags_take(world: World, line: str, words: list[str]) -> None:
    assert asked(world, line) == words


@pytest.mark.parametrize(
    ("line", "breaks", "words"),
    [
        ("vuhitra chat -m llama3.1:", BREAKS, ["8b"]),
        ("vuhitra chat -m llama3.1:", "=", ["llama3.1:8b"]),
        ("vuhitra chat --model=llama3.1:", BREAKS, ["8b"]),
        ("vuhitra chat --model=lla", ":", ["--model=llama3.1:8b"]),
        ("vuhitra chat -m LLA", BREAKS, []),
    ],
)
def test_names_with_colons(world: World, serve: Serve, line: str, breaks: str, words: list[str]) -> None:
    here = world.with_(variables={"OLLAMA_IP": serve({"/api/tags": listed("llama3.1:8b")}).url})
    assert asked(here, line, breaks) == words


def test_a_host_on_the_line_is_the_one_that_is_asked(world: World, serve: Serve) -> None:
    url = serve({"/api/tags": listed("m:latest")}).url
    assert asked(world, f"vuhitra --host {url} models show ") == ["m:latest"]
    assert asked(world, "vuhitra --embedded chat -m ") == ["smollm2:135m"]


def test_names_are_remembered_for_when_the_server_is_gone(world: World, serve: Serve) -> None:
    server = serve({"/api/tags": listed("m:latest", "evil\x1b[2J", "a b", "--yes", "m$(id)", "m`id`", "m;id")})
    here = world.with_(variables={"OLLAMA_IP": server.url})
    assert here.run("models", "list").status == 0
    server.routes["/api/tags"] = [Hang()]
    began = time.monotonic()
    assert asked(here, "vuhitra chat -m ") == ["m:latest"]
    assert time.monotonic() - began < 2
    assert asked(world.with_(variables={"OLLAMA_IP": unused_url()}), "vuhitra chat -m ") == []


def test_a_hostile_name_is_never_put_on_the_line(world: World, serve: Serve) -> None:
    here = world.with_(
        variables={"OLLAMA_IP": serve({"/api/tags": listed("m:1", "m$(id)", "m`id`", "m|id", "~m")}).url}
    )
    assert asked(here, "vuhitra chat -m ") == ["m:1"]


def test_settings_that_can_not_be_read_hinder_no_shell(world: World) -> None:
    (world.home / ".env").write_text("LOG_LEVEL=loud\n")
    ran = world.run("completion", "bash")
    assert (ran.status, ran.err) == (0, "")


def test_a_key_that_is_pressed_runs_no_program(world: World) -> None:
    config = world.home / ".config" / "vuhitra" / "config.toml"
    config.parent.mkdir(parents=True)
    command = f'["touch", "{world.home}/was-run"]'
    config.write_text(f'profile = "a"\n[profiles.a]\nurl = "{unused_url()}"\nkey_command = {command}\n')
    assert asked(world, "vuhitra models show ") == []
    assert not (world.home / "was-run").exists()


def test_a_host_beyond_this_machine_that_a_folder_names_is_not_asked(world: World) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but its own")
        address = probe.getsockname()[0]
    with socket.create_server((address, 0)) as listener:
        listener.settimeout(0)
        url = f"http://{address}:{listener.getsockname()[1]}"
        (world.home / ".env").write_text(f"OLLAMA_IP={url}\n")
        asked(world, "vuhitra models show ")
        with pytest.raises(BlockingIOError):
            listener.accept()
        asked(world, f"vuhitra --host {url} models show ")
        listener.accept()[0].close()


@pytest.mark.parametrize("variables", [{"OLLAMA_IP": "ftp://x"}, {"LOG_LEVEL": "loud"}, {"HOME": "/proc/nowhere"}])
def test_whatever_is_wrong_nothing_is_told(world: World, variables: dict[str, str]) -> None:
    assert asked(world.with_(variables={"OLLAMA_IP": unused_url(), **variables}), "vuhitra chat -m ") == []


@pytest.mark.parametrize("shell", ["", "tcsh", "bash_source"])
def test_a_shell_it_does_not_know_gets_nothing(world: World, shell: str) -> None:
    assert asked(world, "vuhitra mo", shell=shell) == []


class TestBash:
    def test_the_script_completes(self, world: World, serve: Serve, tmp_path: Path) -> None:
        here = world.with_(variables={"OLLAMA_IP": serve({"/api/tags": listed("llama3.1:8b")}).url})
        assert _in_bash(here, "vuhitra mod", tmp_path) == ["models"]
        assert _in_bash(here, "vuhitra chat -m llama3.1:", tmp_path) == ["8b"]
        assert _in_bash(here, "vuhitra chat -f x", tmp_path) == ["compopt -o default", ""]
        assert _in_bash(here, "vuhitra chat -o temp", tmp_path) == ["compopt -o nospace", "temperature="]

    def test_a_person_presses_tab(self, world: World, serve: Serve) -> None:
        here = world.with_(
            variables={"OLLAMA_IP": serve({"/api/show": answer({"details": {}}), "/api/tags": listed("m3.1:8b")}).url}
        )
        with in_shell(here) as shell:
            shell.send('eval "$(vuhitra completion bash)"; echo rea""dy\n')
            shell.wait_for("ready")
            shell.send("vuhitra mod\t")
            shell.wait_for("vuhitra models ")
            shell.send("sho\tm3.1:\t--js\t\n")
            shell.wait_for("show m3.1:8b --json ")
            shell.wait_for('"version": 1')

    def test_it_is_bash(self, world: World) -> None:
        script = world.run("completion", "bash").out
        assert world.run("completion", "bash", "--json").json == {"version": 1, "shell": "bash", "script": script}
        subprocess.run(["bash", "-n"], input=script.encode(), check=True, capture_output=True)
        assert "complete -o nosort -F _vuhitra_completion vuhitra" in script


def _with_program(world: World, folder: Path) -> dict[str, str]:
    """The variables of a process that finds `vuhitra`."""
    program = folder / "bin" / "vuhitra"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cli "$@"\n')
    program.chmod(0o755)
    return {**world.process_variables(), "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}


def _in_bash(world: World, line: str, folder: Path) -> list[str]:
    done = subprocess.run(
        ["bash", "-c", DRIVE.format(script=world.run("completion", "bash").out), "bash", line],
        cwd=world.home,
        env=_with_program(world, folder),
        capture_output=True,
        text=True,
        timeout=SOON,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(("shell", "check"), [("zsh", "-n"), ("fish", "--no-execute")])
def test_other_shells_take_their_scripts(world: World, shell: str, check: str, tmp_path: Path) -> None:
    script = world.run("completion", shell).out
    assert "vuhitra" in script
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    (tmp_path / "script").write_text(script)
    subprocess.run([shell, check, str(tmp_path / "script")], check=True, capture_output=True)


def test_fish_completes(world: World, serve: Serve, tmp_path: Path) -> None:
    if not shutil.which("fish"):
        pytest.skip("no fish here")
    here = world.with_(variables={"OLLAMA_IP": serve({"/api/tags": listed("m3.1:8b")}).url})
    script = here.run("completion", "fish").out
    for line, words in (
        ("vuhitra models he", ["health\tTell whether the server answers, and how fast."]),
        ("vuhitra models show m3.1:", ["m3.1:8b"]),
        ("vuhitra chat -o temp", ["temperature="]),
        ("vuhitra chat --think=h", ["--think=high"]),
    ):
        done = subprocess.run(
            ["fish", "--no-config", "-c", f"{script}\ncomplete -C '{line}'"],
            env=_with_program(here, tmp_path),
            capture_output=True,
            text=True,
            timeout=SOON,
            check=True,
        )
        assert done.stdout.splitlines() == words


@pytest.mark.parametrize("begins", ["autoload -U compinit; compinit -D -u; ", ""], ids=["set up", "bare"])
def test_zsh_completes(world: World, serve: Serve, tmp_path: Path, begins: str) -> None:
    zsh = shutil.which("zsh")
    if not zsh:
        pytest.skip("no zsh here")
    host = serve({"/api/tags": listed("m3.1:8b"), "/api/show": answer({"details": {}})}).url
    here = world.with_(variables={"OLLAMA_IP": host})
    here = here.with_(variables={"PATH": _with_program(here, tmp_path)["PATH"], "TERM": "dumb"})
    with in_terminal(here, program=(zsh, "-f", "-i")) as shell:
        shell.send(f'{begins}eval "$(vuhitra completion zsh)"; echo rea""dy\n')
        shell.wait_for("ready")
        shell.send("vuhitra models sho\tm3.1:\t --json\n")
        shell.wait_for(r'"version": 1[^$]*2004h')
        shell.send("vuhitra chat --show-prompt -m m --think=h\t-o temp\t0 hi\n")
        shell.wait_for(r'options: \{"temperature": 0\.0\}\s+think: high')


@pytest.mark.parametrize(
    ("shell", "variables", "answered"),
    [
        ("zsh_complete", {"COMP_WORDS": "vuhitra models he", "COMP_CWORD": "2"}, "plain\nhealth\n"),
        ("zsh_complete", {"COMP_WORDS": "vuhitra chat --think=h", "COMP_CWORD": "2"}, "plain\n--think=high\n_"),
        ("zsh_complete", {"COMP_WORDS": "vuhitra chat -o temp", "COMP_CWORD": "3"}, "open\ntemperature=\n_"),
        ("fish_complete", {"COMP_WORDS": "vuhitra models he", "COMP_CWORD": "he"}, "plain,health\t"),
        (
            "zsh_complete",
            {"COMP_WORDS": "vuhitra chat --hide-", "COMP_CWORD": "2"},
            "plain\n--hide-thinking\nHide what the model thinks.\n",
        ),
        (
            "fish_complete",
            {"COMP_WORDS": "vuhitra chat --show-t", "COMP_CWORD": "--show-t"},
            "plain,--show-thinking\tShow what the model thinks, on stderr.\n",
        ),
    ],
)
def test_zsh_and_fish_are_answered_in_their_way(
    world: World, shell: str, variables: dict[str, str], answered: str
) -> None:
    environment = world.with_(variables=variables).environment()
    complete(cli, environment, shell)
    environment.stdout.bytes.seek(0)
    assert environment.stdout.bytes.read().decode().startswith(answered)


def test_a_completion_imports_only_what_it_needs(world: World) -> None:
    program = "import sys; from cli.main import run\ntry: run()\nfinally: print(*sys.modules, file=sys.stderr)"
    here = world.with_(variables={"_VUHITRA_COMPLETE": "bash", "COMP_WORDS": "vuhitra models re"})
    with here.start(program=[sys.executable, "-c", program]) as process:
        out, err = process.communicate(timeout=SOON)
    assert out == b"plain\tremove\n"
    imported = set(err.decode().split())
    assert not {"vuhitra", "cli.commands.chat", "cli.commands.models_remove", "cli.config", "dotenv"} & imported
