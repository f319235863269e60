"""Every error of the library, and nothing else raised by it on a server's account.

OllamaError
├── OllamaConnectionError            no answer: refused, reset or closed before the first record: .reason
│   └── OllamaTimeoutError           a limit of `Timeouts` passed: .phase, .seconds, .partial, .loaded
├── OllamaModelError                 about a model
│   ├── OllamaModelNotFoundError     .model, .suggestions
│   ├── OllamaCapabilityError        the model can't do what was asked
│   └── OllamaPullError              a pull that failed on the server: .missing, .reason
├── OllamaResponseError              the server said no: .status, .body, .loading
│   ├── OllamaAuthenticationError    401 and 403: .signin_url
│   └── OllamaBusyError              429, 502, 503, 504 after all attempts: .retry_after, .quota
├── OllamaContextError               the prompt is longer than the window: .window, .needed
├── OllamaIncompleteError            records had arrived: .partial, .reason
├── OllamaOutputError                the answer doesn't fit the schema: .reply, .problems
└── OllamaProtocolError              what answered doesn't speak Ollama's protocol: .snippet, .partial

What can't be right before anything is sent is a TypeError or a ValueError; using what was closed is a RuntimeError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from typing import Unpack

    from vuhitra.reply import Reply
    from vuhitra.types import Message

ConnectionReason = Literal["refused", "unreachable", "dns", "tls", "timeout", "proxy", "reset", "closed", "stopped"]
Phase = Literal["connect", "start", "idle", "total"]
IncompleteReason = Literal["cut", "no-end", "repetition", "server-error", "rounds"]


class Common(TypedDict, total=False):
    """What every error may carry besides its first line."""

    why: str | None
    hint: str | None
    attempts: tuple[OllamaError, ...]


class OllamaError(Exception):
    """Anything that went wrong between a call and its answer.

    what: one line that says what failed and where, with the setting the URL came from.
    why: the cause, where it is known.
    hint: what to do about it, where that is known.
    attempts: the errors of the earlier attempts of the same call, oldest first.
    messages: what rounds of tools had added to the conversation by then.
    """

    messages: tuple[Message, ...] = ()

    def __init__(self, what: str, **common: Unpack[Common]) -> None:
        super().__init__(what)
        self.what = what
        self.why = common.get("why")
        self.hint = common.get("hint")
        self.attempts = common.get("attempts", ())

    def __str__(self) -> str:
        return f"{self.what}: {self.why}" if self.why else self.what

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.what, self.__dict__)


def _revive(cls: type[OllamaError], what: str, state: dict[str, Any]) -> OllamaError:
    error = cls.__new__(cls, what)
    error.args = (what,)
    error.__dict__.update(state)
    return error


class OllamaConnectionError(OllamaError):
    """No answer: the server was not reached, or it was lost before the first record.

    reason: `refused`, `unreachable`, `dns`, `tls`, `proxy` or `timeout` while connecting; `reset`
        or `closed` afterwards; `stopped` where this side closed the connection.
    """

    def __init__(self, what: str, *, reason: ConnectionReason = "unreachable", **common: Unpack[Common]) -> None:
        super().__init__(what, **common)
        self.reason: ConnectionReason = reason


class OllamaTimeoutError(OllamaConnectionError):
    """A limit of `Timeouts` passed.

    phase: the limit, by its name there. seconds: how long it was.
    partial: the answer so far, where records had arrived.
    loaded: where no answer began, whether the server had the model loaded by then; None: it didn't say.
    """

    def __init__(self, what: str, *, phase: Phase, seconds: float, **common: Unpack[Common]) -> None:
        super().__init__(what, reason="timeout", **common)
        self.phase: Phase = phase
        self.seconds = seconds
        self.partial: Reply | None = None
        self.loaded: bool | None = None


class OllamaModelError(OllamaError):
    """About a model, not about the server. model: its name, as it was asked for."""

    def __init__(self, what: str, *, model: str = "", **common: Unpack[Common]) -> None:
        super().__init__(what, **common)
        self.model = model


class OllamaModelNotFoundError(OllamaModelError):
    """The server has no such model. suggestions: near names of models that it has."""

    suggestions: tuple[str, ...] = ()


class OllamaCapabilityError(OllamaModelError):
    """The model can't do that: tools, thinking, images, insertion, embeddings."""


class OllamaPullError(OllamaModelError):
    """The server could not fetch the model. missing: whether the registry has none of that name.

    reason: `no-end` where the server closed it cleanly, without the last record; else None.
    """

    def __init__(
        self,
        what: str,
        *,
        model: str = "",
        missing: bool = False,
        reason: Literal["no-end"] | None = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(what, model=model, **common)
        self.missing = missing
        self.reason: Literal["no-end"] | None = reason


class OllamaResponseError(OllamaError):
    """The server said no. status: the HTTP status. body: its text, or the start of it.

    loading: whether the server only hasn't finished loading the model, so that it may be asked again.
    """

    loading: bool = False

    def __init__(self, what: str, *, status: int, body: str, **common: Unpack[Common]) -> None:
        super().__init__(what, **common)
        self.status = status
        self.body = body


class OllamaAuthenticationError(OllamaResponseError):
    """401 or 403; its text says which credential was sent, by its kind and where it came from, or that none was.

    signin_url: where to sign in, where the server names it.
    """

    signin_url: str | None = None


class OllamaBusyError(OllamaResponseError):
    """429, 502, 503 or 504 after all attempts.

    retry_after: seconds the server asked to wait. quota: whether a usage limit is met, so that
        sending again is of no use.
    """

    retry_after: float | None = None
    quota: bool = False


class OllamaContextError(OllamaError):
    """The prompt is longer than the context window. window, needed: how long they are, in tokens; None: unknown."""

    def __init__(self, what: str, *, window: int | None, needed: int | None, **common: Unpack[Common]) -> None:
        super().__init__(what, **common)
        self.window = window
        self.needed = needed


class OllamaIncompleteError(OllamaError):
    """An answer began and did not end.

    partial: what had arrived.
    reason: `cut` (the connection broke), `no-end` (closed cleanly, without the last record),
        `repetition` (one token many times over, and then `no-end`), `server-error`
        (a record that holds an error) or `rounds` (the model kept calling tools).
    """

    def __init__(self, what: str, *, partial: Reply, reason: IncompleteReason, **common: Unpack[Common]) -> None:
        super().__init__(what, **common)
        self.partial = partial
        self.reason: IncompleteReason = reason


class OllamaOutputError(OllamaError):
    """The answer doesn't fit the schema. reply: the answer. problems: what is wrong with it."""

    def __init__(self, what: str, *, reply: Reply, problems: tuple[str, ...], **common: Unpack[Common]) -> None:
        super().__init__(what, **common)
        self.reply = reply
        self.problems = problems


class OllamaProtocolError(OllamaError):
    """What answered doesn't speak Ollama's protocol.

    snippet: the start of what it said there. partial: the answer so far, where records had arrived.
    """

    def __init__(self, what: str, *, snippet: str = "", **common: Unpack[Common]) -> None:
        super().__init__(what, **common)
        self.snippet = snippet
        self.partial: Reply | None = None
