"""The roads from one replica to its augmentations."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from typing import Any

from ray.serve.handle import DeploymentHandle

from augment_workers import registry
from augment_workers.artifacts import ArtifactStore
from augment_workers.base import Augmentation
from augment_workers.runner import execute
from deployments.api.server_tools import ServerTool
from deployments.pools.section import AugmentationSection
from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.eta_pusher import EtaSink
from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.messages import Call, Event
from intercept_core.bus.observer import BusObserver
from intercept_core.bus.route import Route
from intercept_core.bus.serve import ServeTransport
from intercept_core.bus.transport import BusTransport

logger = logging.getLogger("ray.serve")

INLINE_WORKER = "inline"
CLOSE_TIMEOUT_S = 5.0


class AugmentationRoutes:
    """The bus of a replica, and the augmentations that live in the replica itself.

    Args:
        sections: The augmentations by name.
        workers: The deployments of those that do not run inline.
        tools: What they offer.
        eta_sink: Takes what is expected of running calls.
        artifacts: Where the files go that inline augmentations make.
        observer: Who is told what happens to calls.

    Attributes:
        bus: Where the engine sends calls.

    Raises:
        RegistryError: if an inline augmentation cannot be made.
    """

    def __init__(
        self,
        sections: Mapping[str, AugmentationSection],
        workers: Mapping[str, DeploymentHandle[Any]],
        tools: Iterable[ServerTool],
        *,
        eta_sink: EtaSink | None = None,
        artifacts: ArtifactStore | None = None,
        observer: BusObserver | None = None,
    ) -> None:
        self._inline = {
            kind: registry.create(section.type, section.all_options, artifacts=artifacts)
            for kind, section in sections.items()
            if section.inline
        }
        memory = InMemoryTransport(
            {
                kind: partial(_run_inline, augmentation, sections[kind].result_limit_chars)
                for kind, augmentation in self._inline.items()
            }
        )
        tools = list(tools)
        remote = ServeTransport(
            {tool.kind: workers[tool.section] for tool in tools if tool.section in workers}
        )
        routes = {
            tool.kind: _route(
                tool, sections[tool.section], memory if tool.section in self._inline else remote
            )
            for tool in tools
        }
        self.bus = InterceptBus(routes, eta_sink=eta_sink, observer=observer)

    async def close(self) -> None:
        """Ends all calls, then the inline augmentations; takes some seconds at most."""
        await self.bus.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                for augmentation in self._inline.values():
                    await augmentation.close()
        except Exception:
            logger.exception("an inline augmentation did not close")


def _route(tool: ServerTool, section: AugmentationSection, transport: BusTransport) -> Route:
    return Route(
        transport=transport,
        timeout_s=section.timeout_s,
        ends_on_timeout=section.on_timeout == "end",
        lease_s=section.lease_s,
        max_attempts=section.max_attempts,
        retry=section.retry,
        result_limit_tokens=section.result_limit_tokens,
        typical_s=tool.spec.typical_duration_s,
    )


def _run_inline(
    augmentation: Augmentation, result_limit_chars: int, call: Call
) -> AsyncIterator[Event]:
    return execute(
        augmentation, call, worker=INLINE_WORKER, result_limit_chars=result_limit_chars
    )
