"""The install script in a clean environment, and that make and the images run it alike.

The packages are made here, and an index on this machine has them: what is tested is the script,
not the network. `make environment` is the whole installation.
"""

import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "requirements" / "install.sh"
BACKEND = """
import zipfile

FILES = {
    "METADATA": "Metadata-Version: 2.1\\nName: a-project\\nVersion: 1.0\\n",
    "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "entry_points.txt": "[console_scripts]\\na-project = os:getcwd\\n",
    "RECORD": "",
}

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "a_project-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        for file, text in FILES.items():
            wheel.writestr(f"a_project-1.0.dist-info/{file}", text)
    return name
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "a-project"
version = "1.0"
"""


def write_wheel(folder: Path, name: str, version: str, **files: str) -> None:
    """A package of an index; ``files`` are scripts."""
    page = folder / name
    page.mkdir(parents=True)
    file = f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with zipfile.ZipFile(page / file, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
        wheel.writestr(f"{name}.py", f"version = {version!r}\n")
        for script, text in files.items():
            program = zipfile.ZipInfo(f"{name}-{version}.data/scripts/{script}")
            program.external_attr = 0o100755 << 16
            wheel.writestr(program, text)
    (page / "index.html").write_text(f'<a href="{file}">{file}</a>')


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[str]:
    """Two indexes: of all packages but torch, and of torch."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    assert uv is not None, "make has not installed it"
    version = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True)
    folder = tmp_path / "indexes"
    write_wheel(
        folder / "packages",
        "uv",
        version.stdout.split()[1],
        uv=f'#!/bin/sh\nexec "{uv}" "$@"\n',
    )
    write_wheel(folder / "packages", "pinned", "1.5")
    write_wheel(folder / "torch", "torch", "2.0")
    handler = partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def environment(indexes: str, tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_", "PYTHON"))}
    return kept | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"{indexes}/packages/",
        "PIP_RETRIES": "0",
        "TORCH_INDEX": f"{indexes}/torch/",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_NO_CONFIG": "1",
        "PYTHON": sys.executable,
    }


def run(*arguments: object, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_it_installs_what_a_lock_pins(tmp_path: Path, environment: dict[str, str]) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text("pinned==1.5\ntorch==2.0 ; sys_platform != 'win32'\n")
    done = run(SCRIPT, ".venv", lock, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert "not found with this machine's pip settings" in done.stdout
    python = tmp_path / ".venv" / "bin" / "python"
    found = run(
        python,
        "-c",
        "import pinned, torch; print(pinned.version, torch.version)",
        cwd=tmp_path,
        env=environment,
    )
    assert found.stdout.split() == ["1.5", "2.0"], found.stderr

    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "backend.py").write_text(BACKEND)
    done = run(SCRIPT, "--project", ".venv", cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".venv" / "bin" / "a-project").exists()

    again = run(SCRIPT, ".venv", lock, cwd=tmp_path, env=environment)
    assert again.returncode == 0, again.stderr
    assert "making" not in again.stdout and "installing uv" not in again.stdout

    lock.write_text("pinned==9.9\n")
    wrong = run(SCRIPT, ".venv", lock, cwd=tmp_path, env=environment)
    assert wrong.returncode != 0
    assert "pinned==9.9" in wrong.stderr


def test_it_says_how_it_is_called(tmp_path: Path) -> None:
    done = run(SCRIPT, cwd=tmp_path, env=dict(os.environ))
    assert done.returncode == 2
    assert "--project VENV" in done.stderr


def steps_of_the_image(engine: str) -> list[str]:
    text = (ROOT / "Dockerfile").read_text()
    return [
        step
        for step in re.findall(r"^RUN (requirements/install\.sh .*)$", text, re.MULTILINE)
        if f"{engine}.lock" in step or "--project" in step
    ]


@pytest.mark.parametrize("engine", ["cpu", "cuda"])
def test_make_and_the_image_take_the_same_steps(engine: str, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    done = run(
        *("make", "-n", "environment", f"ENGINE={engine}", f"VENV={venv}"),
        cwd=ROOT,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    steps = [
        line[line.index("requirements/install.sh") :].replace(str(venv), ".venv")
        for line in done.stdout.splitlines()
        if "requirements/install.sh" in line
    ]
    assert steps == list(dict.fromkeys(steps_of_the_image(engine)))
    assert (ROOT / "requirements" / f"{engine}.lock").exists()


def test_the_image_installs_packages_in_no_other_way() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"\b(?:pip|uv|poetry|conda) ", text) == []


def test_the_dockerfile_keeps_hadolints_rules() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = run(hadolint, "Dockerfile", cwd=ROOT, env=dict(os.environ))
    assert done.returncode == 0, done.stdout


def test_the_image_gets_what_it_copies() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = re.findall(
        r"^COPY (?!--)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    names = {name for group in copied for name in group.split()}
    assert all((ROOT / name).exists() for name in names)
    assert {name.split("/")[0] for name in names} == let_in
    assert any(line == "*" for line in ignored)
