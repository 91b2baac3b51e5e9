"""The shipped configurations: what each asks for, and where Ray puts it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ray.serve._private.build_app import build_app

from deployments.builder import build
from deployments.config import ServeConfig
from deployments.serving.deploy_file import load_deploy_file

ROOT = Path(__file__).parents[2]
CONFIGS = {path.stem: path for path in sorted((ROOT / "configs").glob("*.yaml"))}
DEMOS = {"demo", "demo-2-replicas", "tiny"}
ON_GPUS = sorted(CONFIGS.keys() - DEMOS)

GPUS = {
    "gptj-6b-a100": 1,
    "vicuna-13b-a100": 1,
    "vicuna-13b-2xa100": 3,
    "llama-3-70b-4xa100": 5,
    "llama-3.1-8b-a100": 1,
}
"""GPUs of the machine that each file's first lines name."""

SLOWEST_TOKENS_PER_S = 10
CLUSTER_TIMEOUT_S = 500.0
"""Half a minute where nothing else runs; a dozen processes start one after the other."""

on_a_cluster = pytest.mark.timeout(CLUSTER_TIMEOUT_S + 20)


def config_of(name: str) -> ServeConfig:
    (config,) = load_deploy_file(CONFIGS[name]).applications.values()
    return config


def deployments_of(config: ServeConfig) -> dict[str, Any]:
    application = build_app(build(config), name="app")
    return {deployment.name: deployment for deployment in application.deployments}


def test_every_file_with_gpus_is_known_here() -> None:
    assert set(ON_GPUS) == GPUS.keys()


@pytest.mark.parametrize("name", CONFIGS)
def test_its_application_is_built(name: str) -> None:
    config = config_of(name)
    deployments = deployments_of(config)
    pools = {f"augmentation-{n}" for n, s in config.augmentations.items() if not s.inline}
    assert deployments.keys() == {"LLMReplica", *pools}
    engine = deployments["LLMReplica"]
    assert engine.ray_actor_options["num_gpus"] == config.replica.num_gpus
    assert all(one._deployment_config.max_surge_percent > 0 for one in deployments.values())


@pytest.mark.parametrize("name", ON_GPUS)
def test_engine_and_tools_fit_on_the_machine(name: str) -> None:
    config = config_of(name)
    shares = [config.replica.num_gpus, *(s.num_gpus for s in config.augmentations.values())]
    assert sum(shares) <= GPUS[name]
    assert config.tensor_parallel_size == max(1, int(config.replica.num_gpus))


@pytest.mark.parametrize("name", CONFIGS)
def test_programs_read_the_logs_of_production_and_people_those_of_the_demo(name: str) -> None:
    schema = load_deploy_file(CONFIGS[name]).schema
    told = schema.logging_config
    assert (told is not None and told.encoding == "JSON") == (name in ON_GPUS)


@pytest.mark.parametrize("name", ON_GPUS)
def test_it_has_what_production_needs(name: str) -> None:
    config = config_of(name)
    kinds = {section.type for section in config.augmentations.values()}
    assert kinds == {"calculator", "retrieval", "alfworld", "chatbot", "image", "speech"}
    assert config.swap is not None
    assert config.scheduler.max_parked is not None
    assert config.replica.autoscaling is not None
    drawn, spoken = config.augmentations["image"], config.augmentations["speech"]
    assert drawn.autoscaling is not None and spoken.autoscaling is not None
    most = config.replica.max_ongoing_requests
    assert config.replica.autoscaling.target_ongoing_requests < most
    assert config.scheduler.max_parked < most, "or parked requests would keep others out"


@pytest.mark.parametrize("name", ON_GPUS)
def test_draining_outlasts_the_longest_stream(name: str) -> None:
    config = config_of(name)
    generating_s = config.engine["max_model_len"] / SLOWEST_TOKENS_PER_S
    longest_s = generating_s + config.scheduler.park_deadline_s
    assert config.replica.graceful_shutdown_timeout_s >= longest_s


def test_the_files_for_one_machine_share_it_alike() -> None:
    """So that it is enough to deploy one of them."""
    alone = [name for name, gpus in GPUS.items() if gpus == 1]
    shares = [
        (config.replica.num_gpus, *(s.num_gpus for s in config.augmentations.values()))
        for config in map(config_of, alone)
    ]
    assert len(set(shares)) == 1


def test_models_that_know_no_tools_call_by_text() -> None:
    for name in ON_GPUS:
        config = config_of(name)
        without = [n for n, s in config.augmentations.items() if not s.trigger]
        if config.dialect.call_start is None:
            assert without == [], f"{name}: nothing would call these"
        else:
            assert config.dialect.tool_parser == config.engine["tool_call_parser"]


def test_two_replicas_differ_from_one_in_their_number_alone() -> None:
    one, two = (yaml.safe_load(CONFIGS[n].read_text()) for n in ("demo", "demo-2-replicas"))
    assert two["applications"][0]["args"]["replica"].pop("num_replicas") == 2
    assert one["applications"][0]["args"]["replica"].pop("num_replicas") == 1
    assert one == two


@pytest.mark.parametrize("name", ["vicuna-13b-a100", "vicuna-13b-2xa100"])
def test_the_chat_template_of_vicuna(name: str) -> None:
    messages = [
        {"role": "system", "content": "A chat."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "6*7?"},
    ]
    # As transformers makes its environment.
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(config_of(name).engine["chat_template"])
    text = template.render(messages=messages, add_generation_prompt=True)
    assert text == "A chat. USER: Hi ASSISTANT: Hello.</s>USER: 6*7? ASSISTANT:"


@pytest.fixture(scope="module")
def placed() -> dict[str, dict[str, Any]]:
    """Where replicas are on a simulated cluster, by configuration and deployment."""
    names = ["llama-3-70b-4xa100", "vicuna-13b-2xa100", "gptj-6b-a100", "demo-2-replicas"]
    program = ROOT / "tests" / "support" / "simulated_cluster.py"
    environment = {
        "PYTHONPATH": str(ROOT),
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        # By default a worker for each CPU that a machine says it has.
        "RAY_prestart_worker_first_driver": "0",
        "RAY_agent_register_timeout_ms": str(int(CLUSTER_TIMEOUT_S * 1000)),
    }
    done = subprocess.run(
        [sys.executable, program, *(str(CONFIGS[name]) for name in names)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=CLUSTER_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    # Ray says good-bye on the same stream.
    (found,) = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    return {Path(file).stem: placements for file, placements in found.items()}


@on_a_cluster
@pytest.mark.parametrize(
    ("name", "parts"), [("llama-3-70b-4xa100", 4), ("vicuna-13b-2xa100", 2)]
)
def test_a_split_engine_has_whole_gpus_of_one_machine(
    placed: dict[str, dict[str, Any]], name: str, parts: int
) -> None:
    engine = placed[name]["LLMReplica"]
    assert engine["tensor_parallel_size"] == parts == engine["share"]
    assert len(set(engine["gpus"])) == parts, "all of them on the machine of its only process"


@on_a_cluster
def test_a_gpu_is_shared(placed: dict[str, dict[str, Any]]) -> None:
    replicas = placed["gptj-6b-a100"]
    shares = {name: replica["share"] for name, replica in replicas.items()}
    assert shares == {"LLMReplica": 0.7, "augmentation-image": 0.1, "augmentation-speech": 0.1}
    assert all(len(replica["gpus"]) == 1 for replica in replicas.values())
    assert {replica["weights"] for replica in replicas.values()} == {"/models"}


@on_a_cluster
def test_two_replicas_run(placed: dict[str, dict[str, Any]]) -> None:
    engine = placed["demo-2-replicas"]["LLMReplica"]
    assert engine["running"] == 2
    assert engine["gpus"] == []
