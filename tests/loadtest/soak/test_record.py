from dataclasses import replace

import pytest

from loadtest.soak.levels import Levels
from loadtest.soak.memory import Usage
from loadtest.soak.page import Setting, page
from loadtest.soak.record import MIB, Record, Sample, counted

RESTING = Levels(0, 0, 0, 0, {"free": 10, "cached": 90}, {"free": 50})


def sample(minute, mib, levels=RESTING):
    usage = Usage(1, int(1.5 * mib * MIB), int(mib * MIB))
    return Sample(60.0 * minute, {"engine": usage, "raylet": Usage(1, MIB, MIB)}, levels)


def record(growth=0.0, levels=RESTING, **changes):
    samples = [sample(minute, 500 + growth * minute) for minute in range(11)]
    made = Record(sample(0, 400), samples, sample(11, 500, levels), requests=60, failures=0)
    return replace(made, **changes)


def test_a_soak_that_is_passed():
    assert record().complaints(1.0) == []
    assert record().growth_mib_per_minute == pytest.approx(0.0)


def test_memory_that_grows():
    assert record(growth=0.5).growth_mib_per_minute == pytest.approx(0.5)
    assert record(growth=0.5).complaints(1.0) == []
    (complaint,) = record(growth=1.5).complaints(1.0)
    assert complaint == "memory grows by 1.50 MiB a minute, more than 1"


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (record(failures=2), "2 of 60 requests failed"),
        (record(requests=0), "no request was sent"),
        (record(levels=replace(RESTING, parked=1)), "1 requests are still parked"),
        (record(levels=replace(RESTING, questions=1)), "1 questions still wait for a human"),
        (
            record(levels=replace(RESTING, device={"free": 99, "preserved": 1})),
            "1 blocks are held by nobody",
        ),
        (
            record(levels=replace(RESTING, device={"free": 99})),
            "there are 99 device blocks, not 100 as before",
        ),
    ],
)
def test_each_way_to_fail(made, complaint):
    assert made.complaints(1.0) == [complaint]


def test_requests_are_counted_from_locusts_file(tmp_path):
    file = tmp_path / "load_stats.csv"
    file.write_text(
        "Type,Name,Request Count,Failure Count\nPOST,image,7,1\nTTFT,image,6,0\n"
        ",Aggregated,7,1\n"
    )
    assert counted(file) == (7, 1)


def test_the_page_has_the_figures():
    setting = Setting(
        command="python -m loadtest.soak",
        machine="two cores",
        note="It was raining.",
        minutes=10,
        users=6,
        table="| kind |\n| --- |\n| all |",
        most_growth_mib_per_minute=1.0,
    )
    text = page(record(growth=0.25), setting)
    assert "Passed. In 10 minutes 6 users sent 60 requests" in text
    assert "It was raining." in text
    assert "grows by +0.25 MiB a minute, of 504 MiB" in text
    assert "| device blocks cached | 90 | 90 | 90 | 90 |" in text
    assert "| engine (1) | 400.0 | 500.0 | 500.8 | 501.8 | 502.5 | 500.0 |" in text
    assert "Not passed: 3 of 60" in page(record(failures=3), setting)
    assert "samples are missing" not in text
    assert "2 more samples are missing" in page(record(skipped=2), setting)
