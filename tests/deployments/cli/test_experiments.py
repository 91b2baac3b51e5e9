"""Programs of the load tests behind the command line."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import loadtest
from deployments.cli.app import app
from deployments.cli.experiments import BENCHMARKS, Runner

FOLDER = Path(loadtest.__file__).parent


def run(runner, *arguments):
    return CliRunner().invoke(app, list(arguments), obj=runner)


@pytest.mark.parametrize("options", [[], ["--help"], ["--rounds", "3", "-x"]])
def test_a_benchmark_gets_its_options_as_they_are(options):
    became = []
    runner = Runner(become=lambda program, command: became.append((program, command)))
    assert run(runner, "bench", "blocking", *options).exit_code == 0
    assert became == [
        (sys.executable, [sys.executable, "-m", "loadtest.blocking", *options]),
    ]


@pytest.mark.parametrize("options", [[], ["--help"], ["--policy", "adaptive", "stock"]])
@pytest.mark.parametrize("code", [0, 1])
def test_the_simulator_gets_its_options_as_they_are(options, code):
    got = []

    def main(arguments):
        got.append(arguments)
        return code

    runner = Runner(load=lambda name: SimpleNamespace(main=main))
    assert run(runner, "simulate", *options).exit_code == code
    assert got == [options]


def test_every_benchmark_is_there_and_told_of():
    for name in BENCHMARKS:
        assert importlib.util.find_spec(f"loadtest.{name}") is not None
    told = run(Runner(), "bench", "--help").stdout
    assert all(name in told for name in BENCHMARKS)


def test_no_benchmark_is_forgotten():
    programs = {
        path.stem if path.stem != "__main__" else path.parent.name
        for path in [*FOLDER.glob("*.py"), *FOLDER.glob("*/__main__.py")]
        if '__name__ == "__main__"' in path.read_text()
    }
    assert programs - {"simulator"} == set(BENCHMARKS)
