"""Checks of Python and of what is installed."""

import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from deployments.doctor.finding import Finding, fail, ok, warn

OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 14)
SHOWN = 4
"""Packages that are named of those that differ."""

CUDA_BUILDS = ("torchvision", "torchaudio", "torchcodec")
"""On PyPI these are built for CUDA, and fail to import beside torch's CPU build."""

PLUGIN_GROUP = "vllm.general_plugins"
PLUGINS = ("infercept_cpu_seeds",)

Installed = Mapping[str, str]
"""Names of distributions, in their canonical form, to versions."""


def installed() -> Installed:
    """What is installed for this Python."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        # The first on the path is the one that is imported.
        found.setdefault(canonicalize_name(distribution.name), distribution.version)
    return found


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Whether this project runs on it."""
    found = f"{'.'.join(map(str, version))} ({sys.executable})"
    if OLDEST_PYTHON <= version[:2] <= NEWEST_PYTHON:
        return ok("Python", found)
    wanted = "Python 3.11 to 3.14"
    return fail("Python", found, f"use {wanted}, e.g. make clean; make PYTHON=python3.12")


def lock_of(packages: Installed, folder: Path) -> Path | None:
    """The lock that this environment was made from; None if there is none here."""
    lock = folder / ("cuda.lock" if "vllm" in packages else "cpu.lock")
    return lock if lock.is_file() else None


def check_packages(packages: Installed, lock: Path | None) -> Finding:
    """Whether what is installed is what was tested."""
    if lock is None:
        return warn(
            "packages",
            "no requirements/*.lock beside this installation: versions not compared",
            "run it in the project's folder",
        )
    missing, other, pinned = [], [], 0
    for line in lock.read_text(encoding="utf-8").splitlines():
        wanted = _requirement(line)
        if wanted is None:
            continue
        pinned += 1
        version = packages.get(canonicalize_name(wanted.name))
        if version is None:
            missing.append(wanted.name)
        elif not wanted.specifier.contains(version, prereleases=True):
            other.append(f"{wanted.name} {version} instead of {wanted.specifier}")
    if missing:
        remedy = f"make environment ENGINE={lock.stem}"
        return fail("packages", f"missing of {lock.name}: {_some(missing)}", remedy)
    if other:
        return warn(
            "packages", _some(other), f"make clean; make environment ENGINE={lock.stem}"
        )
    return ok("packages", f"all {pinned} as in requirements/{lock.name}")


def check_cuda_builds(packages: Installed) -> Finding:
    """Whether a CUDA build stands beside torch's CPU build, where it cannot be imported."""
    torch = packages.get("torch", "")
    builds = [name for name in CUDA_BUILDS if name in packages]
    if torch.endswith("+cpu") and builds:
        return fail(
            "torch",
            f"{torch} beside {', '.join(builds)} for CUDA, which break the imports of "
            "transformers and vLLM",
            f"pip uninstall {' '.join(builds)}: nothing here needs them",
        )
    if not torch:
        return fail("torch", "not installed", "make environment")
    return ok("torch", torch)


def check_vllm(
    mismatches: Callable[[], list[str]], release: str, tested: tuple[str, ...]
) -> Finding:
    """Whether the scheduler plugin fits the installed vLLM.

    Args:
        mismatches: Names the override points that differ; importing vLLM may fail in it.
        release: The installed one.
        tested: Those that the plugin was tested with.
    """
    remedy = f"install one of {', '.join(tested)}: make environment"
    try:
        problems = mismatches()
    except Exception as error:
        return fail("vLLM", f"{release} cannot be imported: {error!r:.300}", remedy)
    if problems:
        return fail("vLLM", f"{release} does not fit the scheduler: {problems[0]}", remedy)
    if release not in tested:
        found = f"{release}, whose override points fit, but which was not tested"
        return warn("vLLM", found, remedy)
    return ok("vLLM", f"{release}, tested; all override points of the scheduler fit")


def check_ray(packages: Installed, wanted: str) -> Finding:
    """Whether Ray is the release whose interfaces are used."""
    version = packages.get("ray")
    if version is None:
        return fail("Ray", "not installed", "make environment")
    if version != wanted:
        return warn("Ray", f"{version}, not {wanted}", f"pip install 'ray[serve]=={wanted}'")
    return ok("Ray", version)


def wanted_ray() -> str:
    """The release that this project pins."""
    for line in metadata.requires("infercept-serve") or ():
        requirement = Requirement(line)
        if requirement.name == "ray":
            return str(requirement.specifier).removeprefix("==")
    return ""


def check_plugins(found: tuple[str, ...]) -> Finding:
    """Whether vLLM will find this project's plugins."""
    missing = [name for name in PLUGINS if name not in found]
    if missing:
        return fail(
            "plugins",
            f"{', '.join(missing)} not registered under {PLUGIN_GROUP}",
            "install the project: make environment, or pip install --no-deps -e .",
        )
    return ok("plugins", f"{', '.join(PLUGINS)} registered with vLLM")


def registered_plugins() -> tuple[str, ...]:
    """The plugins that vLLM will load."""
    return tuple(entry.name for entry in metadata.entry_points(group=PLUGIN_GROUP))


def _requirement(line: str) -> Requirement | None:
    """A pin that holds for this Python and system."""
    text = line.strip()
    if not text or text.startswith(("#", "-")):
        return None
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    if requirement.marker is not None and not requirement.marker.evaluate():
        return None
    return requirement


def _some(items: list[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return f"{', '.join(items[:SHOWN])}{more}"
