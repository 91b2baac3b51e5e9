import io
import json
import socket
from pathlib import Path

import pytest
from rich.console import Console

from deployments import exit_codes
from deployments.doctor.command import doctor_command, examined, report, verdict
from deployments.doctor.examination import Check, checks
from deployments.doctor.finding import fail, ok, warn
from deployments.serving.deploy_file import load_deploy_file
from deployments.serving.endpoint import Endpoint

CONFIG = Path(__file__).parents[3] / "configs" / "tiny.yaml"


def reported(*findings):
    file = io.StringIO()
    report(list(findings), Path("app.yaml"), Console(file=file, width=100))
    return file.getvalue()


def test_a_report_says_what_to_do():
    text = reported(
        ok("Python", "3.11", "and a note"),
        warn("cores", "1", "buy more"),
        fail("port", "taken", "take another"),
    )
    lines = [line.rstrip() for line in text.splitlines()]
    assert "✓  Python  3.11" in lines
    assert "           and a note" in lines
    assert "           → buy more" in lines
    assert "           → take another" in lines
    assert lines[-1] == "app.yaml cannot be served here yet: 1 to repair"


@pytest.mark.parametrize(
    ("findings", "code", "last"),
    [
        ([ok("a", "b")], exit_codes.DONE, "all is well: infercept serve app.yaml"),
        ([warn("a", "b", "c")], exit_codes.DONE, "app.yaml can be served here; 1 to look at"),
        (
            [fail("a", "b", "c"), ok("a", "b")],
            exit_codes.FAILED,
            "app.yaml cannot be served here yet: 1 to repair",
        ),
    ],
)
def test_warnings_stand_in_nobodys_way(findings, code, last):
    assert verdict(findings) == code
    assert reported(*findings).splitlines()[-1] == last


def test_a_bar_shows_what_is_being_checked():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100)
    found = list(examined([Check("looking at it", lambda: ok("a", "b"))], console))
    assert found == [ok("a", "b")]
    assert "looking at it" in file.getvalue()


def test_this_environment_is_well(machine):
    """What does not depend on the machine: everything that was installed for the tests."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = Endpoint("127.0.0.1", probe.getsockname()[1])
    wanted = list(checks(CONFIG, load_deploy_file(CONFIG), free, machine()))
    found = {finding.check: finding for finding in examined(wanted)}
    assert {name: one for name, one in found.items() if one.state != "ok"} == {}
    assert {"vLLM", "plugins", "memory", "port", "model", "GPUs"} <= found.keys()


def test_programs_get_json(capsys, tmp_path):
    code = doctor_command(CONFIG, port=9, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["config"] == str(CONFIG)
    states = {one["check"]: one["state"] for one in told["checks"]}
    assert code == (exit_codes.FAILED if "fail" in states.values() else exit_codes.DONE)
    assert set(told["checks"][0]) == {"check", "state", "found", "remedy", "notes"}


def test_a_file_that_cannot_be_read_is_told(capsys, tmp_path):
    path = tmp_path / "app.yaml"
    path.write_text("applications: [")
    assert doctor_command(path) == exit_codes.FAILED
    assert "cannot be read as YAML" in capsys.readouterr().err
