"""Interception on top of vLLM's scheduler.

vLLM's streaming input gives a request that can wait for more tokens with its KV cache in
place. This mixin takes such requests out of the upstream queues while they wait, lets a
policy decide about their contexts, and puts them back where their arrival says. Each
override names the upstream behaviour that it changes.
"""

import logging
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from vllm.utils.math_utils import cdiv
from vllm.v1.core.sched.interface import PauseState
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.core.sched.request_queue import FCFSRequestQueue, SchedulingPolicy
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.engine import EngineCoreOutputs
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request, RequestStatus, StreamingUpdate

from intercept_core.policy.registry import create
from intercept_core.policy.types import Disposition
from intercept_core.scheduler import compat, parent_watch, unsafe_modes
from intercept_core.scheduler.config import InterceptConfig
from intercept_core.scheduler.copy_step import CopyStep
from intercept_core.scheduler.costs import learned_costs
from intercept_core.scheduler.deadlines import ParkDeadlines
from intercept_core.scheduler.decider import Decider
from intercept_core.scheduler.device_blocks import DeviceBlocks
from intercept_core.scheduler.early_inputs import EarlyInputs
from intercept_core.scheduler.ended_sessions import EndedSessions
from intercept_core.scheduler.endings import Endings
from intercept_core.scheduler.interception_log import InterceptionLog
from intercept_core.scheduler.iterations import Iterations
from intercept_core.scheduler.limits import Limits
from intercept_core.scheduler.mark import SessionMark
from intercept_core.scheduler.pace import RecomputePace
from intercept_core.scheduler.park_table import ParkTable
from intercept_core.scheduler.parked import Parked
from intercept_core.scheduler.pressure import MemoryPressure, reclaiming
from intercept_core.scheduler.restore import copy_beats_recompute
from intercept_core.scheduler.resumes import Resumes
from intercept_core.scheduler.stats_report import StatsReporter
from intercept_core.scheduler.swapper import Swapper
from intercept_core.scheduler.telemetry import Telemetry
from intercept_core.scheduler.text_triggers import TextTriggers
from intercept_core.swap.connector import InterceptConnector

logger = logging.getLogger(__name__)


class InterceptMixin(Scheduler):
    """Parks, decides, resumes; everything else is vLLM's.

    Attributes:
        parked: Requests that wait for an augmentation.
        telemetry: Totals since start.
        device: The device blocks of parked contexts.
        swapper: Copies between device and host; None without a host pool.
        iterations: How long iterations take.
        limits: The bounds of contexts and of what parked ones hold.
        deadlines: How long a request may stay parked.
        pace: How much is computed again beside others.
        interceptions: Reports of the latest ones.
        stats_reporter: Reports to the stat loggers.
        clock: Seconds, monotonic; the simulator and tests replace it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        compat.check(self)
        unsafe_modes.refuse(self)
        parent_watch.start()
        config = InterceptConfig.of(self.vllm_config)
        self.intercept_policy = create(config.policy, config.policy_options)
        self.intercept_cost = learned_costs(config)
        self.clock = time.monotonic
        self.parked = ParkTable(lambda: self.intercept_policy.yields_below)
        self.telemetry = Telemetry()
        self.iterations = Iterations(self._now_s)
        self.device = DeviceBlocks(
            self.kv_cache_manager, self.parked, self.telemetry, self.block_size, self._now_s
        )
        self.swapper: Swapper | None = None
        if isinstance(self.connector, InterceptConnector):
            self.swapper = Swapper(self.connector, self.device, self.telemetry, self.place)
            self.connector.wait = self.intercept_policy.waits_for_copies
        self.limits = Limits(self, config.max_parked_device_share)
        self.pace = RecomputePace(self, config.recompute_slowdown)
        self._endings = Endings(self)
        self.deadlines = ParkDeadlines(
            self.parked, self._endings, self.telemetry, config.park_deadline_s, self._now_s
        )
        self._copies = CopyStep(self)
        self._decider = Decider(self)
        self._pressure = MemoryPressure(self)
        self.interceptions = InterceptionLog()
        self._resumes = Resumes(self.telemetry, self.interceptions, self._now_s)
        self.stats_reporter = StatsReporter(self, enabled=config.reports and self.log_stats)
        self._ended_sessions = EndedSessions()
        self._text_triggers = TextTriggers(self.vllm_config.model_config)
        self._early_inputs = EarlyInputs()
        self.kv_cache_manager.allocate_slots = reclaiming(
            self.kv_cache_manager.allocate_slots, self._pressure
        )

    def _now_s(self) -> float:
        return self.clock()

    # -- one iteration -----------------------------------------------------------------

    def schedule(self, *args: Any, **kwargs: Any) -> SchedulerOutput:
        """Upstream appends resumed requests to the running list as they come; preemption
        takes its last, which must be the latest to arrive."""
        self.deadlines.end_overdue()
        self._copies.collect()
        self._decider.decide()
        self._copies.start()
        if self.policy is SchedulingPolicy.FCFS:
            self.running.sort(key=lambda request: request.arrival_time)
        self.pace.begin()
        output = super().schedule(*args, **kwargs)
        for parked in self._resumes.scheduled(output, self.clock()):
            self.iterations.recompute(parked.request_id, parked.context_tokens)
        self.iterations.scheduled(output, self.requests)
        return output

    def _reserve_prefill_lookahead(
        self, request: Request, num_computed_tokens: int, num_new_tokens: int
    ) -> int:
        """Upstream has chunks leave a drafter enough; ours are shorter, too, where a context
        is computed again beside others, and empty until it is its turn."""
        reserve = super()._reserve_prefill_lookahead
        paced = self.pace.chunk(request, num_computed_tokens, num_new_tokens)
        return paced and (
            reserve(request, num_computed_tokens, paced)
            or reserve(request, num_computed_tokens, num_new_tokens)
        )

    def update_from_output(
        self, scheduler_output: SchedulerOutput, model_runner_output: ModelRunnerOutput
    ) -> dict[int, EngineCoreOutputs]:
        """Tells each resumed request, on its first output, what became of its context."""
        self.iterations.ended(scheduler_output, self.intercept_cost)
        parked_before = self.telemetry.parked
        outputs = super().update_from_output(scheduler_output, model_runner_output)
        self._early_inputs.take_up(self)
        if self.telemetry.parked > parked_before:
            # With nobody else running there may be no next iteration to decide in.
            self._decider.decide()
        self._endings.tell(outputs)
        self._resumes.attach(outputs)
        self._text_triggers.attach(outputs)
        self.stats_reporter.attach(outputs)
        return outputs

    def _update_request_with_output(
        self, request: Request, new_token_ids: list[int], is_stale: bool = False
    ) -> tuple[list[int], bool]:
        """Upstream stops at tokens; ours at texts, too, that may span tokens."""
        found = super()._update_request_with_output(request, new_token_ids, is_stale)
        return self._text_triggers.cut(request, *found)

    # -- park --------------------------------------------------------------------------

    def _handle_stopped_request(self, request: Request) -> bool:
        """Upstream keeps every stopped session waiting; ours waits only after a call."""
        mark = SessionMark.of(request)
        if mark is not None:
            stopped = request.status == RequestStatus.FINISHED_STOPPED
            request.resumable = stopped and mark.parks(request.stop_reason)
            self._early_inputs.set_aside(request)
        return super()._handle_stopped_request(request)

    def _enqueue_waiting_request(self, request: Request) -> None:
        """Upstream queues a waiting session, where it takes one of ``max_num_seqs`` slots
        and stands before others; ours goes to the park table."""
        mark = SessionMark.of(request)
        if mark is None:
            super()._enqueue_waiting_request(request)
        elif request.status == RequestStatus.WAITING_FOR_STREAMING_REQ:
            self._park(request, mark)
        else:
            self.insert_by_arrival(request)

    def _park(self, request: Request, mark: SessionMark) -> None:
        self.num_waiting_for_streaming_input -= 1
        context_tokens = request.num_tokens - self._text_triggers.uncomputed_tokens(request)
        # Tokens that speculation had computed past the stop are no part of the context.
        request.num_computed_tokens = min(request.num_computed_tokens, context_tokens)
        # The V2 model runner keeps a slot for a request until it hears of a preemption.
        self.reset_preempted_req_ids.add(request.request_id)
        self.device.uncache_uncomputed(request)
        blocks = cdiv(context_tokens, self.block_size)
        held = self.device.held(request)
        if self.device.divisible:
            held = min(held, blocks)
        self.iterations.forget(request.request_id)
        parked = Parked(
            request=request,
            key=mark.key,
            since_s=self.clock(),
            context_tokens=context_tokens,
            # An end that the device has lost already is no part of what can be moved.
            blocks=held or blocks,
            device_blocks=held,
            # A request that was preempted while its stop was on the way holds nothing.
            disposition=Disposition.PRESERVE if held else Disposition.DISCARD,
        )
        self.device.park(parked)
        self.parked.add(parked)
        self.telemetry.parked += 1

    def discard(self, parked: Parked) -> None:
        """Lets go of a parked context, on the device and on the host."""
        if parked.disposition is Disposition.DISCARD:
            return
        parked.become(Disposition.DISCARD)
        if self.swapper is not None:
            self.swapper.drop(parked)
        self.device.shrink(parked, 0)

    def cut(self, parked: Parked, keep: int) -> None:
        """Loses the end of a parked context, of which the first ``keep`` blocks stay."""
        if not keep or not self.device.divisible:
            self.discard(parked)
            return
        if self.swapper is not None:
            self.swapper.drop(parked)
        parked.blocks = keep
        self.device.shrink(parked, keep)

    def send_back(self, parked: Parked) -> None:
        """Takes device blocks of a context on its way back, which starts again without any."""
        assert self.swapper is not None
        if not self.swapper.send_back(parked):
            self.insert_by_arrival(parked.request)

    # -- resume ------------------------------------------------------------------------

    def add_request(self, request: Request) -> None:
        """Upstream starts a new request when an ended session's closing message comes."""
        request_id = request.request_id
        if request_id in self._ended_sessions and request_id not in self.requests:
            if request.resumable:
                logger.warning("input for session %s, which has ended, is dropped", request_id)
            else:
                self._ended_sessions.discard(request_id)
                self.telemetry.ghosts_dropped += 1
            return
        super().add_request(request)
        if self.requests.get(request_id) is request:
            self._text_triggers.begin_turn(request)

    def _update_request_as_session(self, session: Request, update: StreamingUpdate) -> None:
        """Upstream drops the last sampled token, takes the input's arrival time, keeps a
        stale stop reason, and lets a context outgrow the model, which kills the engine."""
        if SessionMark.of(session) is None:
            super()._update_request_as_session(session, update)
            return
        new_token_ids = self.limits.fitting(session, update.prompt_token_ids or [])
        assert session.prompt_token_ids is not None
        session.prompt_token_ids.extend(session._all_token_ids[session.num_prompt_tokens :])
        session.prompt_token_ids.extend(new_token_ids)
        session._all_token_ids.extend(new_token_ids)
        session._output_token_ids.clear()
        session.num_prompt_tokens = len(session.prompt_token_ids)
        session.update_block_hashes()
        session.sampling_params = update.sampling_params
        session.max_tokens = update.max_tokens
        session.stop_reason = None
        session.status = RequestStatus.WAITING
        self._text_triggers.begin_turn(session)
        self._resume(session, update.arrival_time)

    def _resume(self, session: Request, arrival_s: float) -> None:
        parked = self.parked.pop(session.request_id)
        assert parked is not None, f"{session.request_id} is not parked"
        self.device.unpark(parked)
        self.device.regain(parked)
        if (mark := SessionMark.of(session)) is not None and mark.kind is not None:
            parked.kind = mark.kind  # the bus had no time to tell of a short call
        parked.resumed_s = self.clock()
        self.intercept_policy.observe(
            parked.kind, parked.resumed_s - parked.since_s, parked.argument_chars
        )
        if self.intercept_policy.requeues:
            session.arrival_time = arrival_s
        self._resumes.add(parked)
        beside = 0 if self.intercept_policy.waits_for_copies else len(self.running)
        if copy_beats_recompute(
            parked,
            self.intercept_cost,
            self.iterations,
            partial(self.pace.iterations_for, session),
            beside,
            self.block_size,
        ):
            assert self.swapper is not None
            self.swapper.bring_back(parked)
            return
        if self.swapper is not None:
            self.swapper.drop(parked)
        self.insert_by_arrival(session)

    def insert_by_arrival(self, request: Request) -> None:
        """Puts a request into the upstream queue where its arrival says."""
        self._resumes.queued(request, self.iterations)
        if self._is_blocked_waiting_status(request.status):
            self.deferred_waiting.add(request)
        queue = self.kv_holding_waiting if self._holds_kv_blocks(request) else self.waiting
        if not isinstance(queue, FCFSRequestQueue):
            queue.add_request(request)  # a priority queue orders by arrival itself
            return
        place = len(queue)
        while place and queue[place - 1].arrival_time > request.arrival_time:
            place -= 1
        queue.insert(place, request)

    def place(self, request: Request) -> tuple[int, float, str]:
        """Where a request stands in the order that vLLM's policy gives."""
        priority = request.priority if self.policy is SchedulingPolicy.PRIORITY else 0
        return (priority, request.arrival_time, request.request_id)

    def reset_prefix_cache(
        self, reset_running_requests: bool = False, reset_connector: bool = False
    ) -> bool:
        """Upstream preempts what runs, as after new weights, fails over other holders, and
        knows of no contexts on the host."""
        swapper = self.swapper
        if swapper is not None and (
            swapper.copying_in if reset_running_requests else swapper.holds_contexts
        ):
            logger.warning("prefix cache not reset: contexts are on the host or on their way")
            return False
        if reset_running_requests:
            for parked in self.parked:
                self.discard(parked)
            if self.swapper is not None:
                for lost in self.swapper.give_up_returning():
                    self.insert_by_arrival(lost)
            for holder in self._pressure.waiting_holders():
                self._pressure.release(holder)
        return super().reset_prefix_cache(reset_running_requests, reset_connector)

    # -- end ---------------------------------------------------------------------------

    def finish_requests(
        self, request_ids: str | Iterable[str] | None, finished_status: RequestStatus
    ) -> list[Request]:
        """Upstream counts down its waiting sessions; a parked one is not among them."""
        if request_ids is None:
            request_ids = self.requests
        ids = [request_ids] if isinstance(request_ids, str) else list(request_ids)
        for request_id in ids:
            self._resumes.aborted(request_id)
            if (parked := self.parked.pop(request_id)) is not None:
                self.device.unpark(parked)
                parked.request.status = RequestStatus.WAITING
                if self.swapper is not None:
                    self.swapper.drop(parked)
        return super().finish_requests(ids, finished_status)

    def has_finished_requests(self) -> bool:
        """Upstream takes whom it finds in no queue for finished, and steps without a rest."""
        if self.finished_req_ids or self.connector is None:
            return bool(self.finished_req_ids)
        held = len(self.parked)
        if self.swapper is not None:
            held += len(self.swapper.returning)
        return len(self.requests) > sum(self.get_request_counts()) + held

    def has_requests(self) -> bool:
        """Upstream rests when no request is queued; copies may be under way then, or ends to
        tell of."""
        if super().has_requests() or self._endings.untold or self.deadlines.due:
            return True
        paused = self.pause_state == PauseState.PAUSED_ALL
        return self.swapper is not None and self.swapper.busy(paused=paused)

    def _free_request(self, request: Request, delay_free_blocks: bool = False) -> Any:
        """Remembers an ended session, whose client has still to close it, and keeps blocks
        into which a copy is being made."""
        if SessionMark.of(request) is not None:
            self._ended_sessions.add(request.request_id)
        self._resumes.ended(request.request_id)
        self._text_triggers.forget(request.request_id)
        self._pressure.forget(request.request_id)
        self.iterations.forget(request.request_id)
        if self.swapper is not None and self.swapper.abort_return(request):
            delay_free_blocks = True
        return super()._free_request(request, delay_free_blocks)
