"""`schema=`: a JSON Schema or a type -> what an answer is held to, and how it becomes a value.

This file knows no network. An answer is JSON that fits, or it is refused: nothing in it is repaired or guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from vuhitra.errors import OllamaOutputError

if TYPE_CHECKING:
    from vuhitra.reply import Reply

_LONGEST = 160
"""Letters of one problem: it goes back to the model, and into a message."""
_SHOWN = 3
"""Problems that an error's own text names; `.problems` has all."""
_HINTS = {
    "limit": "a larger num_predict leaves room for the whole answer",
    "window": "a larger num_ctx leaves room for the whole answer",
    "length": "a larger num_predict or num_ctx may leave room for the whole answer",
}
_PREFIX = "#/$defs/"
_ANSWER = "the answer"


class UnfitError(ValueError):
    """A text that is not what a schema says. problems: all that is wrong with it, each with where it is."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Shape:
    """What an answer must look like.

    json_schema: as it is sent, in `format`. Everything that fits it is taken; a value of another
    type than JSON's is made from what fits.
    """

    def __init__(self, json_schema: dict[str, Any], convert: Callable[[Any], Any]) -> None:
        self.json_schema = json_schema
        self._convert = convert
        self._errors = _validator(json_schema)

    @classmethod
    def of(cls, schema: Any) -> Shape:
        """The shape of a JSON Schema (a dict), of a pydantic model's class, or of a type that msgspec knows.

        Raises TypeError for what is none of these, and ValueError for a schema that can't be used.
        """
        if isinstance(schema, Mapping):
            return cls(dict(schema), lambda value: value)
        if is_model(schema):
            return cls(inlined(schema.model_json_schema()), schema.model_validate)
        try:
            made = msgspec.json.schema(schema, schema_hook=model_schema)
        except (TypeError, NameError) as error:
            hint = "; for any JSON there is format='json'" if isinstance(schema, str) else ""
            raise TypeError(f"a schema can't be made from {schema!r:.80}: {error}{hint}") from error
        return cls(inlined(made), partial(_converted, schema))

    def read(self, text: str) -> Any:
        """The value that a text says. Raises UnfitError, with all problems, where it says none that fits."""
        value = _decoded(text)
        try:
            problems = tuple(problem for error in self._errors(value) for problem in _described(error))
        except ValueError as error:
            problems = (_problem("", f"it can't be checked: {error}"),)
        if problems:
            raise UnfitError(problems)
        try:
            return self._convert(value)
        except msgspec.ValidationError as error:
            raise UnfitError((conversion_problem(error),)) from error
        except ValueError as error:  # a model's own; pydantic's says what is wrong in each place
            raise UnfitError(_model_problems(error)) from error

    def parse(self, reply: Reply, server: str) -> Any:
        """What a reply says; None where it calls tools instead, or was no answer to anything. server: whose it is.

        Raises OllamaOutputError. One that a limit cut is an answer only where its JSON is whole.
        """
        if reply.tool_calls or reply.stopped_by in ("load", "unload"):
            return None
        try:
            value = self.read(reply)
        except UnfitError as error:
            raise _output_error(reply, server, error.problems) from error
        if was_cut(reply) and reply[-1:].isdigit():
            raise _output_error(reply, server, (_problem("", "a number, which may go on"),))
        return value


def was_cut(reply: Reply) -> bool:
    """Whether a limit ended a reply, so that asking for a better one is of no use."""
    return reply.stopped_by in _HINTS


def is_model(schema: Any) -> bool:
    """Whether this is the class of a pydantic model, by what it can do: pydantic itself is never imported."""
    return (
        isinstance(schema, type)
        and callable(getattr(schema, "model_json_schema", None))
        and callable(getattr(schema, "model_validate", None))
    )


def model_schema(kind: Any) -> dict[str, Any]:
    """The schema of a pydantic model within another type; msgspec asks for what it doesn't know."""
    if is_model(kind):
        made = inlined(kind.model_json_schema())
        return {"type": "object"} if "$defs" in made else made
    raise NotImplementedError


def model_value(kind: Any, value: Any) -> Any:
    """A pydantic model within another type, from its JSON; msgspec asks for what it doesn't know."""
    if is_model(kind):
        return kind.model_validate(value)
    raise NotImplementedError


def inlined(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema in which a reference gives way to what it refers to; only what contains itself still refers to itself.

    Servers handle `$ref` in different ways, and drop it within the parameters of tools.
    """
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    endless = {name for name in definitions if name in _reached(name, definitions)}
    used: set[str] = set()

    def put_in(value: Any, inside: bool = False) -> Any:
        if isinstance(value, list):
            return [put_in(item, inside) for item in value]
        if not isinstance(value, Mapping):
            return value
        name = _reference(value)
        made = {key: put_in(item, inside) for key, item in value.items() if key != "$defs"}
        if inside and name in endless:
            used.add(name)
        elif name in definitions:
            del made["$ref"]
            return {**put_in(definitions[name], inside or name in endless), **made}
        return made

    made: dict[str, Any] = put_in(schema)
    kept: dict[str, Any] = {}
    while left := sorted(used - kept.keys()):
        kept[left[0]] = put_in(definitions[left[0]], inside=True)
    return {**made, "$defs": kept} if kept else made


def conversion_problem(error: msgspec.ValidationError) -> str:
    """What msgspec could not convert, and where, in the words of a schema."""
    what, _, path = str(error).partition(" - at `$")
    where = path.rstrip("`").replace("[...]", "/*").replace("[", "/").replace("]", "").replace(".", "/")
    return _problem(where, what)


def _reached(name: str, definitions: Mapping[str, Any]) -> set[str]:
    """The definitions that one leads to."""
    reached: set[str] = set()
    ahead = list(_references(definitions[name]))
    while ahead:
        found = ahead.pop()
        if found not in reached and found in definitions:
            reached.add(found)
            ahead += _references(definitions[found])
    return reached


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if name := _reference(value):
            yield name
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _reference(value: Mapping[str, Any]) -> str:
    """The name of the definition that a schema refers to, or ""."""
    reference = value.get("$ref")
    return reference.removeprefix(_PREFIX) if isinstance(reference, str) and reference.startswith(_PREFIX) else ""


def _converted(kind: Any, value: Any) -> Any:
    """A value that fits, in its type. Nothing is guessed, but 3.0 is an integer to a schema."""
    try:
        return msgspec.convert(value, kind, str_keys=True, dec_hook=model_value)
    except msgspec.ValidationError:
        return msgspec.convert(_with_integers(value), kind, str_keys=True, dec_hook=model_value)


def _with_integers(value: Any) -> Any:
    """A value whose whole numbers are integers, however they were written."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _with_integers(each) for key, each in value.items()}
        case list():
            return [_with_integers(each) for each in value]
        case _:
            return value


def _validator(json_schema: dict[str, Any]) -> Callable[[Any], Iterable[Any]]:
    """What finds all errors of a value. Raises ValueError for a schema that can't be used; fetches nothing."""
    import jsonschema_rs

    try:
        errors: Callable[[Any], Iterable[Any]] = jsonschema_rs.validator_for(
            json_schema, validate_formats=True, offline=True
        ).iter_errors
        msgspec.json.encode(json_schema)
    except jsonschema_rs.ValidationError as error:
        raise ValueError(f"this schema can't be used: {'; '.join(_described(error, 'the schema'))}") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"this schema can't be used: {error}") from error
    return errors


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text.encode())
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise UnfitError((_problem("", _why_not_json(text, error)),)) from error


def _why_not_json(text: str, error: Exception) -> str:
    stripped = text.strip()
    if not stripped:
        return "it is empty"
    if stripped.startswith("```"):
        return "it stands between ``` fences; it must be the JSON and nothing else"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return f"it is not JSON: {str(error).removeprefix('JSON is malformed: ')}"


def _described(error: Any, whole: str = _ANSWER) -> list[str]:
    """What one of the validator's errors says; of several schemas, only one of which was meant, what is wrong there.

    whole: what is looked at.
    """
    place, what = error.instance_path, error.message
    if error.kind.name in ("anyOf", "oneOf"):
        branches: list[list[Any]] = getattr(error.kind, "context", [])
        meant = [branch for branch in branches if not _misses(branch, place)]
        if len(meant) == 1:
            return [problem for inner in meant[0] for problem in _described(inner, whole)]
        if all(branch and branch[0].kind.name == "type" for branch in branches):
            first, *others = (branch[0].message for branch in branches)
            what = " or ".join([first, *(other.rpartition(" is not of type ")[2] for other in others)])
    return [_problem("".join(f"/{_escaped(step)}" for step in place), what, whole)]


def _misses(branch: list[Any], place: list[Any]) -> bool:
    """Whether a schema is not even about the kind of value that stands in this place."""
    return not branch or any(
        error.instance_path == place and error.kind.name in ("type", "enum", "const") for error in branch
    )


def _escaped(step: str | int) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")


def _problem(where: str, what: str, whole: str = _ANSWER) -> str:
    if len(what) > _LONGEST:  # what was said comes first, what is wrong with it comes last
        what = f"{what[: _LONGEST // 3]}…{what[-2 * _LONGEST // 3 :]}"
    return f"{where or whole}: {what}"


def _model_problems(error: ValueError) -> tuple[str, ...]:
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return (_problem("", str(error)),)
    found: Any = errors()
    return tuple(_problem("".join(f"/{_escaped(step)}" for step in each["loc"]), each["msg"]) for each in found)


def _output_error(reply: Reply, server: str, problems: tuple[str, ...]) -> OllamaOutputError:
    who = f"the answer of {reply.model or 'the model'} at {server}"
    what, hint = f"{who} doesn't fit the schema", None
    if was_cut(reply):
        what, hint = f"{who} was cut by a limit before it was what the schema asks for", _HINTS[str(reply.stopped_by)]
    elif not reply and reply.thinking:
        hint = "the model only thought; think=False makes it answer"
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    why = "; ".join(problems[:_SHOWN]) + more
    return OllamaOutputError(what, reply=reply, problems=problems, why=why, hint=hint)
