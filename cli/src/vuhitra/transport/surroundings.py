"""Where this program runs, as far as files and the environment tell; looked at only where something failed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from vuhitra.hints import Surroundings


def look_around(root: Path, environ: Mapping[str, str]) -> Surroundings:
    """The surroundings, by what is under `root` and in the environment."""
    groups = _text(root / "proc/1/cgroup")
    if (root / "run/.containerenv").exists() or "libpod" in groups:
        return Surroundings(container="podman")
    if (root / ".dockerenv").exists() or "docker" in groups:
        return Surroundings(container="docker")
    is_wsl = "WSL_DISTRO_NAME" in environ or "microsoft" in _text(root / "proc/version").lower()
    return Surroundings(is_wsl=is_wsl)


def _text(path: Path) -> str:
    with suppress(OSError, UnicodeError):
        return path.read_text()
    return ""
