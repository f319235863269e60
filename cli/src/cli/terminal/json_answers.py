"""An answer on its way to stdout as JSON: one document, or a line for each piece.

What was said before an answer broke off or was stopped is in both, beside the `error`.
"""

from __future__ import annotations

from collections.abc import Callable

from cli.terminal import documents
from cli.terminal.answers import Facts, Words
from cli.terminal.screen import Screen


class JsonAnswer:
    """One document, once the answer is whole. Its `error` is null where all went well.

    extract: takes the part out of the text that was asked for, which becomes `extracted`.
    """

    def __init__(self, screen: Screen, extract: Callable[[str], str | None] | None = None) -> None:
        self._screen = screen
        self._extract = extract
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._tool_calls: list[Facts] = []

    def text(self, piece: str) -> None:
        """A piece of the answer."""
        self._text.append(piece)

    def thinking(self, piece: str) -> None:
        """A piece of what the model thinks."""
        self._thinking.append(piece)

    def tool_call(self, call: Facts) -> None:
        """A function that the model wants called."""
        self._tool_calls.append(call)

    def done(self, facts: Facts) -> None:
        """The end: print the document."""
        self._print(facts, None)

    def stopped(self, facts: Facts, error: Facts) -> int:
        """Keeps what was said."""
        self.failed(facts, error)
        return len("".join(self._text).split())

    def failed(self, facts: Facts, error: Facts) -> None:
        """Keeps what was said, where anything was."""
        if self._text or self._thinking or self._tool_calls:
            self._print(facts, error)

    def _print(self, facts: Facts, error: Facts | None) -> None:
        text = "".join(self._text)
        said: dict[str, object] = {
            "text": text,
            "thinking": "".join(self._thinking),
            "tool_calls": self._tool_calls,
        }
        if self._extract:
            said["extracted"] = None if error else self._extract(text)
        documents.document(self._screen, {**said, **facts, "error": error})


class JsonLines:
    """A line of JSON for each piece, at once.

    extract: takes the part out of the text that was asked for, which becomes `extracted` of the last line.
    """

    def __init__(self, screen: Screen, extract: Callable[[str], str | None] | None = None) -> None:
        self._screen = screen
        self._extract = extract
        self._text: list[str] = []
        self._words = Words()

    def text(self, piece: str) -> None:
        """A piece of the answer."""
        self._words.feed(piece)
        if self._extract:
            self._text.append(piece)
        documents.record(self._screen, "text", {"text": piece})

    def thinking(self, piece: str) -> None:
        """A piece of what the model thinks."""
        documents.record(self._screen, "thinking", {"text": piece})

    def tool_call(self, call: Facts) -> None:
        """A function that the model wants called."""
        documents.record(self._screen, "tool_call", call)

    def done(self, facts: Facts) -> None:
        """The end."""
        extracted = {"extracted": self._extract("".join(self._text))} if self._extract else {}
        documents.record(self._screen, "done", {**extracted, **facts})

    def stopped(self, facts: Facts, error: Facts) -> int:
        """All that was said is out already; the last line says that it isn't whole."""
        self.failed(facts, error)
        return self._words.count

    def failed(self, facts: Facts, error: Facts) -> None:
        """The last line says why there are no more."""
        documents.record(self._screen, "error", {"error": error})
