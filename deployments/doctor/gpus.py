"""GPUs: which there are, which a configuration needs, and what else they need."""

import math
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deployments.doctor.finding import Finding, fail, ok, warn
from deployments.doctor.needs import Needs

SMI_TIMEOUT_S = 20.0

DRIVERS = {12: "525.60.13", 13: "580.65.06"}
"""Least driver for Linux by the major version of CUDA, from NVIDIA's release notes."""

_QUERY = ("--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True)
class Gpus:
    """What ``nvidia-smi`` tells.

    Attributes:
        names: Each GPU's.
        memory_mib: Memory of the smallest.
        driver: Version of the driver.
        problem: Why it does not tell, if the program is there.
        linked: Whether NVLink joins them.
    """

    names: tuple[str, ...] = ()
    memory_mib: int = 0
    driver: str = ""
    problem: str = ""
    linked: bool = False


def find_gpus(run: Callable[..., "subprocess.CompletedProcess[str]"] = subprocess.run) -> Gpus:
    """Those of this machine."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return Gpus()
    try:
        told = run([program, *_QUERY], capture_output=True, text=True, timeout=SMI_TIMEOUT_S)
        if told.returncode:
            return Gpus(problem=(told.stderr or told.stdout).strip())
        topology = run(
            [program, "topo", "-m"], capture_output=True, text=True, timeout=SMI_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Gpus(problem=str(error))
    return read_gpus(told.stdout, topology.stdout)


def read_gpus(listed: str, topology: str = "") -> Gpus:
    """From the tables that ``nvidia-smi`` prints."""
    rows = [[cell.strip() for cell in line.split(",")] for line in listed.splitlines() if line]
    return Gpus(
        names=tuple(row[0] for row in rows),
        memory_mib=min((int(row[1]) for row in rows if row[1].isdecimal()), default=0),
        driver=rows[0][2] if rows else "",
        linked=re.search(r"\bNV\d+\b", topology) is not None,
    )


def locked_cuda(lock: Path) -> tuple[str, str]:
    """Versions of torch and of CUDA in the lock for GPUs; empty without that file."""
    try:
        text = lock.read_text(encoding="utf-8")
    except OSError:
        return "", ""
    torch = re.search(r"^torch==(\S+)", text, re.MULTILINE)
    # The wheel for the usual machines stands first; others follow with markers of their own.
    cuda = re.search(r"^nvidia-cuda-runtime==(\d+\.\d+)", text, re.MULTILINE)
    return (torch[1] if torch else "", cuda[1] if cuda else "")


def check_gpus(gpus: Gpus, needs: Needs, cuda_lock: Path) -> Finding:
    """Whether there are as many as needed, and a driver that is new enough."""
    wanted = math.ceil(needs.gpus)
    notes = gpu_machine_notes(needs, cuda_lock)
    if gpus.problem:
        return fail(
            "GPUs", f"nvidia-smi fails: {gpus.problem}", "repair the driver, or restart", *notes
        )
    if not gpus.names:
        if not wanted:
            return ok("GPUs", "none here, and none needed", *notes)
        return fail(
            "GPUs",
            f"none here; {needs.config} needs {wanted}",
            "serve it on a machine or cluster with GPUs, or take configs/demo.yaml here",
            *notes,
        )
    found = f"{len(gpus.names)} x {gpus.names[0]}, driver {gpus.driver}"
    least = least_driver(cuda_lock)
    if needs.gpus and least and _older(gpus.driver, least):
        return fail("GPUs", found, f"update the driver to {least} or newer", *notes)
    if len(gpus.names) < wanted:
        return fail(
            "GPUs",
            f"{found}; {needs.config} needs {wanted}",
            "lower num_replicas or num_gpus, or add machines to the cluster",
        )
    if needs.tensor_parallel > 1 and not gpus.linked:
        return warn(
            "GPUs",
            f"{found}, without NVLink",
            f"tensor parallel {needs.tensor_parallel} over PCIe is slow: prefer one larger "
            "GPU, or more replicas with one each",
        )
    return ok("GPUs", found)


def least_driver(cuda_lock: Path) -> str:
    """The oldest driver for the locked CUDA; empty if unknown."""
    _, cuda = locked_cuda(cuda_lock)
    return DRIVERS.get(int(cuda.partition(".")[0]), "") if cuda else ""


def gpu_machine_notes(needs: Needs, cuda_lock: Path) -> tuple[str, ...]:
    """What a machine with GPUs must have beside them."""
    torch, cuda = locked_cuda(cuda_lock)
    locked = f"CUDA {cuda} with torch {torch}" if cuda else "the CUDA of its torch"
    least = least_driver(cuda_lock)
    driver = f" needs driver {least} or newer" if least else ""
    wanted = math.ceil(needs.gpus)
    number = (
        f"{wanted} of them for {needs.config}"
        if wanted
        else "as many as num_gpus of its YAML says, e.g. one for configs/gptj-6b-a100.yaml"
    )
    return (
        "a GPU machine would need:",
        f"  GPUs: NVIDIA, {number}",
        f"  driver: {locked}{driver}",
        "  packages: make environment ENGINE=cuda (requirements/cuda.lock)",
        "  pinned memory: ulimit -l unlimited, for swap.host_memory_gib",
        "  tensor parallel: NVLink between the GPUs of a replica, /dev/shm of 1 GiB a GPU",
        "  in containers: the NVIDIA container toolkit, --gpus all, --ulimit memlock=-1",
    )


def check_pinned_memory(pinned_bytes: int | None, gpus: Gpus, needs: Needs) -> Finding:
    """Whether the host pool can be pinned, which copies to and from GPUs need to be fast."""
    if pinned_bytes is None:
        return ok("pinned memory", "any amount may be pinned")
    found = f"{pinned_bytes / 2**20:.3g} MiB may be pinned"
    if not gpus.names or not needs.host_pool_bytes:
        return ok("pinned memory", f"{found}; without GPUs nothing is")
    if pinned_bytes >= needs.host_pool_bytes:
        return ok("pinned memory", found)
    return warn(
        "pinned memory",
        found,
        "set ulimit -l unlimited (docker: --ulimit memlock=-1), or copies may be slow",
    )


def _older(version: str, least: str) -> bool:
    def parts(text: str) -> list[int]:
        return [int(part) for part in re.findall(r"\d+", text)]

    return parts(version) < parts(least)
