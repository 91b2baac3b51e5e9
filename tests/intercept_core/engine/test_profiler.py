from collections.abc import Iterator

import pytest
from in_process_engine import InProcessEngine
from random_llama import write_random_llama

from intercept_core.engine.profiled_engine import ProfiledEngine
from intercept_core.engine.profiler import Effort, Profiler
from intercept_core.policy.profile_fit import fit_profile

BRIEF = Effort(
    growth=4,
    repeats=1,
    least_repeats=1,
    most_repeats=2,
    shape_s=0.1,
    settle_s=0.0,
    contexts_s=0.5,
    stages=2,
)


@pytest.fixture(scope="module", params=[False, True], ids=["sync", "async"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InProcessEngine]:
    model = write_random_llama(tmp_path_factory.mktemp("random-llama"))
    engine = InProcessEngine(
        model,
        async_scheduling=request.param,
        kv_transfer_config={
            "kv_connector": "InterceptConnector",
            "kv_connector_module_path": "intercept_core.swap.connector",
            "kv_role": "kv_producer",
            "kv_connector_extra_config": {"host_memory_gib": 0.01},
        },
        additional_config={"intercept": {"policy": "swap"}},
    )
    yield engine
    engine.core.shutdown()


def test_measures_every_shape_and_leaves_the_engine_idle(engine: InProcessEngine) -> None:
    free_blocks = engine.free_blocks
    said: list[float] = []
    with engine._own_connector():
        profiler = Profiler(
            ProfiledEngine(engine.core), BRIEF, lambda share, doing: said.append(share)
        )
        profiler.run()
    assert said == sorted(said)
    assert said[-1] == 1.0
    assert engine.free_blocks == free_blocks
    assert not engine.scheduler.requests
    assert not engine.scheduler.parked

    alone = [made for made in profiler.iterations if not made.decoding]
    assert [made.query_tokens for made in alone] == [1, 4, 16, 40, 64, 128]
    assert [made.context_tokens for made in alone] == [1, 4, 16, 40, 64, 128]
    assert [made.query_tokens for made in alone if made.held_out] == [40]
    beside = [made for made in profiler.iterations if made.decoding]
    assert len({made.decoding for made in beside}) == 1
    assert beside[0].query_tokens == beside[0].decoding
    assert max(made.query_tokens for made in beside) == 128
    assert all(made.context_tokens > 500 for made in beside)
    assert all(made.seconds > 0 for made in profiler.iterations)

    for to_host in (True, False):
        sizes = [made.blocks for made in profiler.copies if made.to_host is to_host]
        assert sizes == [1, 2, 4, 8, 16]

    fit = fit_profile(profiler.iterations, profiler.copies)
    assert fit.copies_measured
    assert fit.profile.block_out_s > 0 < fit.profile.block_in_s
    assert fit.p90_error is not None
