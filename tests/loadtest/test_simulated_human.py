from statistics import mean, stdev

import pytest
from calls import events_of, make_call
from policy_facts import COST, context, state

from augment_workers.registry import create
from intercept_core.bus.messages import Result
from intercept_core.policy.adaptive import Adaptive
from loadtest.simulated_human import SimulatedHuman

TYPE = "loadtest.simulated_human:SimulatedHuman"


def think_times(human: SimulatedHuman, turns: int) -> list[float]:
    return [human.turn()[0] for _ in range(turns)]


def test_it_thinks_as_long_as_the_people_of_the_table() -> None:
    drawn = think_times(SimulatedHuman(seed=1), 20_000)
    assert mean(drawn) == pytest.approx(28.6, rel=0.02)
    assert stdev(drawn) == pytest.approx(15.6, rel=0.05)
    assert min(drawn) > 0


def test_a_seed_makes_the_same_human_again() -> None:
    again = [SimulatedHuman(seed=3).turn() for _ in range(2)]
    assert again[0] == again[1] != SimulatedHuman(seed=4).turn()
    slow, fast = SimulatedHuman(seed=3), SimulatedHuman(seed=3, time_scale=0.01)
    assert fast.turn()[0] == pytest.approx(slow.turn()[0] / 100)


async def test_it_answers_in_the_place_of_the_chatbot() -> None:
    human = create(TYPE, {"seed": 5, "time_scale": 1e-6})
    *_, result = await events_of(human, make_call(arguments={"message": "Tea or coffee?"}))
    assert isinstance(result, Result)
    assert result.text == SimulatedHuman(seed=5).turn()[1] != ""


def test_time_cannot_stand_still() -> None:
    with pytest.raises(ValueError, match="time_scale=0"):
        SimulatedHuman(time_scale=0)


@pytest.mark.parametrize("waited_s", [0.0, 15.0, 40.0])
def test_the_policy_expects_people_back_by_how_long_their_turns_took(waited_s: float) -> None:
    policy = Adaptive()
    for seconds in think_times(SimulatedHuman(seed=6), 256):
        policy.observe("chatbot", seconds)
    parked = context(kind="chatbot", declared_s=SimulatedHuman.typical_duration_s)
    now = state(now_s=parked.parked_s + waited_s)
    expected_s = policy.decide([parked], now, COST).remaining_s[parked.request_id]
    others = think_times(SimulatedHuman(seed=7), 20_000)
    longer = [seconds - waited_s for seconds in others if seconds > waited_s]
    assert expected_s == pytest.approx(mean(longer), rel=0.25)
