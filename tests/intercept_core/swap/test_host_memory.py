"""What a container may take, read from the files of both versions of its limits."""

from pathlib import Path

import psutil
import pytest

from intercept_core.swap.host_memory import (
    CGROUP_FILES,
    Seen,
    available_bytes,
    available_to_workers,
)


def write_limits(folder: Path, version: int, limit: str, used: int, cached: int) -> None:
    limit_file, used_file, statistics_file, name = CGROUP_FILES[2 - version]
    (folder / limit_file).parent.mkdir(exist_ok=True)
    (folder / limit_file).write_text(f"{limit}\n")
    (folder / used_file).write_text(f"{used}\n")
    (folder / statistics_file).write_text(f"anon 5\n{name} {cached}\nslab 9\n")


@pytest.mark.parametrize("version", [1, 2])
def test_the_container_s_limit_counts(tmp_path: Path, version: int) -> None:
    write_limits(tmp_path, version, "1000000", used=300_000, cached=100_000)
    assert available_bytes(tmp_path) == 800_000


def test_a_container_without_a_limit_has_what_the_machine_has(tmp_path: Path) -> None:
    write_limits(tmp_path, 2, "max", used=300_000, cached=0)
    machine = psutil.virtual_memory().total
    assert 0 < available_bytes(tmp_path) <= machine
    assert 0 < available_bytes(tmp_path / "nothing") <= machine


def test_a_container_beyond_its_limit_has_nothing(tmp_path: Path) -> None:
    write_limits(tmp_path, 2, "1000", used=3000, cached=0)
    assert available_bytes(tmp_path) == 0


def test_workers_of_one_machine_share_what_the_last_of_them_saw() -> None:
    def gather(mine: Seen) -> list[Seen]:
        name, seen = mine
        assert 0 < seen <= psutil.virtual_memory().total
        return [(name, 7000), ("another", 10), mine, (name, 5000)]

    assert available_to_workers(gather) == (3, 5000)
