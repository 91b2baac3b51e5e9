"""Settings of the engine with which a context could be lost or a token changed."""

from vllm.v1.core.sched.scheduler import Scheduler

from intercept_core.swap.connector import InterceptConnector


def refuse(scheduler: Scheduler) -> None:
    """Checks the mode of the engine.

    Raises:
        ValueError: naming the setting and the remedy.
    """
    # vLLM's first model runner keeps the last sample of a request that left the batch, and
    # would put it in the place of a result's last token.
    if scheduler.scheduler_config.async_scheduling and not scheduler.use_v2_model_runner:
        raise ValueError(
            "async_scheduling: true needs vLLM's V2 model runner, which this engine does not "
            "use; set async_scheduling: false"
        )
    # The copies of an iteration are ordered behind the forward passes before it, so no block
    # needs to be held back; held back, it would look as if reclaiming had freed none.
    if isinstance(scheduler.connector, InterceptConnector) and scheduler.defer_block_free:
        raise ValueError(
            'kv_transfer_config: kv_role must be "kv_producer" for InterceptConnector'
        )
