"""The examples in the documentation run, and its links lead somewhere."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from calls import events_of, make_call
from typer.main import get_command

from augment_workers import registry
from augment_workers.artifact_files import ArtifactFiles
from augment_workers.base import Augmentation
from deployments.cli.app import app
from deployments.config import ArtifactsSection, ServeConfig
from intercept_core.bus.messages import Failed, Progress, Result
from intercept_core.policy.base import Policy
from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.types import Disposition, EngineState, ParkedContext

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def examples_of_the_six_kinds() -> list[dict[str, Any]]:
    """The configurations of docs/augmentations.md before those of one's own tools."""
    page = (ROOT / "docs/augmentations.md").read_text()
    count = len(re.findall(r"```yaml", page[: page.index("\n## Your own tools")]))
    return list(map(yaml.safe_load, blocks("docs/augmentations.md", "yaml")[:count]))


def class_in(source: str, base: type) -> Any:
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(source, "example", "exec"), names)
    (found,) = [
        value
        for value in names.values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == "example"
    ]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    broken = [
        link
        for link in links
        if not link.startswith("http") and not (page.parent / link).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files_exist(page: Path) -> None:
    named = re.findall(r"`((?:\w+/)+[\w.]*)`", page.read_text())
    missing = [name for name in named if not (ROOT / name).exists()]
    assert missing == []


async def test_the_augmentation_of_the_readme_works() -> None:
    (source,) = blocks("README.md", "python")
    reverse = class_in(source, Augmentation)(separator="-")

    progress, result = await events_of(reverse, make_call(arguments={"text": "abc"}))
    assert isinstance(progress, Progress)
    assert isinstance(result, Result)
    assert result.text == "c-b-a"
    *_, failed = await events_of(reverse, make_call(arguments={"text": ""}))
    assert isinstance(failed, Failed)
    assert "nothing to reverse" in failed.message


def test_the_yaml_of_the_readme_fits_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "reverse.py").write_text(blocks("README.md", "python")[0])
    monkeypatch.syspath_prepend(tmp_path)
    memory, *others = map(yaml.safe_load, blocks("README.md", "yaml"))
    # The file that `infercept profile` would have written.
    memory["scheduler"]["profile"] = asdict(LinearCostModel())
    tools, workers, triggers = (
        ServeConfig.model_validate({"model": "tiny-tools", **memory, **other})
        for other in others
    )
    assert {"forecast", "tickets"} == tools.augmentations.keys()
    assert workers.swap is not None and workers.swap.host_memory_gib == 16
    assert workers.augmentations["reverse"].num_replicas == 2
    assert [one.end for one in triggers.augmentations["act"].trigger] == ["\n"]


@pytest.mark.parametrize(
    "block",
    examples_of_the_six_kinds(),
    ids=lambda block: next(iter(block["augmentations"])),
)
def test_the_production_backends_fit_the_configuration(block: dict[str, Any]) -> None:
    args = ServeConfig.model_validate({"model": "tiny-tools", **block})
    (kind,) = args.augmentations
    assert registry.resolve(args.augmentations[kind].type).kind == kind


def test_every_kind_of_the_table_has_an_example() -> None:
    page = (ROOT / "docs/augmentations.md").read_text()
    table, _ = page.split("\n\nResults are", 1)
    kinds = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    examples = examples_of_the_six_kinds()
    assert kinds == {kind for example in examples for kind in example["augmentations"]}
    assert len(kinds) == 6


def test_the_pool_of_the_documentation_fits_the_configuration() -> None:
    (source,) = blocks("docs/architecture.md", "yaml")
    config = ServeConfig.model_validate({"model": "tiny-tools", **yaml.safe_load(source)})
    pool = config.augmentations["retrieval"]
    assert pool.autoscaling is not None and pool.autoscaling.target_queue_length == 8


def test_the_tools_of_the_documentation_fit_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "reverse.py").write_text(blocks("README.md", "python")[0])
    monkeypatch.syspath_prepend(tmp_path)
    made = [
        ServeConfig.model_validate({"model": "tiny-tools", **yaml.safe_load(text)})
        for text in blocks("docs/augmentations.md", "yaml")
        if "Reverse" in text or "type: http" in text or "type: mcp" in text
    ]
    names = {name for config in made for name in config.augmentations}
    assert names >= {"forecast", "files", "tickets", "reverse"}


def test_the_policy_of_the_documentation_works() -> None:
    (source,) = blocks("docs/policies.md", "python")
    policy = class_in(source, Policy)(seconds=2.5)
    contexts = [
        ParkedContext(
            request_id=name,
            disposition=Disposition.PRESERVE,
            kind=None,
            context_tokens=100,
            device_blocks=7,
            arrival_s=0.0,
            parked_s=parked_s,
        )
        for name, parked_s in (("old", 7.0), ("new", 9.0))
    ]
    state = EngineState(
        now_s=10.0,
        running_requests=0,
        running_tokens=0,
        waiting_requests=0,
        free_blocks=1,
        total_blocks=10,
        block_tokens=16,
    )
    decisions = policy.decide(contexts, state, LinearCostModel())
    assert decisions.dispositions == {"old": Disposition.DISCARD}


def test_the_policy_of_the_documentation_runs_in_the_simulator(tmp_path: Path) -> None:
    """From the folder of the package, where the console script does not look by itself."""
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "discard_after.py").write_text(blocks("docs/policies.md", "python")[0])
    (command,) = [text for text in blocks("docs/policies.md", "console") if "simulate" in text]
    words = shlex.split(command.removeprefix("$ infercept"))
    words[words.index("--duration") + 1] = "10"
    done = subprocess.run(
        # -P leaves the current folder out of the path, as console scripts do.
        [sys.executable, "-P", "-m", "deployments.cli", *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "my_package.discard_after:DiscardAfter" in done.stdout


def test_the_curl_line_of_the_readme_is_a_request() -> None:
    (command,) = [text for text in blocks("README.md", "console") if "curl" in text]
    words = shlex.split(command.removeprefix("$ "))
    body = json.loads(words[words.index("-d") + 1])
    assert body["tools"][0]["function"]["name"] == "calculator"


COMMAND_LINES = [
    line.removeprefix("$ ").split(" < ")[0].split(" | ")[0]
    for page in PAGES
    for text in blocks(str(page.relative_to(ROOT)), "console")
    for line in text.replace("\\\n", " ").splitlines()
    if line.startswith("$ infercept ")
]


@pytest.mark.parametrize("line", sorted(set(COMMAND_LINES)))
def test_the_commands_of_the_documentation_are_understood(line: str) -> None:
    """Up to the point where they would begin to work."""
    _, name, *arguments = shlex.split(line)
    get_command(app).commands[name].make_context(name, arguments, resilient_parsing=False)


def test_the_page_of_the_command_has_every_command() -> None:
    page = (ROOT / "docs/cli.md").read_text()
    table = re.findall(r"^\| \[`(\w+)`\]\(#", page, re.MULTILINE)
    assert sorted(table) == sorted(get_command(app).commands)


async def test_the_examples_of_the_artifacts_page_work(tmp_path: Path) -> None:
    (source,) = blocks("docs/artifacts.md", "python")
    folder = ArtifactsSection(url=str(tmp_path)).folder("a-model")
    memo = class_in(source, Augmentation)(ArtifactFiles(folder))
    *_, result = await events_of(memo, make_call(arguments={"text": "Buy milk."}))
    assert isinstance(result, Result)
    assert (tmp_path / result.artifacts[0].name).read_text() == "Buy milk."
    (told,) = map(json.loads, blocks("docs/artifacts.md", "json"))
    assert told["artifacts"][0].keys() == {"name", "url", "content_type", "size_bytes"}


def test_the_yaml_of_the_artifacts_page_fits_the_configuration() -> None:
    store, image = map(yaml.safe_load, blocks("docs/artifacts.md", "yaml"))
    store["artifacts"]["url"] = "memory://artifacts"  # s3fs is the operator's to install
    config = ServeConfig.model_validate({"model": "tiny-tools", **store, **image})
    assert config.artifacts.folder("x").max_bytes == 20 * 2**30
