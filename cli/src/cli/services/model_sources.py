"""What a model is made from, and the steps of its making as they are worth showing."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from os.path import isfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.failure import Failure
from cli.services.file_kinds import may_be_text
from cli.services.reading import expanded
from vuhitra.sources import check_file

if TYPE_CHECKING:
    from vuhitra.types import CreateOptions, Progress

MODELFILE = "Modelfile"
"""What is looked for where nothing is named."""
_BEGINNING = 1024
"""Bytes that tell what a file holds."""


def source_of(
    folder: str, variables: Mapping[str, str], modelfile: str | None, base: str | None, weights: str | None
) -> CreateOptions:
    """What `create_model` is asked for.

    folder: what paths are relative to. variables: name the home folder. weights: a GGUF file, or a folder with
    safetensors.
    Raises Failure where it isn't one thing that is named, or where that isn't there, and OSError where that can't be
    told.
    """
    named = [each for each in (modelfile, base, weights) if each is not None]
    if len(named) > 1:
        raise Failure(
            f"a model is made from one thing, and these are {len(named)}: {', '.join(named)}",
            hint="name the base in the Modelfile's FROM",
        )
    if base is not None:
        return {"from_": base}
    path = place_of(weights or modelfile or MODELFILE, folder, variables)
    if not path.exists():
        if named:
            raise Failure(f"no such file: {named[0]}")
        raise Failure(
            "nothing to make a model from: no Modelfile is here",
            hint="vuhitra models create NAME --from smollm2:135m --system 'You are a parrot.'",
        )
    return {"from_": path} if weights is not None else {"modelfile": path}


def place_of(file: str, folder: str, variables: Mapping[str, str]) -> Path:
    """Where a file is. folder: what paths are relative to. variables: name the home folder."""
    return Path(folder, expanded(file, variables))


def is_text(path: Path) -> bool:
    """Whether there is a file of text, as a Modelfile is and no weights are.

    Raises OSError or ValueError for one that can't be uploaded.
    """
    if not isfile(path):  # Path's raises for a name that is too long
        return False
    check_file(path)
    with path.open("rb") as file:
        return may_be_text(file.read(_BEGINNING))


@contextmanager
def faults_told(name: str) -> Generator[None]:
    """Tells what can't be made a model of: the library says so before anything of it is sent."""
    try:
        yield
    except OSError as error:
        raise Failure(f"cannot read {error.filename or 'a file'}", why=error.strerror or str(error)) from error
    except (ValueError, TypeError) as error:
        raise Failure(f"cannot make {name}", why=str(error)) from error


def told(steps: Iterable[Progress]) -> Iterator[Progress]:
    """The steps of a making. What is done to files here is told in words, for no bytes of it arrive anywhere."""
    return map(_told, steps)


def _told(step: Progress) -> Progress:
    status, total = step["status"].partition(" sha256")[0], step.get("total")
    if status.startswith("hashing ") and total:
        return {"status": f"{status}, {100 * step.get('completed', 0) // total}%"}
    if status == "uploading":
        return {"status": f"uploading {_megabytes(step)} MB"}
    return {**step, "status": status}


def _megabytes(step: Mapping[str, Any]) -> str:
    return f"{step.get('total', 0) / 1e6:,.0f}"
