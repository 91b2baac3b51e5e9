"""How much memory a process can still take: of the machine, and of its container."""

import socket
from collections.abc import Callable
from pathlib import Path

import psutil

Seen = tuple[str, int]
"""The name of a machine or container, and the bytes that a worker can take there."""

CGROUP_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)
"""Of versions 2 and 1: limit, use, statistics, and which of those can be reclaimed."""


def available_bytes(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that can be taken without swapping and without the container being ended.

    Args:
        cgroup: Where a container finds its own limits.
    """
    machine: int = psutil.virtual_memory().available
    for files in CGROUP_FILES:
        left = _left(cgroup, *files)
        if left is not None:
            return max(min(machine, left), 0)
    return machine


def available_to_workers(gather: Callable[[Seen], list[Seen]]) -> tuple[int, int]:
    """Workers on this machine, and the bytes that they can take together.

    Args:
        gather: Brings what each worker has seen to all of them; so all have looked before any
            of them takes.
    """
    name = socket.gethostname()
    here = [seen for machine, seen in gather((name, available_bytes())) if machine == name]
    return len(here), min(here)


def _left(cgroup: Path, limit: str, used: str, statistics: str, cached: str) -> int | None:
    """None without a limit."""
    try:
        limit_bytes = int((cgroup / limit).read_text())
        used_bytes = int((cgroup / used).read_text())
        lines = (cgroup / statistics).read_text().splitlines()
    except (OSError, ValueError):  # no such version here, or the limit is "max"
        return None
    # Pages of files count as used, and go when memory is needed.
    cached_bytes = sum(int(line.split()[1]) for line in lines if line.startswith(f"{cached} "))
    return limit_bytes - used_bytes + cached_bytes
