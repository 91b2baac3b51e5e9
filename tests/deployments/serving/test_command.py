"""``infercept serve`` as a user runs it: a process, and what it leaves behind."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from deployments.serving.server import START_TIMEOUT_S

PATIENCE_S = 120.0
LEFT_WITHIN_S = 30.0
ROOT = Path(__file__).parents[3]

AUGMENTATION = """
import time

from augment_workers.base import Augmentation

class Broken(Augmentation):
    kind = "broken"
    description = "For tests."
    parameters = {"type": "object"}
    typical_duration_s = 1.0

    def __init__(self) -> None:
        STARTS

    async def run(self, call):
        yield call.result("")
"""

CONFIG = """
http_options: {host: 127.0.0.1, port: PORT}
applications:
- name: broken
  import_path: deployments.builder:build
  args:
    model: a-model
    augmentations:
      broken: {type: "broken_augmentation:Broken"}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_alive(process):
    """Not so one that has ended, whose parent does not ask for it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Served:
    """A running ``infercept serve``, and every process that it has had."""

    def __init__(self, folder, starts):
        module = AUGMENTATION.replace("STARTS", starts)
        (folder / "broken_augmentation.py").write_text(module)
        config = folder / "app.yaml"
        config.write_text(CONFIG.replace("PORT", str(free_port())))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deployments.cli", "serve", str(config)],
            env=os.environ
            | {
                "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
                "RAY_SERVE_ENABLE_HA_PROXY": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._known = {}

    def lines(self):
        """Its output; notes its processes at every line."""
        for line in self._process.stdout:
            self._note_processes()
            yield line

    def _note_processes(self):
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._process.pid).children(recursive=True):
                self._known[child.pid] = child

    def press_ctrl_c(self):
        os.killpg(self._process.pid, signal.SIGINT)

    def exit_code(self):
        code = self._process.wait(PATIENCE_S)
        assert self._known, "it has had processes"
        give_up_at_s = time.monotonic() + LEFT_WITHIN_S
        while alive := [process for process in self._known.values() if is_alive(process)]:
            assert time.monotonic() < give_up_at_s, alive
            time.sleep(0.05)
        return code

    def kill(self):
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.stdout.close()
        self._process.wait()


@pytest.fixture
def served(tmp_path, request):
    served = Served(tmp_path, request.param)
    yield served
    served.kill()


@pytest.mark.parametrize(
    "served", ['raise RuntimeError("the licence has expired")'], indirect=True, ids=["fails"]
)
def test_an_application_that_does_not_start_is_told_and_nothing_is_left(served):
    started_at_s = time.monotonic()
    output = "".join(served.lines())
    assert "broken does not start:" in output
    assert "the licence has expired" in output
    assert served.exit_code() == 1
    assert time.monotonic() - started_at_s < START_TIMEOUT_S, "it has not waited for that"


@pytest.mark.parametrize("served", ["time.sleep(600)"], indirect=True, ids=["never"])
def test_ctrl_c_stops_all_that_has_started(served):
    for line in served.lines():
        if "waiting for" in line:
            served.press_ctrl_c()
            break
    output = "".join(served.lines())
    assert served.exit_code() == 0, output
    assert "stopped" in output
    assert "Traceback" not in output
