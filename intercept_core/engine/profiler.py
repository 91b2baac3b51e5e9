"""Measures what iterations and copies take on a real engine."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from intercept_core.engine.profiled_engine import ProfiledEngine, SeenCopy, SeenIteration
from intercept_core.policy.profile_fit import MeasuredCopy, MeasuredIteration

CONTEXT_SHARE = 3 / 4
"""Long contexts fill this share of the model's limit; they grow while they are measured."""
CACHE_SHARE = 0.6
"""Contexts fill at most this share of the KV cache: nothing may be preempted."""
MOST_COPIED_BLOCKS = 64
WARM_UP_TOKENS = (1, 64, 256)

Report = Callable[[float, str], None]
"""Hears the share of the work that is done, and what is done now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured.

    Attributes:
        growth: Factor between two sizes that are fitted; one between them is held out.
        repeats: Measurements of a shape, after one that warms up.
        least_repeats: As many are enough once a shape has taken ``shape_s``.
        most_repeats: As many are made while a shape has not taken ``settle_s``: on a shared
            machine a disturbance outlasts several iterations of a millisecond.
        shape_s: Seconds.
        settle_s: Seconds.
        longest_s: Longest iteration that is still tried.
        contexts_s: Seconds to spend on computing the contexts of one stage.
        stages: How many mixes of generating requests there are, the one without included.
    """

    growth: int = 2
    repeats: int = 7
    least_repeats: int = 3
    most_repeats: int = 60
    shape_s: float = 2.0
    settle_s: float = 0.2
    longest_s: float = 4.0
    contexts_s: float = 10.0
    stages: int = 4


QUICK = Effort(
    growth=4,
    repeats=3,
    least_repeats=2,
    most_repeats=20,
    shape_s=0.5,
    settle_s=0.03,
    longest_s=1.5,
    contexts_s=3.0,
    stages=3,
)


@dataclass(frozen=True, slots=True)
class Stage:
    """Requests that generate while prompts of every size come.

    Attributes:
        decoding: How many.
        context_tokens: What each has at the beginning.
    """

    decoding: int
    context_tokens: int


class Profiler:
    """Walks over the shapes that iterations can have: so many requests that generate, with
    such contexts, next to prompts of so many tokens.

    Attributes:
        iterations: What was measured so far.
        copies: What was measured so far.
    """

    def __init__(self, engine: ProfiledEngine, effort: Effort, report: Report) -> None:
        self._engine = engine
        self._effort = effort
        self._report = report
        self._stages_done = 0
        self._decoding: list[str] = []
        self.iterations: list[MeasuredIteration] = []
        self.copies: list[MeasuredCopy] = []

    def run(self) -> None:
        """Measures everything."""
        self._report(0.0, "warming up")
        for tokens in WARM_UP_TOKENS:
            self._shape(Stage(0, 0), min(tokens, self._engine.batch_tokens), held_out=False)
        self.iterations.clear()
        self._stage(Stage(0, 0))
        for stage in self._stages_with_contexts():
            self._stage(stage)
        self._report(self._stages_done / (self._effort.stages + 1), "copies")
        self._measure_copies()
        self._report(1.0, "done")

    # -- which shapes ------------------------------------------------------------------

    def _stages_with_contexts(self) -> list[Stage]:
        """Some long contexts, many short ones, and one alone, as far as the machine can
        compute them in time and keep them."""
        engine = self._engine
        largest = max(self.iterations, key=lambda made: made.query_tokens)
        in_time = self._effort.contexts_s * largest.query_tokens / largest.seconds
        fitting = CACHE_SHARE * engine.device_blocks * engine.block_tokens
        tokens = int(min(in_time, fitting))
        long = max(min(int(CONTEXT_SHARE * engine.context_limit), tokens), 1)
        most = max(min(engine.most_requests, engine.batch_tokens) - 2, 1)
        some = max(min(tokens // long, most // 2), 1)
        many = max(min(most, tokens), 1)
        stages = [
            Stage(some, long),
            Stage(many, max(min(tokens // many, long), 1)),
            Stage(1, long),
        ]
        return list(dict.fromkeys(stages[: self._effort.stages - 1]))

    def _sizes(self, stage: Stage) -> Iterator[tuple[int, bool]]:
        """Prompt tokens of an iteration, and whether they are held out."""
        room = self._room(stage)
        if stage.decoding:
            yield 0, False
        size = 8 if stage.decoding else 1
        while size < room:
            yield size, False
            between = size * (1 + self._effort.growth) // 2
            if size >= 8 and between < room:
                yield between, True
            size *= self._effort.growth
        if room:
            yield room, False

    def _room(self, stage: Stage) -> int:
        engine = self._engine
        kept = stage.decoding * engine.context_limit if stage.decoding else 0
        kept = min(kept, int(CACHE_SHARE * engine.device_blocks * engine.block_tokens))
        return max(
            min(
                engine.batch_tokens - stage.decoding,
                (engine.most_requests - stage.decoding) * self._longest_prompt,
                int(0.9 * engine.device_blocks * engine.block_tokens) - kept,
            ),
            0,
        )

    @property
    def _longest_prompt(self) -> int:
        return max(self._engine.context_limit - 2, 1)

    # -- iterations --------------------------------------------------------------------

    def _stage(self, stage: Stage) -> None:
        sizes = list(self._sizes(stage))
        name = f"{stage.decoding} generate over {stage.context_tokens} tokens each"
        last_s, last_tokens = 0.0, 1
        for number, (size, held_out) in enumerate(sizes):
            done = self._stages_done + number / len(sizes)
            self._report(done / (self._effort.stages + 1), f"{name}, {size} of prompts")
            tokens = stage.decoding + size
            if last_s * tokens / last_tokens > self._effort.longest_s:
                break
            made = self._shape(stage, size, held_out=held_out)
            if made is not None:
                last_s, last_tokens = made.seconds, tokens
        self._engine.abort(self._decoding)
        self._decoding = []
        self._stages_done += 1

    def _shape(self, stage: Stage, size: int, *, held_out: bool) -> MeasuredIteration | None:
        """Measures one shape; None if the scheduler never makes such an iteration."""
        seen: list[SeenIteration] = []
        started_s = time.monotonic()
        for repeat in range(self._effort.most_repeats):
            made = self._iterate(stage, size)
            if repeat:  # the first of a shape prepares kernels and memory for it
                seen += made
            if len(seen) >= self._enough(time.monotonic() - started_s):
                break
        if not seen:
            return None
        measured = MeasuredIteration(
            decoding=stage.decoding,
            query_tokens=stage.decoding + size,
            context_tokens=int(median(one.context_tokens for one in seen)),
            seconds=median(one.seconds for one in seen),
            repeats=len(seen),
            held_out=held_out,
        )
        self.iterations.append(measured)
        return measured

    def _enough(self, spent_s: float) -> int:
        effort = self._effort
        if spent_s < effort.settle_s:
            return effort.most_repeats
        return effort.repeats if spent_s < effort.shape_s else effort.least_repeats

    def _iterate(self, stage: Stage, size: int) -> list[SeenIteration]:
        engine = self._engine
        self._keep_generating(stage)
        if not stage.decoding:
            engine.rest()  # an iteration in flight, though empty, would count for this one
        before = len(engine.seen.iterations)
        whole, rest = divmod(size, self._longest_prompt)
        lengths = [self._longest_prompt] * whole + [rest] * bool(rest)
        ids = [engine.add(length, max_tokens=1) for length in lengths]
        engine.step()
        engine.run_until(lambda: all(map(engine.has_ended, ids)))
        wanted = stage.decoding + size
        made = engine.seen.iterations[before:]
        return [one for one in made if one.query_tokens == wanted]

    def _keep_generating(self, stage: Stage) -> None:
        engine = self._engine
        going = [id_ for id_ in self._decoding if not engine.has_ended(id_)]
        most = engine.context_limit - stage.context_tokens
        missing = stage.decoding - len(going)
        going += [engine.add(stage.context_tokens, most) for _ in range(missing)]
        self._decoding = going
        engine.run_until(lambda: all(map(engine.has_begun, going)))

    # -- copies ------------------------------------------------------------------------

    def _measure_copies(self) -> None:
        engine = self._engine
        most = min(
            engine.host_blocks,
            (engine.context_limit - 4) // engine.block_tokens,
            engine.device_blocks // 2,
            MOST_COPIED_BLOCKS,
        )
        blocks = 1
        self._copy_both_ways(min(blocks, most))  # warms up
        while blocks <= most:
            both = [self._copy_both_ways(blocks) for _ in range(self._effort.repeats)]
            for to_host in (True, False):
                made = [copy for way in both for copy in way[0 if to_host else 1]]
                self._add_copies(to_host, made)
            blocks *= 2

    def _copy_both_ways(self, blocks: int) -> tuple[list[SeenCopy], list[SeenCopy]]:
        """Intercepts a context of so many blocks; returns the copies out and back."""
        engine = self._engine
        if not blocks:
            return [], []
        start = len(engine.seen.copies)
        session_id = engine.add_session(blocks * engine.block_tokens)
        engine.run_until(lambda: engine.has_ended(session_id))
        engine.rest()
        middle = len(engine.seen.copies)
        engine.resume_and_end(session_id)
        engine.rest()
        return engine.seen.copies[start:middle], engine.seen.copies[middle:]

    def _add_copies(self, to_host: bool, made: list[SeenCopy]) -> None:
        if not made:
            return
        self.copies.append(
            MeasuredCopy(
                to_host=to_host,
                blocks=int(median(copy.blocks for copy in made)),
                seconds=median(copy.seconds for copy in made),
                repeats=len(made),
            )
        )
