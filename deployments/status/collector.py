"""Asks every replica of an application, from within one of them."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import ServeStatus

from deployments.broadcast import TIMEOUT_S, ask_all
from deployments.config import ServeConfig
from deployments.status.report import DeploymentStatus, EngineStatus, ServerStatus

logger = logging.getLogger("ray.serve")

METHOD = "engine_status"
"""What a replica answers for itself."""


class StatusCollector:
    """Gathers the status of the application that this replica belongs to.

    A request reaches one replica, whichever: so that one asks all, itself included.

    Args:
        config: The application's configuration.
        application: Its name.
        handle: All replicas.
        controller: Asks Ray Serve's controller, and waits for it.
        timeout_s: Seconds that each of them has. A replica whose engine hangs says so before.
    """

    def __init__(
        self,
        config: ServeConfig,
        application: str,
        handle: DeploymentHandle[Any],
        controller: Callable[[], ServeStatus] = serve.status,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._config = config
        self._application = application
        self._handle = handle
        self._controller = controller
        self._timeout_s = timeout_s
        # A controller that hangs holds this thread, and none that others wait for.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="controller")

    @classmethod
    def here(cls, config: ServeConfig) -> "StatusCollector":
        """In a replica of the deployment to be asked."""
        context = serve.get_replica_context()
        handle = serve.get_deployment_handle(context.deployment, context.app_name)
        return cls(config, context.app_name, handle)

    async def collect(self) -> ServerStatus:
        """What all say that answer in time."""
        answers, deployments = await asyncio.gather(
            ask_all(self._handle, METHOD, timeout_s=self._timeout_s), self._deployments()
        )
        engines = [answer for answer in answers if isinstance(answer, EngineStatus)]
        return ServerStatus(
            application=self._application,
            model=self._config.public_name,
            policy=self._config.scheduler.policy,
            deployments=deployments,
            engines=sorted(engines, key=lambda engine: engine.replica),
            silent=len(answers) - len(engines),
        )

    async def _deployments(self) -> list[DeploymentStatus]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await loop.run_in_executor(self._thread, self._controller)
        except Exception as error:
            logger.warning("no status of the deployments: %r", error)
            return []
        return deployments_of(found, self._application)


def deployments_of(status: ServeStatus, application: str) -> list[DeploymentStatus]:
    """The deployments of one application, the engine's first."""
    overview = status.applications.get(application)
    if overview is None:
        return []
    return [
        DeploymentStatus(
            name=name,
            status=str(deployment.status.value),
            replicas={
                str(getattr(state, "value", state)): count
                for state, count in deployment.replica_states.items()
            },
            message=deployment.message,
        )
        # Upper case, as the engine's class has it, comes before `augmentation-...`.
        for name, deployment in sorted(overview.deployments.items())
    ]
