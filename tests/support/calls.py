"""Calls of an augmentation, as its host makes them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from augment_workers.base import Augmentation
from augment_workers.leases import Leases
from augment_workers.runner import execute
from intercept_core.bus.messages import Accepted, Call, Event, Failed

PATIENCE_S = 60.0

ENDS = ("the caller leaves", "the lease runs out", "the deadline passes")
"""Ways in which a call can lose whoever waits for it."""

DEADLINE_S = 3.0
"""Of calls that are to miss it, with their work under way by then."""


def make_call(**fields: Any) -> Call:
    """A call; every field has a default."""
    defaults: dict[str, Any] = {
        "call_id": "call",
        "request_id": "request",
        "session_id": "session",
        "kind": "tool",
        "arguments": {},
        "timeout_s": PATIENCE_S,
        "lease_s": PATIENCE_S,
    }
    return Call(**{**defaults, **fields})


async def events_of(
    augmentation: Augmentation, call: Call, *, limit: int = 4000, leases: Leases | None = None
) -> list[Event]:
    """What the host of ``augmentation`` reports of ``call`` once it has accepted it."""
    events = execute(augmentation, call, worker="w", result_limit_chars=limit, leases=leases)
    accepted, *rest = [event async for event in events]
    assert isinstance(accepted, Accepted)
    return rest


async def until(condition: Callable[[], object]) -> None:
    """Looks again and again whether ``condition`` holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def lose_its_caller(
    augmentation: Augmentation, call: Call, end: str, at_work: Callable[[], object]
) -> None:
    """Has ``call`` worked on until nobody waits for it any more.

    Args:
        augmentation: Who does the work, which must take longer than the test.
        call: What is to be done.
        end: One of :data:`ENDS`.
        at_work: Whether the work has begun.
    """
    now_s = 0.0
    leases = Leases(clock=lambda: now_s)
    if end == "the deadline passes":
        call = replace(call, timeout_s=DEADLINE_S)
    work = asyncio.create_task(events_of(augmentation, call, leases=leases))
    await until(lambda: (leases.held and at_work()) or work.done())
    assert at_work(), "the call has ended before its work began"
    if end == "the caller leaves":
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    else:
        if end == "the lease runs out":
            now_s = call.lease_s + 1.0
            leases.sweep()
        async with asyncio.timeout(PATIENCE_S):
            *_, failed = await work
        assert isinstance(failed, Failed), failed
        code = "lease_expired" if end == "the lease runs out" else "deadline"
        assert failed.code == code, failed
    assert leases.held == 0
    leases.close()
