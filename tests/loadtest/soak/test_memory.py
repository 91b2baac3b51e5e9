import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from loadtest.soak.memory import Usage, memory_of, role_of, total, usage_of

ROOT = Path(__file__).parents[3]


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


def is_in_memory(folder):
    """Whether its files are shared memory, so that they do count."""
    kinds = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    mounted = next(one for one in (folder, *folder.parents) if one in kinds)
    return kinds[mounted] == "tmpfs"


def test_mapped_files_are_nobodys_own(tmp_path):
    if is_in_memory(tmp_path.resolve()):
        pytest.skip("temporary files are in memory here; --basetemp sets another folder")
    size = 64 * 2**20
    file = tmp_path / "library"
    file.write_bytes(bytes(size))
    measure = [sys.executable, "-m", "tests.support.mapped_memory", file]
    measured = subprocess.run(measure, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    before, with_file, with_own = (Usage(**usage) for usage in json.loads(measured))
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
