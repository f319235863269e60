"""Which proxy leads to a server, and what is said to it. This file knows no network and no environment.

A proxy is a `Host`: its `authorization` is for the proxy alone, its `source` the setting that named it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vuhitra.hosts import Host, resolve_host
from vuhitra.http import Head, Request


class ProxyError(Exception):
    """A proxy that can't be used, or doesn't lead to the server."""


def proxy_from(url: str, source: str = "proxy") -> Host:
    """The proxy at a URL. Raises ValueError, which names the setting and quotes no credential."""
    text = url.strip(" \t\r\n\"'")
    scheme, separator, _ = text.partition("://")
    if separator and scheme.lower().startswith("socks"):
        raise ValueError(f"{source}: SOCKS proxies can't be used, only those that speak HTTP")
    if separator and scheme.lower() != "http":
        shown = repr(scheme) if scheme.isalnum() else "that"  # it may be half of a credential
        raise ValueError(f"{source}: a proxy's URL begins with http://, not with {shown}; https servers are fine")
    proxy = resolve_host(text if separator else f"http://{text}", source)
    if text.rstrip("/") in ("", "http:"):
        raise ValueError(f"{source}: a proxy's URL without a proxy in it")
    return replace(proxy, path="")


def proxy_in(environ: Mapping[str, str], host: Host) -> Host | None:
    """The proxy that the environment names for a host. Raises ValueError as `proxy_from` does.

    Of two spellings the lower one counts, even where it is empty. In a CGI program HTTP_PROXY is what
    its client sent as a header, so it is passed over.
    """
    if host.is_loopback or _is_exempt(host, environ.get("no_proxy", environ.get("NO_PROXY", ""))):
        return None
    for name in (f"{host.scheme}_proxy", "all_proxy"):
        for spelling in (name, name.upper()):
            if spelling == "HTTP_PROXY" and "REQUEST_METHOD" in environ:
                continue
            if spelling in environ:
                if url := environ[spelling].strip():
                    return proxy_from(url, spelling)
                break
    return None


def is_tunnelled(host: Host) -> bool:
    """Whether a proxy passes on bytes to a host that it can't read, and not requests."""
    return host.scheme == "https"


def forwarded(request: Request, host: Host, proxy: Host) -> Request:
    """A request as a proxy is asked to pass it on."""
    return request._replace(
        target=f"{host.scheme}://{host.authority}{request.target}", headers=request.headers + _credential(proxy)
    )


def tunnel_request(host: Host, proxy: Host) -> Request:
    """What asks a proxy for a way to a host. Nothing that is for the host alone is in it."""
    return Request("CONNECT", host.name, (("Host", host.name), ("User-Agent", "vuhitra"), *_credential(proxy)))


def check_answer(head: Head, proxy: Host) -> None:
    """Raises ProxyError where a proxy wants other credentials than it got."""
    if head.status == 407:
        wants = (
            "takes no such credentials as its URL holds" if proxy.authorization else "wants credentials; none were sent"
        )
        raise ProxyError(f"the proxy {proxy} {wants} (407)")


def check_tunnel(head: Head, proxy: Host) -> None:
    """Raises ProxyError where a proxy's answer to CONNECT is a no."""
    check_answer(head, proxy)
    if not 200 <= head.status < 300:
        raise ProxyError(f"the proxy {proxy} answered {head.status} when it was asked for a way there")


def _credential(proxy: Host) -> tuple[tuple[str, str], ...]:
    return () if proxy.authorization is None else (("Proxy-Authorization", proxy.authorization),)


def _is_exempt(host: Host, no_proxy: str) -> bool:
    """Whether NO_PROXY names a host: by its name, a domain it is in, its address or a network."""
    address = host.address.rstrip(".").lower()
    for entry in no_proxy.replace(",", " ").lower().split():
        if entry == "*" or _is_same_address(entry, address):
            return True
        name, port = _split_port(entry)
        if port not in ("", str(host.port)):
            continue
        name = name.removeprefix("*").removeprefix(".").rstrip(".")
        if name and (address == name or address.endswith(f".{name}") or _is_same_address(name, address)):
            return True
    return False


def _split_port(entry: str) -> tuple[str, str]:
    """An entry's name without brackets, and its port or "". IPv6 without brackets has none."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    name, colon, port = entry.rpartition(":")
    return (name, port) if colon and ":" not in name else (entry, "")


def _is_same_address(entry: str, address: str) -> bool:
    """Whether an entry is an IP address or network, and an address is that one or in it."""
    if not (":" in address or address[-1:].isdigit()):
        return False  # a name; spares the import
    import ipaddress

    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
