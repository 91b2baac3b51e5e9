"""The configuration of the way to one of several engines."""

from pydantic import Field, PositiveFloat

from deployments.section import Section


class RoutingSection(Section):
    """Which engine a request goes to, where there are several.

    An engine's pressure is the share of its KV cache that contexts hold, those of waiting
    requests included, plus the requests that it generates for or has in its queue, as a share
    of ``engine.max_num_seqs``. Zero is an idle engine, two a full cache and a full batch. An
    engine that takes no more requests, or lets none wait for an augmentation, comes last.

    Attributes:
        pass_over: How much more pressure than the least an engine may have and still get the
            requests whose context it holds; beyond it they are computed again elsewhere. 0
            balances alone, and keeps sessions together only among equals.
        report_period_s: Seconds between two reports of an engine's pressure.
    """

    pass_over: float = Field(default=1.0, ge=0)
    report_period_s: PositiveFloat = 1.0
