"""The command lines of the project's first document, and its commands invoked with objects of one's own."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from cli.commands import chat, models
from cli.main import cli
from cli.services.ollama_client import OllamaClient, OllamaError
from tests.scripted_server import ScriptedServer, answer, stream, unused_url

HERE = {"OLLAMA_IP": "", "OLLAMA_HOST": "", "MODEL": ""}
LISTED = answer({"models": [{"name": "llama3:8b", "size": 4_661_224_676}]})
PULLED = stream(
    [
        {"status": "pulling manifest"},
        {"status": "pulling a", "digest": "a", "total": 10, "completed": 10},
        {"status": "success"},
    ]
)


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    return CliRunner(env={**HERE, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)})


def objects(url: str, model: str = "llama3:8b") -> dict[str, object]:
    """What the document's commands find in `ctx.obj`."""
    config = SimpleNamespace(ollama_ip=url, model=model)
    return {"config": config, "logger": logging.getLogger("somebody's own")}


def says(text: str) -> ScriptedServer:
    return ScriptedServer(answer({"response": text}))


class TestChatCommand:
    def test_with_objects_of_ones_own(self, runner: CliRunner) -> None:
        with says("4") as server:
            result = runner.invoke(chat.chat, ["What is 2+2?"], obj=objects(server.url))
            assert (result.exit_code, result.stdout) == (0, "4\n")
            assert server.requests[0].json["model"] == "llama3:8b"

    @pytest.mark.parametrize(
        ("args", "prompt", "model"),
        [
            (["What is Python?"], "What is Python?", "llama3:8b"),
            (["--stream", "Explain machine learning"], "Explain machine learning", "llama3:8b"),
            (
                ["--model", "qwen2.5-coder:7b", "Write a Python function"],
                "Write a Python function",
                "qwen2.5-coder:7b",
            ),
        ],
    )
    def test_its_examples(self, runner: CliRunner, args: list[str], prompt: str, model: str) -> None:
        with says("Well.") as server:
            result = runner.invoke(chat.chat, args, obj=objects(server.url))
            assert (result.exit_code, result.stdout) == (0, "Well.\n")
            assert server.requests[0].json["prompt"] == prompt
            assert server.requests[0].json["model"] == model

    def test_the_prompt_may_be_typed_in(self, runner: CliRunner) -> None:
        with says("4") as server:
            result = runner.invoke(chat.chat, [], input="What is 2+2?\n", obj=objects(server.url))
            assert (result.exit_code, result.stdout) == (0, "4\n")
            assert server.requests[0].json["prompt"] == "What is 2+2?"

    def test_a_server_that_is_not_there(self, runner: CliRunner) -> None:
        url = unused_url()
        result = runner.invoke(chat.chat, ["x"], obj=objects(url))
        assert result.exit_code == 3
        assert result.stdout == ""
        assert f"Error: cannot connect to Ollama at {url} (the configuration)" in result.stderr


class TestModelsCommands:
    def test_list_with_objects_of_ones_own(self, runner: CliRunner) -> None:
        with ScriptedServer(LISTED) as server:
            result = runner.invoke(models.models_group, ["list"], obj=objects(server.url))
            assert result.exit_code == 0
            assert "* llama3:8b  4.7 GB" in result.stdout

    def test_no_models(self, runner: CliRunner) -> None:
        with ScriptedServer(answer({"models": []})) as server:
            result = runner.invoke(models.models_group, ["list"], obj=objects(server.url))
            assert result.exit_code == 0
            assert "No models available" in result.output

    def test_pull(self, runner: CliRunner) -> None:
        with ScriptedServer(PULLED) as server:
            result = runner.invoke(models.models_group, ["pull", "llama3:8b"], obj=objects(server.url))
            assert result.exit_code == 0
            assert result.stdout.startswith("✓ Model pulled successfully: llama3:8b")

    def test_health(self, runner: CliRunner) -> None:
        scripts = (answer({"version": "0.33.0"}), LISTED, answer({"models": []}))
        with ScriptedServer(*scripts) as server:
            result = runner.invoke(models.models_group, ["health"], obj=objects(server.url))
            assert result.exit_code == 0
            assert result.stdout.startswith("ok    Ollama 0.33.0 at ")


class TestValidationSteps:
    def run(self, runner: CliRunner, server: ScriptedServer, *args: str) -> Result:
        """A command line, with the server in the `.env` of the working folder."""
        Path(".env").write_text(f"OLLAMA_IP={server.url}\nMODEL=llama3:8b\n", encoding="utf-8")
        return runner.invoke(cli, args)

    def test_connection(self, runner: CliRunner) -> None:
        with ScriptedServer(LISTED) as server:
            result = self.run(runner, server, "models", "list")
            assert (result.exit_code, "llama3:8b" in result.stdout) == (0, True)

    @pytest.mark.parametrize("args", [["What is 2+2?"], ["--stream", "Explain Python"]])
    def test_chat(self, runner: CliRunner, args: list[str]) -> None:
        with says("4") as server:
            result = self.run(runner, server, "chat", *args)
            assert (result.exit_code, result.stdout) == (0, "4\n")

    def test_model_pull(self, runner: CliRunner) -> None:
        with ScriptedServer(PULLED) as server:
            result = self.run(runner, server, "models", "pull", "llama3:8b")
            assert result.exit_code == 0
            assert server.requests[0].json["model"] == "llama3:8b"


def test_a_real_answer(tmp_path: Path, embedded_url: str) -> None:
    (tmp_path / ".env").write_text(f"OLLAMA_IP={embedded_url}\nMODEL=smollm2:135m\n", encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "chat", "--stream", "Explain Python"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.read(10).strip()
        process.stdout.close()  # the rest may be long
        assert process.wait(20) == 0


def test_the_lines_that_its_chat_command_is_made_of(embedded_url: str) -> None:
    ollama = OllamaClient(base_url=embedded_url, model="smollm2:135m")
    try:
        assert ollama.health_check()
        chunks = list(ollama.generate("Say one word.", stream=True, options={"num_predict": 8}))
        assert "".join(chunks)
    except OllamaError:
        pytest.fail("the document's own code meets an error")
    finally:
        ollama.close()
