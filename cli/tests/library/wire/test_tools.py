"""Rounds of tools: what is sent, in which order they run, and what is heard in the end."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.library.wire.conftest import Connect, Serve
from tests.scripted_server import answer, pieces, stream
from vuhitra import AsyncOllamaClient, OllamaClient, OllamaIncompleteError, OllamaResponseError, Retry

QUESTION = [{"role": "user", "content": "How warm is it?"}]


def calling(*names: str, **arguments: Any) -> list[Any]:
    """An answer that calls functions."""
    calls = [
        {"id": f"call_{index}", "function": {"index": index, "name": name, "arguments": arguments}}
        for index, name in enumerate(names)
    ]
    record = {"model": "m", "message": {"role": "assistant", "content": "", "tool_calls": calls}, "done": False}
    return stream([record, *pieces()])


def test_tools_are_run_and_the_model_is_told(connect: Connect, serve: Serve) -> None:
    asked: list[int] = []

    def warmth(hours: int = 0) -> dict[str, float]:
        """The temperature. hours: from now."""
        asked.append(hours)
        return {"celsius": 20.5}

    server = serve(calling("warmth", "warmth", hours="1"), stream(pieces("It is 20.5°.")))
    reply = connect(server.url, "m").chat(QUESTION, tools=[warmth], run_tools=True)
    assert str(reply) == "It is 20.5°."
    assert asked == [1, 1]
    first, second = (request.json for request in server.requests)
    assert first["tools"] == second["tools"]
    assert first["tools"][0]["function"]["parameters"]["properties"]["hours"]["type"] == "integer"
    assert not {"run_tools", "max_rounds", "schema"} & first.keys()
    assert second["messages"] == [*QUESTION, *reply.messages[:-1]]
    assert second["messages"][1]["tool_calls"][1]["id"] == "call_1"
    assert second["messages"][3] == {
        "role": "tool",
        "tool_name": "warmth",
        "content": '{"celsius":20.5}',
        "tool_call_id": "call_1",
    }
    assert reply.messages[-1] == {"role": "assistant", "content": "It is 20.5°."}


def test_what_a_tool_raises_reaches_the_model(connect: Connect, serve: Serve) -> None:
    def broken() -> None:
        raise RuntimeError("no station")

    server = serve(calling("broken"), stream(pieces("I can't tell.")))
    assert connect(server.url, "m").chat(QUESTION, tools=[broken], run_tools=True) == "I can't tell."
    assert server.requests[1].json["messages"][-1]["content"] == "error: RuntimeError: no station"


def test_the_rounds_end(connect: Connect, serve: Serve) -> None:
    server = serve(calling("again"))

    def again() -> str:
        return "again"

    with pytest.raises(OllamaIncompleteError, match="after 3 rounds") as caught:
        connect(server.url, "m").chat(QUESTION, tools=[again], run_tools=True, max_rounds=3)
    assert len(server.requests) == 4
    assert len(caught.value.messages) == 7
    assert caught.value.partial.tool_calls[0].name == "again"


def test_an_error_in_a_later_round_has_what_was_said(connect: Connect, serve: Serve) -> None:
    server = serve(calling("f"), answer({"error": "broken"}, status=500))
    with pytest.raises(OllamaResponseError) as caught:
        connect(server.url, "m", retry=Retry(attempts=1)).chat(QUESTION, tools=[f], run_tools=True)
    assert [message["role"] for message in caught.value.messages] == ["assistant", "tool"]


def f() -> str:
    return "f"


def test_tools_go_with_a_schema(connect: Connect, serve: Serve) -> None:
    server = serve(calling("f"), stream(pieces("It is 20.")), stream(pieces("[20]")))
    reply = connect(server.url, "m").chat(QUESTION, tools=[f], run_tools=True, schema=list[int])
    assert reply.parsed == [20]
    assert ["format" in request.json for request in server.requests] == [False, False, True]
    assert ["tools" in request.json for request in server.requests] == [True, True, False]


def test_tools_that_are_not_run_are_called_in_a_stream_too(connect: Connect, serve: Serve) -> None:
    server = serve(calling("f"))
    with connect(server.url, "m").chat(QUESTION, tools=[f], stream=True) as answering:
        assert list(answering) == []
    assert answering.reply.tool_calls[0].name == "f"
    with pytest.raises(ValueError, match="run_tools"):
        connect(server.url, "m").chat(QUESTION, tools=[f], stream=True, run_tools=True)
    assert len(server.requests) == 1


async def slow() -> str:
    """Takes its time."""
    await asyncio.sleep(0)
    return "slow"


def test_asynchronous_tools_run_in_the_loop_and_others_beside_it(serve: Serve) -> None:
    threads: list[threading.Thread] = []

    async def here() -> str:
        threads.append(threading.current_thread())
        return await slow()

    def beside() -> str:
        threads.append(threading.current_thread())
        return "beside"

    server = serve(calling("here", "beside"), stream(pieces("done")))

    async def talk() -> Any:
        async with AsyncOllamaClient(server.url, "m") as client:
            return await client.chat(QUESTION, tools=[here, beside], run_tools=True)

    reply = asyncio.run(talk())
    assert [message["content"] for message in reply.messages] == ["", "slow", "beside", "done"]
    assert threads[0] is threading.main_thread()
    assert threads[1] is not threading.main_thread()


def test_an_asynchronous_tool_is_not_for_a_blocking_client(serve: Serve) -> None:
    server = serve(answer({}))
    with OllamaClient(server.url, "m") as client, pytest.raises(TypeError, match="only an AsyncOllamaClient"):
        client.chat(QUESTION, tools=[slow], run_tools=True)
    assert server.requests == []


def test_ctrl_c_in_a_tool_ends_the_call(serve: Serve) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    server = serve(calling("stop"))
    with OllamaClient(server.url, "m") as client, pytest.raises(KeyboardInterrupt):
        client.chat(QUESTION, tools=[stop], run_tools=True)
    assert len(server.requests) == 1
