"""The transport to augmentations that are Ray Serve deployments."""

import asyncio
import contextvars
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle, DeploymentResponseGenerator

from intercept_core.bus.messages import (
    Accepted,
    Call,
    Cancellation,
    Event,
    Failed,
    Renewal,
    Result,
)
from intercept_core.bus.transport import BusTransport

logger = logging.getLogger(__name__)

CANCEL_TIMEOUT_S = 2.0
"""Seconds to deliver a cancellation; after that the lease has to do."""


class ServeTransport(BusTransport):
    """One streaming handle call per submission.

    The deployments must have a streaming method ``run(call)``, the methods
    ``renew(renewal)`` and ``cancel(cancellation)``,
    :class:`~intercept_core.bus.pinned_router.PinnedRouter` as their request router, and a
    ``max_ongoing_requests`` above their own admission limit, so that renewals never queue
    behind calls.

    Args:
        handles: The deployment that serves each kind.
    """

    def __init__(self, handles: Mapping[str, DeploymentHandle[Any]]) -> None:
        self._run = {
            kind: handle.options(stream=True, method_name="run")
            for kind, handle in handles.items()
        }
        self._renew = {k: h.options(method_name="renew") for k, h in handles.items()}
        self._cancel = {k: h.options(method_name="cancel") for k, h in handles.items()}
        self._cancelling: set[asyncio.Task[None]] = set()

    async def submit(self, call: Call) -> AsyncGenerator[Event, None]:
        handle = self._run.get(call.kind)
        if handle is None:
            known = ", ".join(sorted(self._run)) or "none"
            yield call.failed(
                "unknown_tool", f"no tool is called {call.kind!r}; known tools: {known}"
            )
            return
        try:
            response = cast(DeploymentResponseGenerator[Event], handle.remote(call))
        except Exception as error:
            yield _failure(call, error)
            return
        worker: str | None = None
        ended = False
        try:
            async for event in response:
                if isinstance(event, Accepted):
                    worker = event.worker
                # The end of the stream is one more message: nobody waits for it.
                ended = isinstance(event, Result | Failed)
                yield event
                if ended:
                    return
            ended = True
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Serve turns the end of a cancelled replica task into this; we were not meant.
            ended = True
            yield _worker_lost(call, "it was stopped")
        except Exception as error:
            ended = True
            _cancel_response(response)
            yield _failure(call, error)
        finally:
            if not ended:
                self._abandon(call, response, worker)

    async def renew(self, kind: str, renewal: Renewal) -> None:
        await self._renew[kind].remote(renewal)

    async def cancel(self, kind: str, cancellation: Cancellation) -> None:
        await self._cancel[kind].remote(cancellation)

    async def close(self) -> None:
        """Waits for cancellations on their way; they have deadlines of their own."""
        await asyncio.gather(*self._cancelling, return_exceptions=True)

    def _abandon(
        self, call: Call, response: DeploymentResponseGenerator[Event], worker: str | None
    ) -> None:
        """Cancels work that nobody waits for any more, by both ways there are.

        Cancelling the response reaches a call wherever it stands, also in a queue; but it
        is best effort, and does not interrupt a task that is not waiting. The message asks
        the worker itself.
        """
        _cancel_response(response)
        if worker is None:
            return
        task = asyncio.get_running_loop().create_task(
            self._cancel_in_time(call.kind, Cancellation(worker=worker, call_id=call.call_id)),
            # Serve cancels what belongs to a cancelled HTTP request; this must go out.
            context=contextvars.Context(),
        )
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def _cancel_in_time(self, kind: str, cancellation: Cancellation) -> None:
        try:
            async with asyncio.timeout(CANCEL_TIMEOUT_S):
                await self.cancel(kind, cancellation)
        except Exception as error:
            logger.debug("cancellation of %s was lost: %r", cancellation.call_id, error)


def _cancel_response(response: DeploymentResponseGenerator[Event]) -> None:
    try:
        response.cancel()
    except Exception as error:
        logger.debug("response was not cancelled: %r", error)


def _failure(call: Call, error: Exception) -> Failed:
    """What an exception of the handle means to the caller."""
    if isinstance(error, BackPressureError):
        return call.failed(
            "queue_full",
            f"too many calls wait for {call.kind}; raise max_queued_requests or the number "
            "of replicas of its deployment",
            retryable=True,
        )
    if isinstance(error, RayTaskError) or not isinstance(error, RayError | RayServeException):
        logger.error("call %s to %s failed", call.call_id, call.kind, exc_info=error)
        return call.failed("internal", f"{call.kind} raised {type(error).__name__}")
    return _worker_lost(call, type(error).__name__)


def _worker_lost(call: Call, reason: str) -> Failed:
    return call.failed(
        "worker_lost", f"the worker of {call.kind} was lost: {reason}", retryable=True
    )
