"""What the user of ``infercept simulate`` sees."""

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

import pytest

from deployments.cli import main
from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.registry import create
from loadtest.simulator import command
from loadtest.simulator.capacity import Capacity
from loadtest.simulator.hardware import Hardware
from loadtest.simulator.runs import idle_latency
from loadtest.simulator.settings import Settings
from loadtest.workloads.scale import Scale


def test_help_names_policies_and_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--help"]) == 0
    text = capsys.readouterr().out
    for part in (
        "infercept simulate",
        "adaptive, budgeted_swap",
        "gptj-6b-a100-40gb",
        "--rate",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--policy", "keep"], "keep: choose from adaptive, budgeted_swap"),
        (["--rate", "0"], "0: must be positive"),
        (["--rate", "fast"], "fast: must be a number"),
        (["--jobs", "0"], "0: must be a positive whole number"),
        (["--hardware", "abacus"], "invalid choice: 'abacus'"),
        (["--trace", "no.jsonl"], "no.jsonl: there is no such file"),
        (["--json", "no/x.json"], "no/x.json: there is no folder no"),
        (["--json", "/"], "/: is a folder"),
        (["--scale-count", "2"], "2: must be at most 1"),
        (["--profile", __file__], "--profile needs --device-blocks and --host-blocks"),
        (["--profile", __file__, "--hardware", "gptj-6b-a100-40gb"], "not allowed with"),
        (["--profile", __file__, "--host-gb", "3"], "--host-gb is of no use with --profile"),
        (["--device-blocks", "3"], "--device-blocks is of no use without --profile"),
        (["--block-tokens", "16"], "--block-tokens is of no use without --profile"),
        (["--no-etas", "--eta-error", "0.1"], "--eta-error is of no use with --no-etas"),
        (["--near", __file__], "--near is of no use without --capacity"),
        (["--policy-options", "{}"], "for one policy, not for adaptive stock; name it"),
        (["--policy", "stock", "--policy-options", "{}"], "not for stock"),
        (["--policy", "ttl", "--policy-options", "[5]"], "[5]: must be an object in JSON"),
        (["--limit", "2"], "--limit is of no use without --capacity"),
        (["--capacity", "--rate", "2"], "--rate is of no use with --capacity"),
        (["--capacity", "--drain"], "--drain is of no use with --capacity"),
    ],
)
def test_wrong_arguments(
    capsys: pytest.CaptureFixture[str], arguments: list[str], part: str
) -> None:
    assert main(["simulate", *arguments]) == 2
    assert part in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--policy", "adaptive", "no.such:Policy"], "'no.such:Policy' cannot be imported"),
        (["--rate", "0.001", "--duration", "1"], "nothing arrives within 1 s"),
        (["--capacity", "--near", __file__], "not what --capacity --json writes"),
        (["--policy", "ttl", "--policy-options", '{"speed": 1}'], "policy_options of 'ttl'"),
        (["--host-gb", "0.0001"], "--host-gb 0.0001: one block takes 0.0073 GB; give more"),
        (["--scale-tokens", "10"], "--scale-tokens 10: "),
        (["--trace", __file__], "test_command.py, line 1: is no JSON"),
    ],
)
def test_what_cannot_be_simulated_is_explained(
    capsys: pytest.CaptureFixture[str], arguments: list[str], part: str
) -> None:
    assert main(["simulate", *arguments]) == 1
    error = capsys.readouterr().err
    assert "done" not in error
    # The import of PyTorch may warn before.
    own = error[error.index("infercept simulate: ") :]
    assert part in own


def test_policies_side_by_side(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    arguments = "--policy adaptive stock --rate 1 --duration 5 --scale-tokens 0.05 --check"
    assert main(["simulate", *arguments.split(), "--drain", "--json", str(path)]) == 0
    table = capsys.readouterr().out
    assert "completed requests /s" in table
    results = json.loads(path.read_text())
    assert [result["policy"] for result in results] == ["adaptive", "stock"]
    assert [result["unfinished"] for result in results] == [0, 0]


def test_what_has_no_figure_is_null(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    arguments = "--policy discard --rate 1 --duration 3"
    assert main(["simulate", *arguments.split(), "--json", str(path)]) == 0
    (result,) = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert result["completed"] == 0
    assert result["normalized_latency_s"] == {"median": None, "p90": None}


def test_an_open_bracket_has_no_upper_end(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    command._write(path, [{"policy": "discard", **asdict(Capacity(1024.0, float("inf")))}])
    assert json.loads(path.read_text()) == [
        {"policy": "discard", "kept_per_s": 1024.0, "broken_per_s": None}
    ]


def test_a_longer_time_to_live_keeps_more_contexts(tmp_path: Path) -> None:
    arguments = "--policy ttl --rate 2 --duration 10 --drain --scale-tokens 0.05"
    preserved = []
    for number, options in enumerate(('{"default_s": 1000}', '{"default_s": 1e-9}')):
        path = tmp_path / f"{number}.json"
        extra = ["--policy-options", options, "--json", str(path)]
        assert main(["simulate", *arguments.split(), *extra]) == 0
        (result,) = json.loads(path.read_text())
        preserved.append(result["telemetry"]["resumed_preserved"])
    assert preserved[0] > preserved[1]


def test_options_of_a_policy_are_not_those_of_the_idle_engine(tmp_path: Path) -> None:
    settings = Settings(
        hardware_name="small",
        hardware=Hardware(cost=LinearCostModel(), device_blocks=300, host_blocks=60),
        rate_per_s=1.0,
        duration_s=400.0,
        scale=Scale(0.05, 0.01, 0.1),
        policy_options={"default_s": 5},
    )
    assert 0 < idle_latency(settings) < 1


def test_recomputation_held_back_takes_more_iterations(tmp_path: Path) -> None:
    arguments = "--policy improved_discard --no-prefix-caching --rate 2 --duration 10 --drain"
    iterations = []
    for number, extra in enumerate(([], ["--recompute-slowdown", "0.001"])):
        path = tmp_path / f"{number}.json"
        assert main(["simulate", *arguments.split(), "--json", str(path), *extra]) == 0
        (result,) = json.loads(path.read_text())
        assert result["unfinished"] == 0
        iterations.append(result["iterations"])
    assert iterations[1] > iterations[0]


def test_jobs_find_a_policy_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lazy.py").write_text(
        "from intercept_core.policy.preserve import Preserve\nclass Lazy(Preserve): pass\n"
    )
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    command._look_here_for_policies()
    args = Namespace(jobs=2, policy=["lazy:Lazy", "discard"])
    lazy, discard = command._each(args, create)
    assert [type(lazy).__name__, discard.name] == ["Lazy", "discard"]
