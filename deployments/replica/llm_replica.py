"""The Serve deployment that hosts one engine behind vLLM's own OpenAI app."""

import asyncio
import itertools
import logging
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from augment_workers.artifact_files import ArtifactFiles, ArtifactFolder
from deployments.config import ServeConfig
from deployments.replica.engine_gate import EngineGate
from deployments.replica.engine_watch import EngineWatch
from deployments.replica.plain_errors import plain_errors
from deployments.routing.load import ReplicaLoad
from deployments.serve_logs import join_serve_logs, serve_logs_kept
from deployments.status.report import EngineStatus, ServerStatus

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp

logger = logging.getLogger("ray.serve")

STATUS_TIMEOUT_S = 3.0
"""Seconds for the status of one engine: less than who asks all of them waits, so that one that
hangs does not hide the others."""


@serve.ingress()
class LLMReplica:
    """One engine, its bus, and the OpenAI API in front of them.

    Args:
        config: The application's configuration.
        workers: The deployments of the augmentations that do not run inline.
        artifacts: Where the files are that augmentations make.

    Raises:
        RuntimeError: if the engine does not start, with its reason.
    """

    async def __init__(  # type: ignore[misc]  # Ray Serve awaits it
        self,
        config: ServeConfig,
        workers: dict[str, DeploymentHandle[Any]],
        artifacts: ArtifactFolder,
    ) -> None:
        self._config = config
        self._artifacts = ArtifactFiles(artifacts)
        self._closed = False
        join_serve_logs()
        self._reports = itertools.count(1)
        with plain_errors("starting the engine"), serve_logs_kept():
            await self._start(workers)

    async def _start(self, workers: dict[str, DeploymentHandle[Any]]) -> None:
        # Imports of vLLM belong here: this module is imported by whoever deploys.
        from deployments.api.questions import Questions
        from deployments.api.server_tools import ServerTools
        from deployments.metrics.replica_metrics import REGISTRY, STAT_LOGGERS
        from deployments.models import resolve
        from deployments.pools.routes import AugmentationRoutes
        from deployments.replica.engine_factory import make_engine
        from deployments.status.collector import StatusCollector
        from intercept_core.metrics.bus_metrics import BusMetrics

        started_at = time.monotonic()
        self._tools = await ServerTools.of(self._config.augmentations, workers)
        model_path = resolve(self._config.model)
        self._engine, self._args = make_engine(self._config, model_path, STAT_LOGGERS)
        self._routes = AugmentationRoutes(
            self._config.augmentations,
            workers,
            self._tools,
            eta_sink=self._engine.push_etas,
            artifacts=self._artifacts,
            observer=BusMetrics(
                REGISTRY, self._config.public_name, [tool.kind for tool in self._tools]
            ),
        )
        self._questions = Questions(
            {kind: workers[kind] for kind in self._config.answerable_kinds}
        )
        triggers = {
            name: augmentation.trigger
            for name, augmentation in self._config.augmentations.items()
        }
        self._engine.attach(
            self._routes.bus,
            self._config.dialect,
            triggers,
            max_parked=self._config.scheduler.max_parked,
        )
        self._tools = self._tools.defused(self._engine.dialect.plain)
        self._status = StatusCollector.here(self._config)
        self._ready_at = time.monotonic()
        logger.info("engine ready in %.1f s", self._ready_at - started_at)

    async def __serve_build_asgi_app__(self) -> "FastAPI":
        """vLLM's app, with interceptions in chat and completions."""
        with plain_errors("building the OpenAI app"), serve_logs_kept():
            return await self._build_app()

    async def _build_app(self) -> "FastAPI":
        from vllm.entrypoints.launchers.api_server.app_state import init_app_state
        from vllm.entrypoints.launchers.app import build_app

        from deployments.api.artifact_route import add_artifact_route
        from deployments.api.chat import InterceptingChat
        from deployments.api.completions import InterceptingCompletions
        from deployments.api.disconnect import DisconnectOnCancel
        from deployments.api.interception_api import interception_api
        from deployments.status.route import status_route

        tasks = await self._engine.get_supported_tasks()
        app = build_app(
            self._args, supported_tasks=tasks, model_config=self._engine.model_config
        )
        add_artifact_route(app, self._artifacts)
        await init_app_state(self._engine, app.state, self._args, supported_tasks=tasks)
        app.include_router(interception_api(self._questions))
        app.include_router(status_route(self._status.collect))
        # vLLM has built the stack by now, so that `add_middleware` refuses.
        stack = app.middleware_stack or app.build_middleware_stack()
        app.middleware_stack = self._guarded(DisconnectOnCancel(stack))
        app.state.server = SimpleNamespace()  # vLLM's launcher would put uvicorn here
        common = (self._tools, self._engine.channels)
        public_url = self._config.artifacts.public_url
        app.state.openai_serving_chat = InterceptingChat(
            app.state.openai_serving_chat, *common, self._engine.dialect.plain, public_url
        )
        app.state.openai_serving_completion = InterceptingCompletions(
            app.state.openai_serving_completion, *common, public_url
        )
        return app

    def _guarded(self, app: "ASGIApp") -> EngineGate:
        """``app``, for as long as there is an engine behind it."""

        def is_dead() -> bool:
            return self._engine.errored

        replica = serve.get_replica_context().replica_id.unique_id
        self._gate = EngineGate(app, replica, is_dead)
        self._watch = EngineWatch(is_dead, lambda: self._gate.open)
        self._watch.start()
        return self._gate

    async def check_health(self) -> None:
        """Has Ray Serve replace the replica when its engine is dead.

        Raises:
            RuntimeError: if the engine has failed.
        """
        if self._engine.errored:
            raise RuntimeError(f"the engine has failed: {self._engine.dead_error}")

    async def record_routing_stats(self) -> dict[str, Any]:
        """What Ray Serve carries to the routers of requests; nobody is asked for it."""
        load = self._engine.load()
        return ReplicaLoad(
            number=next(self._reports),
            active=load.active,
            slots=load.slots,
            held_share=load.held_share,
            room=self._room(),
            failed=self._engine.errored,
        ).to_stats()

    def _room(self) -> int:
        """Requests more that this replica takes, and lets wait for augmentations."""
        room = self._config.replica.max_ongoing_requests - self._gate.open
        slots = self._engine.slots
        return room if slots.limit is None else min(room, slots.limit - slots.taken)

    async def intercept_snapshot(self) -> dict[str, Any]:
        """Counts of requests, blocks and interceptions in the engine, for operators."""
        with plain_errors("asking the engine for its counts"):
            return await self._engine.snapshot()

    async def engine_status(self) -> EngineStatus:
        """What this replica says of itself."""
        replica = serve.get_replica_context().replica_id.unique_id
        uptime_s = time.monotonic() - self._ready_at
        with plain_errors("asking the engine for its status"):
            async with asyncio.timeout(STATUS_TIMEOUT_S):
                snapshot = await self._engine.snapshot()
        return EngineStatus.of(snapshot, replica=replica, uptime_s=uptime_s)

    async def status(self) -> ServerStatus:
        """What all replicas and deployments of this application say."""
        return await self._status.collect()

    async def __del__(self) -> None:
        # Serve calls this when the replica stops, and Python may call it again.
        if self._closed or not hasattr(self, "_engine"):
            return
        self._closed = True
        if hasattr(self, "_watch"):
            self._watch.stop()
        if hasattr(self, "_routes"):
            await self._routes.close()
        self._engine.shutdown(timeout=5.0)
