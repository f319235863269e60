"""The texts of the errors in the source, read from its syntax trees, with `¤` for what is put in when it runs."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

HOLE = "¤"
_DEEPEST = 6
"""Names that stand for texts are followed so far."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def messages(package: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """The file and the text of each error that a package makes. wanted: whether a class, by its name, is an error."""
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        where = path.relative_to(package.parent).as_posix()
        for text in _Source(ast.parse(path.read_text("utf-8")), module).messages(wanted):
            yield where, text


class _Source:
    """A file's tree, in which names are followed to the texts they stand for."""

    def __init__(self, tree: ast.Module, module: str) -> None:
        self._tree = tree
        self._module = module
        self._inside: dict[ast.AST, _Function | None] = {}
        self._parents: dict[ast.AST, ast.AST] = {}
        self._classes: dict[ast.AST, ast.ClassDef] = {}
        self._note(tree, None, None)

    def messages(self, wanted: Callable[[str], bool]) -> Iterator[str]:
        """The texts of the errors made here."""
        classes = [each for each in ast.walk(self._tree) if isinstance(each, ast.ClassDef)]
        own = {each.name for each in classes if any(wanted(ast.unparse(base)) for base in each.bases)}
        with_init = {each.name for each in classes if any(_name(below) == "__init__" for below in each.body)}
        for call in ast.walk(self._tree):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            made = ast.unparse(call.func)
            if made == "super().__init__" and (owner := self._classes.get(call)):
                made = owner.name if owner.name in own else ""
            elif made in with_init:
                continue
            if wanted(made) or made in own:
                for text in self._texts(call.args[0], _DEEPEST):
                    yield re.sub(f"{HOLE}+", HOLE, text)

    def _note(self, node: ast.AST, function: _Function | None, owner: ast.ClassDef | None) -> None:
        for below in ast.iter_child_nodes(node):
            self._inside[below] = function
            self._parents[below] = node
            if owner:
                self._classes[below] = owner
            inner = below if isinstance(below, _Function) else function
            self._note(below, inner, below if isinstance(below, ast.ClassDef) else owner)

    def _texts(self, node: ast.expr, depth: int) -> list[str]:
        """What an expression may say."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [node.value]
        if isinstance(node, ast.IfExp):
            return [*self._texts(node.body, depth), *self._texts(node.orelse, depth)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            pairs = itertools.product(self._texts(node.left, depth), self._texts(node.right, depth))
            return ["".join(pair) for pair in pairs]
        if isinstance(node, ast.JoinedStr):
            parts = [self._texts(_plain(each), depth) for each in node.values]
            return ["".join(pieces) for pieces in itertools.product(*parts)]
        found = self._followed(node, depth - 1) if isinstance(node, ast.Name) and depth else []
        return list(dict.fromkeys(found)) or [HOLE]

    def _followed(self, name: ast.Name, depth: int) -> list[str]:
        if name.id.isupper():
            value = getattr(import_module(self._module), name.id, None)
            return [value] if isinstance(value, str) else []
        function = self._inside.get(name)
        if function is None:
            return []
        given = [each.arg for each in function.args.args]
        found = [text for value in self._assigned(function, name) for text in self._texts(value, depth)]
        if name.id in given:
            position = given.index(name.id) - (given[0] == "self")
            for call in self._calls_of(function.name):
                if len(call.args) > position:
                    found += self._texts(call.args[position], depth)
        return found

    def _assigned(self, function: _Function, name: ast.Name) -> Iterator[ast.expr]:
        for node in ast.walk(function):
            if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not self._leads(node, name):
                continue
            [target] = node.targets
            if isinstance(target, ast.Name) and target.id == name.id:
                yield node.value
            elif isinstance(target, ast.Tuple) and name.id in (places := [ast.unparse(each) for each in target.elts]):
                yield from self._in_tuples(node.value, places.index(name.id))

    def _leads(self, assignment: ast.AST, use: ast.AST) -> bool:
        """Whether what is assigned may still be so where a name is used: not where a branch ended in between."""
        around = {use, *self._above(use)}
        for branch in self._above(assignment):
            if (
                isinstance(branch, ast.If)
                and branch not in around
                and isinstance(branch.body[-1], ast.Return | ast.Raise)
            ):
                return False
        return True

    def _above(self, node: ast.AST) -> Iterator[ast.AST]:
        above = self._parents.get(node)
        while above:
            yield above
            above = self._parents.get(above)

    def _in_tuples(self, value: ast.expr, position: int) -> Iterator[ast.expr]:
        """What stands at a place of a tuple, or of those that a function of this file gives."""
        if isinstance(value, ast.Tuple):
            yield value.elts[position]
        elif isinstance(value, ast.Call):
            for function in ast.walk(self._tree):
                if isinstance(function, ast.FunctionDef) and function.name == ast.unparse(value.func):
                    for end in ast.walk(function):
                        if isinstance(end, ast.Return) and end.value:
                            yield from self._in_tuples(end.value, position)

    def _calls_of(self, name: str) -> Iterator[ast.Call]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (name, f"self.{name}"):
                yield node


def _plain(part: ast.expr) -> ast.expr:
    """What stands in the braces of an f-string; where it is shown as `repr` does, it is nothing to follow."""
    if not isinstance(part, ast.FormattedValue):
        return part
    return part.value if part.conversion == -1 else ast.Constant(value=f"'{HOLE}'")


def _name(node: ast.AST) -> str:
    return node.name if isinstance(node, _Function) else ""
