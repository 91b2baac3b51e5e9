"""An engine core whose worker samples at random and whose every KV slot is watched."""

from collections import deque
from random import Random

from modelless import BLOCK_TOKENS, COST, MOST_RUNNING, Kind, make
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.engine import EngineCoreOutput
from vllm.v1.outputs import ModelRunnerOutput

from loadtest.simulator.fake_copies import FakeCopies
from loadtest.simulator.kv_oracle import KvOracle

TRIGGER = 1
WORDS = range(2, 60)


class _Tokens:
    """A request as the worker knows it, garbage that it sampled past a stop included."""

    def __init__(self, token_ids: list[int], trigger_share: float) -> None:
        self._all_token_ids = token_ids  # the one attribute that the oracle reads
        self.trigger_share = trigger_share


class RandomWorker:
    """Samples the trigger now and then, and any word otherwise.

    It keeps the tokens of its requests itself, as workers do: what it computes for a request
    is right for the tokens that it was told and has sampled, whatever the scheduler has come
    to know meanwhile.

    Args:
        rng: Of the samples.
        slots: Whether it keeps a slot for each request until it hears that it has left, as
            vLLM's V2 model runner does.
    """

    def __init__(self, rng: Random, slots: bool) -> None:
        self.trigger_share = 0.15
        self.requests: dict[str, _Tokens] = {}
        self._rng = rng
        self._slots = slots

    def take(self, output: SchedulerOutput) -> None:
        """Follows who comes and goes."""
        for request_id in output.finished_req_ids:
            self.requests.pop(request_id, None)
        if self._slots:
            for request_id in output.preempted_req_ids or ():
                self.requests.pop(request_id, None)
        cached = output.scheduled_cached_reqs
        for request_id in cached.resumed_req_ids & cached.all_token_ids.keys():
            token_ids = cached.all_token_ids[request_id]
            self.requests[request_id] = _Tokens(list(token_ids), self._share(request_id))
        for new in output.scheduled_new_reqs:
            token_ids = new.prefill_token_ids or new.prompt_token_ids
            assert token_ids is not None
            self.requests[new.req_id] = _Tokens(list(token_ids), self._share(new.req_id))
        assert not self._slots or len(self.requests) <= MOST_RUNNING, "no slot is left"

    def _share(self, request_id: str) -> float:
        return self.trigger_share if request_id.startswith("session") else 0.0

    def sample(self, output: SchedulerOutput, starts: dict[str, int]) -> list[list[int]]:
        """One token for each request whose context is complete."""
        samples = []
        for request_id, count in output.num_scheduled_tokens.items():
            tokens = self.requests[request_id]
            known = len(tokens._all_token_ids)
            if starts[request_id] + count < known:
                samples.append([])
                continue
            assert starts[request_id] + count == known, f"{request_id}: position out of place"
            calls = self._rng.random() < tokens.trigger_share
            samples.append([TRIGGER if calls else self._rng.choice(WORDS)])
            tokens._all_token_ids.append(samples[-1][0])
        return samples


class CheckedEngine:
    """Scheduler, worker, copies, and as many iterations on their way as the kind says.

    An iteration is run when its result is due, after all before it: so do workers, whose copies
    and forward passes follow the order of the schedules.

    Attributes:
        now_s: The clock.
        iterations: How many results have come.
        idle: How many of the latest in a row computed nothing.
    """

    def __init__(self, kind: Kind, seed: int) -> None:
        self.kind = kind
        self.now_s = 0.0
        self.iterations = 0
        self.idle = 0
        self.scheduler = make(kind, lambda: self.now_s)
        self.oracle = KvOracle(kind.device_blocks, kind.host_blocks, BLOCK_TOKENS, kind.windows)
        self.worker = RandomWorker(Random(f"{seed} worker"), kind.runner_v2)
        self.copies = FakeCopies(COST, self.oracle, seed)
        self._under_way: deque[SchedulerOutput] = deque()

    @property
    def has_work(self) -> bool:
        return bool(self._under_way) or self.scheduler.has_requests()

    def schedule(self) -> list[SchedulerOutput]:
        """Schedules one iteration, if there is one to schedule."""
        if not self.scheduler.has_requests():
            return []
        output = self.scheduler.schedule()
        self._under_way.append(output)
        return [output]

    @property
    def due(self) -> bool:
        """Whether a result must be awaited before more is scheduled."""
        full = len(self._under_way) > self.kind.depth
        return full or (bool(self._under_way) and not self.scheduler.has_requests())

    def run(self) -> tuple[SchedulerOutput, ModelRunnerOutput]:
        """Runs the iteration that was scheduled first."""
        output = self._under_way.popleft()
        starts = {new.req_id: new.num_computed_tokens for new in output.scheduled_new_reqs}
        cached = output.scheduled_cached_reqs
        starts.update(zip(cached.req_ids, cached.num_computed_tokens, strict=True))
        self.now_s = self.copies.start(output, self.now_s)
        self.worker.take(output)
        self.oracle.apply(output, self.worker.requests)  # type: ignore[arg-type]
        ids = list(output.num_scheduled_tokens)
        result = ModelRunnerOutput(
            req_ids=ids,
            req_id_to_index={request_id: index for index, request_id in enumerate(ids)},
            sampled_token_ids=self.worker.sample(output, starts),
        )
        self.now_s += COST.forward_s(output.total_num_scheduled_tokens, 0)
        self.copies.report(result, self.now_s)
        self.iterations += 1
        self.idle = 0 if ids or result.kv_connector_output else self.idle + 1
        return output, result

    def update(self, ran: tuple[SchedulerOutput, ModelRunnerOutput]) -> list[EngineCoreOutput]:
        """Gives the scheduler a result."""
        outputs = self.scheduler.update_from_output(*ran)
        return [item for batch in outputs.values() for item in batch.outputs]
