""".env.example names exactly the variables that the settings are read from, with their defaults."""

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dotenv import dotenv_values

from cli.config import Settings, read_settings

EXAMPLE = Path(__file__).parents[3] / ".env.example"


class Asked(Mapping[str, str]):
    """No variables at all, and a memory of the names that were asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def uncommented() -> dict[str, str | None]:
    """The example's variables, as if every `#NAME=value` had lost its `#`."""
    text = re.sub(r"(?m)^#(?=[A-Z_]+=)", "", EXAMPLE.read_text("utf-8"))
    return dotenv_values(stream=io.StringIO(text))


def test_the_example_names_every_variable_and_no_other() -> None:
    asked = Asked()
    read_settings({}, asked)
    assert set(uncommented()) == asked.names


def test_the_example_shows_the_defaults() -> None:
    settings, defaults = read_settings({}, uncommented()), Settings()
    for name in ("ollama_ip", "model", "log_level", "log_format"):
        assert getattr(settings, name) == getattr(defaults, name), name
    assert dotenv_values(EXAMPLE) == {}, "as it stands, a copy changes nothing"
