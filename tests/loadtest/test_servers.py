from pathlib import Path

import pytest

from loadtest.servers import engine_flags, first_application

ROOT = Path(__file__).parents[2]


def test_engine_arguments_become_vllms_flags() -> None:
    arguments = {"max_model_len": 2048, "enforce_eager": True, "async_scheduling": False}
    assert engine_flags(arguments) == [
        "--max-model-len",
        "2048",
        "--enforce-eager",
        "--no-async-scheduling",
    ]


@pytest.mark.parametrize("config", ["demo.yaml", "tiny.yaml"])
def test_the_shipped_configurations_are_understood(config: str) -> None:
    application = first_application(ROOT / "configs" / config)
    assert "calculator" in application.augmentations
    assert application.engine["enforce_eager"] is True
