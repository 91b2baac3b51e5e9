import os
import subprocess
import sys
from mmap import ACCESS_READ, mmap

import psutil
import pytest

from loadtest.soak.memory import Usage, memory_of, role_of, total, usage_of


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
        [*[sys.executable, "-m", "timeit", "-n", "1", "-r", "1"], "print('.'); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        assert child.stdout.readline(), "it runs what it is told, so it has its own arguments"
        found = memory_of(psutil.Process(child.pid))
        assert found["timeit"].processes == 1
        assert 0 < found["timeit"].own_bytes <= found["timeit"].rss_bytes
    finally:
        child.communicate(b"\n")


def test_mapped_files_are_nobodys_own(tmp_path):
    size = 64 * 2**20
    file = tmp_path / "library"
    file.write_bytes(bytes(size))
    before = usage_of(os.getpid())
    with file.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as mapped:
        assert mapped.find(b"x") == -1  # which reads every page
        with_file = usage_of(os.getpid())
        with mmap(-1, size) as own:  # no bytes object: it may get memory that was freed
            own.write(bytes(size))
            with_own = usage_of(os.getpid())
    assert with_file.rss_bytes - before.rss_bytes > 0.9 * size
    assert abs(with_file.own_bytes - before.own_bytes) < 0.1 * size
    assert with_own.own_bytes - with_file.own_bytes > 0.9 * size


def test_a_process_that_has_ended_is_left_out():
    child = subprocess.Popen([sys.executable, "-c", ""])
    gone = psutil.Process(child.pid)
    child.wait()
    with pytest.raises(OSError, match=str(gone.pid)):
        usage_of(gone.pid)


def test_totals():
    memory = {"a": Usage(1, 30, 20), "b": Usage(2, 5, 4)}
    assert total(memory) == Usage(3, 35, 24)
