"""Go's text/template: text -> a tree of nodes. What models' templates use of it, and no more.

Not there: `define`, `template`, `block` and methods. Errors are worded as Go words them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


class TemplateError(ValueError):
    """The template can't be parsed, or can't be rendered. The message is Go's."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a string, true, false or nil."""

    value: Any


@dataclass(frozen=True, slots=True)
class Field:
    """`.A.B` of the dot, `$x.A` of a variable, or `(…).A` of an expression."""

    of: Variable | Pipeline | None
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`; `$` alone is what the template was given."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or a lone operand, and its arguments."""

    function: str | None
    arguments: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`a | b | c`: the value of each is the last argument of the next.

    names: the variables it is assigned to; declares: whether by `:=`.
    """

    calls: tuple[Call, ...]
    names: tuple[str, ...] = ()
    declares: bool = False


Operand = Literal | Field | Variable | Pipeline


@dataclass(frozen=True, slots=True)
class Text:
    """Text that stands for itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Output:
    """An action whose value is written out."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch:
    """`if`, `with` or `range`: what it looks at, and the two ways to go on."""

    keyword: str
    pipeline: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Leave:
    """`break` or `continue`."""

    keyword: str


Node = Text | Output | Branch | Leave


def parse(text: str, functions: frozenset[str]) -> tuple[Node, ...]:
    """The nodes of a template that may call `functions`. Raises TemplateError."""
    parser = _Parser(list(_split(text)), functions)
    nodes, end = parser.nodes(nested=False)
    if end:
        raise parser.error(f"unexpected {{{{{end}}}}}")
    return nodes


_ACTION = re.compile(r"""\{\{(-\s)?((?:[^"`'}]|"(?:\\.|[^"\\])*"|`[^`]*`|'(?:\\.|[^'\\])*'|\}(?!\}))*?)(\s-)?\}\}""")
_COMMENT = re.compile(r"\{\{(-\s+)?/\*.*?\*/(\s+-)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<string>"(?:\\.|[^"\\\n])*"|`[^`]*`)|(?P<char>'(?:\\.|[^'\\])')"""
    r"""|(?P<number>[+-]?(?:0x[0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)(?![\w.]))"""
    r"""|(?P<variable>\$\w*)|(?P<field>\.\w+)|(?P<word>\w+)|(?P<sign>:=|[.=|(),])"""
)


@dataclass(frozen=True, slots=True)
class _Action:
    source: str
    line: int


def _split(text: str) -> Iterator[Text | _Action]:
    """Texts and actions in turn, with the white space gone that trim markers take away."""
    position, trims = 0, False
    while (start := text.find("{{", position)) >= 0:
        line = text.count("\n", 0, start) + 1
        match = _COMMENT.match(text, start) or _ACTION.match(text, start)
        if match is None:
            raise TemplateError(f"template: :{line}: unclosed action")
        before = text[position:start]
        before = before.lstrip() if trims else before
        yield Text(before.rstrip() if match[1] else before)
        if match.re is _ACTION:
            yield _Action(match[2].strip(), line)
        trims = bool(match[match.lastindex or 0]) and match[0].endswith("-}}")
        position = match.end()
    rest = text[position:]
    yield Text(rest.lstrip() if trims else rest)


class _Parser:
    """Builds nodes from actions; knows which line it is on."""

    def __init__(self, items: list[Text | _Action], functions: frozenset[str]) -> None:
        self._items = iter(items)
        self._functions = functions
        self._line = 1
        self._tokens: list[tuple[str, str]] = []
        self._loops = 0

    def error(self, why: str) -> TemplateError:
        return TemplateError(f"template: :{self._line}: {why}")

    def nodes(self, *, nested: bool) -> tuple[tuple[Node, ...], str]:
        """The nodes up to an `end` or `else`, and which of them it was (with what follows it)."""
        nodes: list[Node] = []
        for item in self._items:
            if isinstance(item, Text):
                if item.text:
                    nodes.append(item)
                continue
            self._line = item.line
            self._tokens = self._tokenized(item.source)
            word = self._tokens[0][1] if self._tokens else ""
            if word in ("end", "else"):
                return tuple(nodes), word
            nodes.append(self._node(word))
        if nested:
            raise self.error("unexpected EOF")
        return tuple(nodes), ""

    def _node(self, word: str) -> Node:
        if word in ("if", "with", "range"):
            return self._branch()
        if word in ("break", "continue"):
            if not self._loops:
                raise self.error(f"{{{{{word}}}}} outside {{{{range}}}}")
            return Leave(word)
        return Output(self._whole_pipeline("command"))

    def _branch(self) -> Branch:
        keyword = self._take()[1]
        pipeline = self._whole_pipeline(keyword)
        self._loops += keyword == "range"
        body, end = self.nodes(nested=True)
        self._loops -= keyword == "range"
        otherwise: tuple[Node, ...] = ()
        if end == "else":
            self._take()
            if self._tokens and self._tokens[0][1] in ("if", "with"):
                return Branch(keyword, pipeline, body, (self._branch(),))
            otherwise, end = self.nodes(nested=True)
            if end != "end":
                raise self.error("expected end; found {{else}}")
        return Branch(keyword, pipeline, body, otherwise)

    def _whole_pipeline(self, context: str) -> Pipeline:
        pipeline = self._pipeline(context)
        if self._tokens:
            raise self.error(f'unexpected "{self._tokens[0][1]}" in {context}')
        return pipeline

    def _pipeline(self, context: str) -> Pipeline:
        names, declares = self._assignment()
        calls = [self._call(context)]
        while self._next_is("|"):
            self._take()
            calls.append(self._call(context))
        return Pipeline(tuple(calls), names, declares)

    def _assignment(self) -> tuple[tuple[str, ...], bool]:
        """`$x :=`, `$x =` or `$i, $x :=`, if that is what comes next."""
        values = [value for _, value in self._tokens[:4]]
        for signs, names in ((values[1:2], values[:1]), (values[3:4], values[0:3:2])):
            if signs in ([":="], ["="]) and all(name.startswith("$") for name in names):
                if len(names) == 2 and values[1] != ",":
                    continue
                del self._tokens[: len(names) * 2]
                return tuple(names), signs == [":="]
        return (), False

    def _call(self, context: str) -> Call:
        function = None
        if self._tokens and self._tokens[0][0] == "word":
            word = self._tokens[0][1]
            if word not in _CONSTANTS:
                function = self._take()[1]
                if function not in self._functions:
                    raise self.error(f'function "{function}" not defined')
        arguments: list[Operand] = []
        while self._tokens and self._tokens[0][1] not in ("|", ")"):
            arguments.append(self._operand())
        if function is None and not arguments:
            raise self.error(f"missing value for {context}")
        return Call(function, tuple(arguments))

    def _operand(self) -> Operand:
        kind, value = self._take()
        operand: Operand
        match kind:
            case "string" | "char":
                operand = Literal(_unquoted(kind, value))
            case "number":
                operand = Literal(float(value) if set(value) & set(".eE") else int(value, 0))
            case "variable":
                operand = Variable(value)
            case "field":
                operand = Field(None, (value[1:],))
            case "word" if value in _CONSTANTS:
                operand = Literal(_CONSTANTS[value])
            case "word" if value in self._functions:
                operand = Pipeline((Call(value, ()),))
            case "word":
                raise self.error(f'function "{value}" not defined')
            case _ if value == ".":
                operand = Field(None, ())
            case _ if value == "(":
                operand = self._parenthesis()
            case _:
                raise self.error(f'unexpected "{value}" in operand')
        return self._with_fields(operand)

    def _parenthesis(self) -> Pipeline:
        pipeline = self._pipeline("parenthesized pipeline")
        if not self._next_is(")"):
            raise self.error("unclosed left paren")
        self._take()
        return pipeline

    def _with_fields(self, operand: Operand) -> Operand:
        """The operand, with the fields that follow it without a space."""
        path: list[str] = []
        while self._tokens and self._tokens[0][0] == "chained":
            path.append(self._take()[1][1:])
        if not path:
            return operand
        if isinstance(operand, Field):
            return Field(operand.of, (*operand.path, *path))
        if isinstance(operand, Literal):
            raise self.error(f"unexpected . after term {operand.value!r}")
        return Field(operand, tuple(path))

    def _next_is(self, value: str) -> bool:
        return bool(self._tokens) and self._tokens[0] == ("sign", value)

    def _take(self) -> tuple[str, str]:
        return self._tokens.pop(0)

    def _tokenized(self, source: str) -> list[tuple[str, str]]:
        """Kinds and texts; a field that follows without a space is `chained`."""
        tokens: list[tuple[str, str]] = []
        position, spaced = 0, True
        while position < len(source):
            match = _TOKEN.match(source, position)
            if match is None:
                raise self.error(f"unexpected {source[position]!r} in command")
            kind = str(match.lastgroup)
            if kind == "field" and not spaced:
                kind = "chained"
            if kind != "space":
                tokens.append((kind, match[0]))
            spaced = kind == "space" or match[0] in ("(", ",", "|", "=", ":=")
            position = match.end()
        return tokens


_CONSTANTS = {"true": True, "false": False, "nil": None}


def _unquoted(kind: str, source: str) -> str | int:
    if source.startswith("`"):
        return source[1:-1]
    text = str(ast.literal_eval(source))
    return ord(text) if kind == "char" else text
