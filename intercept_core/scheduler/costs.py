"""The cost model that the scheduler asks and teaches."""

from intercept_core.policy.learned_cost_model import LearnedCostModel
from intercept_core.scheduler.config import InterceptConfig


def learned_costs(config: InterceptConfig) -> LearnedCostModel:
    """Starts from the profile of the configuration, or from careful guesses."""
    return LearnedCostModel()
