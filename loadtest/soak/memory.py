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
        own_bytes: What no file is behind (heaps, stacks, shared memory), each shared page
            split among those who share it, so that the sum over processes is what they
            cost. How much of the pages of libraries is a server's depends on who else on
            the machine has them mapped.
    """

    processes: int = 0
    rss_bytes: int = 0
    own_bytes: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.processes + other.processes,
            self.rss_bytes + other.rss_bytes,
            self.own_bytes + other.own_bytes,
        )


Memory = Mapping[str, Usage]
"""By role."""


def memory_of(root: psutil.Process) -> dict[str, Usage]:
    """Memory of a process and all that descend from it, by their roles."""
    found: dict[str, Usage] = {}
    for process in (root, *root.children(recursive=True)):
        try:
            role, usage = role_of(process.cmdline()), usage_of(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue  # it has just ended
        found[role] = found.get(role, Usage()) + usage
    return found


def usage_of(pid: int) -> Usage:
    """Memory of one process, as Linux 5.2 and later say it.

    Raises:
        OSError: if it has ended or is another user's.
    """
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kib = {name: int(value.split()[0]) for name, value in (line.split(":") for line in lines)}
    return Usage(1, 1024 * kib["Rss"], 1024 * (kib["Pss_Anon"] + kib["Pss_Shmem"]))


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
