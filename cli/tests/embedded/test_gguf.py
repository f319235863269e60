"""The header of GGUF files: of the real one, of made-up ones, and of what is no such file."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import pytest

from cli.services.embedded.gguf import Array, GGUFError, read_header
from cli.services.embedded.model_store import find_bundled_model


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def entry(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def tensor(name: str, *shape: int, kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def gguf(entries: list[bytes], tensors: list[bytes], data: bytes = b"", version: int = 3, counts: Any = None) -> bytes:
    counted = counts or (len(tensors), len(entries))
    head = b"GGUF" + struct.pack("<IQQ", version, *counted) + b"".join(entries) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + data


SMALL = gguf(
    [
        entry("general.architecture", 8, text("tiny")),
        entry("tiny.context_length", 4, struct.pack("<I", 64)),
        entry("half", 6, struct.pack("<f", 0.5)),
        entry("yes", 7, b"\x01"),
        entry("numbers", 9, struct.pack("<IQ3h", 3, 3, 1, -2, 3)),
        entry("words", 9, struct.pack("<IQ", 8, 2) + text("a") + text("é")),
    ],
    [tensor("one", 4, 2), tensor("two", 32, kind=8, offset=32)],
    bytes(32 + 34),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def test_the_bundled_model() -> None:
    bundled = find_bundled_model()
    assert bundled is not None
    header = read_header(bundled.path)
    assert header.architecture == "llama"
    assert header.parameter_count == 134_515_008
    assert header.quantization == "Q4_1"
    assert header.of_architecture("context_length") == 8192
    assert header.metadata["tokenizer.ggml.tokens"] == Array(49152)
    assert len(header.tensors) == 272


def test_metadata_and_tensors(path: Path) -> None:
    path.write_bytes(SMALL)
    header = read_header(path)
    assert header.metadata == {
        "general.architecture": "tiny",
        "tiny.context_length": 64,
        "half": 0.5,
        "yes": True,
        "numbers": Array(3),
        "words": Array(2),
    }
    assert [(each.name, each.type, each.shape, each.size) for each in header.tensors] == [
        ("one", "F32", (4, 2), 32),
        ("two", "Q8_0", (32,), 34),
    ]
    assert header.quantization == "unknown"
    assert header.of_architecture("nothing", 7) == 7


def test_arrays_are_read_when_asked_for(path: Path) -> None:
    path.write_bytes(SMALL)
    metadata = read_header(path, with_arrays=True).metadata
    assert metadata["numbers"] == [1, -2, 3]
    assert metadata["words"] == ["a", "é"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cut short"),
        (b"GG", "cut short"),
        (b"<html>404</html>", "does not begin with GGUF"),
        (gguf([], [], version=1), "GGUF version 1"),
        (gguf([], [], version=4), "GGUF version 4"),
        (gguf([], [], counts=(2**60, 0)), "do not fit"),
        (gguf([], [], counts=(0, 2**60)), "do not fit"),
        (gguf([entry("k", 99, b"")], []), "unknown type, 99"),
        (gguf([entry("k", 8, struct.pack("<Q", 2**50))], []), "a text of"),
        (gguf([entry("k", 9, struct.pack("<IQ", 4, 2**50))], []), "does not fit"),
        (gguf([entry("k", 9, struct.pack("<IQ", 9, 1) * 6)], []), "unknown type, 9"),
        (gguf([], [tensor("t", 1, 1, 1, 1, 1)]), "5 dimensions"),
        (gguf([], [tensor("t", 32, kind=77)]), "unknown type, 77"),
        (gguf([], [tensor("t", 32)], bytes(127)), "its tensors need"),
        (gguf([], [tensor("t", 2**40, 2**20)], bytes(128)), "its tensors need"),
        (gguf([entry("general.alignment", 4, bytes(4))], []), "an alignment of 0"),
    ],
)
def test_what_is_no_good_is_named(data: bytes, why: str, path: Path) -> None:
    path.write_bytes(data)
    with pytest.raises(GGUFError, match=why) as caught:
        read_header(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("length", range(0, len(SMALL), 7))
def test_a_file_that_was_cut_anywhere_is_refused(length: int, path: Path) -> None:
    path.write_bytes(SMALL[:length])
    with pytest.raises(GGUFError):
        read_header(path)


def test_damaged_bytes_never_do_worse_than_an_error(path: Path) -> None:
    dice = random.Random(7)  # noqa: S311  the same damage every time
    refused = 0
    for _ in range(500):
        damaged = bytearray(SMALL)
        for _ in range(3):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        path.write_bytes(damaged)
        try:
            read_header(path)
        except GGUFError:
            refused += 1
    assert refused > 50
