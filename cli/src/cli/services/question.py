"""All that is asked of a model at once, as a value: the prompt, what goes with it, and how it shall be answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

if TYPE_CHECKING:
    from vuhitra.types import GenerateOptions

OnOverflow = Literal["error", "warn", "trim"]

BYTES_A_TOKEN = 4
"""What a token comes to in most texts; the server alone counts exactly."""


class Material(NamedTuple):
    """What is read before the question: a file, a page, stdin. name: what a person calls it.

    fence: what stands before and after it, so that its end is seen; "" where it stands by itself.
    """

    name: str
    text: str
    fence: str = ""

    @property
    def written(self) -> str:
        """As it stands in the prompt."""
        if not self.fence:
            return self.text
        end = "" if self.text.endswith("\n") or not self.text else "\n"
        name = " ".join(self.name.split()).replace("`", "'")
        return f"{self.fence}{name}\n{self.text}{end}{self.fence}"

    @property
    def tokens(self) -> int:
        """About how many it comes to."""
        return estimated_tokens(self.written)


class Question(NamedTuple):
    """All that is asked.

    words: the question itself, which goes behind the materials. images: each as its bytes.
    options: checked. think: None leaves it to the model. schema: a JSON Schema.
    keep_alive: how long the model stays loaded, as the server takes it.
    on_overflow: what is done where it is longer than the window.
    """

    words: str = ""
    materials: Sequence[Material] = ()
    system: str | None = None
    images: Sequence[bytes] = ()
    options: Mapping[str, Any] = MappingProxyType({})
    think: bool | str | None = None
    format: Literal["json"] | None = None
    schema: Mapping[str, Any] | None = None
    raw: bool = False
    keep_alive: float | str | None = None
    on_overflow: OnOverflow = "error"

    @property
    def prompt(self) -> str:
        """The material first, the question last, parted by blank lines."""
        return "\n\n".join(part for part in (*(each.written for each in self.materials), self.words) if part)

    @property
    def tokens(self) -> int:
        """About how many there are to read; images aren't counted."""
        return estimated_tokens(self.prompt) + estimated_tokens(self.system or "")

    @property
    def asked(self) -> GenerateOptions:
        """What `generate` is given besides the prompt, the model and the options; only what was given."""
        given = {
            "system": self.system,
            "images": list(self.images) or None,
            "think": self.think,
            "format": self.format,
            "schema": self.schema,
            "raw": self.raw or None,
            "keep_alive": self.keep_alive,
        }
        return cast("GenerateOptions", {name: value for name, value in given.items() if value is not None})


def estimated_tokens(text: str) -> int:
    """About how many tokens a text comes to."""
    return -(-len(text.encode(errors="replace")) // BYTES_A_TOKEN)
