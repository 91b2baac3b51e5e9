"""The command line: what it takes, what it refuses, and with which exit code."""

import socket
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from deployments import exit_codes
from deployments.cli import main
from deployments.cli.app import app

CONFIG = """
applications:
- {name: one, import_path: "deployments.builder:build", args: {model: a-model}}
"""
COMMANDS = (
    *("serve", "status", "doctor", "chat", "demo"),
    *("profile", "policies", "simulate", "bench"),
)
HEAVY = ("ray", "vllm", "torch", "openai", "transformers", "fastapi")


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "app.yaml"
    path.write_text(CONFIG)
    return path


def run(*arguments):
    """At a terminal that is wide enough for every message to stay in one line."""
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "300"})


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["serv"], "No such command 'serv'"),
        (["serve"], "Missing argument 'CONFIG'"),
        (["serve", "missing.yaml"], "file 'missing.yaml' does not exist"),
        (["serve", __file__, "--port", "99999"], "less than or equal to 65535"),
        (["serve", __file__, "--port", "http"], "should be a valid integer"),
        (["serve", __file__, "--no-blocking"], "--no-blocking needs --address"),
        (["status", "--watch", "0"], "greater than or equal to 0.1"),
        (["chat", "--temperature", "3"], "less than or equal to 2"),
        (["doctor", "missing.yaml"], "'missing.yaml' does not exist"),
        (["profile"], "Missing option '--config'"),
        (["bench", "speed"], "'speed' is none; choose one of policies, blocking"),
    ],
)
def test_wrong_usage(arguments, part):
    result = run(*arguments)
    assert result.exit_code == exit_codes.WRONG_USAGE
    assert part in result.stderr


@pytest.mark.parametrize("command", COMMANDS[:-2])
def test_every_help_has_examples_and_exit_codes(command):
    result = run(command, "--help")
    assert result.exit_code == exit_codes.DONE
    assert f"$ infercept {command}" in result.stdout
    assert ("Exit codes" in result.stdout) == (command != "policies")


def test_the_first_help_lists_all_commands():
    text = run("--help").stdout
    assert all(f" {command} " in text for command in COMMANDS)
    assert run("-h").stdout == text


def test_the_version():
    result = run("--version")
    assert result.exit_code == exit_codes.DONE
    assert result.stdout.startswith("infercept ")


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["bench", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys\n"
        "from deployments.cli import main\n"
        f"assert main({arguments!r}) == 0\n"
        f"heavy = sorted(set({HEAVY!r}) & set(sys.modules))\n"
        "assert not heavy, heavy\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_a_typo_ends_it_before_anything_starts(capsys, config):
    config.write_text(CONFIG.replace("model:", "modell:"))
    assert main(["serve", str(config)]) == exit_codes.FAILED
    assert "applications.0.args.modell = 'a-model': unknown field" in capsys.readouterr().err


def test_a_taken_port_ends_it_before_anything_starts(capsys, config):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["serve", str(config), "--port", str(port)]) == exit_codes.FAILED
    assert f"port {port} on 127.0.0.1 is taken" in capsys.readouterr().err
