import queue

import pytest

from deployments.metrics.gauge_keeper import GaugeKeeper

PATIENCE_S = 10.0


class Gauge:
    def __init__(self):
        self.told = queue.Queue()

    def set(self, value, tags):
        self.told.put((value, tags["color"]))

    def hear(self):
        return self.told.get(timeout=PATIENCE_S)


@pytest.fixture
def keeper():
    keeper = GaugeKeeper(refresh_s=0.001)
    yield keeper
    keeper.close()


def test_a_gauge_is_set_again_and_again(keeper):
    gauge = Gauge()
    keeper.set(gauge, 3, {"color": "red"})
    assert [gauge.hear() for _ in range(4)] == [(3, "red")] * 4


def test_the_last_value_of_each_series_is_kept(keeper):
    gauge, red, blue = Gauge(), {"color": "red"}, {"color": "blue"}
    keeper.set(gauge, 3, red)
    keeper.set(gauge, 5, blue)
    keeper.set(gauge, 4, dict(red))
    while gauge.hear() != (4, "red"):
        pass
    gauge.hear()  # of a round that has begun before
    gauge.hear()
    assert {gauge.hear() for _ in range(6)} == {(4, "red"), (5, "blue")}
