"""An engine core whose time is computed."""

from collections.abc import Callable
from dataclasses import dataclass

from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.engine import EngineCoreOutput

from intercept_core.scheduler import InterceptScheduler
from loadtest.simulator.fake_copies import FakeCopies
from loadtest.simulator.hardware import Hardware
from loadtest.simulator.kv_oracle import KvOracle
from loadtest.simulator.worker import Work, Worker


@dataclass(slots=True)
class Account:
    """Where the time of an engine went.

    Attributes:
        iterations: Forward passes.
        again_tokens: How many of their tokens had been computed before.
        forward_s: Their time.
        again_s: The part of it that went, by their number, to tokens computed again; so counts
            the scheduler, too.
        stall_s: Time in which a forward pass waited for copies.
        again_block_s: Blocks of the requests in each batch, times its share of ``again_s``.
        stall_block_s: The same for ``stall_s``.
    """

    iterations: int = 0
    again_tokens: int = 0
    forward_s: float = 0.0
    again_s: float = 0.0
    stall_s: float = 0.0
    again_block_s: float = 0.0
    stall_block_s: float = 0.0


class VirtualEngine:
    """Scheduler, worker and copies, and the time that their iterations take.

    The scheduler itself takes none. An iteration starts when the one before has ended, and its
    copies with it.

    Args:
        hardware: Says how long things take.
        make_scheduler: Makes the scheduler on this engine's clock.
        worker: Runs the iterations.
        oracle: Checks them, if given.

    Attributes:
        now_s: The clock.
        scheduler: The scheduler.
        account: Where the time went.
    """

    def __init__(
        self,
        hardware: Hardware,
        make_scheduler: Callable[[Callable[[], float]], Scheduler],
        worker: Worker,
        oracle: KvOracle | None = None,
    ) -> None:
        self.now_s = 0.0
        self.account = Account()
        self.scheduler = make_scheduler(lambda: self.now_s)
        self._hardware = hardware
        self._worker = worker
        self._oracle = oracle
        self._copies = FakeCopies(hardware.cost, oracle)

    @property
    def intercepting(self) -> InterceptScheduler | None:
        """The scheduler, if it is ours."""
        scheduler = self.scheduler
        return scheduler if isinstance(scheduler, InterceptScheduler) else None

    def iterate(self, next_event_s: float) -> list[EngineCoreOutput]:
        """One iteration; returns its outputs, at a later ``now_s``.

        Args:
            next_event_s: When something happens outside; until then it waits if the iteration
                has nothing to compute.

        Raises:
            RuntimeError: if it would wait for ever.
        """
        output = self.scheduler.schedule()
        start_s = self._copies.start(output, self.now_s)
        if self._oracle is not None:
            self._oracle.apply(output, self.scheduler.requests)
        result, work = self._worker.run(output)
        if work.query_tokens:
            self.now_s = start_s + self._forward_s(work, start_s - self.now_s)
        else:
            self.now_s = max(start_s, min(self._copies.next_end_s, next_event_s))
        if self.now_s == float("inf"):
            raise RuntimeError("the engine has requests and nothing can go on")
        self._copies.report(result, self.now_s)
        outputs = self.scheduler.update_from_output(output, result)
        return [item for batch in outputs.values() for item in batch.outputs]

    def _forward_s(self, work: Work, stall_s: float) -> float:
        cost = self._hardware.cost
        forward_s = cost.forward_s(work.query_tokens, work.context_tokens)
        again_s = forward_s * work.again_tokens / work.query_tokens
        blocks = work.context_tokens / self._hardware.block_tokens
        account = self.account
        account.iterations += 1
        account.again_tokens += work.again_tokens
        account.forward_s += forward_s
        account.again_s += again_s
        account.stall_s += stall_s
        account.again_block_s += again_s * blocks
        account.stall_block_s += stall_s * blocks
        return forward_s
