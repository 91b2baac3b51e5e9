"""Makes vLLM's engine and the settings of its OpenAI app from our configuration.

Imported in the replica only: it imports vLLM.
"""

import dataclasses
import logging
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vllm.config import VllmConfig
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.cli_args import FrontendArgs, validate_parsed_serve_args
from vllm.usage.usage_lib import UsageContext
from vllm.v1.metrics.loggers import StatLoggerFactory

from deployments.config import ServeConfig
from intercept_core.engine.llm import InterceptLLM

logger = logging.getLogger("ray.serve")

_SCHEDULERS = {
    False: "intercept_core.scheduler.InterceptScheduler",
    True: "intercept_core.scheduler.InterceptAsyncScheduler",
}


def make_engine(
    config: ServeConfig,
    model_path: Path | str,
    stat_loggers: Sequence[StatLoggerFactory] = (),
) -> tuple[InterceptLLM, Namespace]:
    """Starts the engine.

    Args:
        config: The application's configuration.
        model_path: What vLLM is to load.
        stat_loggers: Who exports its metrics; its process's Prometheus registry if none is
            given.

    Returns:
        The engine, and the arguments from which vLLM builds its OpenAI app.

    Raises:
        ValueError: (or one of vLLM's own) if the arguments do not fit the model or machine.
    """
    engine_args, frontend_args = split_args(config, model_path)
    namespace = Namespace(**(vars(frontend_args) | vars(engine_args)))
    validate_parsed_serve_args(namespace)
    vllm_config = engine_args.create_engine_config(UsageContext.OPENAI_API_SERVER)
    use_intercept_scheduler(vllm_config)
    if engine_args.disable_log_stats:
        stat_loggers = ()  # vLLM would take them for a wish to have statistics all the same
    engine = InterceptLLM.from_vllm_config(
        vllm_config,
        usage_context=UsageContext.OPENAI_API_SERVER,
        enable_log_requests=engine_args.enable_log_requests,
        disable_log_stats=engine_args.disable_log_stats,
        stat_loggers=list(stat_loggers) or None,
    )
    assert isinstance(engine, InterceptLLM)
    return engine, namespace


def split_args(
    config: ServeConfig, model_path: Path | str
) -> tuple[AsyncEngineArgs, FrontendArgs]:
    """The engine's and the OpenAI server's share of ``config.engine``."""
    frontend_names = {field.name for field in dataclasses.fields(FrontendArgs)}
    frontend = {k: v for k, v in config.engine.items() if k in frontend_names}
    engine = {k: v for k, v in config.engine.items() if k not in frontend_names}
    engine["tensor_parallel_size"] = config.tensor_parallel_size
    additional = dict(engine.pop("additional_config", {}))
    additional["intercept"] = config.scheduler.model_dump(
        exclude={"max_parked"}, exclude_none=True
    )
    if config.swap is not None:
        engine["kv_transfer_config"] = {
            "kv_connector": "InterceptConnector",
            "kv_connector_module_path": "intercept_core.swap.connector",
            "kv_role": "kv_producer",  # a consumer would have blocks wait for its fetches
            "kv_connector_extra_config": config.swap.model_dump(exclude_none=True),
        }
    engine_args = AsyncEngineArgs(
        model=str(model_path),
        served_model_name=[config.public_name],
        additional_config=additional,
        **_parallel_defaults(engine),
        **engine,
    )
    return engine_args, FrontendArgs(**frontend)


def use_intercept_scheduler(vllm_config: VllmConfig) -> None:
    """Picks the scheduler class for the mode that vLLM has settled on.

    Only a finished configuration says whether scheduling is asynchronous: vLLM decides by
    platform, executor and speculative decoding unless told.
    """
    scheduler = vllm_config.scheduler_config
    if scheduler.async_scheduling and not vllm_config.use_v2_model_runner:
        logger.warning("async scheduling is off: it is not exact with the V1 model runner")
        scheduler.async_scheduling = False
    scheduler.scheduler_cls = _SCHEDULERS[bool(scheduler.async_scheduling)]


def _parallel_defaults(engine: dict[str, Any]) -> dict[str, Any]:
    """Worker processes of one replica share its placement group: vLLM, when it finds itself
    in one, would else ask Ray for more actors than the group has room for."""
    several = engine["tensor_parallel_size"] > 1
    if several and "distributed_executor_backend" not in engine:
        return {"distributed_executor_backend": "mp"}
    return {}
