"""What the header of a GGUF file says about the model in it. Nothing is trusted, nothing is loaded.

The layout is that of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"GGUF"
VERSIONS = (2, 3)

_MOST_ENTRIES = 1_000_000
_LONGEST_KEY = 65_535
_LONGEST_TEXT = 64 * 1024 * 1024
_MOST_DIMENSIONS = 4
_DEFAULT_ALIGNMENT = 32

_NUMBERS = dict(enumerate(("B", "b", "H", "h", "I", "i", "f", "?"))) | {10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_DEEPEST_ARRAY = 4

_TENSOR_TYPES = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
}
"""Number in the file -> name, numbers in a block, bytes of a block."""

_QUANTIZATIONS = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    32: "BF16",
}
"""`general.file_type` -> the name of the quantization."""


class GGUFError(ValueError):
    """The file is no GGUF file, or one that is damaged or cut short. The message says which."""


@dataclass(frozen=True, slots=True)
class Array:
    """An array that was passed over: how many items it has."""

    length: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: its shape (the fastest dimension first), and where its data are (bytes)."""

    name: str
    type: str
    shape: tuple[int, ...]
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Header:
    """The metadata, and what tensors there are."""

    metadata: Mapping[str, Any]
    tensors: tuple[Tensor, ...]

    @property
    def architecture(self) -> str:
        """The family of models that this one belongs to, such as `llama`."""
        return str(self.metadata.get("general.architecture", ""))

    @property
    def parameter_count(self) -> int:
        """How many numbers the tensors hold."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors)

    @property
    def quantization(self) -> str:
        """How the numbers are stored, such as `Q4_1`; `unknown` for a newer way."""
        return _QUANTIZATIONS.get(self.metadata.get("general.file_type", -1), "unknown")

    def of_architecture(self, key: str, default: int = 0) -> int:
        """A number under the architecture's own prefix, such as `llama.context_length`."""
        value = self.metadata.get(f"{self.architecture}.{key}", default)
        return value if isinstance(value, int) else default


def read_header(path: Path, *, with_arrays: bool = False) -> Header:
    """The header of the file at `path`; arrays are passed over unless asked for.

    Raises GGUFError where the file can't be what it says it is, OSError where it can't be read.
    """
    with path.open("rb") as file:
        try:
            return _Reader(file, path.stat().st_size, with_arrays).header()
        except GGUFError as error:
            raise GGUFError(f"{path}: {error}") from None


class _Reader:
    """Reads a file from its start, and knows how much of it is left."""

    def __init__(self, file: BinaryIO, size: int, with_arrays: bool) -> None:
        self._file = file
        self._left = size
        self._size = size
        self._with_arrays = with_arrays

    def header(self) -> Header:
        if self._bytes(4) != MAGIC:
            raise GGUFError("not a GGUF file: it does not begin with GGUF")
        version = self._number("I")
        if version not in VERSIONS:
            raise GGUFError(f"GGUF version {version}; {VERSIONS[0]} and {VERSIONS[1]} can be read")
        tensors, entries = self._count("tensors"), self._count("metadata entries")
        metadata = dict(self._entry() for _ in range(entries))
        header = Header(metadata, tuple(self._tensor() for _ in range(tensors)))
        self._check_data(header)
        return header

    def _entry(self) -> tuple[str, Any]:
        key = self._text(_LONGEST_KEY)
        return key, self._value_reader(self._number("I"), 0)()

    def _value_reader(self, kind: int, depth: int) -> Callable[[], Any]:
        if kind in _NUMBERS:
            return partial(self._number, _NUMBERS[kind])
        if kind == _TEXT:
            return partial(self._text, _LONGEST_TEXT)
        if kind == _ARRAY and depth < _DEEPEST_ARRAY:
            return partial(self._array, depth)
        raise GGUFError(f"metadata of an unknown type, {kind}")

    def _array(self, depth: int) -> Array | list[Any]:
        kind, length = self._number("I"), self._number("Q")
        if length > self._left:
            raise GGUFError(f"an array of {length} items does not fit into the file")
        if kind in _NUMBERS and not self._with_arrays:
            self._skip(length * struct.calcsize(_NUMBERS[kind]))
            return Array(length)
        read = self._value_reader(kind, depth + 1)
        if self._with_arrays:
            return [read() for _ in range(length)]
        for _ in range(length):
            read()
        return Array(length)

    def _tensor(self) -> Tensor:
        name = self._text(_LONGEST_KEY)
        dimensions = self._number("I")
        if dimensions > _MOST_DIMENSIONS:
            raise GGUFError(f"tensor {name!r} has {dimensions} dimensions")
        shape = tuple(self._number("Q") for _ in range(dimensions))
        kind, offset = self._number("I"), self._number("Q")
        if kind not in _TENSOR_TYPES:
            raise GGUFError(f"tensor {name!r} is of an unknown type, {kind}")
        type_name, per_block, block_size = _TENSOR_TYPES[kind]
        return Tensor(name, type_name, shape, offset, math.prod(shape) // per_block * block_size)

    def _check_data(self, header: Header) -> None:
        """Whether the file is as long as its tensors say."""
        alignment = header.metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise GGUFError(f"an alignment of {alignment!r}")
        read = self._size - self._left
        start = -(-read // alignment) * alignment
        end = max((start + tensor.offset + tensor.size for tensor in header.tensors), default=start)
        if header.tensors and end > self._size:
            raise GGUFError(f"cut short: {self._size} bytes, and its tensors need {end}")

    def _count(self, what: str) -> int:
        count = self._number("Q")
        if count > min(_MOST_ENTRIES, self._left):
            raise GGUFError(f"{count} {what} do not fit into the file")
        return int(count)

    def _number(self, code: str) -> Any:
        return struct.unpack("<" + code, self._bytes(struct.calcsize(code)))[0]

    def _text(self, longest: int) -> str:
        length = self._number("Q")
        if length > longest:
            raise GGUFError(f"a text of {length} bytes")
        return self._bytes(length).decode("utf-8", "replace")

    def _bytes(self, length: int) -> bytes:
        self._take(length)
        data = self._file.read(length)
        if len(data) < length:
            raise GGUFError("cut short while it was read")
        return data

    def _skip(self, length: int) -> None:
        self._take(length)
        self._file.seek(length, 1)

    def _take(self, length: int) -> None:
        if length > self._left:
            raise GGUFError(f"cut short: it ends {length - self._left} bytes too early")
        self._left -= length
