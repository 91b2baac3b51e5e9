"""All checks, in the order in which a person would repair things."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deployments.doctor import gpus, resources, serving, versions
from deployments.doctor.finding import Finding
from deployments.doctor.machine import Machine
from deployments.doctor.needs import Needs
from deployments.serving.deploy_file import DeployFile
from deployments.serving.endpoint import Endpoint
from deployments.status.source import HttpSource

LOCKS = Path(__file__).parents[2] / "requirements"


@dataclass(frozen=True, slots=True)
class Check:
    """One of them.

    Attributes:
        doing: What a person reads meanwhile.
        run: Looks.
    """

    doing: str
    run: Callable[[], Finding]


def checks(
    path: Path, file: DeployFile, endpoint: Endpoint, machine: Machine
) -> Iterator[Check]:
    """The checks for a file on a machine."""
    packages = versions.installed()
    needs = Needs.of(path, file)
    lock = versions.lock_of(packages, LOCKS)
    cuda_lock = LOCKS / "cuda.lock"
    source = HttpSource(endpoint.url)
    yield Check("Python", versions.check_python)
    yield Check("packages", lambda: versions.check_packages(packages, lock))
    yield Check("torch", lambda: versions.check_cuda_builds(packages))
    yield Check("vLLM (imports it)", _vllm)
    yield Check("Ray", lambda: versions.check_ray(packages, versions.wanted_ray()))
    yield Check("plugins", lambda: versions.check_plugins(versions.registered_plugins()))
    yield Check("memory", lambda: resources.check_memory(machine, needs))
    yield Check("/dev/shm", lambda: resources.check_shared_memory(machine, needs))
    yield Check("cores", lambda: resources.check_cores(machine, needs))
    yield Check("open files", lambda: resources.check_open_files(machine, needs))
    yield Check("leftovers", lambda: resources.check_engines(machine))
    yield Check("port", lambda: serving.check_port(endpoint, source))
    yield Check("metrics port", _metrics_port)
    for config in file.applications.values():
        yield Check(
            "model",
            lambda config=config: serving.check_model(  # type: ignore[misc]
                config, serving.in_hub_cache, serving.importable
            ),
        )
        yield Check(
            "augmentations",
            lambda config=config: serving.check_augmentations(  # type: ignore[misc]
                config.augmentations, serving.importable
            ),
        )
    yield Check(
        "pinned memory",
        lambda: gpus.check_pinned_memory(machine.pinned_bytes, machine.gpus, needs),
    )
    yield Check("GPUs", lambda: gpus.check_gpus(machine.gpus, needs, cuda_lock))


def _metrics_port() -> Finding:
    from deployments.metrics.metrics_page import PORT  # late: it imports Ray

    return serving.check_metrics_port(PORT)


def _vllm() -> Finding:
    # In a process that may be asked for help no vLLM is imported: it takes ten seconds.
    try:
        from intercept_core.scheduler import compat
    except Exception as error:
        reason = error

        def broken() -> list[str]:
            raise reason

        return versions.check_vllm(broken, "the installed vLLM", ())
    return versions.check_vllm(
        compat.mismatches, compat.installed_release(), compat.TESTED_RELEASES
    )
