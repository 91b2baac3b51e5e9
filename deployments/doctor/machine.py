"""The facts about this machine that checks look at."""

import os
import resource
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deployments.doctor.gpus import Gpus, find_gpus
from intercept_core.swap.host_memory import available_bytes

CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
SHARED_MEMORY = Path("/dev/shm")
ENGINE_NAMES = ("VLLM::EngineCore", "VLLM::Worker")
"""How vLLM titles the processes of an engine."""


@dataclass(frozen=True, slots=True)
class EngineProcess:
    """A process of an engine.

    Attributes:
        pid: Its id.
        title: What it calls itself.
        orphan: Whether whoever started it has ended.
    """

    pid: int
    title: str
    orphan: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is; tests make up others.

    Attributes:
        cores: Cores that this process may use, its container's limit included.
        available_bytes: Memory that can still be taken, its container's limit included.
        total_bytes: Memory of the machine.
        shared_memory_bytes: Free space of ``/dev/shm``; None where there is none.
        open_files: Files that a process may have open.
        pinned_bytes: Memory that a process may pin; None for any.
        gpus: What ``nvidia-smi`` tells.
        engines: Processes of vLLM that run already.
    """

    cores: float
    available_bytes: int
    total_bytes: int
    shared_memory_bytes: int | None
    open_files: int
    pinned_bytes: int | None
    gpus: Gpus = field(default_factory=Gpus)
    engines: tuple[EngineProcess, ...] = ()

    @classmethod
    def here(cls) -> "Machine":
        """This one."""
        pinned, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        return cls(
            cores=min(len(os.sched_getaffinity(0)), _container_cores(CPU_MAX)),
            available_bytes=available_bytes(),
            total_bytes=psutil.virtual_memory().total,
            shared_memory_bytes=_free(SHARED_MEMORY),
            # Ray raises its own limit to what it may have.
            open_files=most_files if most_files != resource.RLIM_INFINITY else 2**31,
            pinned_bytes=None if pinned == resource.RLIM_INFINITY else pinned,
            gpus=find_gpus(),
            engines=tuple(_engines()),
        )


def _container_cores(path: Path) -> float:
    """Infinity without a limit."""
    try:
        quota, period = path.read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError):  # no such file here, or the quota is "max"
        return float("inf")


def _free(path: Path) -> int | None:
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None


def _engines() -> list[EngineProcess]:
    found = []
    for process in psutil.process_iter(["pid", "ppid", "name", "cmdline"]):
        facts: Mapping[str, object] = process.info
        command = facts["cmdline"] if isinstance(facts["cmdline"], list) else []
        title = str(command[0]) if command else str(facts["name"])
        if title.startswith(ENGINE_NAMES):
            found.append(EngineProcess(process.pid, title, orphan=facts["ppid"] == 1))
    return found
