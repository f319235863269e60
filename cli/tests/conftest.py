"""What tests share: one embedded server with the real model, started when a test first needs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vuhitra.hosts import Host


@pytest.fixture(scope="session")
def embedded_host() -> Iterator[Host]:
    """The embedded server, with its key."""
    from cli.services.embedded.model_store import ModelStore, find_bundled_model
    from cli.services.embedded.serving import serve_in_background

    with serve_in_background(ModelStore(find_bundled_model())) as host:
        yield host


@pytest.fixture(scope="session")
def embedded_url(embedded_host: Host) -> str:
    """Its URL with the key in it, for where a string is needed."""
    key = (embedded_host.authorization or "").removeprefix("Bearer ")
    return f"http://:{key}@127.0.0.1:{embedded_host.port}"
