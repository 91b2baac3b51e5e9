"""The two scheduler classes, and the engine's side of the control channel."""

from functools import partial
from typing import Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.engine import EngineCoreRequestType
from vllm.v1.engine.core import EngineCore, EngineCoreProc

from intercept_core.scheduler.control import handle
from intercept_core.scheduler.mixin import InterceptMixin


class InterceptScheduler(InterceptMixin, Scheduler):
    """For ``async_scheduling=False``."""


class InterceptAsyncScheduler(InterceptMixin, AsyncScheduler):
    """For ``async_scheduling=True``."""


def _intercept_control(core: EngineCore, operation: str, payload: Any = None) -> Any:
    if isinstance(core.scheduler, InterceptMixin) and isinstance(core, EngineCoreProc):
        # The scheduler does not know its engine, which passes by here: with the report on
        # the first call at the latest.
        core.scheduler.deadlines.wake = partial(
            core.input_queue.put_nowait, (EngineCoreRequestType.WAKEUP, None)
        )
    # Utility calls convert arguments by signature, hence the fixed arity.
    return handle(core.scheduler, operation, payload)


# vLLM imports this module in the engine's process and dispatches utility calls by attribute
# name: adding one is its whole extension point for talking to a scheduler.
EngineCore.intercept_control = _intercept_control
