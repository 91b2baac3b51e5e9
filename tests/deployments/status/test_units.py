import pytest

from deployments.status.units import count, duration, size


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (1536, "1.50 KiB"),
        (45 * 2**20, "45.0 MiB"),
        (1.21 * 2**30, "1.21 GiB"),
        (2**30 - 2**19, "1.00 GiB"),
        (640 * 2**30, "640 GiB"),
    ],
)
def test_sizes(size_bytes, text):
    assert size(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0004, "0 ms"),
        (0.25, "250 ms"),
        (2.34, "2.3 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (250, "4 min 10 s"),
        (7260, "2 h 1 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_counts():
    assert count(1, "engine") == "1 engine"
    assert count(1200, "engine") == "1,200 engines"
    assert count(2, "process") == "2 processes"
