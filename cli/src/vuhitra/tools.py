"""`tools=`: Python functions -> what a model is told of them, and its calls carried out. This file knows no network.

What goes wrong in a call is told to the model, which can try again; it never ends the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import msgspec

from vuhitra import journal, schema
from vuhitra.docstrings import Described, described

if TYPE_CHECKING:
    from inspect import Parameter, Signature

    from vuhitra.reply import ToolCall
    from vuhitra.types import Message

AnyTool: TypeAlias = Callable[..., Any] | Mapping[str, Any]
"""A function, or the description of one as the API has it."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


class Argument(NamedTuple):
    """A parameter of a function that a model may give. hint: its type, or Any. parameter: all else."""

    name: str
    hint: Any
    parameter: Parameter

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.parameter.default is self.parameter.empty

    def value(self, given: Any) -> Any:
        """The value of its type that a model means. Raises msgspec.ValidationError where there is none.

        Models are sloppy: a number may come as text and a text as a number, a list or an object as
        JSON in a text, and null in place of what has a default.
        """
        try:
            return self._converted(given)
        except msgspec.ValidationError as error:
            if given is None and not self.is_required:
                return self.parameter.default
            meant = _otherwise(given)
            try:
                return self._converted(meant)
            except msgspec.ValidationError as other:
                raise (other if isinstance(meant, list | dict) else error) from None

    def _converted(self, given: Any) -> Any:
        return msgspec.convert(given, self.hint, strict=False, dec_hook=schema.model_value)


class Tool(NamedTuple):
    """A function that a model may call. definition: what it is told of it. is_async: whether calling it is awaited."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Argument, ...]
    definition: Mapping[str, Any]
    is_async: bool

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Tool:
        """A tool from a function's signature, type hints and docstring.

        Parameters that a `partial` names are not the model's to give, and it is told nothing of them.
        Raises TypeError for a function that takes `*args` or `**kwargs`, or has no name or signature.
        """
        inner = function
        while isinstance(inner, partial):
            inner = inner.func
        name = getattr(inner, "__name__", type(inner).__name__)
        if not _NAME.fullmatch(name):
            raise TypeError(f"a tool needs a name: {function!r:.80} has none that a model can call")
        arguments = _arguments(name, function, inner)
        said = _described(inner, list(_signature(name, inner).parameters))
        return cls(name, function, arguments, _definition(name, arguments, said), _is_async(inner))

    def bind(self, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments as the function takes them. Raises UnfitError, with all that is wrong with them."""
        known = [argument.name for argument in self.arguments]
        problems = [f"there is no argument {name!r}" for name in given if name not in known]
        by_place: list[Any] = []
        by_name: dict[str, Any] = {}
        for name, argument in zip(known, self.arguments, strict=True):
            value = argument.parameter.default
            if name in given:
                try:
                    value = argument.value(given[name])
                except msgspec.ValidationError as error:
                    problems.append(f"{name}: {schema.conversion_problem(error).removeprefix('the answer: ')}")
            elif argument.is_required:
                problems.append(f"{name}: is required")
            if argument.parameter.kind is argument.parameter.POSITIONAL_ONLY:
                by_place.append(value)
            elif name in given:
                by_name[name] = value
        if problems:
            raise schema.UnfitError(tuple(problems))
        return by_place, by_name


class Toolbox:
    """The tools of a conversation. definitions: as they are sent."""

    def __init__(self, tools: Sequence[AnyTool], *, may_await: bool) -> None:
        """tools: functions, and descriptions of functions, which can't be run here.

        may_await: whether functions may be asynchronous. Raises TypeError for what is no tool, and
        ValueError where two have one name.
        """
        if isinstance(tools, str | Mapping) or not isinstance(tools, Sequence):
            raise TypeError(f"tools is a list of functions or dicts, not {tools!r:.80}")
        self.definitions: list[Mapping[str, Any]] = []
        self._tools: dict[str, Tool] = {}
        self._may_await = may_await
        names: set[str] = set()
        for each in tools:
            name = self._add(each)
            if name in names:
                raise ValueError(f"two tools have the name {name!r}")
            names.add(name)
        self._foreign = names - self._tools.keys()

    def _add(self, each: AnyTool) -> str:
        if isinstance(each, Mapping):
            self.definitions.append(each)
            function = each.get("function")
            name = function.get("name") if isinstance(function, Mapping) else None
            return name if isinstance(name, str) else f"tool {len(self.definitions)}"
        if not callable(each):
            raise TypeError(f"a tool is a function or a dict, not {each!r:.80}")
        tool = Tool.of(each)
        if tool.is_async and not self._may_await:
            raise TypeError(f"the tool {tool.name} is asynchronous: only an AsyncOllamaClient can run it")
        self.definitions.append(tool.definition)
        self._tools[tool.name] = tool
        return tool.name

    def can_run(self, calls: Sequence[ToolCall]) -> bool:
        """Whether all of a reply's calls can be run here: none is of a tool that is only described."""
        return not any(call.name in self._foreign for call in calls)

    def run(self, call: ToolCall) -> Message | Awaitable[Message]:
        """The message that answers a call; of an asynchronous tool, what gives it when awaited.

        No Exception is raised: what went wrong is in the message.
        """
        tool = self._tools.get(call.name)
        if tool is None:
            return _message(call, f"error: there is no tool {call.name!r}; there is {', '.join(self._tools) or 'none'}")
        try:
            by_place, by_name = tool.bind(call.arguments)
            result = tool.function(*by_place, **by_name)
            if isinstance(result, Awaitable):
                return self._awaited(call, result)
            return _message(call, text_of(result))
        except schema.UnfitError as error:
            return _message(call, f"error: {call.name} can't be called so: {error}")
        except Exception as error:  # noqa: BLE001  whatever a tool raises, the model is told
            return _failed(call, error)

    def _awaited(self, call: ToolCall, result: Awaitable[Any]) -> Awaitable[Message]:
        if self._may_await:
            return _answered(call, result)
        if close := getattr(result, "close", None):
            close()
        raise TypeError(f"{call.name} gave something to await")


def _otherwise(given: Any) -> Any:
    """What else may have been meant; the same where nothing else may."""
    if isinstance(given, str):
        with suppress(ValueError, RecursionError):  # it is no JSON
            return msgspec.json.decode(given)
    if isinstance(given, int | float) and not isinstance(given, bool):
        return str(given)
    return given


def text_of(result: object) -> str:
    """What a tool gave, as a model reads it: text as it is, all else as JSON, or as `str()` has it."""
    if not isinstance(result, str):
        with suppress(TypeError, ValueError, RecursionError):  # it is not for JSON
            return msgspec.json.encode(result, enc_hook=_plain).decode()
    text = str.__str__(result) if isinstance(result, str) else str(result)
    return text.encode("utf-8", "replace").decode()


async def _answered(call: ToolCall, result: Awaitable[Any]) -> Message:
    try:
        return _message(call, text_of(await result))
    except Exception as error:  # noqa: BLE001  whatever a tool raises, the model is told
        return _failed(call, error)


def _failed(call: ToolCall, error: Exception) -> Message:
    journal.warning("the tool %s failed: %s", call.name, type(error).__name__)
    return _message(call, text_of(f"error: {type(error).__name__}: {error}"))


def _message(call: ToolCall, content: str) -> Message:
    message: Message = {"role": "tool", "tool_name": call.name, "content": content}
    if call.id is not None:
        message["tool_call_id"] = call.id
    return message


def _plain(value: Any) -> Any:
    """A pydantic model as what it holds; a kind of str as what it is at heart."""
    if schema.is_model(type(value)):
        return value.model_dump(mode="json")
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError


def _arguments(name: str, function: Callable[..., Any], inner: Callable[..., Any]) -> tuple[Argument, ...]:
    signature = _signature(name, function)
    hints = _hints(_code(inner))
    bound = function.keywords if isinstance(function, partial) else {}
    found: list[Argument] = []
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"the tool {name} takes {parameter}: a model must know what it can give")
        if parameter.name not in bound:
            found.append(Argument(parameter.name, hints.get(parameter.name, Any), parameter))
    return tuple(found)


def _signature(name: str, function: Callable[..., Any]) -> Signature:
    import inspect

    try:
        return inspect.signature(function)
    except (TypeError, ValueError, NameError) as error:
        raise TypeError(f"the tool {name} has no signature that can be read: {error}") from error


def _code(inner: Callable[..., Any]) -> Any:
    """Where a function's hints are: in itself, or in the method that makes an object callable."""
    import inspect

    plain: Any = inspect.unwrap(inner)
    if isinstance(plain, type):
        return cast("Any", plain).__init__
    return plain if inspect.isroutine(plain) else inspect.unwrap(type(plain).__call__)


def _hints(code: Any) -> dict[str, Any]:
    """The types of the parameters that have one that can be used: each by itself, so that one can't spoil all."""
    from types import SimpleNamespace
    from typing import get_type_hints

    names = getattr(code, "__globals__", {})
    hints: dict[str, Any] = {}
    for name, annotation in getattr(code, "__annotations__", {}).items():
        try:
            alone = SimpleNamespace(__annotations__={name: annotation})
            hint = get_type_hints(alone, names, include_extras=True)[name]
            msgspec.json.schema(hint, schema_hook=schema.model_schema)
        except Exception:  # noqa: BLE001, S112  an annotation is any code; what can't be used means anything goes
            continue
        hints[name] = hint
    return hints


def _is_async(inner: Callable[..., Any]) -> bool:
    import inspect

    call: Any = type(inner).__call__  # of a plain function too, where it is Python's own
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(call)


def _described(inner: Callable[..., Any], names: Sequence[str]) -> Described:
    import inspect

    own: Any = inspect.unwrap(inner)
    if not isinstance(own, type) and not inspect.isroutine(own):
        own = type(own).__call__ if type(own).__call__.__doc__ else type(own)
    return described(inspect.getdoc(own) or "", names)


def _definition(name: str, arguments: Sequence[Argument], said: Described) -> dict[str, Any]:
    schemas, definitions = msgspec.json.schema_components(
        [argument.hint for argument in arguments],
        schema_hook=schema.model_schema,
        ref_template="#/$defs/{name}",
    )
    properties = {
        argument.name: _property(argument, made, said) for argument, made in zip(arguments, schemas, strict=True)
    }
    parameters = {
        "type": "object",
        "properties": properties,
        "required": [argument.name for argument in arguments if argument.is_required],
    }
    told = {"description": said.summary} if said.summary else {}
    made = _telling(schema.inlined({**parameters, "$defs": definitions}))
    return {"type": "function", "function": {"name": name, **told, "parameters": made}}


def _property(argument: Argument, made: Mapping[str, Any], said: Described) -> dict[str, Any]:
    words = said.parameters.get(argument.name) or _annotated(argument.hint)
    told = {**made, "description": words} if words else dict(made)
    if not argument.is_required:
        with suppress(TypeError, ValueError):  # a default that is not for JSON is the function's own business
            told["default"] = msgspec.to_builtins(argument.parameter.default, enc_hook=_plain, str_keys=True)
    return told


def _annotated(hint: Any) -> str:
    """The words in `Annotated[type, "words"]`."""
    for each in getattr(hint, "__metadata__", ()):
        words = getattr(each, "documentation", each)
        if isinstance(words, str):
            return words
    return ""


def _telling(value: Any) -> Any:
    """A schema whose every `enum` and every union has a `type`, where one can say it: some templates know no more."""
    if isinstance(value, list):
        return [_telling(item) for item in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {key: _telling(item) for key, item in value.items()}
    if isinstance(choices := made.get("enum"), list) and "type" not in made:
        made["type"] = _one_or_all(dict.fromkeys(_KINDS.get(type(choice), "object") for choice in choices))
    if isinstance(either := made.get("anyOf"), list):
        rest = {key: item for key, item in made.items() if key != "anyOf"}
        return {**(_merged(either) or {"anyOf": either}), **rest}
    return made


def _merged(either: list[dict[str, Any]]) -> dict[str, Any]:
    """One schema for any of several, where at most one of them says more than its type; otherwise an empty one."""
    kinds = [each.get("type") for each in either]
    longer = [each for each in either if len(each) > 1]
    if not all(isinstance(kind, str) for kind in kinds) or len(set(kinds)) < len(kinds) or len(longer) > 1:
        return {}
    merged = {**(longer[0] if longer else {}), "type": _one_or_all(kinds)}
    if "enum" in merged:
        if len(kinds) > 2 or "null" not in kinds:
            return {}
        merged["enum"] = [*merged["enum"], None]
    return merged


def _one_or_all(kinds: Iterable[Any]) -> Any:
    one, *more = kinds
    return [one, *more] if more else one
