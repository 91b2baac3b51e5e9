"""The cost model that the scheduler asks and teaches."""

from intercept_core.policy.learned_cost_model import LearnedCostModel
from intercept_core.scheduler.config import InterceptConfig


def learned_costs(config: InterceptConfig) -> LearnedCostModel:
    """Starts from the profile of the configuration, or from careful guesses.

    Either way the scheduler's own iterations and copies correct it; of a profile only the
    saturation point stays, which iterations below it cannot tell.
    """
    profile = config.profile
    if profile is None:
        return LearnedCostModel()
    return LearnedCostModel(profile.cost_model(), profile.saturation_tokens)
