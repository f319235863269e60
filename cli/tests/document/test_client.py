"""The client as the project's first document describes it: the same names, parameters and results."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from cli.logger import get_logger
from cli.services.ollama_client import (
    AsyncOllamaClient,
    OllamaClient,
    OllamaConnectionError,
    OllamaError,
    OllamaModelError,
    Retry,
)
from tests.scripted_server import Hang, ScriptedServer, answer, pieces, stream, unused_url
from vuhitra.hosts import Host

MODEL = "smollm2:135m"
SHORT = {"num_predict": 8, "temperature": 0}
QUESTION = [{"role": "user", "content": "What is 2+2?"}]

Call = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Call:
    """Calls a method of a client, of either colour, and gives its result; a stream as its pieces."""

    def sync(base_url: str | Host, method: str, *args: Any, **options: Any) -> Any:
        with OllamaClient(base_url, MODEL, retry=Retry(attempts=1)) as client:
            result = getattr(client, method)(*args, **options)
            return list(result) if options.get("stream") else result

    async def asynchronous(base_url: str | Host, method: str, *args: Any, **options: Any) -> Any:
        async with AsyncOllamaClient(base_url, MODEL, retry=Retry(attempts=1)) as client:
            result = await getattr(client, method)(*args, **options)
            return [piece async for piece in result] if options.get("stream") else result

    if request.param == "sync":
        return sync
    return lambda *args, **options: asyncio.run(asynchronous(*args, **options))


class TestErrors:
    def test_the_three_classes(self) -> None:
        assert issubclass(OllamaError, Exception)
        assert issubclass(OllamaConnectionError, OllamaError)
        assert issubclass(OllamaModelError, OllamaError)

    def test_a_server_that_is_not_there(self, call: Call) -> None:
        with pytest.raises(OllamaConnectionError):
            call(unused_url(), "generate", "x")
        with pytest.raises(OllamaConnectionError):
            call(unused_url(), "generate", "x", stream=True)

    def test_an_error_of_the_server(self, call: Call) -> None:
        died = answer({"error": "it died"}, 500)
        with ScriptedServer(died) as server, pytest.raises(OllamaError, match="it died"):
            call(server.url, "generate", "x")


class TestInit:
    @pytest.mark.parametrize("kind", [OllamaClient, AsyncOllamaClient])
    def test_attributes(self, kind: type[Any]) -> None:
        client = kind(base_url="http://ollama:11434/", model="llama3:8b", timeout=120)
        assert client.base_url == "http://ollama:11434"
        assert client.model == "llama3:8b"
        assert client.timeout == 120

    def test_positional(self) -> None:
        with OllamaClient("http://ollama:11434", "llama3:8b", 60) as client:
            assert (client.base_url, client.model, client.timeout) == (
                "http://ollama:11434",
                "llama3:8b",
                60,
            )

    @pytest.mark.parametrize(
        ("method", "names"),
        [
            ("has_model", ["name"]),
            ("pull_model", ["name"]),
            ("generate", ["prompt", "model", "stream", "options"]),
            ("chat", ["messages", "model", "stream"]),
            ("embed", ["text", "model"]),
        ],
    )
    def test_parameters(self, method: str, names: list[str]) -> None:
        parameters = list(inspect.signature(getattr(OllamaClient, method)).parameters)
        assert parameters[1 : len(names) + 1] == names


class TestHealthCheck:
    def test_true_where_a_server_answers(self, call: Call, embedded_host: Host) -> None:
        assert call(embedded_host, "health_check") is True

    def test_false_where_none_does(self, call: Call) -> None:
        assert call(unused_url(), "health_check") is False


class TestListModels:
    def test_each_has_a_name_and_a_size(self, call: Call, embedded_host: Host) -> None:
        models = call(embedded_host, "list_models")
        assert isinstance(models, list)
        names = [m["name"] for m in models]
        assert MODEL in names
        for model in models:
            assert isinstance(model, dict)
            assert "size" in model
            assert model["size"] / (1024**3) > 0


class TestHasModel:
    def test_there_or_not(self, call: Call, embedded_host: Host) -> None:
        assert call(embedded_host, "has_model", MODEL) is True
        assert call(embedded_host, "has_model", "no-such-model") is False

    def test_a_name_without_its_tag(self, call: Call) -> None:
        with ScriptedServer(answer({"models": [{"name": "llama3:latest"}]})) as server:
            assert call(server.url, "has_model", "llama3") is True


PULLED: list[dict[str, Any]] = [
    {"status": "pulling manifest"},
    {"status": "pulling a", "digest": "a", "total": 10, "completed": 5},
    {"status": "success"},
]


class TestPullModel:
    def test_it_gives_nothing_back(self, call: Call) -> None:
        with ScriptedServer(stream(PULLED)) as server:
            assert call(server.url, "pull_model", "llama3:8b") is None
            assert server.requests[0].path == "/api/pull"

    def test_its_failure_is_raised(self, call: Call) -> None:
        failing = stream([*PULLED[:2], {"error": "no space left"}])
        with ScriptedServer(failing) as server, pytest.raises(OllamaModelError, match="no space left"):
            call(server.url, "pull_model", "llama3:8b")


class TestGenerate:
    def test_a_string(self, call: Call, embedded_host: Host) -> None:
        answered = call(embedded_host, "generate", "What is Python?", options=SHORT)
        assert isinstance(answered, str)
        assert answered

    def test_an_iterator_of_strings(self, call: Call, embedded_host: Host) -> None:
        whole = call(embedded_host, "generate", "Explain machine learning", options=SHORT)
        parts = call(embedded_host, "generate", "Explain machine learning", stream=True, options=SHORT)
        assert len(parts) > 1
        assert all(isinstance(part, str) for part in parts)
        assert "".join(parts) == whole

    def test_options_are_passed_on(self, call: Call, embedded_host: Host) -> None:
        shorter = call(embedded_host, "generate", "Count.", None, False, {**SHORT, "num_predict": 1})
        longer = call(embedded_host, "generate", "Count.", None, False, SHORT)
        assert len(shorter) < len(longer)

    def test_a_mock_that_answers_no_more_than_the_text(self, call: Call) -> None:
        with ScriptedServer(answer({"response": "4"})) as server:
            assert call(server.url, "generate", "What is 2+2?") == "4"
            assert call(server.url, "generate", "What is 2+2?", stream=True) == ["4"]

    def test_a_missing_model_is_pulled(self, call: Call) -> None:
        missing = answer({"error": "model 'llama3:8b' not found"}, 404)
        with ScriptedServer(missing, stream(PULLED), answer({"response": "4"})) as server:
            assert call(server.url, "generate", "What is 2+2?", model="llama3:8b") == "4"
            assert [each.path for each in server.requests] == [
                "/api/generate",
                "/api/pull",
                "/api/generate",
            ]


class TestChat:
    def test_a_string(self, call: Call, embedded_host: Host) -> None:
        answered = call(embedded_host, "chat", QUESTION, options=SHORT)
        assert isinstance(answered, str)
        assert answered

    def test_an_iterator_of_strings(self, call: Call) -> None:
        with ScriptedServer(stream(pieces("It ", "is 4."))) as server:
            assert call(server.url, "chat", QUESTION, stream=True) == ["It ", "is 4."]
            assert server.requests[0].json["messages"] == QUESTION

    def test_a_mock_that_answers_no_more_than_the_message(self, call: Call) -> None:
        with ScriptedServer(answer({"message": {"content": "4"}})) as server:
            assert call(server.url, "chat", QUESTION) == "4"


class TestModelSwitching:
    def test_a_model_a_call(self, call: Call) -> None:
        with ScriptedServer(answer({"response": "4"})) as server:
            call(server.url, "generate", "x")
            call(server.url, "generate", "x", model="qwen2.5-coder:7b")
            assert [each.json["model"] for each in server.requests] == [MODEL, "qwen2.5-coder:7b"]


class TestEmbed:
    def test_a_list_of_floats(self, call: Call, embedded_host: Host) -> None:
        vector = call(embedded_host, "embed", "blue sky")
        assert isinstance(vector, list)
        assert len(vector) > 100
        assert all(isinstance(number, float) for number in vector)


class TestTimeout:
    def test_it_is_a_connection_error(self, call: Call) -> None:
        with ScriptedServer([Hang()]) as server, pytest.raises(OllamaConnectionError):
            call(server.url, "generate", "x", timeout=0.2)


def test_get_logger() -> None:
    assert get_logger("cli.services.ollama_client").name == "cli.services.ollama_client"
