"""What to do where a server isn't reached, as far as that can be told. This file knows no network.

A hint reads well after "try:".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from vuhitra.errors import ConnectionReason
    from vuhitra.hosts import Host

_HOST_OF = {"docker": "host.docker.internal", "podman": "host.containers.internal"}


class Surroundings(NamedTuple):
    """Where this program runs. container: what runs it, if anything does. is_wsl: inside Windows's Linux."""

    container: Literal["docker", "podman"] | None = None
    is_wsl: bool = False


def hint_for(
    reason: ConnectionReason, host: Host, around: Surroundings, *, detail: str = "", proxy: Host | None = None
) -> str | None:
    """What may help where a host was not reached, or None.

    detail: the words of the system or of OpenSSL. proxy: the proxy that was in between.
    """
    if reason == "tls":
        return _about_tls(host, detail)
    if reason == "proxy":
        return _about_proxy(host, proxy)
    if reason == "dns" and host.address == _HOST_OF["docker"]:
        return (
            f"docker run --add-host={host.address}:host-gateway, since Docker on Linux doesn't know that name by itself"
        )
    if reason != "refused" or host.unix_path is not None:
        return None
    return _about_loopback(host, around) if host.is_loopback else _about_another_machine(host)


def _about_tls(host: Host, detail: str) -> str | None:
    if "mismatch" in detail:
        return "the name that the certificate is for; verify= takes a CA bundle, where it is the wrong certificate"
    if "CERTIFICATE_VERIFY_FAILED" in detail:
        return "verify= with the path of a CA bundle, or SSL_CERT_FILE, if you trust who issued that certificate"
    if "WRONG_VERSION_NUMBER" in detail or "RECORD_LAYER_FAILURE" in detail:
        return f"http://{host.name}{host.prefix}: what listens there doesn't speak TLS"
    if "CERTIFICATE_REQUIRED" in detail or "HANDSHAKE_FAILURE" in detail:
        return "cert= with the path of a client certificate, which the server may want to see"
    return None


def _about_proxy(host: Host, proxy: Host | None) -> str:
    if proxy is not None and proxy.source == "proxy":
        return 'proxy="" to go to the server without a proxy'
    return f"NO_PROXY={host.address} to go to the server without a proxy"


def _about_loopback(host: Host, around: Surroundings) -> str:
    if around.container is not None:
        outside = f"http://{_HOST_OF[around.container]}:{host.port}"
        return f"{outside}: {host.address} is this container, not the machine it runs on"
    if around.is_wsl:
        return (
            "networkingMode=mirrored in .wslconfig, or the address that `ip route show default` shows: "
            f"{host.address} is Linux here, not Windows"
        )
    if host.is_listening_address:
        return (
            f"ollama serve; or the server's own address ({host.source} holds one to listen on: this machine was tried)"
        )
    return "ollama serve"


def _about_another_machine(host: Host) -> str:
    return f"OLLAMA_HOST=0.0.0.0 ollama serve, on {host.address}: by itself it listens to its own machine only"
