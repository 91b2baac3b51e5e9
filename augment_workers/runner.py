"""What every host does with a call, inline in a replica or in an actor of its own."""

import asyncio
import dataclasses
import logging
import weakref
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import nullcontext
from typing import Any

from augment_workers.arguments import ArgumentCheck
from augment_workers.base import Augmentation, AugmentationError
from augment_workers.leases import Lease, Leases, WorkEnded
from intercept_core.bus.messages import (
    PROTOCOL_VERSION,
    Artifact,
    Call,
    Event,
    Failed,
    Outcome,
    Progress,
    Result,
)

_log = logging.getLogger(__name__)

MAX_MESSAGE_CHARACTERS = 1000
_checks: weakref.WeakKeyDictionary[Augmentation, ArgumentCheck] = weakref.WeakKeyDictionary()

CLOSE_TIMEOUT_S = 5.0
"""Seconds that an augmentation has to clean up after a call that did not run to its end."""


async def execute(
    augmentation: Augmentation,
    call: Call,
    *,
    worker: str,
    result_limit_chars: int,
    leases: Leases | None = None,
) -> AsyncGenerator[Event, None]:
    """Runs ``call`` and reports in the form that the bus relies on.

    Whatever the augmentation does, the events are one ``Accepted``, any number of
    ``Progress`` and exactly one ``Result`` or ``Failed``, and its generator is closed.
    Closing this generator or cancelling the task that iterates it stops the work, without
    a terminal event.

    Args:
        worker: This worker's address, for renewals and cancellations.
        result_limit_chars: Longer results are cut, with a visible mark.
        leases: Where the call holds its lease; without it, the call ends at its deadline
            at the latest.
    """
    deadline_s = asyncio.get_running_loop().time() + call.timeout_s
    yield call.accepted(worker)
    with nullcontext(Lease(call.call_id)) if leases is None else leases.hold(call) as lease:
        outcome: Outcome | None = _refusal(augmentation, call)
        if outcome is None:
            steps = _Steps(augmentation, call, lease, deadline_s)
            try:
                while isinstance(event := await steps.next(), Progress):
                    yield event
                outcome = event
            finally:
                await steps.close()
    yield _presentable(outcome, result_limit_chars)


class _Steps:
    """One run of an augmentation, event by event; every error becomes an outcome."""

    def __init__(
        self, augmentation: Augmentation, call: Call, lease: Lease, deadline_s: float
    ) -> None:
        self._augmentation = augmentation
        self._call = call
        self._lease = lease
        self._deadline_s = deadline_s
        self._events: AsyncIterator[Event] | None = None

    async def next(self) -> Progress | Outcome:
        call = self._call
        try:
            events = self._events = self._events or self._augmentation.run(call)
            return self._checked(await self._lease.run(lambda: anext(events), self._deadline_s))
        except StopAsyncIteration:
            return call.failed("internal", f"{call.kind} returned nothing")
        except WorkEnded as end:
            return call.failed(
                end.code, self._reason(end.code), retryable=end.code == "lease_expired"
            )
        except AugmentationError as error:
            return call.failed(error.code, str(error), retryable=error.retryable)
        except Exception as error:
            _log.exception("%s failed in call %s", call.kind, call.call_id)
            return call.failed("internal", f"{call.kind} raised {type(error).__name__}")

    async def close(self) -> None:
        """Closes the augmentation's generator, which may still be waiting at a ``yield``."""
        if not isinstance(self._events, AsyncGenerator):
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._events.aclose()
        except Exception:
            _log.exception("%s did not close in call %s", self._call.kind, self._call.call_id)

    def _checked(self, event: Any) -> Progress | Outcome:
        """``event``, unless it is none that belongs here: then a failure that says so."""
        call = self._call
        if not isinstance(event, Progress | Result | Failed):
            fault = f"a {type(event).__name__} instead of a progress or a result"
        elif (event.call_id, event.attempt) != (call.call_id, call.attempt):
            fault = f"an event of call {event.call_id}, attempt {event.attempt}"
        elif isinstance(event, Result) and not isinstance(event.text, str):
            fault = f"a result whose text is a {type(event.text).__name__}"
        elif isinstance(event, Result) and not _are_artifacts(event.artifacts):
            fault = "a result whose artifacts are none"
        else:
            return event
        _log.error("%s yielded %s in call %s", call.kind, fault, call.call_id)
        return call.failed("internal", f"{call.kind} yielded {fault}")

    def _reason(self, code: str) -> str:
        call = self._call
        match code:
            case "deadline":
                return f"{call.kind} did not answer within {call.timeout_s:g} s"
            case "lease_expired":
                return f"{call.kind} stopped: no renewal within {call.lease_s:g} s"
            case _:
                return f"{call.kind} was cancelled"


def _refusal(augmentation: Augmentation, call: Call) -> Failed | None:
    """Why ``call`` cannot be run at all; None when it can."""
    if call.version != PROTOCOL_VERSION:
        return call.failed(
            "protocol",
            f"the worker of {call.kind} speaks version {PROTOCOL_VERSION}, the caller version "
            f"{call.version}: deploy both from one release",
        )
    check = _checks.get(augmentation)
    if check is None:
        check = _checks[augmentation] = ArgumentCheck(augmentation.argument_schema)
    problem = check.problem_with(call.arguments)
    return None if problem is None else call.failed("bad_arguments", problem)


def _are_artifacts(artifacts: Any) -> bool:
    return isinstance(artifacts, tuple) and all(isinstance(one, Artifact) for one in artifacts)


def _presentable(outcome: Outcome, limit_chars: int) -> Outcome:
    """``outcome`` with its text cut to the limit and fit for UTF-8."""
    if isinstance(outcome, Failed):
        message, _ = _cut(outcome.message, MAX_MESSAGE_CHARACTERS)
        return dataclasses.replace(outcome, message=message)
    text, cut = _cut(outcome.text, limit_chars)
    if text == outcome.text:
        return outcome
    return dataclasses.replace(outcome, text=text, truncated=outcome.truncated or cut)


def _cut(text: str, limit_chars: int) -> tuple[str, bool]:
    cut = len(text) > limit_chars
    if cut:
        text = f"{text[:limit_chars]}… [cut: {len(text)} characters, limit {limit_chars}]"
    # Lone surrogates, which JSON can carry, would break every encoder on the way out.
    return text.encode(errors="replace").decode(), cut
