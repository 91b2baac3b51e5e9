import pytest
from hypothesis import given
from hypothesis import strategies as st

from intercept_core.policy.base import Policy
from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.discard import Discard
from intercept_core.policy.preserve import Preserve
from intercept_core.policy.registry import POLICIES, create
from intercept_core.policy.types import Disposition, EngineState, ParkedContext

STATE = EngineState(
    now_s=100.0,
    running_requests=3,
    running_tokens=900,
    waiting_requests=1,
    free_blocks=10,
    total_blocks=100,
    block_tokens=16,
)
COST = LinearCostModel()

contexts = st.lists(
    st.builds(
        ParkedContext,
        request_id=st.uuids().map(str),
        disposition=st.sampled_from(Disposition),
        kind=st.none() | st.just("calculator"),
        context_tokens=st.integers(1, 10_000),
        device_blocks=st.integers(0, 100),
        arrival_s=st.floats(0, 100),
        parked_s=st.floats(0, 100),
        eta_s=st.none() | st.floats(0, 1000),
    )
)


@given(contexts)
def test_discard_names_every_context(parked: list[ParkedContext]) -> None:
    decisions = Discard().decide(parked, STATE, COST)
    assert decisions.dispositions == {
        context.request_id: Disposition.DISCARD for context in parked
    }


@given(contexts)
def test_preserve_changes_nothing(parked: list[ParkedContext]) -> None:
    assert Preserve().decide(parked, STATE, COST).dispositions == {}


def test_forward_time_grows_with_the_query() -> None:
    cost = LinearCostModel(iteration_s=0.01, token_s=0.001)
    assert cost.forward_s(0, 5000) == pytest.approx(0.01)
    assert cost.forward_s(100, 0) == pytest.approx(0.11)


@pytest.mark.parametrize("name", POLICIES)
def test_policies_are_found_by_name(name: str) -> None:
    assert create(name).name == name


def test_a_policy_of_ones_own_is_found_by_path() -> None:
    assert isinstance(create("intercept_core.policy.discard:Discard"), Policy)


BAD = {
    "unknown": ("keep", {}, r"'keep' is not known; choose one of adaptive, budgeted_swap"),
    "no module": ("no.such:Policy", {}, r"'no.such:Policy' cannot be imported"),
    "no class": ("intercept_core.policy.discard:Nothing", {}, "cannot be imported"),
    "no policy": ("builtins:dict", {}, "is not a subclass of Policy"),
    "bad option": ("discard", {"speed": 1}, r"policy_options of 'discard'.*speed"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_names_and_options_are_explained(bad: str) -> None:
    name, options, message = BAD[bad]
    with pytest.raises(ValueError, match=message):
        create(name, options)
