"""The models that this project makes itself, by name."""

import importlib
from collections.abc import Mapping
from pathlib import Path

from augment_workers.retrieval import default_cache_dir

CATALOG: Mapping[str, str] = {
    "smollm2-tools": "deployments.models.smollm2",
    "tiny-tools": "deployments.models.tiny",
}
"""The module whose ``prepare`` makes each model; imported when the model is asked for."""


def prepare(name: str, cache_dir: Path | None = None) -> Path:
    """Makes the catalog's model ``name`` ready, which is quick when it was ready before.

    Args:
        name: A name of :data:`CATALOG`.
        cache_dir: Where model folders are kept; by default ``models`` in the project's
            cache.

    Raises:
        KeyError: when there is no such model.
        FileNotFoundError: when the package of its base model is not installed.
    """
    if name not in CATALOG:
        raise KeyError(f"there is no model {name!r}; the catalog has {', '.join(CATALOG)}")
    target = (cache_dir or default_cache_dir() / "models") / name
    made: Path = importlib.import_module(CATALOG[name]).prepare(target)
    return made


def resolve(model: str, cache_dir: Path | None = None) -> str:
    """What vLLM should load for ``model``.

    A name of the catalog gives its prepared folder; anything else, such as a local folder or
    a hub's id, is returned unchanged.
    """
    return str(prepare(model, cache_dir)) if model in CATALOG else model
