"""The question in a command line: what its words, its flags and stdin come to."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

from cli.commands.chat_flags import Given
from cli.commands.invocation import Invocation
from cli.failure import Failure
from cli.services.prompts import prompt_of, read_stdin
from cli.services.question import Material, Question
from cli.terminal.escape_filter import harmless_line

T = TypeVar("T")

_NAMED = ("temperature", "seed", "num_ctx", "num_predict")
"""Options that have flags of their own."""
_EXTRACTING = {"first": "-x", "last": "--xl"}


def question_in(call: Invocation, prompt: Sequence[str], given: Given) -> Question:
    """All that is asked. Raises Failure where nothing is, or where something can't be read."""
    environment = call.environment
    _check_together(given)
    options = _options(given, prompt)
    words = prompt_of(prompt, environment.cwd, given["file"])
    if words == "-":
        raise Failure("- is no PROMPT: stdin is read without it", hint="the same without -")
    schema = _schema(call, given)
    materials, images = _read(call, given, has_words=bool(words.strip()))
    if not words.strip() and not any(each.text.strip() for each in materials):
        if images:
            raise Failure("PROMPT is missing: what about the image?", hint='vuhitra chat -a FILE "What is this?"')
        raise _nothing(call, given)
    for each in materials:
        if not each.text and (each.name != "stdin" or "-" in given["file"]):
            call.note(f"{harmless_line(each.name)} is empty")
    if len(prompt) == 1 and os.path.isfile(os.path.join(environment.cwd, prompt[0])):
        call.note(f"{harmless_line(prompt[0])} is a file, and only its name is sent; -f sends what it holds")
    form: Literal["json"] | None = "json" if given["format"] else None
    return Question(
        words=words,
        materials=[each for each in materials if each.text],
        system=system_in(call, given["system"]),
        images=images,
        options=options,
        think=given["think"],
        format=form,
        schema=schema,
        raw=given["raw"],
        keep_alive=given["keep_alive"],
        on_overflow=given["on_overflow"],
    )


def _check_together(given: Given) -> None:
    """Raises Failure for flags that exclude each other."""
    if given["format"] and given["schema"]:
        raise Failure("--format and --schema exclude each other: a schema is a format")
    if given["raw"] and given["system"]:
        raise Failure("--raw takes no -s: what the model is told to be has its place in the template")
    if given["extract"] and (given["format"] or given["schema"]):
        flag, form = _EXTRACTING[given["extract"]], "--format" if given["format"] else "--schema"
        raise Failure(f"{flag} and {form} exclude each other: an answer in JSON has no code block")


def _options(given: Given, words: Sequence[str]) -> dict[str, Any]:
    flags: dict[str, Any] = {**given}
    named = [name for name in _NAMED if flags[name] is not None]
    if not (named or given["option"]):
        return {}
    from cli.services.request_options import options_of, value_of

    options = options_of(given["option"], words)
    return options | {name: value_of(name, flags[name], f"--{name.replace('_', '-')}") for name in named}


def _read(call: Invocation, given: Given, *, has_words: bool) -> tuple[list[Material], list[bytes]]:
    """Texts in their order, stdin the last unless a flag gives it another place; and images."""
    environment = call.environment
    stdin = environment.stdin
    files, images = given["file"], given["attach"]
    is_read = not (given["no_stdin"] or stdin.is_terminal)

    def note() -> None:
        call.note("waiting for stdin; --no-stdin if there is none")

    if not files and not images:
        return ([_of_stdin(read_stdin(stdin.bytes, note if has_words else None))] if is_read else []), []
    from cli.services.composing import Places, check_stdin_once, image_at, material_at

    is_named = check_stdin_once(files, images)
    if is_named and given["no_stdin"]:
        raise Failure("--no-stdin, and yet a flag reads stdin")
    read = partial(read_stdin, stdin.bytes, partial(_tell_of_stdin, call))
    places = Places(environment.cwd, environment.variables, read, given["timeout"])
    materials = [_awaited(call, place, partial(material_at, place, places)) for place in files]
    seen = [_awaited(call, place, partial(image_at, place, places)) for place in images]
    if is_read and not is_named:
        materials.append(_of_stdin(read_stdin(stdin.bytes, note)))
    return materials, seen


def _tell_of_stdin(call: Invocation) -> None:
    """What is said where a flag reads a stdin that is silent."""
    call.note("waiting for stdin; Ctrl-D ends it" if call.environment.stdin.is_terminal else "waiting for stdin")


def _awaited(call: Invocation, place: str, read: Callable[[], T]) -> T:
    """What is read; that a page is awaited is told."""
    from cli.services.reading import is_url

    if not is_url(place):
        return read()
    with call.waiting(f"fetching {place}"):
        return read()


def _of_stdin(data: bytes) -> Material:
    if not data:
        return Material("stdin", "")
    from cli.services.reading import Source, decoded

    return Material("stdin", decoded(Source("stdin", data)).rstrip("\r\n"))


def system_in(call: Invocation, given: str | None) -> str | None:
    """The system text in what `-s` was given. Raises Failure for a file that can't be read."""
    if given is None:
        return None
    from cli.services.composing import Places, system_of

    return system_of(given, Places(call.environment.cwd, call.environment.variables, bytes))


def _schema(call: Invocation, given: Given) -> dict[str, Any] | None:
    if given["schema"] is None:
        return None
    from cli.services.composing import Places
    from cli.services.schemas import schema_of

    places = Places(call.environment.cwd, call.environment.variables, bytes)
    return schema_of(given["schema"], lambda path: places.text_at(path, "--schema @"))


def _nothing(call: Invocation, given: Given) -> Failure:
    if given["file"]:
        what = "PROMPT is missing, and what -f names is empty"
    elif given["no_stdin"] or call.environment.stdin.is_terminal:
        what = "PROMPT is missing"
    else:
        what = "PROMPT is missing, and stdin is empty"
    from shlex import quote

    model = f"-m {quote(given['model'])} " if given["model"] else ""
    return Failure(what, hint=f'vuhitra chat {model}"Why is the sky blue?"')
