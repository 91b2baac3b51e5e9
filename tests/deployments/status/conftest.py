"""Made-up reports."""

import pytest

from deployments.status.report import (
    DeploymentStatus,
    EngineStatus,
    ParkedKind,
    ServerStatus,
)


@pytest.fixture
def engine():
    def engine(replica="r1", uptime_s=100.0, **changes):
        fields = {
            "running": 3,
            "waiting": 1,
            "parked": [
                ParkedKind(
                    kind="chatbot",
                    requests=2,
                    longest_s=250.0,
                    context_tokens=1420,
                    dispositions={"preserve": 1, "swap": 1},
                )
            ],
            "block_bytes": 2**20,
            "device_blocks": {
                "running": 256,
                "preserved": 128,
                "swapping": 1,
                "cached": 63,
                "free": 576,
            },
            "host_blocks": {"swapped": 512, "swapping": 1, "free": 511},
            "intercepted": 12,
            "resumed": {"preserved": 5, "swapped": 2, "discarded": 0},
            "waste_byte_seconds": {"preserved": 200.0 * 2**30, "recompute": 50.0 * 2**30},
        }
        return EngineStatus(replica=replica, uptime_s=uptime_s, **(fields | changes))

    return engine


@pytest.fixture
def server():
    def server(*engines, **changes):
        fields = {
            "application": "infercept",
            "model": "tiny-tools",
            "policy": "adaptive",
            "deployments": [
                DeploymentStatus(name="LLMReplica", status="HEALTHY", replicas={"RUNNING": 2}),
                DeploymentStatus(
                    name="augmentation-image",
                    status="UNHEALTHY",
                    replicas={},
                    message="it crashed",
                ),
            ],
        }
        return ServerStatus(engines=list(engines), **(fields | changes))

    return server
