"""A Modelfile's text -> what it says. This file knows no file system and no network.

It is read as Ollama's own client reads it, since the server reads none. Two things differ: characters that can't
be printed, as those that join emoji, are kept, and several blanks between words do no harm.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple, get_type_hints

from vuhitra import journal
from vuhitra.types import Message, Options

_COMMANDS = (
    "FROM",
    "PARAMETER",
    "TEMPLATE",
    "SYSTEM",
    "ADAPTER",
    "LICENSE",
    "MESSAGE",
    "REQUIRES",
    "RENDERER",
    "PARSER",
    "DRAFT",
)
_SEVERAL = ("FROM", "ADAPTER", "DRAFT", "LICENSE")
_ROLES = ("system", "user", "assistant")
_WITHOUT_EFFECT = frozenset(
    [
        "penalize_newline",
        "low_vram",
        "f16_kv",
        "logits_all",
        "vocab_only",
        "use_mlock",
        "mirostat",
        "mirostat_tau",
        "mirostat_eta",
    ]
)
"""Parameters of old, which Ollama's client passes over."""

# A line ends at what Ollama takes for its end, and nowhere else: text may hold U+2028, for one.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_WORD = re.compile(r"[ \t]*([^ \t\r\n]+)([ \t]?)")
_VERSION = re.compile(r"v?(\d+(\.\d+(\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?)?)?)")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TRUTHS = {**dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True)}
_TRUTHS.update(dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False))


class ModelfileError(ValueError):
    """A Modelfile that can't be read. line: where, counted from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(line, what)
        self.line = line

    def __str__(self) -> str:
        return f"line {self.line} of the Modelfile: {self.args[1]}"


class Modelfile(NamedTuple):
    """What a Modelfile says. What it doesn't say is None or empty; an empty system prompt is not the same as none.

    from_: models' names or paths, as they were written: there may be several files. adapters, drafts: paths.
    parameters: of the types that the server expects; `stop` is a list. requires: the oldest server that will do.
    """

    from_: tuple[str, ...]
    adapters: tuple[str, ...]
    drafts: tuple[str, ...]
    template: str | None
    system: str | None
    license: tuple[str, ...]
    parameters: dict[str, Any]
    messages: tuple[Message, ...]
    requires: str | None
    renderer: str | None
    parser: str | None


class _Command(NamedTuple):
    """A command, in capitals, and what stands after it. word: a parameter's name, or a message's role."""

    line: int
    name: str
    word: str
    value: str


def decode(data: bytes) -> str:
    """The text of a file: UTF-8, or UTF-16 where it begins with its mark. Raises ModelfileError."""
    encoding = "UTF-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "UTF-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ModelfileError(line, f"it is not {encoding}: {error.reason}") from error


def parse(text: str) -> Modelfile:
    """What a Modelfile says. Raises ModelfileError, which is a ValueError, with the line at fault."""
    text = text.removeprefix("\ufeff")
    once: dict[str, str] = {}
    several: dict[str, list[str]] = {name: [] for name in _SEVERAL}
    parameters: dict[str, Any] = {}
    messages: list[Message] = []
    for command in _commands(text):
        if command.name == "PARAMETER":
            _add_parameter(parameters, command)
        elif command.name == "MESSAGE":
            messages.append(_message(command))
        elif command.name in several:
            several[command.name].append(_named(command))
        else:
            once[command.name] = _version(command) if command.name == "REQUIRES" else command.value
    if not several["FROM"]:
        raise ModelfileError(len(_LINE.findall(text)) or 1, "it ends without a FROM, which says what to begin with")
    return Modelfile(
        from_=tuple(several["FROM"]),
        adapters=tuple(several["ADAPTER"]),
        drafts=tuple(several["DRAFT"]),
        template=once.get("TEMPLATE"),
        system=once.get("SYSTEM"),
        license=tuple(several["LICENSE"]),
        parameters=parameters,
        messages=tuple(messages),
        requires=once.get("REQUIRES"),
        renderer=once.get("RENDERER"),
        parser=once.get("PARSER"),
    )


def _commands(text: str) -> Iterator[_Command]:
    lines = enumerate(_LINE.findall(text), 1)
    before: re.Match[str] | None
    for number, line in lines:
        at = _WORD.match(line)
        if at is None or at[1].startswith("#"):
            continue
        name = at[1].upper()
        if name not in _COMMANDS:
            raise ModelfileError(number, f"{at[1]!r} is no command; there are {', '.join(_COMMANDS)}")
        word, before = "", at
        if name in ("PARAMETER", "MESSAGE"):
            before = _WORD.match(line, at.end())
            word = before[1] if before else ""
        if not (before and before[2]):
            raise ModelfileError(number, f"{f'{name} {word}'.strip()} has no value")
        yield _Command(number, name, word, _value(number, line[before.end() :], lines))


def _value(number: int, first: str, lines: Iterator[tuple[int, str]]) -> str:
    """A value: the rest of its line, or all up to the line that ends with the quotes that it begins with."""
    begun = first.strip()
    quotes = next((quotes for quotes in ('"""', '"') if begun.startswith(quotes)), "")
    taken = [first]
    if not (begun.endswith(quotes) and len(begun) >= 2 * len(quotes)):
        for _, line in lines:
            taken.append(line)
            if line.rstrip().endswith(quotes):
                break
        else:
            raise ModelfileError(number, f"the value that begins here with {quotes} doesn't end with {quotes}")
    whole = "".join(taken).strip()
    return whole[len(quotes) : len(whole) - len(quotes)]


def _named(command: _Command) -> str:
    if not command.value.strip() and command.name != "LICENSE":
        raise ModelfileError(command.line, f"{command.name} has no value")
    return command.value


def _version(command: _Command) -> str:
    version = _VERSION.fullmatch(command.value)
    if version is None:
        raise ModelfileError(command.line, f"REQUIRES is a version, as 0.14.0, not {command.value!r}")
    return version[1]


def _message(command: _Command) -> Message:
    if command.word not in _ROLES:
        raise ModelfileError(command.line, f"a message's role is {', '.join(_ROLES)}, not {command.word!r}")
    return {"role": command.word, "content": command.value}


def _add_parameter(parameters: dict[str, Any], command: _Command) -> None:
    name = command.word
    if name in _WITHOUT_EFFECT:
        journal.warning("line %d of the Modelfile: the parameter %s has no effect any more", command.line, name)
        return
    kind = _kinds().get(name)
    if kind is None:
        raise ModelfileError(command.line, f"there is no parameter {name!r}; there are {', '.join(_kinds())}")
    what, read = kind
    value = read(command.value)
    if value is None:
        raise ModelfileError(command.line, f"the parameter {name} is {what}, not {command.value!r}")
    if name == "stop":
        value = [*parameters.get(name, []), value]
    parameters[name] = value


def _whole(text: str) -> int | None:
    if not _WHOLE.fullmatch(text) or len(text) > 20:  # more digits than 64 bits have
        return None
    value = int(text)
    return value if -(2**63) <= value < 2**63 else None


def _number(text: str) -> float | None:
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


@cache
def _kinds() -> dict[str, tuple[str, Callable[[str], Any]]]:
    """What each parameter is, in words, and how it is read; None is what can't be."""
    kinds: dict[Any, tuple[str, Callable[[str], Any]]] = {
        int: ("a whole number", _whole),
        float: ("a number", _number),
        bool: ("true or false", _TRUTHS.get),
    }
    types = {**get_type_hints(Options), "draft_num_predict": int}
    return {name: kinds.get(kind, ("a text", str)) for name, kind in types.items()}
