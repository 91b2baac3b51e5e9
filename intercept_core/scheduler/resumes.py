"""What became of each context, told with the first output after its resume."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.engine import EngineCoreOutputs
from vllm.v1.request import Request

from intercept_core.scheduler.interception_log import InterceptionLog
from intercept_core.scheduler.iterations import Iterations
from intercept_core.scheduler.parked import Parked
from intercept_core.scheduler.telemetry import ResumeReport, Telemetry


class Resumes:
    """Follows requests from the result of their interception to their next output."""

    def __init__(
        self, telemetry: Telemetry, log: InterceptionLog, now_s: Callable[[], float]
    ) -> None:
        self._telemetry = telemetry
        self._log = log
        self._now_s = now_s
        self._untouched: dict[str, float] = {}
        self._waiting: dict[str, Parked] = {}
        self._reports: dict[str, ResumeReport] = {}
        self._told: dict[str, dict[str, Any]] = {}

    def add(self, parked: Parked) -> None:
        """Follows a request whose result has come."""
        self._waiting[parked.request_id] = parked

    def queued(self, request: Request, iterations: Iterations) -> None:
        """Has what a context has lost on its way counted as computed again."""
        parked = self._waiting.get(request.request_id)
        if parked is not None and request.num_computed_tokens < parked.context_tokens:
            iterations.recompute(parked.request_id, parked.context_tokens)

    def ended(self, request_id: str) -> None:
        """Stops waiting: the request has ended; its last output may still be reported on."""
        self._waiting.pop(request_id, None)

    def aborted(self, request_id: str) -> None:
        """Stops following: there will be no output."""
        self._waiting.pop(request_id, None)
        self._forget(request_id)

    def _forget(self, request_id: str) -> None:
        self._reports.pop(request_id, None)
        self._told.pop(request_id, None)
        self._untouched.pop(request_id, None)

    def scheduled(self, output: SchedulerOutput, now_s: float) -> list[Parked]:
        """Reports on those that run again; returns whose context has to be computed again."""
        if not self._waiting:
            return []
        resumed = [
            (parked, new.num_computed_tokens)
            for new in output.scheduled_new_reqs
            if (parked := self._waiting.pop(new.req_id, None)) is not None
        ]
        return [parked for parked, found in resumed if self._report(parked, found, now_s)]

    def _report(self, parked: Parked, found_tokens: int, now_s: float) -> bool:
        recomputed = max(parked.context_tokens - found_tokens, 0)
        swapped = parked.swapped_in > 0
        context = "discarded" if recomputed else "swapped" if swapped else "preserved"
        telemetry = self._telemetry
        telemetry.resumed += 1
        telemetry.resumed_preserved += context == "preserved"
        telemetry.resumed_swapped += context == "swapped"
        telemetry.context_tokens += parked.context_tokens
        telemetry.recomputed_tokens += recomputed
        assert parked.resumed_s is not None
        telemetry.resume_wait_s += now_s - parked.resumed_s
        self._untouched[parked.request_id] = parked.resumed_s
        report = ResumeReport(
            kind=parked.kind,
            context=context,
            context_tokens=parked.context_tokens,
            recomputed_tokens=recomputed,
            blocks_swapped_out=parked.swapped_out,
            blocks_swapped_in=parked.swapped_in,
            parked_s=parked.resumed_s - parked.since_s,
            predicted_s=parked.predicted_s,
            dispositions=[disposition.value for disposition in parked.dispositions],
            resume_s=now_s - parked.resumed_s,
        )
        self._reports[parked.request_id] = report
        # No more than the session reads: it goes with every token.
        self._told[parked.request_id] = {"context": context, "recomputed_tokens": recomputed}
        return recomputed > 0

    def attach(self, outputs: dict[int, EngineCoreOutputs]) -> None:
        """Puts the reports on the outputs of their turns."""
        if not self._reports:
            return
        # On every output of the turn: vLLM merges the outputs that a slow reader has not
        # taken, and keeps this field of the last one alone.
        for batch in outputs.values():
            for output in batch.outputs:
                request_id = output.request_id
                if request_id not in self._reports:
                    continue
                if output.new_token_ids and request_id in self._untouched:
                    self._first_token(request_id)
                # The one free-form field that reaches the request's RequestOutput.
                output.kv_transfer_params = {
                    **(output.kv_transfer_params or {}),
                    "intercept": self._told[request_id],
                }
                if output.finish_reason is not None:
                    self._forget(request_id)

    def _first_token(self, request_id: str) -> None:
        first_token_s = self._now_s() - self._untouched.pop(request_id)
        self._log.add(replace(self._reports[request_id], first_token_s=first_token_s))
