"""Everything that is installed is pinned, what is compared with as well, and pyproject.toml allows what is pinned."""

import re
import tomllib
from importlib.metadata import distribution
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CLI = Path(__file__).parents[2]
PROJECT = tomllib.loads((CLI / "pyproject.toml").read_text("utf-8"))
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(r"(?m)^([\w.-]+)==(\S+)$", (CLI / "constraints.txt").read_text("utf-8"))
}


def installed(requirement: Requirement) -> dict[str, str]:
    """The versions of a requirement and of all that it requires in turn."""
    found: dict[str, str] = {}
    found[canonicalize_name(requirement.name)] = distribution(requirement.name).version
    for text in distribution(requirement.name).requires or []:
        needed = Requirement(text)
        extras = requirement.extras or {""}
        if not needed.marker or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
            found |= installed(needed)
    return found


def test_all_that_is_installed_is_pinned_at_its_version() -> None:
    for root in ("vuhitra[embedded]", *PROJECT["dependency-groups"]["test"]):
        found = installed(Requirement(root))
        found.pop("vuhitra", None)
        assert found.items() <= PINS.items()


def test_what_is_pinned_is_allowed() -> None:
    asked = chain(
        PROJECT["build-system"]["requires"],
        PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    )
    for requirement in map(Requirement, asked):
        assert PINS[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_what_is_compared_with_is_installed_at_exact_versions() -> None:
    lines = (CLI / "benchmarks/peers.txt").read_text("utf-8").splitlines()
    asked = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in asked if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert len({canonicalize_name(line.partition("==")[0]) for line in asked}) == len(asked)
