"""What the processes of a server take of the machine's memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """Memory of the processes of one role.

    Attributes:
        processes: How many there are.
        rss_bytes: What they have in memory; shared pages count for each of them.
        pss_bytes: The same, with each shared page split among those who share it, so that
            sums over processes are what the machine has to give.
    """

    processes: int = 0
    rss_bytes: int = 0
    pss_bytes: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.processes + other.processes,
            self.rss_bytes + other.rss_bytes,
            self.pss_bytes + other.pss_bytes,
        )


Memory = Mapping[str, Usage]
"""By role."""


def memory_of(root: psutil.Process) -> dict[str, Usage]:
    """Memory of a process and all that descend from it, by their roles."""
    found: dict[str, Usage] = {}
    for process in (root, *root.children(recursive=True)):
        try:
            info, role = process.memory_full_info(), role_of(process.cmdline())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # it has just ended
        found[role] = found.get(role, Usage()) + Usage(1, info.rss, info.pss)
    return found


def total(memory: Memory) -> Usage:
    """All roles together."""
    return sum(memory.values(), start=Usage())


def role_of(command: list[str]) -> str:
    """What a process is, from its command line."""
    program = command[0] if command else "ended"
    if program.startswith("ray::"):
        return program.removeprefix("ray::").removeprefix("ServeReplica:").partition(".")[0]
    if "-m" in command:
        return command[command.index("-m") + 1]
    if "-c" in command:
        return command[command.index("-c") + 1].removeprefix("from ").partition(" ")[0]
    if Path(program).name.startswith("python"):
        program = next((word for word in command[1:] if not word.startswith("-")), program)
    return Path(program).name
