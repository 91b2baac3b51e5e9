from deployments.status.report import EngineStatus

PARKED = {
    "a": {"kind": "image", "parked_s": 3.0, "context_tokens": 100, "disposition": "swap"},
    "b": {"kind": None, "parked_s": 0.1, "context_tokens": 7, "disposition": "preserve"},
    "c": {"kind": "image", "parked_s": 9.0, "context_tokens": 50, "disposition": "swap"},
    "d": {"kind": "chatbot", "parked_s": 90.0, "context_tokens": 20, "disposition": "discard"},
}


def snapshot(**changes):
    return {
        "running": 2,
        "waiting": 1,
        "parked": PARKED,
        "block_bytes": 1024,
        "telemetry": {"resumed": 8, "resumed_preserved": 5, "resumed_swapped": 2},
        "totals": {
            "parks": {"": 12},
            "waste_byte_seconds": {"preserved": 10.0},
        },
        "levels": {
            "parked_requests": {"": 4},
            "device_blocks": {"running": 3, "free": 7},
            "host_blocks": {"swapped": 1, "swapping": 0, "free": 9},
        },
    } | changes


def test_parked_requests_are_told_by_kind_the_longest_wait_first():
    status = EngineStatus.of(snapshot(), replica="r", uptime_s=5.0)
    assert [kind.kind for kind in status.parked] == ["chatbot", "image", ""]
    image = status.parked[1]
    assert (image.requests, image.longest_s, image.context_tokens) == (2, 9.0, 150)
    assert image.dispositions == {"swap": 2}
    assert status.parked_requests == 4


def test_totals_and_levels_are_taken_over():
    status = EngineStatus.of(snapshot(), replica="r", uptime_s=5.0)
    assert status.intercepted == 12
    assert status.resumed == {"preserved": 5, "swapped": 2, "discarded": 1}
    assert status.waste_byte_seconds == {"preserved": 10.0}
    assert status.host_blocks == {"swapped": 1, "swapping": 0, "free": 9}
    assert EngineStatus.model_validate_json(status.model_dump_json()) == status


def test_without_a_host_pool_there_are_no_blocks_of_it():
    none = {"swapped": 0, "swapping": 0, "free": 0}
    levels = {"device_blocks": {"free": 7}, "host_blocks": none}
    assert (
        EngineStatus.of(snapshot(levels=levels), replica="r", uptime_s=1.0).host_blocks is None
    )
