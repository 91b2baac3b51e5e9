"""From measured iterations and copies to the costs of a machine with a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np

from intercept_core.policy.cost_model import SATURATED_SHARE, LinearCostModel
from intercept_core.policy.cost_profile import CostProfile
from intercept_core.policy.relative_fit import RelativeFit

LEAST_S = 1e-9
"""Costs are positive, however little a token took of what could be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredIteration:
    """Iterations of one shape.

    Attributes:
        decoding: Requests that generate in it; the rest of its tokens are prompts.
        query_tokens: Its tokens.
        context_tokens: Sum of its requests' contexts, these tokens included.
        seconds: Median time.
        repeats: How often it was measured.
        held_out: Whether it only judges the fit.
    """

    decoding: int
    query_tokens: int
    context_tokens: int
    seconds: float
    repeats: int
    held_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCopy:
    """Copies of one size and direction.

    Attributes:
        to_host: Device to host, or back.
        blocks: Its blocks.
        seconds: Median time.
        repeats: How often it was measured.
    """

    to_host: bool
    blocks: int
    seconds: float
    repeats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFit:
    """What the measurements say.

    Attributes:
        profile: The costs.
        copies_measured: Whether the times of copies are more than careful guesses.
        median_error: Median relative error at the held-out shapes; None without any.
        p90_error: Its 90th percentile.
    """

    profile: CostProfile
    copies_measured: bool
    median_error: float | None
    p90_error: float | None


def fit_profile(
    iterations: Sequence[MeasuredIteration], copies: Sequence[MeasuredCopy]
) -> ProfileFit:
    """Fits the linear model to what is not held out, and judges it by the rest.

    Where no copy was measured the careful guess stays.

    Raises:
        ValueError: without an iteration of prompts alone to fit to.
    """
    fit = RelativeFit(columns=3)
    for made in iterations:
        if not made.held_out:
            fit.add((1.0, made.query_tokens, made.context_tokens), made.seconds)
    fixed, token, context = fit.coefficients()
    profile = CostProfile(
        iteration_s=max(fixed, LEAST_S),
        token_s=max(token, LEAST_S),
        context_token_s=context,
        block_out_s=_block_s(copies, LinearCostModel().block_out_s, to_host=True),
        block_in_s=_block_s(copies, LinearCostModel().block_in_s, to_host=False),
        saturation_tokens=saturation_tokens(iterations),
    )
    errors = relative_errors(profile, iterations)
    return ProfileFit(
        profile=profile,
        copies_measured=bool(copies),
        median_error=float(np.median(errors)) if errors else None,
        p90_error=float(np.quantile(errors, 0.9)) if errors else None,
    )


def saturation_tokens(iterations: Sequence[MeasuredIteration]) -> int:
    """S: the most query tokens that take at most a tenth longer than the smallest iteration.

    Below it the time that an iteration takes anyway (weights to read, kernels to launch) hides
    that of its tokens. Where time stays flat until the arithmetic is saturated, as on GPUs, it
    is the bend; where it grows from the first token, as on CPUs, a few tokens. Only iterations
    of prompts alone count, with straight lines between them. A machine that is not saturated
    by its largest iteration has that for S.

    Raises:
        ValueError: if there is none to count.
    """
    alone = [made for made in iterations if not made.decoding]
    if not alone:
        raise ValueError("no iteration of prompts alone was measured")
    alone.sort(key=lambda made: made.query_tokens)
    longest_s = (1 + SATURATED_SHARE) * alone[0].seconds
    for within, beyond in pairwise(alone):
        if beyond.seconds > longest_s:
            share = (longest_s - within.seconds) / (beyond.seconds - within.seconds)
            more = share * (beyond.query_tokens - within.query_tokens)
            return max(int(within.query_tokens + more), 1)
    return alone[-1].query_tokens


def relative_errors(
    profile: CostProfile, iterations: Sequence[MeasuredIteration]
) -> list[float]:
    """How far the profile is off at each held-out shape, relative to what was measured."""
    cost = profile.cost_model()
    return [
        abs(cost.forward_s(made.query_tokens, made.context_tokens) / made.seconds - 1)
        for made in iterations
        if made.held_out
    ]


def _block_s(copies: Sequence[MeasuredCopy], guess_s: float, *, to_host: bool) -> float:
    per_block = [made.seconds / made.blocks for made in copies if made.to_host is to_host]
    return max(median(per_block), LEAST_S) if per_block else guess_s
