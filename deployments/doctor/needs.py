"""What a configuration takes of the machine that serves all of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from augment_workers.retrieval import default_cache_dir
from deployments.config import ReplicaSection, ServeConfig
from deployments.models import CATALOG
from deployments.pools.section import AugmentationSection
from deployments.serving.deploy_file import DeployFile

GIB = 2**30
ENGINE_BYTES = 3 * GIB // 2
"""An engine's two processes without weights and cache: vLLM, torch and what they load."""
WORKER_BYTES = GIB // 4
"""A worker of an augmentation."""
SERVER_BYTES = 5 * GIB // 4
"""The processes of Ray, of Serve and of the command."""
CPU_CACHE = "VLLM_CPU_KVCACHE_SPACE"
WEIGHTS = (".safetensors", ".bin", ".pt", ".gguf")


@dataclass(frozen=True, slots=True)
class Needs:
    """What all replicas take together, at the least number of each.

    Attributes:
        config: The file.
        engines: Number of engines.
        gpus: GPUs of engines and augmentations.
        tensor_parallel: GPUs of the largest engine.
        threads: Threads that CPU engines compute with; 0 if unknown.
        host_pool_bytes: Host memory for contexts.
        cache_bytes: KV caches in host memory.
        model_bytes: Weights in host memory, as far as they are known.
        process_bytes: The processes beside that.
        requests: Requests that are held at a time.
    """

    config: str
    engines: int = 1
    gpus: float = 0.0
    tensor_parallel: int = 1
    threads: int = 0
    host_pool_bytes: int = 0
    cache_bytes: int = 0
    model_bytes: int = 0
    process_bytes: int = 0
    requests: int = 0

    @property
    def memory_bytes(self) -> int:
        """Host memory in all."""
        known = (self.host_pool_bytes, self.cache_bytes, self.model_bytes, self.process_bytes)
        return sum(known)

    @classmethod
    def of(cls, path: Path, file: DeployFile) -> "Needs":
        """Of all applications of a file."""
        configs = list(file.applications.values())
        on_cpu = [config for config in configs if not config.replica.num_gpus]
        return cls(
            config=str(path),
            engines=sum(_replicas(config.replica) for config in configs),
            gpus=sum(map(_gpus, configs)),
            tensor_parallel=max(config.tensor_parallel_size for config in configs),
            threads=sum(
                _replicas(config.replica) * int(config.env.get("OMP_NUM_THREADS", 0))
                for config in on_cpu
            ),
            host_pool_bytes=sum(
                int(_replicas(config.replica) * config.swap.host_memory_gib * GIB)
                for config in configs
                if config.swap is not None
            ),
            cache_bytes=sum(
                int(_replicas(config.replica) * float(config.env.get(CPU_CACHE, 0)) * GIB)
                for config in on_cpu
            ),
            model_bytes=sum(
                _replicas(config.replica) * weights_bytes(config.model) for config in on_cpu
            ),
            process_bytes=SERVER_BYTES + sum(map(_processes, configs)),
            requests=sum(
                _replicas(config.replica) * config.replica.max_ongoing_requests
                for config in configs
            ),
        )


def model_folder(model: str) -> Path:
    """Where a model is, or would be, if it is one of this project's or a folder."""
    return default_cache_dir() / "models" / model if model in CATALOG else Path(model)


def weights_bytes(model: str) -> int:
    """Size of a model's files; 0 as long as they are not here."""
    folder = model_folder(model)
    if not folder.is_dir():
        return 0
    return sum(file.stat().st_size for file in folder.iterdir() if file.suffix in WEIGHTS)


def _replicas(section: ReplicaSection | AugmentationSection) -> int:
    if section.autoscaling is not None:
        return section.autoscaling.min_replicas
    return section.num_replicas or 1


def _gpus(config: ServeConfig) -> float:
    workers = _workers(config.augmentations)
    return _replicas(config.replica) * config.replica.num_gpus + sum(
        _replicas(section) * section.num_gpus for section in workers
    )


def _processes(config: ServeConfig) -> int:
    workers = _workers(config.augmentations)
    return _replicas(config.replica) * ENGINE_BYTES + WORKER_BYTES * sum(
        map(_replicas, workers)
    )


def _workers(sections: Mapping[str, AugmentationSection]) -> list[AugmentationSection]:
    return [section for section in sections.values() if not section.inline]
