"""What type checkers make of the overloads of both clients; checked by them, and never run."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

from vuhitra import (
    AsyncOllamaClient,
    AsyncProgressStream,
    AsyncStream,
    OllamaClient,
    ProgressStream,
    Reply,
    Stream,
)

HELLO = [{"role": "user", "content": "hello"}]


def whole_answers(client: OllamaClient) -> None:
    assert_type(client.generate("hello"), Reply)
    assert_type(client.generate("hello", "m", False), Reply)
    assert_type(client.generate("hello", stream=False), Reply)
    assert_type(client.chat(HELLO), Reply)
    assert_type(client.chat(HELLO, "m", False), Reply)
    assert_type(client.chat(HELLO, stream=False), Reply)
    assert_type(client.pull_model("m", stream=False), None)
    assert_type(client.push_model("m", False), None)
    assert_type(client.create_model("m", from_="n"), None)


def streams(client: OllamaClient) -> None:
    assert_type(client.generate("hello", stream=True), Stream)
    assert_type(client.generate("hello", "m", stream=True, options={"seed": 1}), Stream)
    assert_type(client.chat(HELLO, stream=True), Stream)
    assert_type(client.chat(HELLO, "m", stream=True, think="low"), Stream)
    assert_type(client.pull_model("m", True), ProgressStream)
    assert_type(client.pull_model("m", stream=True, insecure=True), ProgressStream)
    assert_type(client.push_model("m", True), ProgressStream)
    assert_type(client.create_model("m", stream=True, from_=Path("m.gguf"), quantize="q4_K_M"), ProgressStream)


def either(client: OllamaClient, stream: bool) -> None:
    assert_type(client.generate("hello", stream=stream), Reply | Stream)
    assert_type(client.generate("hello", "m", stream), Reply | Stream)
    assert_type(client.chat(HELLO, stream=stream), Reply | Stream)
    assert_type(client.chat(HELLO, "m", stream), Reply | Stream)
    assert_type(client.pull_model("m", stream), ProgressStream | None)
    assert_type(client.push_model("m", stream=stream), ProgressStream | None)
    assert_type(client.create_model("m", stream, modelfile="FROM n"), ProgressStream | None)


def one_vector_or_several(client: OllamaClient, texts: tuple[str, ...]) -> None:
    assert_type(client.embed("a"), list[float])
    assert_type(client.embed("a", "m", dimensions=64), list[float])
    assert_type(client.embed(["a", "b"]), list[list[float]])
    assert_type(client.embed(texts), list[list[float]])
    assert_type(client.embed(client.generate("hello")), list[float])


async def whole_answers_awaited(client: AsyncOllamaClient) -> None:
    assert_type(await client.generate("hello"), Reply)
    assert_type(await client.generate("hello", "m", False), Reply)
    assert_type(await client.generate("hello", stream=False), Reply)
    assert_type(await client.chat(HELLO), Reply)
    assert_type(await client.chat(HELLO, "m", False), Reply)
    assert_type(await client.chat(HELLO, stream=False), Reply)
    assert_type(await client.pull_model("m", stream=False), None)
    assert_type(await client.push_model("m", False), None)
    assert_type(await client.create_model("m", from_="n"), None)


async def streams_awaited(client: AsyncOllamaClient) -> None:
    assert_type(await client.generate("hello", stream=True), AsyncStream)
    assert_type(await client.generate("hello", "m", stream=True, options={"seed": 1}), AsyncStream)
    assert_type(await client.chat(HELLO, stream=True), AsyncStream)
    assert_type(await client.chat(HELLO, "m", stream=True, think="low"), AsyncStream)
    assert_type(await client.pull_model("m", True), AsyncProgressStream)
    assert_type(await client.pull_model("m", stream=True, insecure=True), AsyncProgressStream)
    assert_type(await client.push_model("m", True), AsyncProgressStream)
    assert_type(
        await client.create_model("m", stream=True, from_=Path("m.gguf"), quantize="q4_K_M"), AsyncProgressStream
    )


async def either_awaited(client: AsyncOllamaClient, stream: bool) -> None:
    assert_type(await client.generate("hello", stream=stream), Reply | AsyncStream)
    assert_type(await client.generate("hello", "m", stream), Reply | AsyncStream)
    assert_type(await client.chat(HELLO, stream=stream), Reply | AsyncStream)
    assert_type(await client.chat(HELLO, "m", stream), Reply | AsyncStream)
    assert_type(await client.pull_model("m", stream), AsyncProgressStream | None)
    assert_type(await client.push_model("m", stream=stream), AsyncProgressStream | None)
    assert_type(await client.create_model("m", stream, modelfile="FROM n"), AsyncProgressStream | None)


async def one_vector_or_several_awaited(client: AsyncOllamaClient, texts: tuple[str, ...]) -> None:
    assert_type(await client.embed("a"), list[float])
    assert_type(await client.embed("a", "m", dimensions=64), list[float])
    assert_type(await client.embed(["a", "b"]), list[list[float]])
    assert_type(await client.embed(texts), list[list[float]])
    assert_type(await client.embed(await client.generate("hello")), list[float])
