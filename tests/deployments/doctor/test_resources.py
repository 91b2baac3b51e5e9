import pytest

from deployments.doctor import resources
from deployments.doctor.machine import EngineProcess, _container_cores
from deployments.doctor.needs import GIB

CHECKS = ("memory", "shared_memory", "cores", "open_files")


@pytest.mark.parametrize("name", CHECKS)
def test_all_is_well(machine, needs, name):
    finding = getattr(resources, f"check_{name}")(machine(), needs())
    assert (finding.state, finding.remedy) == ("ok", "")


@pytest.mark.parametrize(
    ("name", "there", "wanted", "state", "remedy"),
    [
        ("memory", {"available_bytes": 3 * GIB}, {}, "fail", "swap.host_memory_gib"),
        ("memory", {}, {"host_pool_bytes": 64 * GIB}, "fail", "swap.host_memory_gib"),
        ("shared_memory", {"shared_memory_bytes": 2**26}, {}, "fail", "--shm-size"),
        ("shared_memory", {}, {"tensor_parallel": 8}, "fail", "--shm-size"),
        ("shared_memory", {"shared_memory_bytes": None}, {}, "warn", "tmpfs"),
        ("cores", {"cores": 2}, {"threads": 4}, "warn", "OMP_NUM_THREADS"),
        ("open_files", {"open_files": 1024}, {}, "warn", "ulimit -n 3072"),
    ],
)
def test_what_there_is_too_little_of(machine, needs, name, there, wanted, state, remedy):
    finding = getattr(resources, f"check_{name}")(machine(**there), needs(**wanted))
    assert finding.state == state
    assert remedy in finding.remedy


def test_memory_is_told_by_its_parts(machine, needs):
    finding = resources.check_memory(machine(), needs())
    assert finding.found == (
        "20.0 GiB of 24.0 GiB free; app.yaml takes about 4.00 GiB "
        "(host pool 1.00 GiB, KV cache 1.00 GiB, processes 2.00 GiB)"
    )


def test_engines_without_a_server_are_left_over(machine):
    served = EngineProcess(7, "VLLM::EngineCore", orphan=False)
    left = EngineProcess(9, "VLLM::EngineCore", orphan=True)
    finding = resources.check_engines(machine(engines=(served, left)))
    assert (finding.state, finding.remedy) == ("warn", "kill 9")
    assert resources.check_engines(machine(engines=(served,))).state == "ok"
    assert resources.check_engines(machine()).state == "ok"


@pytest.mark.parametrize(
    ("content", "cores"),
    [("150000 100000", 1.5), ("max 100000", float("inf")), (None, float("inf"))],
)
def test_the_cores_of_a_container(tmp_path, content, cores):
    file = tmp_path / "cpu.max"
    if content is not None:
        file.write_text(content)
    assert _container_cores(file) == cores
