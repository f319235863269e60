"""What may help where a server was not reached, from the reason and the surroundings; no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from vuhitra.errors import ConnectionReason
from vuhitra.hints import Surroundings, hint_for
from vuhitra.hosts import resolve_host
from vuhitra.proxies import proxy_from
from vuhitra.transport.surroundings import look_around

PLAIN = Surroundings()
DOCKER = Surroundings(container="docker")
PODMAN = Surroundings(container="podman")
WSL = Surroundings(is_wsl=True)


@pytest.mark.parametrize(
    ("host", "around", "says"),
    [
        pytest.param("", PLAIN, ["ollama serve"], id="nothing listens"),
        pytest.param("", DOCKER, ["http://host.docker.internal:11434", "this container"], id="Docker"),
        pytest.param("localhost:1", PODMAN, ["http://host.containers.internal:1", "localhost"], id="Podman"),
        pytest.param("", WSL, ["networkingMode=mirrored", "Windows"], id="WSL"),
        pytest.param("0.0.0.0", PLAIN, ["ollama serve", "OLLAMA_HOST", "listen"], id="0.0.0.0"),
        pytest.param("[::]:1", PLAIN, ["ollama serve", "listen"], id="::"),
        pytest.param("gpu", PLAIN, ["OLLAMA_HOST=0.0.0.0 ollama serve", "on gpu"], id="another machine"),
        pytest.param("gpu", DOCKER, ["on gpu"], id="another machine, seen from a container"),
    ],
)
def test_refused(host: str, around: Surroundings, says: list[str]) -> None:
    hint = hint_for("refused", resolve_host(host, "OLLAMA_HOST"), around)
    assert hint is not None
    assert [each for each in says if each not in hint] == []


@pytest.mark.parametrize(
    ("detail", "says"),
    [
        ("CERTIFICATE_VERIFY_FAILED: unable to get local issuer certificate", "verify="),
        ("CERTIFICATE_VERIFY_FAILED: Hostname mismatch, certificate is not valid for 'gpu'", "the name that"),
        ("CERTIFICATE_VERIFY_FAILED: IP address mismatch", "verify="),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "http://gpu:1/x"),
        ("[SSL] record layer failure RECORD_LAYER_FAILURE", "http://gpu:1/x"),
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", "cert="),
    ],
)
def test_tls(detail: str, says: str) -> None:
    assert says in (hint_for("tls", resolve_host("https://gpu:1/x"), PLAIN, detail=detail) or "")


def test_proxies() -> None:
    host = resolve_host("gpu")
    assert hint_for("proxy", host, PLAIN, proxy=proxy_from("p", "HTTP_PROXY")) == (
        "NO_PROXY=gpu to go to the server without a proxy"
    )
    assert hint_for("proxy", host, PLAIN, proxy=None) == "NO_PROXY=gpu to go to the server without a proxy"
    assert 'proxy=""' in (hint_for("proxy", host, PLAIN, proxy=proxy_from("p")) or "")


def test_a_name_that_only_docker_may_know() -> None:
    assert "host-gateway" in (hint_for("dns", resolve_host("host.docker.internal"), DOCKER) or "")


@pytest.mark.parametrize(
    ("reason", "host"),
    [
        ("dns", "gpu"),
        ("unreachable", "gpu"),
        ("timeout", "gpu"),
        ("reset", ""),
        ("closed", ""),
        ("refused", "unix:///x"),
    ],
)
def test_where_nothing_is_known_nothing_is_said(reason: ConnectionReason, host: str) -> None:
    assert hint_for(reason, resolve_host(host), DOCKER) is None
    assert hint_for("tls", resolve_host("https://gpu"), PLAIN, detail="something else") is None


@pytest.mark.parametrize(
    ("files", "environ", "around"),
    [
        pytest.param({}, {}, PLAIN, id="nothing"),
        pytest.param({"proc/version": "Linux 6.1", "proc/1/cgroup": "0::/init.scope"}, {}, PLAIN, id="Linux"),
        pytest.param({".dockerenv": ""}, {}, DOCKER, id="Docker"),
        pytest.param({"run/.containerenv": ""}, {}, PODMAN, id="Podman"),
        pytest.param({"run/.containerenv": "", ".dockerenv": ""}, {}, PODMAN, id="Podman as Docker"),
        pytest.param({"proc/1/cgroup": "2:cpu:/docker/0123"}, {}, DOCKER, id="Docker's group"),
        pytest.param({"proc/1/cgroup": "0::/machine.slice/libpod-0123"}, {}, PODMAN, id="Podman's group"),
        pytest.param({"proc/version": "Linux 6.1-Microsoft-standard-WSL2"}, {}, WSL, id="WSL"),
        pytest.param({}, {"WSL_DISTRO_NAME": "Debian"}, WSL, id="WSL's variable"),
        pytest.param(
            {".dockerenv": "", "proc/version": "Linux 6.1-microsoft-standard-WSL2"}, {}, DOCKER, id="Docker in WSL"
        ),
    ],
)
def test_surroundings(tmp_path: Path, files: dict[str, str], environ: dict[str, str], around: Surroundings) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert look_around(tmp_path, environ) == around
