"""``infercept profile``: measures a configuration's costs on its real engine."""

import json
import os
import platform
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from deployments import exit_codes
from deployments.config import SchedulerSection, ServeConfig
from deployments.models import resolve
from deployments.profiling.plot import check_ending, write_plot
from deployments.progress import Progress
from deployments.serving.deploy_file import DeployFileError, load_deploy_file
from deployments.serving.server import prepare_models
from intercept_core.policy.profile_fit import ProfileFit, fit_profile

if TYPE_CHECKING:
    from vllm.v1.engine.core import EngineCore

    from intercept_core.engine.profiler import Profiler

GIB = 2**30


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """The arguments of the command.

    Attributes:
        config: The YAML file, of which the first application is measured.
        output: The JSON to write; beside ``config`` if not given.
        plot: The picture to write; beside the JSON if not given.
        quick: Whether to measure less, in a fraction of the time.
    """

    config: Path
    output: Path | None = None
    plot: Path | None = None
    quick: bool = False

    @property
    def json_path(self) -> Path:
        """Where the numbers go."""
        return self.output or self.config.with_suffix(".profile.json")

    @property
    def plot_path(self) -> Path:
        """Where the picture goes."""
        return self.plot or self.json_path.with_suffix(".png")


def profile_command(options: ProfileOptions) -> int:
    """Measures, prints and writes; returns the exit code of the program."""
    try:
        _profile(options)
    except KeyboardInterrupt:
        print("infercept: interrupted; nothing is written", file=sys.stderr)
        return exit_codes.INTERRUPTED
    except (DeployFileError, ValueError, RuntimeError, OSError) as error:
        print(f"infercept: {error}", file=sys.stderr)
        return exit_codes.FAILED
    return exit_codes.DONE


def _profile(options: ProfileOptions) -> None:
    for path in (options.json_path, options.plot_path):
        if not path.parent.is_dir():
            raise ValueError(f"{path}: there is no folder {path.parent}; make it first")
    check_ending(options.plot_path)
    config = next(iter(load_deploy_file(options.config).applications.values()))
    with Progress() as progress:
        progress.step(f"{options.config}: {config.public_name}")
        prepare_models([config.model], progress)
        progress.step("starting the engine")
        started_s = time.monotonic()
        core = start_core(config)
    try:
        progress.step("measuring")
        profiler = measure(core, quick=options.quick)
        fit = fit_profile(profiler.iterations, profiler.copies)
        content = describe(core, config, profiler, fit)
    finally:
        core.shutdown()
    content["measured_in_s"] = round(time.monotonic() - started_s, 1)
    content["quick"] = options.quick
    options.json_path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print_fit(fit)
    title = f"{config.public_name} on {content['machine']['processor']}"
    write_plot(options.plot_path, title, fit.profile, profiler.iterations)
    progress.step("done")
    print_use(options)


def start_core(config: ServeConfig) -> "EngineCore":
    """Starts the engine of ``config`` in this process, with a policy that copies contexts.

    Raises:
        ValueError: (or one of vLLM's own) if the arguments do not fit the model or machine.
    """
    # Read when vLLM and torch are imported, hence before and as in a replica.
    os.environ.update({"VLLM_LOGGING_LEVEL": "ERROR"} | config.env)
    from vllm.v1.engine.core import EngineCore
    from vllm.v1.executor import Executor

    from deployments.replica.engine_factory import split_args, use_intercept_scheduler

    policy = "preserve" if config.swap is None else "swap"
    config = config.model_copy(update={"scheduler": SchedulerSection(policy=policy)})
    engine_args, _ = split_args(config, resolve(config.model))
    vllm_config = engine_args.create_engine_config()
    use_intercept_scheduler(vllm_config)
    return EngineCore(vllm_config, Executor.get_class(vllm_config), log_stats=False)


def measure(core: "EngineCore", *, quick: bool) -> "Profiler":
    """Measures everything under a progress bar."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    from intercept_core.engine.profiled_engine import ProfiledEngine
    from intercept_core.engine.profiler import QUICK, Effort, Profiler

    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1.0)

        def report(share: float, doing: str) -> None:
            bar.update(task, completed=share, description=doing)

        profiler = Profiler(ProfiledEngine(core), QUICK if quick else Effort(), report)
        profiler.run()
    return profiler


def describe(
    core: "EngineCore", config: ServeConfig, profiler: "Profiler", fit: ProfileFit
) -> dict[str, Any]:
    """What the file says: the costs first, then how good they are and where they hold."""
    from intercept_core.scheduler.compat import installed_release

    vllm_config = core.vllm_config
    return {
        **fit.profile.model_dump(),
        "copies_measured": fit.copies_measured,
        "median_relative_error": fit.median_error,
        "p90_relative_error": fit.p90_error,
        "model": config.public_name,
        "machine": _machine(),
        "vllm": installed_release(),
        "block_tokens": vllm_config.cache_config.block_size,
        "max_model_len": vllm_config.model_config.max_model_len,
        "max_num_batched_tokens": vllm_config.scheduler_config.max_num_batched_tokens,
        "max_num_seqs": vllm_config.scheduler_config.max_num_seqs,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "iterations": [asdict(made) for made in profiler.iterations],
        "copies": [asdict(made) for made in profiler.copies],
    }


def _machine() -> dict[str, Any]:
    import torch

    on_gpu = torch.cuda.is_available()
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "processor": torch.cuda.get_device_name() if on_gpu else _cpu_name(),
        "gpus": torch.cuda.device_count(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(psutil.virtual_memory().total / GIB, 1),
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def print_fit(fit: ProfileFit) -> None:
    """Says what was found, and how far to trust it."""
    costs = fit.profile
    print(f"\niteration           {costs.iteration_s * 1e3:10.3f} ms")
    print(f"query token         {costs.token_s * 1e6:10.3f} us")
    print(f"context token       {costs.context_token_s * 1e6:10.3f} us")
    for name, seconds in (
        ("to the host", costs.block_out_s),
        ("to the device", costs.block_in_s),
    ):
        found = f"{seconds * 1e6:10.3f} us" if fit.copies_measured else "not measured: no swap"
        print(f"block {name:<14}{found}")
    print(f"saturation (S)      {costs.saturation_tokens:10,} tokens")
    if fit.median_error is not None and fit.p90_error is not None:
        print(
            f"prediction error    {fit.median_error:10.1%} median, {fit.p90_error:.1%} "
            "90th percentile, of iterations held out"
        )


def print_use(options: ProfileOptions) -> None:
    """Says where it was written, and how to use it."""
    print(f"\n{options.json_path}\n{options.plot_path}\n\nTo serve with it:\n")
    beside = options.json_path.parent.resolve() == options.config.parent.resolve()
    path = options.json_path.name if beside else options.json_path.resolve()
    print(f"    scheduler:\n      profile: {path}", flush=True)
