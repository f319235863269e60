"""docs/library-reference.md holds every public name of the library. As a program (`make docs`) this file writes it.

What it says are the docstrings. In them `name: text` at the start of a sentence tells of an argument, a field or a key.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import vuhitra
import vuhitra.testing
import vuhitra.types

REFERENCE = Path(__file__).parents[3] / "docs/library-reference.md"
OPENING = """\
# Library reference

Every public name of the library, by its docstrings; written by `make docs`. [library.md](library.md) goes by tasks.
"""
SECTIONS = {
    "Clients": ("OllamaClient", "AsyncOllamaClient"),
    "Answers": ("Reply", "Stats", "Stream", "AsyncStream", "ProgressStream", "AsyncProgressStream"),
    "Events of a stream": ("Event", "Text", "Thinking", "ToolCall", "Done"),
    "Limits": ("Timeouts", "Retry"),
    "The context window": ("trim", "Trimmed"),
    "Servers": ("Host", "resolve_host"),
}
TABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "What calls take": {
        "vuhitra.types": (
            "GenerateOptions",
            "ChatOptions",
            "EmbedOptions",
            "Options",
            "LoadOptions",
            "ShowOptions",
            "PullOptions",
            "TimeoutOption",
            "CreateOptions",
        ),
    },
    "What messages and answers hold": {
        "vuhitra.types": (
            "Message",
            "ToolCallDict",
            "ToolFunction",
            "Logprob",
            "Progress",
            "ModelSummary",
            "ModelDetails",
            "RunningModel",
            "ModelDescription",
        ),
    },
}
ALIASES = {
    "vuhitra.types": (
        "Think",
        "Format",
        "KeepAlive",
        "Image",
        "FilePath",
        "Verify",
        "Certificate",
        "Files",
        "AutoPull",
        "Messages",
        "Texts",
    ),
    "vuhitra.reply": ("StoppedBy", "Event"),
    "vuhitra.errors": ("ConnectionReason", "Phase", "IncompleteReason"),
}
"""Types with names, by the files that they are defined in."""
TWINS = {"AsyncOllamaClient": "OllamaClient", "AsyncStream": "Stream", "AsyncProgressStream": "ProgressStream"}
NEVER_MADE_BY_USERS = {"Reply", "Stream", "ProgressStream", "AsyncStream", "AsyncProgressStream"}
FOR_DRIVERS = {"opened", "take", "items", "finish", "open", "now", "sleep", "fall_silent"}
"""What streams and transports have for the library itself."""

ENTRY = re.compile(r"(?:^|(?<=[.;?!)] ))([a-z_]\w*(?:, [a-z_]\w*)*): ")
WIDTH = 100


class Told(NamedTuple):
    """A paragraph of a docstring. entries: what it says of arguments, fields or keys. raises: of errors."""

    text: str
    entries: list[tuple[list[str], str]]
    raises: str


def reference() -> str:
    """The whole page, with links from each name to where it stands."""
    page = OPENING + "".join(sections())
    anchors = {name.rpartition(".")[2]: anchor(name) for name in re.findall(r"(?m)^### ([\w.]+)$", page)}
    return "".join(linked(part, anchors) for part in re.split(r"(?m)^(?=### )", page))


def linked(entry: str, anchors: Mapping[str, str]) -> str:
    """What is said of a name, with links to the others; none in headings and code."""
    own = entry.partition("\n")[0].rpartition(" ")[2].rpartition(".")[2]

    def link(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return f"[`{name}`](#{anchors[name]})" if name in anchors and name[0].isupper() and name != own else found[0]

    parts = re.split(r"(?ms)(^```.*?^```$|^#[^\n]*$)", entry)
    return "".join(
        part
        if part.startswith(("```", "#"))
        else re.sub(r"`(?:vuhitra\.\w+\.)?(\w+)`|\b(Ollama\w*Error)\b", link, part)
        for part in parts
    )


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def sections() -> Iterator[str]:
    aliases = {name: alias for module in ALIASES for name, alias in aliases_in(module).items()}
    for title, names in SECTIONS.items():
        yield f"\n## {title}\n"
        for name in names:
            yield from entry(name, getattr(vuhitra, name), aliases)
    for title, modules in TABLES.items():
        yield f"\n## {title}\n"
        yield from (table(module, name) for module, names in modules.items() for name in names)
    yield "\n## Types with names\n\n"
    yield from (f"- **{name}**: {aliases[name]}\n" for name in sorted(aliases))
    tree = error_tree()
    yield f"\n## Errors\n\n```text\n{tree}\n```\n"
    for name in re.findall(r"Ollama\w*Error", tree):
        yield from entry(name, getattr(vuhitra, name), aliases)
    yield f"\n## vuhitra.testing\n\n{prose(inspect.getdoc(vuhitra.testing))}"
    for name in vuhitra.testing.__all__:
        yield from entry(f"vuhitra.testing.{name}", getattr(vuhitra.testing, name), aliases)


def error_tree() -> str:
    """The errors, as they are drawn in their file."""
    drawn = re.search(
        r"(?ms)^OllamaError\n.*?(?=\n\n)", inspect.getdoc(importlib.import_module("vuhitra.errors")) or ""
    )
    assert drawn
    return drawn[0]


def entry(name: str, value: Any, aliases: Mapping[str, str]) -> Iterator[str]:
    """A class with what is public of it, a function, or a type that has a name."""
    yield f"\n### {name}\n\n"
    if inspect.isclass(value):
        yield from of_class(name, value)
    else:
        yield function(name, value) if inspect.isfunction(value) else f"{aliases[name]}\n"


def of_class(name: str, kind: type) -> Iterator[str]:
    simple = name.rpartition(".")[2]
    if simple not in NEVER_MADE_BY_USERS and not issubclass(kind, Exception):
        yield f"```python\n{signature(simple, kind)}\n```\n\n"
    in_signature = hasattr(kind, "_fields") or hasattr(kind, "__dataclass_fields__")
    yield prose(inspect.getdoc(kind), {} if in_signature else vars(kind).get("__annotations__", {}))
    if not issubclass(kind, Exception) and kind.__init__.__doc__ and inspect.isfunction(kind.__init__):
        yield f"\n{prose(inspect.getdoc(kind.__init__))}"
    twin = getattr(vuhitra, TWINS[name]) if name in TWINS else None
    same: list[str] = []
    for each, value in members(kind).items():
        if twin and inspect.getdoc(value) == inspect.getdoc(getattr(twin, each, None)):
            same.append(f"`{each}`")
        else:
            yield f"\n#### {name}.{each}\n\n"
            yield prose(inspect.getdoc(value)) if isinstance(value, property) else function(each, value)
    if same:
        yield f"\nThe same as in `{TWINS[name]}`, but awaited where that waits: {', '.join(same)}.\n"


def members(kind: type) -> dict[str, Any]:
    """The methods and properties that our own classes give a class, those of its bases first."""
    own = [base for base in reversed(kind.__mro__) if base.__module__.startswith("vuhitra")]
    found = {name: inspect.getattr_static(kind, name) for base in own for name in vars(base)}
    return {
        name: value.__func__ if isinstance(value, classmethod) else value
        for name, value in found.items()
        if not name.startswith("_") and name not in FOR_DRIVERS
        if isinstance(value, property | classmethod) or inspect.isfunction(value)
    }


def function(name: str, value: Any) -> str:
    return f"```python\n{signature(name.rpartition('.')[2], value)}\n```\n\n{prose(inspect.getdoc(value))}"


def signature(name: str, value: Any) -> str:
    """A signature, on one line or a line for each parameter. Annotations stand as they are written."""
    made = inspect.signature(value)
    parameters = list(shown(made.parameters.values()))
    is_made = inspect.isclass(value) or made.return_annotation is made.empty
    gives = "" if is_made else f" -> {plain(made.return_annotation)}"
    name = f"async {name}" if inspect.iscoroutinefunction(value) else name
    line = f"{name}({', '.join(parameters)}){gives}"
    if len(line) <= WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {parameter},\n" for parameter in parameters) + f"){gives}"


def shown(parameters: Iterable[inspect.Parameter]) -> Iterator[str]:
    starred = False
    for parameter in parameters:
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            yield "*"
        starred = starred or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(parameter.kind.name, "")
        hint = "" if parameter.annotation is parameter.empty else f": {plain(parameter.annotation)}"
        default = "" if parameter.default is parameter.empty else f" = {written(parameter.default)}"
        yield f"{stars}{parameter.name}{hint}{default}"


def written(default: Any) -> str:
    """A default as it is written in the source."""
    if hasattr(default, "__dataclass_fields__"):
        return f"{type(default).__name__}()"
    return f'"{default}"' if isinstance(default, str) else repr(default)


def plain(annotation: Any) -> str:
    """An annotation as it is written, whichever way Python keeps it."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__forward_arg__", None)
    if text is None:
        text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return re.sub(r"^NotRequired\[(.*)\]$", r"\1", text).replace("'", '"')


def table(module: str, name: str) -> str:
    """The keys of a dict, those that it shares with others last."""
    kinds = lineage(module, name)
    words = {key: text for kind in kinds for keys, text in told(inspect.getdoc(kind)).entries for key in keys}
    rows = ""
    for at, kind in reversed([*enumerate(kinds)]):
        shared = {key for base in kinds[:at] for key in base.__annotations__}
        for key, hint in kind.__annotations__.items():
            hint_shown = plain(hint).replace("|", r"\|")
            rows += "" if key in shared else f"| `{key}` | `{hint_shown}` | {words.get(key, '')} |\n"
    summary = told(inspect.getdoc(kinds[-1])).text
    return f"\n### {name}\n\n" + (f"{summary}\n\n" if summary else "") + f"| key | type | |\n|---|---|---|\n{rows}"


def lineage(module: str, name: str) -> list[Any]:
    """A TypedDict after those it builds on, which only its source tells."""
    home = importlib.import_module(module)
    kind = getattr(home, name)
    made = next(node for node in ast.parse(inspect.getsource(home)).body if getattr(node, "name", "") == name)
    assert isinstance(made, ast.ClassDef)
    names = [base.id for base in made.bases if isinstance(base, ast.Name) and base.id != "TypedDict"]
    return [each for base in names for each in lineage(getattr(home, base).__module__, base)] + [kind]


def aliases_in(module: str) -> dict[str, str]:
    """What types with names stand for, and what is said of them, as it is written in their file."""
    body = ast.parse(inspect.getsource(importlib.import_module(module))).body
    found: dict[str, str] = {}
    for statement, after in zip(body, [*body[1:], None], strict=True):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in ALIASES[module]:
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name in ALIASES[module]:
                pass
            case _:
                continue
        text = str(value.value) if isinstance(value, ast.Constant) else ast.unparse(value).replace("'", '"')
        match after:
            case ast.Expr(value=ast.Constant(value=str(said))):
                found[name] = f"`{text}`. {' '.join(said.split())}"
            case _:
                found[name] = f"`{text}`"
    return found


def prose(docstring: str | None, hints: Mapping[str, Any] | None = None) -> str:
    """A docstring as Markdown: paragraphs, code, and a list where it tells of arguments, fields or keys."""
    made: list[str] = []
    for paragraph in re.split(r"\n\n(?! )", (docstring or "").strip()):
        text, *code = re.split(r"\n\n(?= )", paragraph)
        before, entries, raises = told(text)
        items = "".join(f"- {', '.join(named(key, hints or {}) for key in keys)}: {said}\n" for keys, said in entries)
        made += [f"{before}\n"] if before else []
        made += [items] if items else []
        made += [f"{raises}\n"] if raises else []
        made += ["```python\n" + inspect.cleandoc("\n\n".join(code)) + "\n```\n"] if code else []
    return "\n".join(made)


def named(key: str, hints: Mapping[str, Any]) -> str:
    return f"`{key}` (`{plain(hints[key])}`)" if key in hints else f"`{key}`"


def told(paragraph: str | None) -> Told:
    """The parts of a paragraph."""
    joined = " ".join((paragraph or "").split())
    rest, _, raises = re.sub(r"(^|(?<=\. ))Raises ", "\n", joined, count=1).partition("\n")
    raises = f"Raises {raises}" if raises else ""
    before, *parts = ENTRY.split(rest)
    entries = [
        (keys.split(", "), re.sub(";$", ".", said.strip())) for keys, said in zip(parts[::2], parts[1::2], strict=True)
    ]
    return Told(before.strip(), entries, raises)


def test_the_reference_is_what_the_docstrings_say() -> None:
    assert REFERENCE.read_text("utf-8") == reference(), "stale: make docs"


def test_each_public_name_has_its_entry() -> None:
    there = set(re.findall(r"(?m)^### ([\w.]+)$", reference()))
    assert {*vuhitra.__all__, *(f"vuhitra.testing.{name}" for name in vuhitra.testing.__all__)} - there == set()


def test_whatever_is_named_can_be_imported_from_where_it_is_public() -> None:
    public = {*vuhitra.__all__, *vuhitra.types.__all__, *vuhitra.testing.__all__}
    tables = {name for modules in TABLES.values() for names in modules.values() for name in names}
    aliases = {name for names in ALIASES.values() for name in names}
    assert tables | aliases <= public
    hidden = r"`vuhitra\.(?!types\b|testing\b)\w+"
    assert re.findall(hidden, reference()) == []


def test_each_key_has_its_word() -> None:
    assert re.findall(r"(?m)^\| `(\w+)` .*\|  \|$", reference()) == []


def test_each_link_leads_somewhere() -> None:
    page = reference()
    anchors = [anchor(heading) for heading in re.findall(r"(?m)^#+ (.+)$", page)]
    assert set(re.findall(r"\(#([^)]*)\)", page)) <= set(anchors)


if __name__ == "__main__":
    REFERENCE.write_text(reference(), "utf-8")
