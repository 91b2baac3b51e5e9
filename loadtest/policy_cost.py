"""What policy and park table take of an iteration: ``python -m loadtest.policy_cost``

Drives the production scheduler without a model, with requests that run and requests that stay
parked, of which some hear from their augmentations, and compares the processor time of its
iterations with that of the same without the parked ones, in turn.
"""

import argparse
import gc
import os
import random
import statistics
import time
from dataclasses import dataclass, replace
from functools import partial

from intercept_core.bus.eta_pusher import INTERVAL_S, MOST_REPORTS
from loadtest.simulator.machines import MACHINES
from loadtest.simulator.simulation import Simulation
from loadtest.workloads.conversation import Conversation, Interception, Segment

MACHINE = MACHINES["gptj-6b-a100-80gb"]
FOREVER_S = 1e9
PROMPT_TOKENS = 160
ROUND_ITERATIONS = 50


@dataclass(frozen=True, slots=True)
class Sample:
    """Mean processor time of an iteration's scheduling, over a round.

    Attributes:
        decide_s: In the policy and with its answers.
        schedule_s: In all of ``schedule`` and ``update_from_output``, and in taking in reports.
        takings: How often memory was taken from the parked, in the whole round.
    """

    decide_s: float
    schedule_s: float
    takings: int


class Rig:
    """A scheduler with so many requests of each sort.

    Args:
        policy: Its policy.
        running: Requests that generate.
        parked: Requests that wait.
        news: How many of those have a new expectation before each iteration.
        device_blocks: Of the device.
    """

    def __init__(
        self, policy: str, running: int, parked: int, news: int, device_blocks: int
    ) -> None:
        hardware = replace(
            MACHINE.hardware(),
            device_blocks=device_blocks,
            host_blocks=(running + parked) * 32,
        )
        workload = [_parked(number) for number in range(parked)]
        workload += [_running(parked + number) for number in range(running)]
        self._simulation = Simulation(hardware, policy, workload)
        engine = self._simulation.engine
        self._news = news
        self._rng = random.Random(parked)
        self._scheduler = engine.intercepting
        assert self._scheduler is not None
        ours = self._scheduler
        self._simulation.run(
            stop=lambda: len(ours.parked) == parked and len(ours.running) == running
        )
        for _ in range(2 * ROUND_ITERATIONS):  # so that copies have ended
            engine.iterate(float("inf"))
        self._keys = [waiting.key for waiting in ours.parked]
        if len(ours.parked) != parked or len(ours.running) != running:
            raise RuntimeError(f"{len(ours.parked)} are parked, {len(ours.running)} run")

    def round(self) -> Sample:
        """Some iterations."""
        ours, engine = self._scheduler, self._simulation.engine
        assert ours is not None
        spent_s = 0.0
        decided_s, takings = ours.telemetry.policy_s, self._takings()
        schedule, update = ours.schedule, ours.update_from_output

        def timed(call, *args):  # type: ignore[no-untyped-def]
            nonlocal spent_s
            started_s = time.thread_time()
            result = call(*args)
            spent_s += time.thread_time() - started_s
            return result

        ours.schedule = partial(timed, schedule)  # type: ignore[method-assign]
        ours.update_from_output = partial(timed, update)  # type: ignore[method-assign]
        for _ in range(ROUND_ITERATIONS):
            timed(self._hear, self._reports())
            engine.iterate(float("inf"))
        del ours.schedule, ours.update_from_output
        decided_s = ours.telemetry.policy_s - decided_s
        return Sample(
            decided_s / ROUND_ITERATIONS,
            spent_s / ROUND_ITERATIONS,
            self._takings() - takings,
        )

    def _takings(self) -> int:
        assert self._scheduler is not None
        telemetry = self._scheduler.telemetry
        return telemetry.reclaimed + telemetry.reclaimed_mirrors

    def _reports(self) -> list[tuple[str, float]]:
        now_s = self._simulation.engine.now_s
        keys = self._rng.sample(self._keys, self._news)
        return [(key, now_s + self._rng.expovariate(0.1)) for key in keys]

    def _hear(self, reports: list[tuple[str, float]]) -> None:
        ours = self._scheduler
        assert ours is not None
        for key, eta_s in reports:
            ours.parked.report(key, eta_s=eta_s)


def _parked(number: int) -> Conversation:
    call = Interception(kind=f"kind-{number % 6}", seconds=FOREVER_S, return_tokens=1)
    segments = (Segment(output_tokens=2, interception=call), Segment(output_tokens=1))
    return Conversation(number, "parked", 0.0, PROMPT_TOKENS, segments)


def _running(number: int) -> Conversation:
    return Conversation(number, "running", 0.0, PROMPT_TOKENS, (Segment(output_tokens=7000),))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", nargs="+", default=["adaptive", "infercept"])
    parser.add_argument("--running", type=int, default=64)
    parser.add_argument("--parked", type=int, nargs="+", default=[256, 5000])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--blocks-each",
        type=int,
        default=512,
        help="device blocks for each request (default: 512, enough); with 12 those who run "
        "soon take memory from the parked",
    )
    parser.add_argument(
        "--iteration-ms",
        type=float,
        help="an iteration to compare with (default: GPT-J-6B's on an A100, the shortest in "
        "the paper, with so many running)",
    )
    parser.add_argument(
        "--reporting",
        type=float,
        default=1 / 3,
        metavar="SHARE",
        help="of the parked, who hear from their augmentations in every interval of the bus, "
        "as far as it tells the engine of so many (default: a third, as two of six kinds do)",
    )
    arguments = parser.parse_args()
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    for policy in arguments.policy:
        for parked in arguments.parked:
            _measure(policy, arguments.running, parked, arguments)


def _measure(policy: str, running: int, parked: int, arguments: argparse.Namespace) -> None:
    iteration_ms = arguments.iteration_ms or 1e3 * MACHINE.hardware().cost.forward_s(
        running, running * PROMPT_TOKENS
    )
    iterations = 1e3 * INTERVAL_S / iteration_ms
    news = round(min(arguments.reporting * parked, MOST_REPORTS) / iterations)
    blocks = arguments.blocks_each * (running + parked)
    full = Rig(policy, running, parked, news, blocks)
    empty = Rig(policy, running, 0, 0, blocks)
    gc.collect()
    gc.freeze()
    pairs = [(full.round(), empty.round()) for _ in range(arguments.rounds)]
    decide_us = [1e6 * one.decide_s for one, _ in pairs]
    empty_us = [1e6 * other.schedule_s for _, other in pairs]
    added_us = [1e6 * (one.schedule_s - other.schedule_s) for one, other in pairs]
    takings = statistics.mean(one.takings for one, _ in pairs) / ROUND_ITERATIONS
    share = 100 * statistics.median(added_us) / (1e3 * iteration_ms)
    print(
        f"{policy:12} {running} running, {parked:5} parked, {news} reports and {takings:.1f} "
        "takings of memory an iteration: "
        f"without the parked {_spread(empty_us)}, policy {_spread(decide_us)}, all that the "
        f"parked add {_spread(added_us)}: "
        f"{share:.2f} % of {iteration_ms:.1f} ms",
        flush=True,
    )


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} us ({min(values):.0f} to {max(values):.0f})"


if __name__ == "__main__":
    main()
