"""What a server's no means: an error status, or an error on a line of a stream, becomes an exception.

There are no error codes in the protocol, only English; statuses and shapes are looked at before texts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from vuhitra.errors import (
    OllamaAuthenticationError,
    OllamaBusyError,
    OllamaCapabilityError,
    OllamaConnectionError,
    OllamaContextError,
    OllamaError,
    OllamaModelNotFoundError,
    OllamaPullError,
    OllamaResponseError,
)
from vuhitra.lines import MalformedError, decode, decode_document, shown, snippet
from vuhitra.subjects import Subject

if TYPE_CHECKING:
    from vuhitra.hosts import Host
    from vuhitra.http import Head

# These are compiled when a server first says no: most never do.
_INCAPABLE = r"does not support|think value .{0,40} is not supported|must be an embedding model"
_TOO_LONG = (
    r"exceeds? (?:the )?(?:available |maximum )?context|longer than the context"
    r"|(?:input|prompt)[^.]{0,40} is too large to process"
)
_NEEDED = r"(?:request|prompt|input)[^()\d]{0,40}\((\d{1,18}) tokens?\)"
_WINDOW = r"(?:context|batch) (?:size|length|window)[^()\d]{0,20}[(:] ?(\d{1,18})"
_LOADING = r"^loading model$|server loading model|(?:still|is) (?:being loaded|loading)\b"
_QUOTA = r"quota|usage limit|(?:session|hourly|daily|weekly|monthly) limit|upgrade to"
_OPENAI = r"/v1(?:/|$)|openai|/chat(?:/|$)|/completions"

_NESTED = 8
"""As many JSON texts inside one another are unwrapped; two were seen."""
_LONGEST_TEXT = 2000


class Complaint(NamedTuple):
    """What the server says is wrong. details: the numbers that llama.cpp gives beside its text."""

    text: str
    details: dict[str, Any]


def complaint(error: object) -> Complaint:
    """The text in an `error` field. A text that is itself JSON, as llama.cpp's are, is unwrapped."""
    details: dict[str, Any] = {}
    for _ in range(_NESTED):
        inner = _inside(error)
        if isinstance(inner, dict) and inner.get("error") is not None:
            error = inner["error"]
        elif isinstance(error, dict) and error:
            details = {**details, **error}
            if error.get("message") is None:
                break
            error = error["message"]
        else:
            break
    text = error if isinstance(error, str) else shown(error)
    return Complaint(text[:_LONGEST_TEXT], details)


def refused(subject: Subject, head: Head, body: bytes) -> OllamaError:
    """The exception for a response whose status is not a success."""
    said = _complaint_in(body)
    if head.status == 407:
        return OllamaConnectionError(
            f"the proxy before Ollama at {subject.host} wants a credential",
            reason="proxy",
            hint="user:password@ before the proxy's name",
        )
    if said and _is_about_a_model(subject, head.status, said):
        return _not_found(subject, said)
    by_status = head.status in (401, 403, 429, 502, 503, 504)
    page = body[:20_000].decode("utf-8", "backslashreplace").strip()
    text = said.text if said else _as_text(page)
    loading = head.status == 500 and _speaks_of(_LOADING, text)
    if said and not by_status and not loading and (error := _by_text(subject, said, head.status)):
        return error
    refusal = _by_status(subject, head, said, text)
    refusal.loading = loading
    refusal.why = subject.hide(said.text if said else _as_text(subject.hide(page))) or None
    refusal.body = subject.hide(snippet(body, 4000))
    refusal.hint = refusal.hint or _hint(subject, head, said, body)
    return refusal


def error_line(subject: Subject, error: object) -> OllamaError:
    """The exception for an `error` record, as if nothing had come before it."""
    said = complaint(error)
    text = subject.hide(said.text)
    return _by_text(subject, said, 200) or OllamaResponseError(
        f"Ollama at {subject.host} ended {subject.path} with an error", why=text, status=200, body=text
    )


def raise_error_in(subject: Subject, document: object) -> None:
    """Raises the exception for the error in a document, where there is one."""
    if isinstance(document, dict) and document.get("error") is not None:
        raise error_line(subject, document["error"])


def _inside(error: object) -> object:
    """What an error says that is itself JSON; an object as it is."""
    if not isinstance(error, str) or not error.startswith("{"):
        return error
    try:
        return decode(error.encode("utf-8", "surrogatepass"))
    except MalformedError:
        return None


def _complaint_in(body: bytes) -> Complaint | None:
    try:
        document = decode_document(body)
    except MalformedError:
        return None
    if not isinstance(document, dict) or document.get("error") is None:
        return None
    text, details = complaint(document["error"])
    return Complaint(text, {**document, **details})


def _is_about_a_model(subject: Subject, status: int, said: Complaint) -> bool:
    """Whether a model is missing. Other servers' 404s for a path name it, or have `type` and speak of no model."""
    if status != 404 or not subject.model or subject.path in said.text:
        return False
    return "type" not in said.details or "model" in said.text.lower()


def _not_found(subject: Subject, said: Complaint) -> OllamaModelNotFoundError:
    return OllamaModelNotFoundError(
        f"no model {subject.model!r} at {subject.host}", why=subject.hide(said.text), model=subject.model
    )


def _by_status(subject: Subject, head: Head, said: Complaint | None, text: str) -> OllamaResponseError:
    """The error of a status, which says no more than that."""
    what = f"Ollama at {subject.host} answered {head.status} to {subject.path}"
    if head.status in (401, 403):
        denied = OllamaAuthenticationError(f"{what}, sent with {subject.credential}", status=head.status, body="")
        url = said.details.get("signin_url") if said else None
        if isinstance(url, str) and url:
            denied.signin_url = subject.hide(url)
            denied.hint = f"sign in at {denied.signin_url}"
        return denied
    if head.status in (429, 502, 503, 504):
        busy = OllamaBusyError(what, status=head.status, body="")
        busy.retry_after = _retry_after(head)
        busy.quota = head.status == 429 and _speaks_of(_QUOTA, text)
        return busy
    return OllamaResponseError(what, status=head.status, body="")


def _hint(subject: Subject, head: Head, said: Complaint | None, body: bytes) -> str | None:
    """What to try after a status, where it tells that."""
    host, status = subject.host, head.status
    if 300 <= status < 400:
        return _hint_of_a_redirect(subject, head.header("location") or "")
    if status == 404:
        return _hint_of_a_path(host, said)
    if status == 403 and not body:
        return "OLLAMA_ORIGINS on the server: it refuses a Host or Origin header that it doesn't know"
    if status in (502, 503, 504) and not said:
        return "the server's own URL: this is what a proxy in between says that can't reach it"
    return None


def _hint_of_a_redirect(subject: Subject, location: str) -> str:
    """The URL of the server that a redirect leads to, where it leads to the same path; else only where it leads."""
    if server := _server_behind(subject, location):
        return f"{server}: redirects aren't followed, and the server itself may be there"
    elsewhere = f" to {_shown_url(subject.hide(location))}" if location else ""
    return f"the server's own URL: it redirects{elsewhere}, and redirects aren't followed"


def _server_behind(subject: Subject, location: str) -> str | None:
    """The base URL in a location, without the path of the request; None where it isn't one, or the one that was asked.

    On the same machine its root will do, as where everything is led to https.
    """
    from urllib.parse import urljoin, urlsplit

    try:
        whole = _shown_url(subject.hide(urljoin(subject.host.url, location))).rstrip("/")
        parts = urlsplit(whole)
    except ValueError:
        return None
    is_root = not parts.path and parts.hostname == subject.host.address
    if parts.scheme not in ("http", "https") or "***" in whole or not (whole.endswith(subject.path) or is_root):
        return None
    server = whole.removesuffix(subject.path).rstrip("/")
    return server if server != subject.host.url else None


def _hint_of_a_path(host: Host, said: Complaint | None) -> str | None:
    """What to try where a path isn't there."""
    without_path = host.url.removesuffix(host.prefix) if host.prefix else host.url
    if _speaks_of(_OPENAI, host.prefix):
        return f"{without_path}: Ollama's own API is not below a path of OpenAI's"
    if said:
        return None
    if host.prefix:
        return f"{without_path}: a server seldom has a path before /api"
    return "the URL of an Ollama server, one that is not too old for this: there is nothing at this path"


def _by_text(subject: Subject, said: Complaint, status: int) -> OllamaError | None:
    """The error that a text means. What it means is read before anything is hidden, which may be any word of it."""
    why = subject.hide(said.text)
    if subject.path == "/api/pull":
        return OllamaPullError(
            f"{subject.model!r} could not be pulled by Ollama at {subject.host}",
            why=why,
            model=subject.model,
            missing="file does not exist" in said.text,
        )
    if said.details.get("type") == "exceed_context_size_error" or _speaks_of(_TOO_LONG, said.text):
        return OllamaContextError(
            f"the prompt is longer than the context window of {subject.model!r} at {subject.host}",
            why=why,
            window=_number(said.details.get("n_ctx"), _WINDOW, said.text),
            needed=_number(said.details.get("n_prompt_tokens"), _NEEDED, said.text),
        )
    if subject.model and (status == 501 or _speaks_of(_INCAPABLE, said.text)):
        return OllamaCapabilityError(f"{subject.model!r} at {subject.host} can't do that", why=why, model=subject.model)
    return None


def _speaks_of(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


def _number(value: object, pattern: str, text: str) -> int | None:
    """A number that is given, or else is in the text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = re.search(pattern, text, re.IGNORECASE)
    return int(match[1]) if match else None


def _retry_after(head: Head) -> float | None:
    """Seconds that the server asks to wait; None where it asks for nothing that makes sense."""
    given = (head.header("retry-after") or "").strip()
    if re.fullmatch(r"\d+(?:\.\d*)?", given, re.ASCII):
        return float(given)
    until, now = _timestamp(given), _timestamp(head.header("date") or "")
    if until is None or (now is None and not head.received):
        return None
    return max(0.0, until - (head.received if now is None else now))


def _timestamp(date: str) -> float | None:
    """An HTTP date as seconds since the epoch."""
    if not date:
        return None
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    try:
        parsed = parsedate_to_datetime(date)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, IndexError, TypeError, OverflowError):  # a date that is none raises all of these
        return None


def _as_text(page: str) -> str:
    """The start of a body as it may be shown: of a page of HTML, its words."""
    if page.startswith("<"):
        page = _words_of_page(page, "script|style|title") or _words_of_page(page, "script|style")
    return page[:200]


def _words_of_page(page: str, without: str) -> str:
    """What is to be read of a page of HTML, but for these elements: the title is as a rule said again below."""
    from html import unescape

    flags = re.DOTALL | re.IGNORECASE
    text = re.sub(rf"<({without})\b.*?(</\1\s*>|\Z)|<!--.*?(-->|\Z)", " ", page, flags=flags)
    return " ".join(unescape(re.sub(r"<[^<>]*(>|\Z)", " ", text)).split())


def _shown_url(url: str) -> str:
    """A URL without what may be secret in it."""
    return re.split("[?#]", re.sub(r"//[^/?#]*@", "//***@", url), maxsplit=1)[0][:200]
