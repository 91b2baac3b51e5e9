import os
import signal
import time

import pytest
import ray

from deployments.serving.local_ray import stopped_by_signals, uninterrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("ray_session")
def test_a_signal_ends_a_wait_inside_ray(number):
    @ray.remote(num_cpus=0)
    def signals_and_goes_on(pid):
        time.sleep(1)  # by then the test waits
        os.kill(pid, number)
        time.sleep(600)

    with uninterrupted():  # no signal that comes late reaches another test
        try:
            with pytest.raises(KeyboardInterrupt), stopped_by_signals():
                waits = signals_and_goes_on.remote(os.getpid())
                ray.get(waits, timeout=150)
        finally:
            ray.cancel(waits, force=True)
            ray.wait([waits], timeout=60)


def test_the_former_handlers_are_back_afterwards():
    former = signal.getsignal(signal.SIGTERM)
    with stopped_by_signals():
        assert signal.getsignal(signal.SIGTERM) != former
    assert signal.getsignal(signal.SIGTERM) == former
