"""Policies by name."""

import importlib
from collections.abc import Mapping
from typing import Any

from intercept_core.constructor_options import fitting
from intercept_core.policy.adaptive import Adaptive
from intercept_core.policy.base import Policy
from intercept_core.policy.budgeted_swap import BudgetedSwap
from intercept_core.policy.discard import Discard
from intercept_core.policy.heuristic import Heuristic
from intercept_core.policy.improved_discard import ImprovedDiscard
from intercept_core.policy.infercept import InferCept
from intercept_core.policy.oracle import Oracle
from intercept_core.policy.preserve import Preserve
from intercept_core.policy.swap_all import Swap
from intercept_core.policy.ttl import Ttl

POLICIES: dict[str, type[Policy]] = {
    policy.name: policy
    for policy in (
        Discard,
        ImprovedDiscard,
        Preserve,
        Swap,
        BudgetedSwap,
        Heuristic,
        Ttl,
        InferCept,
        Adaptive,
        Oracle,
    )
}

DEFAULT_POLICY = Adaptive.name


def create(name: str, options: Mapping[str, Any] | None = None) -> Policy:
    """Makes the policy called ``name``.

    Args:
        name: A key of :data:`POLICIES`, or ``package.module:Class`` for one of your own.
        options: Keyword arguments of its constructor.

    Raises:
        ValueError: if there is no such policy, or it does not take these options.
    """
    return resolve(name)(**check_options(name, options))


def resolve(name: str) -> type[Policy]:
    """The class with this name.

    Raises:
        ValueError: if there is none, or it is no policy.
    """
    module, own, attribute = name.partition(":")
    if not own:
        if name not in POLICIES:
            known = ", ".join(sorted(POLICIES))
            raise ValueError(
                f"policy: {name!r} is not known; choose one of {known}, or package.module:Class"
            )
        return POLICIES[name]
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"policy: {name!r} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Policy)):
        raise ValueError(f"policy: {name!r} is not a subclass of Policy")
    return found


def check_options(name: str, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The constructor's arguments that ``options`` mean.

    Raises:
        ValueError: if the policy does not take them; the message names the option.
    """
    try:
        return fitting(resolve(name), options)
    except ValueError as error:
        raise ValueError(f"policy_options of {name!r}: {error}") from None
