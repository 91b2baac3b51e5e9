"""Servers as processes of their own, for measurements from outside."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

import httpx

from deployments.config import ServeConfig
from deployments.models import resolve
from deployments.serving.deploy_file import load_deploy_file

START_TIMEOUT_S = 600.0
STOP_TIMEOUT_S = 60.0


def first_application(config: Path) -> ServeConfig:
    """The configuration of the first application in a deploy file."""
    return next(iter(load_deploy_file(config).applications.values()))


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def infercept_server(config: Path, port: int) -> Iterator[str]:
    """``infercept serve``; gives its base URL."""
    command = [sys.executable, "-m", "deployments.cli", "serve", str(config)]
    with _server([*command, "--port", str(port)], {}, port) as url:
        yield url


@contextmanager
def vllm_server(config: Path, port: int) -> Iterator[str]:
    """vLLM's own OpenAI server with the engine arguments of ``config``."""
    application = first_application(config)
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", str(resolve(application.model)), "--port", str(port)]
    command += ["--host", "127.0.0.1", "--served-model-name", application.public_name]
    command += engine_flags(application.engine)
    environment = {name: str(value) for name, value in application.env.items()}
    with _server(command, environment, port) as url:
        yield url


def engine_flags(arguments: Mapping[str, object]) -> list[str]:
    """vLLM's command line for arguments named as in Python."""
    flags: list[str] = []
    for name, value in arguments.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            flags.append(f"--{option}" if value else f"--no-{option}")
        else:
            flags += [f"--{option}", str(value)]
    return flags


@contextmanager
def _server(command: Sequence[str], environment: Mapping[str, str], port: int) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    with NamedTemporaryFile("w+", suffix=".log") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_until_it_answers(process, url, Path(log.name))
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended while starting:\n{log.read_text()[-4000:]}")
        try:
            if httpx.get(f"{url}/v1/models", timeout=2.0).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"no answer from {url} in {START_TIMEOUT_S:g} s:\n{log.read_text()}")
