"""TLS contexts. They are made for https only, and once a client: making one is slow.

verify: True for the system's trust store, the path of a file or folder of certificates, or False for no
check at all. cert: what this side shows: a path, or one with its key's, or these and the key's password.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vuhitra import journal

if TYPE_CHECKING:
    import ssl

    from vuhitra.hosts import Host
    from vuhitra.types import Certificate, FilePath, Verify


class CertificateError(ValueError):
    """A file of which no certificate can be used. setting: `verify` or `cert`. why: what OpenSSL says."""

    def __init__(self, setting: str, path: str, why: str) -> None:
        super().__init__(f"{setting}: no certificate can be used from {path!r}: {why}")
        self.setting = setting
        self.path = path
        self.why = why


def check_files(verify: Verify, cert: Certificate | None) -> None:
    """Raises TypeError and ValueError for what can't be right; whether certificates are in the files isn't seen."""
    if not isinstance(verify, bool):
        _check_file("verify", verify)
    if cert is None:
        return
    parts = cert if isinstance(cert, tuple) else (cert,)
    if not 1 <= len(parts) <= 3:
        raise TypeError("cert is a path, (certificate, key) or (certificate, key, password)")
    for path in parts[:2]:
        _check_file("cert", path)


def make_context(host: Host, verify: Verify, cert: Certificate | None) -> ssl.SSLContext:
    """A context. Raises CertificateError for files that hold no certificate."""
    import ssl

    context = ssl.create_default_context() if isinstance(verify, bool) else _trusting(os.fspath(verify))
    if verify is False:
        journal.warning("the certificate of %s is not checked: whoever answers there is believed", host)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert is not None:
        chain, *rest = cert if isinstance(cert, tuple) else (cert,)
        # Without a password OpenSSL would ask for one at the terminal.
        password = str(rest[1]) if len(rest) > 1 else ""
        with _reading("cert", chain):
            context.load_cert_chain(chain, rest[0] if rest else None, password)
    return context


def _trusting(path: str) -> ssl.SSLContext:
    """A context that trusts the certificates in a file, or in a folder, and no others."""
    import ssl

    with _reading("verify", path):
        if not os.path.isdir(path):
            return ssl.create_default_context(cafile=path)
        context = ssl.create_default_context(capath=path)
        for name in sorted(os.listdir(path)):
            if name.endswith((".pem", ".crt", ".cer")):  # OpenSSL itself finds only files that are named by a hash
                context.load_verify_locations(os.path.join(path, name))
    return context


def _check_file(setting: str, path: object) -> None:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{setting} is a path, not {type(path).__name__}")
    if not os.path.exists(path):
        raise ValueError(f"{setting}: there is no file {os.fspath(path)!r}")


@contextmanager
def _reading(setting: str, path: FilePath) -> Generator[None]:
    """Makes what OpenSSL says of a file an error that names it."""
    try:
        yield
    except OSError as error:  # ssl.SSLError is one
        raise CertificateError(setting, os.fspath(path), str(error)) from error
