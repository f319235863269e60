"""Models made from others, from files and from Modelfiles: what is to be made, and the steps that make it.

The server reads no Modelfile and sees no disk of ours: it gets each file by its digest, before it is told what to make.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from vuhitra import calls, checks, flows, modelfile, sources
from vuhitra.errors import OllamaResponseError, OllamaTimeoutError
from vuhitra.flows import Flow, Report, Run, Terms
from vuhitra.http import Upload
from vuhitra.types import CreateOptions

_PIECE = 1024 * 1024
"""Bytes of a file that are hashed in one step, so that an event loop is never kept waiting for long."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

_Text = Literal["system", "template", "requires", "renderer", "parser"]
_TEXTS: tuple[_Text, ...] = ("system", "template", "requires", "renderer", "parser")

_Sources: TypeAlias = Mapping[str, Path | str]
"""Where the files of a field are, by their names in the model; a str is the digest of one that the server has."""


class Making(NamedTuple):
    """What is to be made. fields: of the request, without its files. files: of each field that holds some."""

    name: str
    fields: Mapping[str, Any]
    files: Mapping[str, _Sources]


def making(name: str, asked: CreateOptions) -> Making:
    """What is to be made, after a look at the disk; no file is read whole yet.

    Raises TypeError or ValueError for what can't be right, and OSError for files that can't be read.
    """
    checks.model_name(name)
    quantize = {"quantize": _text("quantize", asked.get("quantize"))}
    rest: dict[str, Any] = {field: _text(field, asked.get(field)) for field in _TEXTS}
    rest["parameters"] = checks.options(asked.get("parameters")) or None
    messages = asked.get("messages")
    rest["messages"] = None if messages is None else checks.messages(messages) or None
    rest["license"] = _license(asked.get("license"))
    given = checks.without_none({field: asked.get(field) or None for field in ("from_", "files", "adapters")} | rest)
    modelfile = asked.get("modelfile")
    if modelfile is not None:
        if given:
            raise TypeError(f"a modelfile says all there is to say; it takes no {' and no '.join(given)} beside it")
        return _from_modelfile(name, modelfile, quantize)
    if ("from_" in given) == ("files" in given):
        raise TypeError("a model is made from a modelfile, from_ or files: one of them")
    files: dict[str, _Sources] = {field: _files(field, asked.get(field)) for field in ("files", "adapters")}
    from_ = asked.get("from_")
    if isinstance(from_, str):
        rest["from"] = _model(from_)
    elif from_ is not None:
        files["files"] = sources.files_at(_path("from_", from_))
    return Making(name, checks.without_none({**rest, **quantize}), _filled(files))


def create(made: Making, terms: Terms) -> Flow[None]:
    """Hash the files, upload those that the server doesn't have, and have the model made; each step is reported."""
    yield from flows.noted(calls.create_model(made.name, made.fields), terms, _create(made, terms))


def _create(made: Making, terms: Terms) -> Flow[None]:
    uploads = yield from _hashed_all(made, terms)
    wanted = [source for files in made.files.values() for source in files.values()]
    given: dict[str, Upload | None] = {source: None for source in wanted if isinstance(source, str)}
    for digest, upload in (given | dict(uploads.values())).items():
        yield from _provide(digest, upload, terms._replace(noted=False))
    digests = {path: digest for path, (digest, _) in uploads.items()}
    fields = dict(made.fields)
    for field, files in made.files.items():
        fields[field] = {name: source if isinstance(source, str) else digests[source] for name, source in files.items()}
    yield from flows.reported(calls.create_model(made.name, fields), terms)


def _hashed_all(made: Making, terms: Terms) -> Flow[dict[Path, tuple[str, Upload]]]:
    """The digest of each file, which is read once, however often it is named."""
    uploads: dict[Path, tuple[str, Upload]] = {}
    for files in made.files.values():
        for source in files.values():
            if isinstance(source, Path) and source not in uploads:
                uploads[source] = yield from _hashed(source, terms)
    return uploads


def _provide(digest: str, upload: Upload | None, terms: Terms) -> Flow[None]:
    """See to it that the server has a file."""
    try:
        yield from flows.deliver(calls.has_blob(digest), terms)
    except OllamaResponseError as error:
        if error.status != 404:
            raise
        missing = error
    else:
        return
    if upload is None:
        raise OllamaResponseError(
            f"Ollama at {terms.server} doesn't have {digest}, and no file to upload was given for it",
            why=missing.what,
            status=missing.status,
            body=missing.body,
        ) from missing
    step = {"status": "uploading", "digest": digest, "total": upload.size}
    yield Report({**step, "completed": 0})
    try:
        yield from flows.deliver(calls.upload_blob(digest, upload), terms)
    except OllamaResponseError as error:
        if error.status != 400:
            raise
        raise OllamaResponseError(
            f"{upload.path} changed while it was uploaded to Ollama at {terms.server}",
            why=error.why,
            hint="create the model again when nothing writes to the file",
            status=error.status,
            body=error.body,
        ) from error
    yield Report({**step, "completed": upload.size})


class _Sum:
    """The digest of a file, taken piece by piece.

    The file is opened for each piece: a flow may be given up while a thread still reads one, and a descriptor
    that is closed under a reader may be somebody else's by then.
    """

    def __init__(self, path: Path) -> None:
        from hashlib import sha256

        self._path = path
        self._sum = sha256()
        self.size = 0

    def add(self) -> bool:
        """Takes the next piece in; False at the end."""
        with self._path.open("rb", buffering=0) as file:
            file.seek(self.size)
            piece = file.read(_PIECE)
        self._sum.update(piece)
        self.size += len(piece)
        return bool(piece)

    def digest(self) -> str:
        """The digest of what was taken in, as the server writes it."""
        return f"sha256:{self._sum.hexdigest()}"


def _hashed(path: Path, terms: Terms) -> Flow[tuple[str, Upload]]:
    """The digest of a file, and the file as it can be uploaded. One of more than a piece is reported by the percent."""
    begun = yield Run(path.stat)
    total = cast("os.stat_result", begun.result).st_size
    taken = _Sum(path)
    percent = 0
    while True:
        outcome = yield Run(taken.add)
        if not outcome.result:
            return taken.digest(), Upload(path, taken.size)
        if terms.give_up_at is not None and outcome.now >= terms.give_up_at:
            raise OllamaTimeoutError(
                f"{path} was not hashed within the limit for the whole call",
                phase="total",
                seconds=terms.timeouts.total or 0.0,
            )
        if total > _PIECE and 100 * taken.size // total > percent:
            percent = 100 * taken.size // total
            yield Report({"status": f"hashing {path.name}", "total": total, "completed": min(taken.size, total)})


def _from_modelfile(name: str, given: str | os.PathLike[str], quantize: Mapping[str, Any]) -> Making:
    if isinstance(given, str):
        if len(given.split()) == 1:
            raise ValueError(f"modelfile is the text of one, or a Path to it, as Path({given!r}) is")
        folder, said = Path(), modelfile.parse(given)
    else:
        path = _path("modelfile", given)
        folder, said = path.parent, modelfile.parse(modelfile.decode(path.read_bytes()))
    begun = [(text, sources.files_named(text, folder)) for text in said.from_]
    names = [text for text, files in begun if files is None]
    files = _merged(files for _, files in begun if files is not None)
    if len(names) + bool(files) != 1:
        raise ValueError(
            f"a model is made from one model or from files, not from all of these: {', '.join(said.from_)}"
        )
    fields = {
        "from": names[0] if names else None,
        "template": said.template,
        "system": said.system,
        "license": list(said.license) or None,
        "parameters": said.parameters or None,
        "messages": list(said.messages) or None,
        "requires": said.requires,
        "renderer": said.renderer,
        "parser": said.parser,
    }
    beside = {
        "adapters": _merged(sources.files_at_path(text, folder) for text in said.adapters),
        "draft_files": _merged(sources.files_at_path(text, folder) for text in said.drafts),
    }
    return Making(name, checks.without_none({**fields, **quantize}), _filled({"files": files, **beside}))


def _merged(several: Iterable[Mapping[str, Path]]) -> dict[str, Path]:
    merged: dict[str, Path] = {}
    for files in several:
        for name, path in files.items():
            if merged.setdefault(name, path) != path:
                raise ValueError(f"{path} and {merged[name]} would both be called {name} in the model")
    return merged


def _filled(files: Mapping[str, _Sources]) -> dict[str, _Sources]:
    return {field: named for field, named in files.items() if named}


def _files(field: str, given: object) -> dict[str, Path | str]:
    """The files that were given. Raises TypeError, ValueError or OSError for what can't be uploaded."""
    if not isinstance(given, Mapping | None):
        raise TypeError(f"{field} is a dict of names and Paths or digests, not {type(given).__name__}")
    files: dict[str, Path | str] = {}
    for name, source in (given or {}).items():
        if not isinstance(name, str):
            raise TypeError(f"{field}: the name of a file is a str, not {type(name).__name__}")
        if not name or name.startswith("/") or ".." in PurePosixPath(name).parts:
            raise ValueError(f"{field}: {name!r} is no name of a file within a model")
        if not isinstance(source, str):
            files[name] = _path(f"{field}[{name!r}]", source)
            sources.check_file(cast("Path", files[name]))
        elif _DIGEST.fullmatch(source):
            files[name] = source
        else:
            raise ValueError(f"{field}: {name!r} is a path (os.PathLike), or a digest as 'sha256:…', not {source!r}")
    return files


def _path(field: str, given: object) -> Path:
    if not isinstance(given, os.PathLike):
        raise TypeError(f"{field} is no {type(given).__name__}; a file is given by its path (os.PathLike)")
    return Path(given).absolute()


def _model(name: str) -> str:
    checks.model_name(name)
    if sources.looks_like_path(name):
        raise ValueError(f"from_ is a model's name; for a file or folder give Path({name!r})")
    return name


def _text(field: str, given: object) -> str | None:
    if given is not None and not isinstance(given, str):
        raise TypeError(f"{field} is a str, not {type(given).__name__}")
    return given


def _license(given: object) -> list[str] | None:
    if given is None:
        return None
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise TypeError("license is a str, or a list of them")
    return list(texts) or None
