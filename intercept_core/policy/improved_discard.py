"""Discards, but lets the resumed request keep its place."""

from intercept_core.policy.discard import Discard


class ImprovedDiscard(Discard):
    """``discard`` with the original arrival time."""

    name = "improved_discard"
    requeues = False
