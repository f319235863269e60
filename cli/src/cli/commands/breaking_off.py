"""What there is to say to a person about an answer that broke off, besides what the library knows."""

from __future__ import annotations

from collections.abc import Sequence

from cli.exit_status import Verdict
from cli.failure import Failure
from cli.terminal.presentation import Presentation
from vuhitra.errors import OllamaError, OllamaIncompleteError, OllamaOutputError


def tell_to_try_again(error: OllamaError, words: Sequence[str], *, pipes: bool) -> None:
    """Give an error what to try: asking again where an answer broke off, and --json where one that doesn't fit is lost.

    words: the command line. pipes: whether it is but a part of what was asked, since stdin was read.
    """
    from cli.misuse import repeated

    if isinstance(error, OllamaIncompleteError):
        error.hint = error.hint or ("the same command again" if pipes else repeated(words))
    elif isinstance(error, OllamaOutputError) and "--json" not in words:
        error.hint = error.hint or ("the same with --json" if pipes else repeated(["--json", *words]))


def explained(error: Exception, model: str, presentation: Presentation, *, said: bool) -> Exception:
    """An error that says more, where there is one. said: whether a part of the answer is there to be read."""
    if not isinstance(error, OllamaIncompleteError) or error.reason != "repetition":
        return error
    where = f"kept in {presentation.output}" if presentation.output else "printed"
    return Failure(
        f"{model} repeated one token 30 times, and the server ended the answer there",
        why=f"what was said is {where}, unfinished" if said else "nothing of it was printed",
        hint="--temperature 0.8, or -o repeat_penalty=1.2",
        verdict=Verdict.BROKE_OFF,
    )
