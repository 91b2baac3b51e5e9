"""``infercept serve`` as a user runs it, and the processes that it has."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
STOP_TIMEOUT_S = 60.0


class ServedProcess:
    """A running server.

    Args:
        config: The YAML file that it serves.
        port: Where it listens.
        python_path: Folders that its processes import from.
    """

    def __init__(self, config: Path, port: int, python_path: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._output: list[str] = []
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deployments.cli", "serve", config, "--port", str(port)],
            env=os.environ | {"PYTHONPATH": python_path, "RAY_SERVE_ENABLE_HA_PROXY": "1"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._output.append(line)
            if "ready;" in line:
                self._ready.set()
        self._ready.set()  # it has ended

    def wait_until_ready(self, timeout_s: float) -> None:
        assert self._ready.wait(timeout_s), self._output
        assert self._process.poll() is None, self._output

    def processes(self, title: str) -> list[psutil.Process]:
        """Its processes whose title begins with ``title``, the oldest first."""
        found = []
        for process in psutil.Process(self._process.pid).children(recursive=True):
            try:
                if " ".join(process.cmdline()).startswith(title):
                    found.append((process.create_time(), process.pid, process))
            except psutil.NoSuchProcess:
                continue
        return [process for *_, process in sorted(found, key=lambda one: one[:2])]

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            self._reader.join(STOP_TIMEOUT_S)
            self._process.stdout.close()  # type: ignore[union-attr]


@contextmanager
def served(
    config: Path, port: int, python_path: str, timeout_s: float
) -> Iterator[ServedProcess]:
    """A server that answers; stopped at the end."""
    process = ServedProcess(config, port, python_path)
    try:
        process.wait_until_ready(timeout_s)
        yield process
    finally:
        process.stop()
