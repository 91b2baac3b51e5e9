"""The compose files: their schema, and that what they mount and name exists."""

from pathlib import Path
from typing import Any

import pytest
import yaml

compose_spec = pytest.importorskip("compose_spec", reason="has wheels for Linux on x86-64")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def services() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


@pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.gpu.yml"])
def test_it_fits_the_specification(name: str) -> None:
    file = compose_spec.PyCompose.from_yaml((ROOT / name).read_text())
    file.validate()
    assert "infercept" in file.service_names()


def test_a_misspelt_field_would_be_found() -> None:
    with pytest.raises(ValueError, match="imagee"):
        compose_spec.PyCompose.from_yaml("services: {one: {imagee: nginx}}")


def test_what_is_mounted_exists(services: Any) -> None:
    mounted = [volume.split(":")[0] for one in services.values() for volume in one["volumes"]]
    missing = [name for name in mounted if name.startswith(".") and not (ROOT / name).exists()]
    assert missing == []


def test_images_have_versions(services: Any) -> None:
    for service in services.values():
        if "image" in service:
            assert service["image"].rpartition(":")[2] not in ("", "latest")


def test_ports_are_open_to_this_machine_alone(services: Any) -> None:
    ports = [port for service in services.values() for port in service["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_prometheus_scrapes_the_server(services: Any) -> None:
    settings = yaml.safe_load((ROOT / "monitoring" / "prometheus.yml").read_text())
    (job,) = settings["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    host, _, port = target.partition(":")
    command = services[host]["command"]
    assert command[command.index("--metrics-port") + 1] == port
    assert port not in str(services[host]["ports"]), "for the other containers alone"


def test_the_build_target_exists(services: Any) -> None:
    target = services["infercept"]["build"]["target"]
    assert target == "${INFERCEPT_TARGET:-cpu}"
    stages = [
        line.split()[-1]
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("FROM ")
    ]
    assert {"cpu", "cuda"} <= set(stages)
