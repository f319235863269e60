"""docker-compose.yml, read as YAML: no container engine is needed."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return loaded


def test_cli_waits_for_a_healthy_ollama(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"ollama", "cli"}
    assert services["ollama"]["image"] == "ollama/ollama"
    assert services["ollama"]["healthcheck"]["test"] == ["CMD", "ollama", "list"]
    assert services["cli"]["depends_on"] == {"ollama": {"condition": "service_healthy"}}


def test_cli_asks_the_ollama_beside_it_unless_told_otherwise(compose: dict[str, Any]) -> None:
    environment = compose["services"]["cli"]["environment"]
    assert environment["OLLAMA_IP"] == "${OLLAMA_IP:-http://ollama:11434}"
    passed_on = {name for name, value in environment.items() if value is None}
    assert passed_on == {"MODEL", "LOG_LEVEL", "LOG_FORMAT"}


def test_models_and_state_outlive_the_containers(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["ollama"]["volumes"] == ["models:/root/.ollama"]
    assert services["cli"]["volumes"] == ["state:/var/lib/vuhitra"]
    assert set(compose["volumes"]) == {"models", "state"}


def test_the_image_runs_vuhitra_as_nobody_special(compose: dict[str, Any]) -> None:
    context = ROOT / compose["services"]["cli"]["build"]
    dockerfile = (context / "Dockerfile").read_text("utf-8")
    assert 'ENTRYPOINT ["vuhitra"]' in dockerfile
    assert re.findall(r"^USER (\w+)$", dockerfile, re.MULTILINE) == ["vuhitra"]
