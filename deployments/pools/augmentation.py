"""The Serve deployment that hosts one augmentation."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar

from ray import serve

from augment_workers import registry
from augment_workers.answerable import Answerable
from augment_workers.artifact_files import ArtifactFiles, ArtifactFolder
from augment_workers.base import AugmentationError, ToolSpec
from augment_workers.leases import Leases
from augment_workers.runner import execute
from deployments.metrics.ray_metrics import RayRegistry
from deployments.metrics.worker_metrics import WorkerMetrics
from deployments.pools.admission import Admission, QueueFullError, QueueTimeoutError
from deployments.serve_logs import join_serve_logs
from intercept_core.bus.messages import (
    Answer,
    Call,
    Cancellation,
    Event,
    Failed,
    Question,
    Receipt,
    Renewal,
    Result,
)

logger = logging.getLogger("ray.serve")

ASK_WITHIN_S = 1.0
"""Seconds in which a call that runs must have asked its question."""

_ASK_POLL_S = 0.01


class AugmentationWorker:
    """A replica: it admits calls, runs them and holds their leases.

    Its deployment needs :class:`~intercept_core.bus.pinned_router.PinnedRouter` as request
    router and a ``max_ongoing_requests`` well above ``concurrency + queue_limit``, because
    Serve counts renewals and cancellations too and they must never wait behind calls.

    Args:
        type: Name of the augmentation's implementation in the registry.
        options: What the implementation is built with.
        concurrency: Calls that run at the same time.
        queue_limit: Calls that may wait for one of them to end.
        result_limit_chars: Longest result; the rest is cut off. A bound on what is sent:
            the caller, who has the tokenizer, cuts more exactly.
        artifacts: Where the files go that the augmentation makes.

    Attributes:
        stuck_after_s: Seconds past its deadline after which a call that still runs makes
            the replica unhealthy.

    Raises:
        ValueError: if a limit is too small, or the type or an option does not exist.
    """

    stuck_after_s: ClassVar[float] = 30.0

    def __init__(
        self,
        type: str,
        options: dict[str, Any],
        concurrency: int,
        queue_limit: int,
        result_limit_chars: int,
        artifacts: ArtifactFolder | None = None,
    ) -> None:
        join_serve_logs()
        self._metrics = WorkerMetrics(RayRegistry())
        self._admission = Admission(concurrency, queue_limit, self._metrics.load)
        self._leases = Leases()
        self._augmentation = registry.create(
            type, options, artifacts=None if artifacts is None else ArtifactFiles(artifacts)
        )
        self._result_limit_chars = result_limit_chars
        self._worker = serve.get_replica_context().replica_id.unique_id
        # When each running attempt should be over, by loop time.
        self._due_at: dict[tuple[str, int], float] = {}

    async def run(self, call: Call) -> AsyncGenerator[Event, None]:
        """Does the work of ``call``; the streaming method of the deployment.

        The call's deadline runs while it waits for a slot, its lease from when it has one.

        Yields:
            ``Accepted`` and ``Progress`` events, then one ``Result`` or ``Failed``.
        """
        with self._metrics.call(call.kind) as watch:
            try:
                async with self._admission.slot(call.timeout_s) as waited_s:
                    watch.begin(waited_s)
                    remaining = replace(call, timeout_s=call.timeout_s - waited_s)
                    async with aclosing(self._work(remaining)) as events:
                        async for event in events:
                            yield watch.see(event)
            except QueueFullError as error:
                busy = f"{call.kind} is busy: {error}"
                yield watch.see(call.failed("queue_full", busy, retryable=True))
            except QueueTimeoutError as error:
                yield watch.see(call.failed("deadline", f"{call.kind} is busy: {error}"))

    async def tools(self) -> dict[str, ToolSpec]:
        """The tools by name, of an augmentation that must be asked for them.

        Raises:
            RuntimeError: if it cannot say.
        """
        try:
            return dict(await self._augmentation.tools())
        except AugmentationError as error:
            raise RuntimeError(str(error)) from None

    async def renew(self, renewal: Renewal) -> None:
        """Extends the leases of the calls that are still here."""
        self._leases.renew(renewal.call_ids, renewal.lease_s)

    async def cancel(self, cancellation: Cancellation) -> None:
        """Drops one call; one that is not here has already ended."""
        self._leases.cancel(cancellation.call_id)

    async def questions(self) -> list[Question]:
        """What waits here for somebody's answer, oldest first."""
        augmentation = self._augmentation
        return augmentation.questions() if isinstance(augmentation, Answerable) else []

    async def answer(self, answer: Answer) -> Receipt:
        """Gives an answer to the call that waits for it, if that is here."""
        augmentation = self._augmentation
        if not isinstance(augmentation, Answerable):
            return "unknown"
        give_up_at = asyncio.get_running_loop().time() + ASK_WITHIN_S
        # The client hears that a call is accepted a moment before the augmentation has it.
        while (receipt := augmentation.answer(answer)) == "unknown" and any(
            call_id == answer.call_id for call_id, _ in self._due_at
        ):
            if asyncio.get_running_loop().time() > give_up_at:
                break
            await asyncio.sleep(_ASK_POLL_S)
        return receipt

    async def check_health(self) -> None:
        """Tells Serve to replace this replica when calls cannot be stopped any more.

        Raises:
            RuntimeError: if calls hold their slots long after their deadlines.
        """
        overdue_before = asyncio.get_running_loop().time() - self.stuck_after_s
        stuck = sorted(key[0] for key, at in self._due_at.items() if at < overdue_before)
        if stuck:
            raise RuntimeError(
                f"{len(stuck)} calls of {self._augmentation.kind} still run "
                f"{self.stuck_after_s:g} s past their deadline and ignore cancellation: "
                f"{', '.join(stuck[:5])}"
            )

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Calls that run and calls that wait, for an autoscaling policy."""
        return {
            "running": float(self._admission.running),
            "waiting": float(self._admission.waiting),
        }

    async def __del__(self) -> None:
        """Called by Serve, once, when the replica stops."""
        self._leases.close()
        await self._augmentation.close()

    async def _work(self, call: Call) -> AsyncGenerator[Event, None]:
        """Runs an admitted call under the eyes of ``check_health``."""
        attempt = (call.call_id, call.attempt)
        self._due_at[attempt] = asyncio.get_running_loop().time() + call.timeout_s
        events = execute(
            self._augmentation,
            call,
            worker=self._worker,
            result_limit_chars=self._result_limit_chars,
            leases=self._leases,
        )
        started_at = time.monotonic()
        outcome = "stopped"
        try:
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, Result | Failed):
                        outcome = _outcome(event)
                    yield event
        finally:
            del self._due_at[attempt]
            _note(call, outcome, time.monotonic() - started_at)


def _outcome(event: Result | Failed) -> str:
    return "succeeded" if isinstance(event, Result) else event.code


def _note(call: Call, outcome: str, seconds: float) -> None:
    """Logs a call that is over here; its words, which may hold secrets, are left out."""
    fields = {
        "kind": call.kind,
        "call_id": call.call_id,
        "attempt": call.attempt,
        "session_id": call.session_id,
        "seconds": round(seconds, 6),
        "outcome": outcome,
    }
    logger.info("call ended: %s %s %s", call.kind, call.call_id, outcome, extra=fields)
