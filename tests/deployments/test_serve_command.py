"""``infercept serve`` as a user runs it: a process, and what it leaves behind."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

PATIENCE_S = 180.0
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(PATIENCE_S * 2)

BROKEN = """
from augment_workers.base import Augmentation

class Broken(Augmentation):
    kind = "broken"
    description = "For tests."
    parameters = {"type": "object"}
    typical_duration_s = 1.0

    def __init__(self) -> None:
        raise RuntimeError("the licence has expired")

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


class Served:
    """A running ``infercept serve``, and every process that it has had.

    Args:
        folder: Its own.
        interrupt_at: What the line says at which Ctrl-C is pressed; None for never.
    """

    def __init__(self, folder, interrupt_at=None):
        (folder / "broken_augmentation.py").write_text(BROKEN)
        config = folder / "app.yaml"
        config.write_text(CONFIG.replace("PORT", str(free_port())))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deployments.cli", "serve", str(config)],
            env=os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._known = {}
        self._lines = []
        self._interrupt_at = interrupt_at
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        """Notes its output, and at every line its processes."""
        for line in self._process.stdout:
            self._note_processes()
            self._lines.append(line)
            if self._interrupt_at is not None and self._interrupt_at in line:
                self._interrupt_at = None
                os.killpg(self._process.pid, signal.SIGINT)

    def _note_processes(self):
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._process.pid).children(recursive=True):
                self._known[child.pid] = child

    def output(self):
        """All of it, once it has ended."""
        self._reader.join(PATIENCE_S)
        assert not self._reader.is_alive(), self._lines
        return "".join(self._lines)

    def exit_code(self):
        code = self._process.wait(PATIENCE_S)
        assert self._known, "it has had processes"
        _, alive = psutil.wait_procs(self._known.values(), timeout=0)
        assert alive == []
        return code

    def kill(self):
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(PATIENCE_S)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """One left alone and one interrupted, at the same time: they mostly wait."""
    alone = Served(tmp_path_factory.mktemp("alone"))
    interrupted = Served(tmp_path_factory.mktemp("interrupted"), interrupt_at="waiting for")
    yield alone, interrupted
    alone.kill()
    interrupted.kill()


def test_an_application_that_does_not_start_is_told_and_nothing_is_left(both):
    alone, _ = both
    output = alone.output()
    assert alone.exit_code() == 1
    assert "broken does not start:" in output
    assert "the licence has expired" in output


def test_ctrl_c_stops_all_that_has_started(both):
    _, interrupted = both
    output = interrupted.output()
    assert interrupted.exit_code() == 0
    assert "stopped" in output
    assert "broken does not start" not in output
    assert "Traceback" not in output
