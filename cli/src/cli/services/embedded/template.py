"""Go's text/template: a tree of nodes and values -> text, as Ollama renders a model's `template`.

Values are those of JSON. A key that isn't there is nil, which is written `<no value>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from cli.services.embedded import gojson
from cli.services.embedded.template_parser import (
    Branch,
    Call,
    Field,
    Leave,
    Node,
    Operand,
    Output,
    Pipeline,
    TemplateError,
    Text,
    Variable,
    parse,
)

_MOST_OUTPUT = 64 * 1024 * 1024


class Template:
    """A template that was parsed. Raises TemplateError, worded as Go words it.

    functions: what it may call beside Go's own functions.
    """

    def __init__(self, text: str, functions: Mapping[str, Callable[..., Any]] | None = None) -> None:
        self._functions = {**_FUNCTIONS, **(functions or {})}
        try:
            self.nodes = parse(text, frozenset(self._functions) | _LAZY)
        except RecursionError:
            raise _failure("exceeded maximum template depth") from None
        if not self.mentions("Messages") and not self.mentions("Response"):
            self.nodes += (Output(Pipeline((Call(None, (Field(None, ("Response",)),)),))),)

    def mentions(self, name: str) -> bool:
        """Whether a field of this name is used anywhere."""
        return any(name in field.path for field in _fields(self.nodes))

    def render(self, values: Mapping[str, Any]) -> str:
        """The text for `values`."""
        return _Rendering(self._functions, values).text(self.nodes)

    def render_to_response(self, values: Mapping[str, Any]) -> str:
        """The text up to where the answer goes: what stands behind `.Response` is left out."""
        nodes, _ = _cut_behind_response(self.nodes)
        return _Rendering(self._functions, values).text(nodes)


class _Left(Exception):
    """`break` or `continue`, on its way to the loop it belongs to."""

    def __init__(self, keyword: str) -> None:
        self.keyword = keyword


class _Rendering:
    """One rendering: the functions, the variables in scope, and what was written so far."""

    def __init__(self, functions: Mapping[str, Callable[..., Any]], values: Mapping[str, Any]) -> None:
        self._functions = functions
        self._values = values
        self._variables: list[tuple[str, Any]] = [("$", values)]
        self._written: list[str] = []
        self._size = 0

    def text(self, nodes: tuple[Node, ...]) -> str:
        try:
            self._walk(nodes, self._values)
        except RecursionError:
            raise _failure("exceeded maximum template depth") from None
        return "".join(self._written)

    def _walk(self, nodes: tuple[Node, ...], dot: Any) -> None:
        for node in nodes:
            match node:
                case Text(text):
                    self._write(text)
                case Output(pipeline):
                    value = self._evaluate(pipeline, dot)
                    if not pipeline.names:
                        self._write(printed(value))
                case Branch():
                    scope = len(self._variables)
                    self._branch(node, dot)
                    del self._variables[scope:]
                case Leave(keyword):
                    raise _Left(keyword)

    def _branch(self, branch: Branch, dot: Any) -> None:
        if branch.keyword == "range":
            self._range(branch, dot)
            return
        value = self._evaluate(branch.pipeline, dot)
        inner = value if branch.keyword == "with" and value else dot
        self._walk(branch.body if value else branch.otherwise, inner)

    def _range(self, branch: Branch, dot: Any) -> None:
        names, declares = branch.pipeline.names, branch.pipeline.declares
        value = self._evaluate(Pipeline(branch.pipeline.calls), dot)
        scope = len(self._variables)
        items = list(_items(value))
        for key, item in items:
            bound = (item,) if len(names) == 1 else (key, item)
            for name, given in zip(names, bound, strict=False):
                self._bind(name, given, declares)
            try:
                self._walk(branch.body, item)
            except _Left as left:
                if left.keyword == "break":
                    break
            finally:
                del self._variables[scope:]
        if not items:
            self._walk(branch.otherwise, dot)

    def _evaluate(self, pipeline: Pipeline, dot: Any) -> Any:
        piped: list[Any] = []
        for call in pipeline.calls:
            piped = [self._call(call, piped, dot)]
        (value,) = piped
        for name in pipeline.names[:1]:
            self._bind(name, value, pipeline.declares)
        return value

    def _call(self, call: Call, piped: list[Any], dot: Any) -> Any:
        if call.function is None:
            if piped or len(call.arguments) != 1:
                raise _failure("can't give argument to non-function")
            return self._operand(call.arguments[0], dot)
        values: Iterator[Any] = (self._operand(argument, dot) for argument in call.arguments)
        if call.function in _LAZY:
            return _first_that_decides(call.function, chain(values, piped))
        try:
            return self._functions[call.function](*values, *piped)
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise _failure(f"error calling {call.function}: {error}") from error

    def _operand(self, operand: Operand, dot: Any) -> Any:
        match operand:
            case Field(of, path):
                value = dot if of is None else self._operand(of, dot)
                for name in path:
                    value = _field(value, name)
                return value
            case Variable(name):
                return self._variables[self._find(name)][1]
            case Pipeline():
                return self._evaluate(operand, dot)
            case _:
                return operand.value

    def _bind(self, name: str, value: Any, declares: bool) -> None:
        if declares:
            self._variables.append((name, value))
        else:
            self._variables[self._find(name)] = (name, value)

    def _find(self, name: str) -> int:
        for index in range(len(self._variables) - 1, -1, -1):
            if self._variables[index][0] == name:
                return index
        raise _failure(f'undefined variable "{name}"')

    def _write(self, text: str) -> None:
        self._written.append(text)
        self._size += len(text)
        if self._size > _MOST_OUTPUT:
            raise _failure("the text grows without end")


def printed(value: Any) -> str:
    """A value as Go prints it."""
    match value:
        case None:
            text = "<no value>"
        case bool():
            text = "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e21:
            text = str(int(value))
        case list() | tuple():
            text = f"[{' '.join(printed(item) for item in value)}]"
        case Mapping():
            pairs = (f"{key}:{printed(value[key])}" for key in sorted(value))
            text = f"map[{' '.join(pairs)}]"
        case _:
            text = str(value)
    return text


def _items(value: Any) -> Iterator[tuple[Any, Any]]:
    match value:
        case None:
            return iter(())
        case list() | tuple():
            return iter(enumerate(value))
        case Mapping():
            return iter(sorted(value.items()))
        case int() if not isinstance(value, bool):
            return ((number, number) for number in range(value))
        case _:
            raise _failure(f"range can't iterate over {printed(value)}")


def _field(value: Any, name: str) -> Any:
    if value is None:
        raise _failure(f"nil data; no entry for key {gojson.quoted(name)}")
    if not isinstance(value, Mapping):
        raise _failure(f"can't evaluate field {name} in type {gojson.type_name(value)}")
    return value.get(name)


def _first_that_decides(function: str, values: Iterator[Any]) -> Any:
    """`and` and `or`: the first value that settles it, the later ones not looked at."""
    value = None
    for value in values:
        if bool(value) == (function == "or"):
            break
    return value


def _fields(nodes: tuple[Node, ...]) -> Iterator[Field]:
    for node in nodes:
        match node:
            case Output(pipeline):
                yield from _pipeline_fields(pipeline)
            case Branch(_, pipeline, body, otherwise):
                yield from _pipeline_fields(pipeline)
                yield from _fields(body)
                yield from _fields(otherwise)
            case _:
                pass


def _pipeline_fields(pipeline: Pipeline) -> Iterator[Field]:
    for call in pipeline.calls:
        for argument in call.arguments:
            if isinstance(argument, Field):
                yield argument
            inner = argument.of if isinstance(argument, Field) else argument
            if isinstance(inner, Pipeline):
                yield from _pipeline_fields(inner)


def _cut_behind_response(nodes: tuple[Node, ...]) -> tuple[tuple[Node, ...], bool]:
    kept: list[Node] = []
    for node in nodes:
        cut = False
        if isinstance(node, Output):
            cut = any("Response" in field.path for field in _pipeline_fields(node.pipeline))
        elif isinstance(node, Branch):
            body, cut = _cut_behind_response(node.body)
            if cut:
                node = Branch(node.keyword, node.pipeline, body, ())  # noqa: PLW2901
        kept.append(node)
        if cut:
            return tuple(kept), True
    return tuple(kept), False


def _failure(why: str) -> TemplateError:
    return TemplateError(f"template: {why}")


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise ValueError("missing argument for comparison")
    return any(type(first) is type(other) and first == other for other in others)


def _slice(value: Any, start: int = 0, end: int | None = None) -> Any:
    return value[start:end]


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else value[_inside(key, value)]
    return value


def _inside(position: int, value: Any) -> int:
    if not 0 <= position < len(value):
        raise IndexError(f"index out of range: {position}")
    return position


def _print(*values: Any) -> str:
    """The values, with a space between two of them unless one is a string."""
    text = ""
    for before, value in zip(("", *values), values, strict=False):
        apart = text and not isinstance(before, str) and not isinstance(value, str)
        text += f"{' ' if apart else ''}{printed(value)}"
    return text


def _printf(text: str, *values: Any) -> str:
    """Go's Printf, with the verbs that templates use."""
    left = iter(values)

    def written(verb: re.Match[str]) -> str:
        if verb[2] == "%":
            return "%"
        value = next(left, None)
        if verb[2] in "df":
            return verb[0] % value
        return f"%{verb[1]}s" % (gojson.quoted(value) if verb[2] == "q" else printed(value))

    return _VERB.sub(written, text)


_VERB = re.compile(r"%([-+]?\d*(?:\.\d+)?)([vsqdft%])")


def _as_type(parameter: Mapping[str, Any]) -> str:
    """A tool's parameter as TypeScript names its type."""
    kinds = parameter.get("type") or "any"
    names = {"integer": "number", "array": "any[]", "object": "Record<string, any>"}
    listed = [kinds] if isinstance(kinds, str) else kinds
    return " | ".join(names.get(kind, kind) for kind in listed)


_LAZY = frozenset({"and", "or"})

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "eq": _equal,
    "ne": lambda one, other: not _equal(one, other),
    "lt": lambda one, other: one < other,
    "le": lambda one, other: one <= other,
    "gt": lambda one, other: one > other,
    "ge": lambda one, other: one >= other,
    "not": lambda value: not value,
    "len": len,
    "index": _index,
    "slice": _slice,
    "print": _print,
    "println": lambda *values: " ".join(printed(value) for value in values) + "\n",
    "printf": _printf,
    "json": lambda value: gojson.encode(value).decode(),
    "toTypeScriptType": _as_type,
}
