import subprocess
import sys

import psutil
import pytest

from loadtest.soak.memory import Usage, memory_of, role_of, total


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("ray::ServeReplica:infercept:LLMReplica", "infercept:LLMReplica"),
        ("ray::ServeReplica:infercept:retrieval.handle_request", "infercept:retrieval"),
        ("ray::ServeController", "ServeController"),
        ("/x/python3.11 -m deployments.cli serve configs/demo.yaml", "deployments.cli"),
        ("/x/python -u /site-packages/ray/log_monitor.py --x=1", "log_monitor.py"),
        ("/site-packages/ray/gcs_server --port=0", "gcs_server"),
        ("", "ended"),
    ],
)
def test_roles(command, role):
    assert role_of(command.split()) == role


def test_the_role_of_a_line_of_code():
    code = "from multiprocessing.resource_tracker import main;main(81)"
    assert role_of(["/x/python3", "-c", code]) == "multiprocessing.resource_tracker"


def test_a_child_counts_with_its_own_role():
    child = subprocess.Popen(
        [sys.executable, "-m", "timeit", "-n", "1", "-r", "1", "input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        found = memory_of(psutil.Process(child.pid))
        assert found["timeit"].processes == 1
        assert 0 < found["timeit"].pss_bytes <= found["timeit"].rss_bytes
    finally:
        child.communicate(b"\n")


def test_totals():
    memory = {"a": Usage(1, 30, 20), "b": Usage(2, 5, 4)}
    assert total(memory) == Usage(3, 35, 24)
