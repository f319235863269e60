"""What type checkers make of replies, streams and lists, and what they must refuse; checked, and never run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import assert_never, assert_type

from vuhitra import (
    AsyncOllamaClient,
    AsyncProgressStream,
    AsyncStream,
    Done,
    Event,
    OllamaClient,
    OllamaIncompleteError,
    OllamaTimeoutError,
    ProgressStream,
    Reply,
    Retry,
    Stream,
    Text,
    Thinking,
    Timeouts,
    ToolCall,
)
from vuhitra.reply import StoppedBy
from vuhitra.types import Message, ModelDescription, ModelSummary, Options, Progress, RunningModel


def a_stream_gives_text_or_events(stream: Stream) -> None:
    for piece in stream:
        assert_type(piece, str)
    assert_type(stream.events(), Iterator[Event])
    assert_type(stream.reply, Reply)
    with stream as opened:
        assert_type(opened, Stream)


def steps_are_typed(steps: ProgressStream) -> None:
    for step in steps:
        assert_type(step, Progress)
    with steps as opened:
        assert_type(opened, ProgressStream)


async def so_are_async_ones(steps: AsyncProgressStream) -> None:
    async for step in steps:
        assert_type(step, Progress)
    async with steps as opened:
        assert_type(opened, AsyncProgressStream)


async def so_does_an_async_one(stream: AsyncStream) -> None:
    async for piece in stream:
        assert_type(piece, str)
    async for event in stream.events():
        assert_type(event, Event)
    async with stream as opened:
        assert_type(opened, AsyncStream)


def events_can_be_told_apart(event: Event) -> str:
    match event:
        case Text(text) | Thinking(text):
            return text
        case ToolCall(name):
            return name
        case Done(reply):
            return reply
        case _:
            assert_never(event)


def a_reply_is_a_str(client: OllamaClient, reply: Reply) -> str:
    assert_type(reply.stopped_by, StoppedBy | None)
    assert_type(reply.tool_calls, tuple[ToolCall, ...])
    assert_type(reply.message, Message)
    client.chat([{"role": "user", "content": "hello"}, reply.message])
    return reply


def lists_are_typed(client: OllamaClient) -> None:
    assert_type(client.list_models(), list[ModelSummary])
    assert_type(client.running_models(), list[RunningModel])
    assert_type(client.show_model("m", verbose=True), ModelDescription)
    assert_type(client.list_models()[0]["name"], str)
    for step in client.pull_model("m", stream=True):
        assert_type(step["status"], str)


def a_view_is_a_client(client: OllamaClient, other: AsyncOllamaClient) -> None:
    view = client.with_options(model="m", timeouts=Timeouts(idle=1), retry=Retry(1), auto_pull=lambda _: False)
    assert_type(view, OllamaClient)
    assert_type(other.with_options(timeouts=5), AsyncOllamaClient)
    assert_type(client.with_options(headers={"X-Gate": "1"}), OllamaClient)


def options_may_be_any_mapping(client: OllamaClient, options: Options) -> None:
    client.generate("hello", options=options)
    client.chat([], options={"brand_new": True}, keep_alive=-1, format={"type": "object"}, timeout=0.5)
    client.generate("what is it?", images=[b"", Path("image"), "AAAA"])


def errors_carry_what_had_arrived(cut: OllamaIncompleteError, late: OllamaTimeoutError) -> None:
    assert_type(cut.partial, Reply)
    assert_type(late.partial, Reply | None)


def what_is_wrong_is_refused(client: OllamaClient) -> None:
    client.generate("hello", temprature=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.chat([], think="loud")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    client.pull_model("m", insecrue=True)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.list_models(verbose=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.copy_model("m")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.embed(3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
