import subprocess
from pathlib import Path

import pytest

from deployments.doctor.gpus import (
    Gpus,
    check_gpus,
    check_pinned_memory,
    find_gpus,
    least_driver,
    read_gpus,
)
from deployments.doctor.needs import GIB

CUDA_LOCK = Path(__file__).parents[3] / "requirements" / "cuda.lock"
TWO = Gpus(names=("NVIDIA A100",) * 2, memory_mib=81920, driver="580.95.05", linked=True)


def test_none_here_and_none_needed_says_what_a_gpu_machine_needs(needs):
    finding = check_gpus(Gpus(), needs(), CUDA_LOCK)
    assert finding.state == "ok"
    notes = "\n".join(finding.notes)
    for part in ("CUDA 13.0", "driver 580.65.06", "ulimit -l", "NVLink", "ENGINE=cuda"):
        assert part in notes


@pytest.mark.parametrize(
    ("gpus", "wanted", "state", "part"),
    [
        (Gpus(), {"gpus": 2.0}, "fail", "with GPUs"),
        (Gpus(problem="no driver"), {}, "fail", "repair the driver"),
        (TWO, {"gpus": 2.0, "tensor_parallel": 2}, "ok", ""),
        (TWO, {"gpus": 2.2}, "fail", "num_gpus"),
        (
            Gpus(names=TWO.names, driver="570.1.2", linked=True),
            {"gpus": 1.0},
            "fail",
            "update the driver to 580.65.06",
        ),
        (
            Gpus(names=TWO.names, driver=TWO.driver),
            {"gpus": 2.0, "tensor_parallel": 2},
            "warn",
            "PCIe",
        ),
    ],
)
def test_gpus_for_a_configuration(needs, gpus, wanted, state, part):
    finding = check_gpus(gpus, needs(**wanted), CUDA_LOCK)
    assert finding.state == state
    assert part in finding.remedy


def test_without_the_lock_no_driver_is_asked_for(needs, tmp_path):
    lock = tmp_path / "cuda.lock"
    assert least_driver(lock) == ""
    old = Gpus(names=("NVIDIA A100",), driver="1.0", linked=True)
    assert check_gpus(old, needs(gpus=1.0), lock).state == "ok"


def test_the_tables_of_nvidia_smi():
    listed = (
        "NVIDIA A100-SXM4-80GB, 81920, 580.95.05\nNVIDIA A100-SXM4-40GB, 40960, 580.95.05\n"
    )
    topology = "        GPU0    GPU1\nGPU0     X      NV12\n"
    gpus = read_gpus(listed, topology)
    assert gpus.names == ("NVIDIA A100-SXM4-80GB", "NVIDIA A100-SXM4-40GB")
    assert (gpus.memory_mib, gpus.driver, gpus.linked) == (40960, "580.95.05", True)
    assert not read_gpus(listed, topology.replace("NV12", "PHB ")).linked
    assert read_gpus("") == Gpus()


@pytest.fixture
def smi_on_path(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_nvidia_smi_that_fails_or_hangs_is_a_problem(smi_on_path):
    def fails(command, **options):
        return subprocess.CompletedProcess(command, 9, stdout="", stderr="no driver\n")

    def hangs(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    assert find_gpus(fails).problem == "no driver"
    assert "timed out" in find_gpus(hangs).problem


def test_without_nvidia_smi_there_are_none(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus() == Gpus()


@pytest.mark.parametrize(
    ("pinned", "gpus", "state"),
    [
        (None, TWO, "ok"),
        (2**20, Gpus(), "ok"),
        (2 * GIB, TWO, "ok"),
        (2**20, TWO, "warn"),
    ],
)
def test_pinned_memory(needs, pinned, gpus, state):
    assert check_pinned_memory(pinned, gpus, needs()).state == state
