"""What the benchmark runs, and at what speed of copies."""

from argparse import Namespace
from typing import Any

import pytest

from loadtest.policies import __main__ as program
from loadtest.policies.engine import EngineSettings
from loadtest.policies.model import KV_BYTES_PER_TOKEN
from loadtest.policies.settings import Load


def test_the_order_changes_with_every_round() -> None:
    assert program._order(["a", "b", "c"], ["once"], 3) == [
        *("a", "b", "c"),
        "once",
        *("b", "c", "a"),
        *("c", "a", "b"),
    ]


def test_a_copy_takes_its_share_of_the_time_that_was_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token_s = 160e-6

    def run(side: str, engine: EngineSettings, load: Load) -> dict[str, Any]:
        assert (side, engine.policy) == ("adaptive", "adaptive")
        assert engine.bandwidth_gib_per_s is None  # measured at full speed
        assert load == Load(rate_per_s=7.0, duration_s=program.CALIBRATION_S)
        return {"costs": {"token_s": token_s}}

    monkeypatch.setattr(program, "_run", run)
    arguments = Namespace(
        device_blocks=64, host_memory_gib=0.5, scale_seconds=0.2, copy_share=0.4
    )
    gib_per_s = program._bandwidth(arguments, Load(rate_per_s=7.0, duration_s=50.0))
    copy_s = KV_BYTES_PER_TOKEN / (gib_per_s * 2**30)
    assert copy_s == pytest.approx(0.4 * token_s)
