import socket

import pytest

from deployments.cli import main

CONFIG = """
applications:
- {name: one, import_path: "deployments.builder:build", args: {model: a-model}}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "app.yaml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "COMMAND"),
        (["serv"], "invalid choice: 'serv'"),
        (["serve"], "CONFIG"),
        (["serve", "missing.yaml"], "missing.yaml: there is no such file"),
        (["serve", __file__, "--port", "99999"], "99999: must be a number from 1 to 65535"),
        (["serve", __file__, "--port", "http"], "http: must be a number"),
    ],
)
def test_wrong_arguments(capsys, arguments, part):
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 2
    assert part in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["serve", "--help"]])
def test_help_and_version(capsys, arguments):
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 0
    assert "infercept" in capsys.readouterr().out


def test_a_typo_ends_it_before_anything_starts(capsys, config):
    config.write_text(CONFIG.replace("model:", "modell:"))
    assert main(["serve", str(config)]) == 1
    assert "applications.0.args.modell = 'a-model': unknown field" in capsys.readouterr().err


def test_a_taken_port_ends_it_before_anything_starts(capsys, config):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["serve", str(config), "--port", str(port)]) == 1
    assert f"port {port} on 127.0.0.1 is taken" in capsys.readouterr().err


def test_not_blocking_needs_a_ray_to_stay_on(capsys, config):
    assert main(["serve", str(config), "--no-blocking"]) == 1
    assert "--address" in capsys.readouterr().err
