"""What answers look like on the wire: the records of `POST /api/generate` and `POST /api/chat`.

What is nothing or zero is left out, as Ollama leaves it out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cli.services.embedded.engine import Ending

Record = dict[str, Any]

_MOST_REPETITIONS = 30


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in nanoseconds."""

    total: int
    load: int


@dataclass(frozen=True, slots=True)
class Shape:
    """Makes the records of one answer.

    model: the name as it was asked for. of: whose reply it is. now: gives the time as RFC 3339.
    """

    model: str
    of: Literal["generate", "chat"]
    now: Callable[[], str]

    def piece(self, text: str, logprobs: Sequence[Any] = ()) -> Record:
        """A record of a stream. As the only one: an answer that ended in silence."""
        return {**self._start(text), "done": False, **_given(logprobs=list(logprobs))}

    def nothing(self, reason: Literal["load", "unload"]) -> Record:
        """The only record where the model was just loaded or unloaded."""
        return {**self._start(""), "done": True, "done_reason": reason}

    def last(
        self,
        ending: Ending,
        timing: Timing,
        *,
        text: str = "",
        context: Sequence[int] = (),
        logprobs: Sequence[Any] = (),
    ) -> Record:
        """The record that ends an answer, or is all of it."""
        return {
            **self._start(text),
            "done": True,
            "done_reason": ending.reason,
            **_given(
                context=list(context),
                total_duration=timing.total,
                load_duration=timing.load,
                prompt_eval_count=ending.prompt_count,
                prompt_eval_duration=ending.prompt_duration,
                eval_count=ending.count,
                eval_duration=ending.duration,
                logprobs=list(logprobs),
            ),
        }

    def _start(self, text: str) -> Record:
        said: Mapping[str, Any] = {"response": text}
        if self.of == "chat":
            said = {"message": {"role": "assistant", "content": text}}
        return {"model": self.model, "created_at": self.now(), **said}


class Repetition:
    """The rule that ends an answer in silence: the same piece 30 times over, white space aside."""

    def __init__(self) -> None:
        self._last = ""
        self._times = 0

    def goes_on(self, piece: str) -> bool:
        """Takes the next piece; whether the answer has got stuck with it."""
        self._times = self._times + 1 if piece.strip() == self._last else 0
        self._last = piece.strip()
        return self._times > _MOST_REPETITIONS


def _given(**fields: Any) -> Record:
    return {name: value for name, value in fields.items() if value}
