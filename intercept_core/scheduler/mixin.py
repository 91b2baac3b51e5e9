"""Interception on top of vLLM's scheduler.

vLLM's streaming input gives a request that can wait for more tokens with its KV cache in
place. This mixin takes such requests out of the upstream queues while they wait, lets a
policy decide about their contexts, and puts them back where their arrival says. Each
override names the upstream behaviour that it changes.
"""

import logging
import time
from collections.abc import Iterable
from typing import Any

from vllm.utils.math_utils import cdiv
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.core.sched.request_queue import FCFSRequestQueue, SchedulingPolicy
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.engine import EngineCoreOutputs
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request, RequestStatus, StreamingUpdate

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.registry import create
from intercept_core.policy.types import Disposition, EngineState
from intercept_core.scheduler import compat, parent_watch
from intercept_core.scheduler.config import InterceptConfig
from intercept_core.scheduler.ended_sessions import EndedSessions
from intercept_core.scheduler.mark import SessionMark
from intercept_core.scheduler.park_table import Parked, ParkTable
from intercept_core.scheduler.reclaim import reclaiming
from intercept_core.scheduler.telemetry import ResumeReport, Telemetry

logger = logging.getLogger(__name__)


class InterceptMixin(Scheduler):
    """Parks, decides, resumes; everything else is vLLM's.

    Attributes:
        parked: Requests that wait for an augmentation.
        telemetry: Totals since start.
        clock: Seconds, monotonic; the simulator and tests replace it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._refuse_unsafe_mode()
        compat.check(self)
        parent_watch.start()
        config = InterceptConfig.of(self.vllm_config)
        self.intercept_policy = create(config.policy, config.policy_options)
        self.intercept_cost = LinearCostModel()
        self.clock = time.monotonic
        self.parked = ParkTable()
        self.telemetry = Telemetry()
        self._ended_sessions = EndedSessions()
        self._resumes: dict[str, tuple[Parked, float]] = {}
        self._reports: dict[str, ResumeReport] = {}
        self.kv_cache_manager.allocate_slots = reclaiming(
            self.kv_cache_manager.allocate_slots, self._reclaim_one
        )

    def _refuse_unsafe_mode(self) -> None:
        # vLLM's first model runner keeps the last sample of a request that left the batch,
        # and would put it in the place of a result's last token.
        if self.scheduler_config.async_scheduling and not self.use_v2_model_runner:
            raise ValueError(
                "async_scheduling: true needs vLLM's V2 model runner, which this engine does "
                "not use; set async_scheduling: false"
            )

    # -- one iteration -----------------------------------------------------------------

    def schedule(self, *args: Any, **kwargs: Any) -> SchedulerOutput:
        """Upstream appends resumed requests to the running list as they come; preemption
        takes its last, which must be the latest to arrive."""
        self._decide()
        if self.policy is SchedulingPolicy.FCFS:
            self.running.sort(key=lambda request: request.arrival_time)
        output = super().schedule(*args, **kwargs)
        if self._resumes:
            self._account_resumes(output)
        return output

    def update_from_output(
        self, scheduler_output: SchedulerOutput, model_runner_output: ModelRunnerOutput
    ) -> dict[int, EngineCoreOutputs]:
        """Tells each resumed request, on its first output, what became of its context."""
        parked_before = self.telemetry.parked
        outputs = super().update_from_output(scheduler_output, model_runner_output)
        if self.telemetry.parked > parked_before:
            # With nobody else running there may be no next iteration to decide in.
            self._decide()
        if self._reports:
            self._attach_reports(outputs)
        return outputs

    def _decide(self) -> None:
        if not self.parked:
            return
        contexts = sorted(
            (parked.view(self._device_blocks(parked.request)) for parked in self.parked),
            key=lambda context: context.arrival_s,
        )
        decisions = self.intercept_policy.decide(
            contexts, self._engine_state(), self.intercept_cost
        )
        for request_id, disposition in decisions.dispositions.items():
            parked = self.parked.get(request_id)
            if parked is not None and disposition is Disposition.DISCARD:
                self.telemetry.discarded += self._discard(parked)

    def _engine_state(self) -> EngineState:
        running, waiting = self.get_request_counts()
        pool = self.kv_cache_manager.block_pool
        return EngineState(
            now_s=self.clock(),
            running_requests=running,
            running_tokens=sum(request.num_computed_tokens for request in self.running),
            waiting_requests=waiting,
            free_blocks=pool.get_num_free_blocks(),
            total_blocks=pool.num_gpu_blocks,
            block_tokens=self.block_size,
        )

    def _device_blocks(self, request: Request) -> int:
        groups = self.kv_cache_manager.get_block_ids(request.request_id)
        return sum(len(block_ids) for block_ids in groups)

    # -- park --------------------------------------------------------------------------

    def _handle_stopped_request(self, request: Request) -> bool:
        """Upstream keeps every stopped session waiting; ours waits only after a call."""
        mark = SessionMark.of(request)
        if mark is not None and not (
            request.status == RequestStatus.FINISHED_STOPPED and mark.parks(request.stop_reason)
        ):
            request.resumable = False
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
            self._insert_by_arrival(request)

    def _park(self, request: Request, mark: SessionMark) -> None:
        self.num_waiting_for_streaming_input -= 1
        # Tokens that speculation had computed past the stop are no part of the context.
        request.num_computed_tokens = min(request.num_computed_tokens, request.num_tokens - 1)
        # The V2 model runner keeps a slot for a request until it hears of a preemption.
        self.reset_preempted_req_ids.add(request.request_id)
        self.parked.add(
            Parked(
                request=request,
                key=mark.key,
                since_s=self.clock(),
                context_tokens=request.num_tokens - 1,  # the last has no KV yet
                # A request that was preempted while its stop was on the way holds nothing.
                disposition=Disposition.PRESERVE
                if self._device_blocks(request)
                else Disposition.DISCARD,
            )
        )
        self.telemetry.parked += 1

    def _discard(self, parked: Parked) -> bool:
        if parked.disposition is Disposition.DISCARD:
            return False
        self._account_held(parked)
        parked.disposition = Disposition.DISCARD
        self._free_request_blocks(parked.request)
        parked.request.num_computed_tokens = 0
        return True

    def _account_held(self, parked: Parked) -> None:
        held_s = self.clock() - parked.since_s
        self.telemetry.parked_block_s += self._device_blocks(parked.request) * held_s

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

    def _update_request_as_session(self, session: Request, update: StreamingUpdate) -> None:
        """Upstream drops the last sampled token, takes the input's arrival time, keeps a
        stale stop reason, and lets a context outgrow the model, which kills the engine."""
        if SessionMark.of(session) is None:
            super()._update_request_as_session(session, update)
            return
        new_token_ids = self._fitting(session, update.prompt_token_ids or [])
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
        self._resume(session)

    def _fitting(self, session: Request, token_ids: list[int]) -> list[int]:
        # One place is left for the token that ends the session with a length stop.
        room = max(self.max_model_len - 1 - session.num_tokens, 0)
        if len(token_ids) <= room:
            return token_ids
        logger.warning(
            "session %s: input of %d tokens cut to %d, the rest of max_model_len=%d",
            session.request_id,
            len(token_ids),
            room,
            self.max_model_len,
        )
        self.telemetry.truncated_inputs += 1
        return token_ids[:room]

    def _resume(self, session: Request) -> None:
        parked = self.parked.pop(session.request_id)
        if parked is None:
            # The input was queued before the stop: upstream enqueues the request itself.
            return
        if parked.disposition is Disposition.PRESERVE:
            self._account_held(parked)
        self._resumes[session.request_id] = (parked, self.clock() - parked.since_s)
        self._insert_by_arrival(session)

    def _insert_by_arrival(self, request: Request) -> None:
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

    def _account_resumes(self, output: SchedulerOutput) -> None:
        for new in output.scheduled_new_reqs:
            if (resume := self._resumes.pop(new.req_id, None)) is None:
                continue
            parked, parked_s = resume
            recomputed = max(parked.context_tokens - new.num_computed_tokens, 0)
            preserved = parked.disposition is Disposition.PRESERVE and not recomputed
            self.telemetry.resumed += 1
            self.telemetry.resumed_preserved += preserved
            self.telemetry.context_tokens += parked.context_tokens
            self.telemetry.recomputed_tokens += recomputed
            self._reports[new.req_id] = ResumeReport(
                context="preserved" if preserved else "discarded",
                context_tokens=parked.context_tokens,
                recomputed_tokens=recomputed,
                parked_s=parked_s,
            )

    def _attach_reports(self, outputs: dict[int, EngineCoreOutputs]) -> None:
        # On every output of the turn: vLLM merges the outputs that a slow reader has not
        # taken, and keeps this field of the last one alone.
        for batch in outputs.values():
            for output in batch.outputs:
                report = self._reports.get(output.request_id)
                if report is None:
                    continue
                # The one free-form field that reaches the request's RequestOutput.
                output.kv_transfer_params = {
                    **(output.kv_transfer_params or {}),
                    "intercept": report.as_dict(),
                }
                if output.finish_reason is not None:
                    del self._reports[output.request_id]

    # -- memory pressure ---------------------------------------------------------------

    def _reclaim_one(self, requester: Request) -> bool:
        """Frees one context so that ``requester`` can go on without a preemption.

        Parked contexts go first. Then those of requests that stand behind it and wait with
        blocks in hand: otherwise two half-resumed requests could each wait for the other's
        blocks. For a request that is not running yet nothing is taken unless it will fit.
        """
        if requester.status != RequestStatus.RUNNING and not self._would_fit(requester):
            return False
        if (victim := self.parked.victim()) is not None:
            self._discard(victim)
            self.telemetry.reclaimed += 1
            return True
        later = self._holders_behind(requester)
        if not later:
            return False
        self._release(max(later, key=self._place))
        self.telemetry.reclaimed += 1
        return True

    def _would_fit(self, requester: Request) -> bool:
        groups = len(self.kv_cache_config.kv_cache_groups)
        needed = cdiv(requester.num_tokens, self.block_size) * groups
        needed -= self._device_blocks(requester)
        behind = self._holders_behind(requester)
        owners = [parked.request for parked in self.parked] + behind
        free_blocks = self.kv_cache_manager.block_pool.get_num_free_blocks()
        return needed <= free_blocks + sum(map(self._device_blocks, owners))

    def _holders_behind(self, requester: Request) -> list[Request]:
        place = self._place(requester)
        return [r for r in self._waiting_holders() if self._place(r) > place]

    def _place(self, request: Request) -> tuple[int, float, str]:
        """Where a request stands in the order that vLLM's policy gives."""
        priority = request.priority if self.policy is SchedulingPolicy.PRIORITY else 0
        return (priority, request.arrival_time, request.request_id)

    def _waiting_holders(self) -> list[Request]:
        return [
            request
            for request in self.kv_holding_waiting
            if request.status == RequestStatus.WAITING
        ]

    def _release(self, holder: Request) -> None:
        self.kv_holding_waiting.remove_request(holder)
        self._free_request_blocks(holder)
        holder.num_computed_tokens = 0
        self._insert_by_arrival(holder)

    def reset_prefix_cache(
        self, reset_running_requests: bool = False, reset_connector: bool = False
    ) -> bool:
        """Upstream preempts what runs, as after new weights, and fails over other holders."""
        if reset_running_requests:
            for parked in self.parked:
                self._discard(parked)
            for holder in self._waiting_holders():
                self._release(holder)
        return super().reset_prefix_cache(reset_running_requests, reset_connector)

    # -- end ---------------------------------------------------------------------------

    def finish_requests(
        self, request_ids: str | Iterable[str] | None, finished_status: RequestStatus
    ) -> list[Request]:
        """Upstream counts down its waiting sessions; a parked one is not among them."""
        if request_ids is None:
            ids: list[str] = list(self.requests)
        else:
            ids = [request_ids] if isinstance(request_ids, str) else list(request_ids)
        for request_id in ids:
            self._reports.pop(request_id, None)
            if (parked := self.parked.pop(request_id)) is not None:
                parked.request.status = RequestStatus.WAITING
        return super().finish_requests(ids, finished_status)

    def has_finished_requests(self) -> bool:
        """Upstream takes whom it finds in no queue for finished, and steps without a rest."""
        if self.finished_req_ids or self.connector is None:
            return bool(self.finished_req_ids)
        return len(self.requests) > sum(self.get_request_counts()) + len(self.parked)

    def _free_request(self, request: Request, delay_free_blocks: bool = False) -> Any:
        """Remembers an ended session, whose client has still to close it."""
        if SessionMark.of(request) is not None:
            self._ended_sessions.add(request.request_id)
        self._resumes.pop(request.request_id, None)
        return super()._free_request(request, delay_free_blocks)
