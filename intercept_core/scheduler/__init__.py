"""The scheduler plugin: name one of these classes as vLLM's ``scheduler_cls``."""

from intercept_core.scheduler.plugin import InterceptAsyncScheduler, InterceptScheduler

__all__ = ["InterceptAsyncScheduler", "InterceptScheduler"]
