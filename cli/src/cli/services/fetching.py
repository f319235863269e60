"""A page from the web, for `-f URL` and `-a URL`: with a limit on its time and on its size.

Only http and https are followed, also where a server sends us on.
"""

from __future__ import annotations

from email.message import Message
from http.client import HTTPException, HTTPMessage, HTTPResponse, InvalidURL
from shlex import quote
from string import punctuation
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import quote as in_percents
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from cli import __version__
from cli.credentials import without_user_info
from cli.exit_status import Verdict
from cli.failure import Failure
from cli.services.reading import LARGEST, Source, check_size
from cli.services.time_limit import within

SECONDS = 30.0
"""How long a page may take in all, where nothing else is asked for."""
_TEXTS = ("json", "xml", "javascript", "yaml", "toml", "x-ndjson", "x-sh", "sql", "csv", "markdown", "x-python")


def fetch(url: str, *, images: bool = False, seconds: float | None = None) -> Source:
    """What a URL holds. images: an image is wanted, and not text. seconds: its limit in all. Raises Failure."""
    limit = seconds or SECONDS
    name = without_user_info(url)
    if name != url:
        raise Failure(f"{name} would be asked with a password, which is not done")
    asked = _asked(name)
    headers = {"User-Agent": f"vuhitra/{__version__}", "Accept-Encoding": "identity"}

    def read() -> Source:
        with _opener().open(Request(asked, headers=headers), timeout=limit) as answer:  # noqa: S310  see _opener
            _check_type(name, answer.headers, images=images)
            return Source(name, _read(answer), answer.headers.get_content_charset())

    try:
        source = within(limit, read)
    except HTTPError as error:
        with error:
            raise _refused(name, error) from error
    except TimeoutError as error:
        raise _too_slow(name, limit) from error
    except (URLError, HTTPException, OSError, ValueError) as error:
        if isinstance(error, URLError) and isinstance(error.reason, TimeoutError):
            raise _too_slow(name, limit) from error
        raise _unreached(name, error) from error
    check_size(name, source.data)
    return source


def _asked(url: str) -> str:
    """A URL as servers are asked for it: in ASCII, and without blanks. Raises Failure for what is none."""
    try:
        parts = urlsplit(url)
        address = (parts.hostname or "").encode("idna").decode()
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError as error:
        raise Failure(f"{url} is not a URL", why=str(error)) from error
    if " " in address or not address.isprintable():
        raise Failure(f"{url} is not a URL", why="a host name holds no spaces")
    place = parts.netloc if parts.netloc.isascii() else f"{address}{port}"
    return in_percents(parts._replace(netloc=place).geturl(), safe=punctuation, errors="surrogateescape")


def _read(answer: HTTPResponse) -> bytes:
    """All of an answer, or more of it than is taken."""
    pieces = bytearray()
    while len(pieces) <= LARGEST and (piece := answer.read1(65536)):
        pieces += piece
    return bytes(pieces)


def _opener() -> OpenerDirector:
    """What follows http and https, and nothing else: no files, no FTP, no data URLs."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPDefaultErrorHandler(),
        _Redirects(),
        HTTPErrorProcessor(),
        UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


class _Redirects(HTTPRedirectHandler):
    """Goes where a server sends us on. Raises Failure where that is no URL: the fault is that server's."""

    def http_error_302(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> HTTPResponse | None:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except (InvalidURL, ValueError) as error:
            fp.close()
            what = f"{without_user_info(req.full_url)} leads to what is not a URL"
            raise Failure(what, why=str(error), verdict=Verdict.PAGE_FAILED) from error

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _check_type(name: str, headers: Message, *, images: bool) -> None:
    """Raises Failure for a page whose type says that it isn't what is wanted; what says nothing is looked at."""
    given = headers.get("Content-Type")
    kind = headers.get_content_type() if given else "application/octet-stream"
    if kind == "application/octet-stream":
        return
    is_image = kind.startswith("image/") and kind != "image/svg+xml"
    is_text = kind.startswith("text/") or any(each in kind.partition("/")[2] for each in _TEXTS)
    if images and not is_image:
        raise Failure(f"{name} is {kind}, not an image", hint=f"-f {quote(name)}" if is_text else None)
    if not images and not is_text:
        hint = f"-a {quote(name)}" if is_image else None
        raise Failure(f"{name} is {kind}, not text", hint=hint)


def _refused(name: str, error: HTTPError) -> Failure:
    verdict = Verdict.PAGE_FAILED if error.code >= 500 else Verdict.PAGE_REFUSED
    return Failure(f"{name} was not given", why=f"HTTP {error.code} {error.reason}".rstrip(), verdict=verdict)


def _too_slow(name: str, limit: float) -> Failure:
    return Failure(f"{name} took longer than {limit:g} s", hint="a longer --timeout", verdict=Verdict.TIMED_OUT)


def _unreached(name: str, error: Exception) -> Failure:
    reason = error.reason if isinstance(error, URLError) else error
    why = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return Failure(f"cannot fetch {name}", why=why or None, verdict=Verdict.PAGE_NOT_REACHED)
