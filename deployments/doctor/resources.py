"""Checks of memory, cores, files and of what runs already."""

from deployments.doctor.finding import Finding, fail, ok, warn
from deployments.doctor.machine import Machine
from deployments.doctor.needs import GIB, Needs
from deployments.serving.local_ray import OBJECT_STORE_BYTES
from deployments.status.units import count, size

TENSOR_SHARE_BYTES = GIB
"""Shared memory for each process of a tensor parallel engine."""

FILES_PER_REQUEST = 4
FILES_BESIDE = 2048


def check_memory(machine: Machine, needs: Needs) -> Finding:
    """Whether host memory holds pools, caches, weights and processes."""
    parts = {
        "host pool": needs.host_pool_bytes,
        "KV cache": needs.cache_bytes,
        "weights": needs.model_bytes,
        "processes": needs.process_bytes,
    }
    listed = ", ".join(f"{name} {size(part)}" for name, part in parts.items() if part)
    wanted = f"{needs.config} takes about {size(needs.memory_bytes)} ({listed})"
    free = f"{size(machine.available_bytes)} of {size(machine.total_bytes)} free"
    if needs.memory_bytes > machine.available_bytes:
        return fail(
            "memory",
            f"{free}; {wanted}",
            "lower swap.host_memory_gib, env.VLLM_CPU_KVCACHE_SPACE or num_replicas, end other "
            "programs, or raise the container's limit",
        )
    return ok("memory", f"{free}; {wanted}")


def check_shared_memory(machine: Machine, needs: Needs) -> Finding:
    """Whether ``/dev/shm`` holds Ray's object store and what processes of an engine share."""
    parallel = needs.tensor_parallel if needs.tensor_parallel > 1 else 0
    wanted = OBJECT_STORE_BYTES + parallel * TENSOR_SHARE_BYTES
    if machine.shared_memory_bytes is None:
        return warn("/dev/shm", "not there", "Ray uses the disk instead; mount a tmpfs there")
    found = f"{size(machine.shared_memory_bytes)} free, {size(wanted)} needed"
    if machine.shared_memory_bytes < wanted:
        return fail("/dev/shm", found, "docker run --shm-size=2g; in Kubernetes an emptyDir")
    return ok("/dev/shm", found)


def check_cores(machine: Machine, needs: Needs) -> Finding:
    """Whether engines on CPUs have a core for each thread."""
    found = f"{machine.cores:g}"
    if needs.threads > machine.cores:
        return warn(
            "cores",
            f"{found}; the engines of {needs.config} compute with {needs.threads} threads",
            "lower env.OMP_NUM_THREADS or num_replicas, or they get in each other's way",
        )
    threads = f"; engines compute with {needs.threads}" if needs.threads else ""
    return ok("cores", found + threads)


def check_open_files(machine: Machine, needs: Needs) -> Finding:
    """Whether all requests that may be held can be connected."""
    wanted = FILES_BESIDE + FILES_PER_REQUEST * needs.requests
    found = (
        f"{machine.open_files:,} at a time, about {wanted:,} for {needs.requests:,} requests"
    )
    if machine.open_files < wanted:
        return warn("open files", found, f"ulimit -n {wanted}, or lower max_ongoing_requests")
    return ok("open files", found)


def check_engines(machine: Machine) -> Finding:
    """Whether engines are left over that keep cores and memory."""
    orphans = [engine for engine in machine.engines if engine.orphan]
    if orphans:
        listed = ", ".join(f"{engine.title} (process {engine.pid})" for engine in orphans)
        return warn(
            "leftovers",
            f"{listed}: without a server that they belong to",
            f"kill {' '.join(str(engine.pid) for engine in orphans)}",
        )
    if machine.engines:
        return ok(
            "leftovers", f"none; {count(len(machine.engines), 'process')} of engines at work"
        )
    return ok("leftovers", "no engine runs here")
