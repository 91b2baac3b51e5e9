"""What can be chosen beside locust's own options, on its command line and on its page."""

import argparse
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from loadtest.load.prompts import PROMPTS
from loadtest.load.shapes import SHAPES, Shape, ShapeName

PEAK_FACTOR = 4
"""How many times the users a peak is, unless it is set."""

SHORTEST_INTERVAL_S = 5.0
"""Locust looks at the shape once a second: shorter spikes could pass unseen."""


class LoadOptions(BaseModel):
    """The options, whoever set them.

    Attributes:
        kinds: What requests are about, drawn evenly.
        think_scale: Factor on the time that humans think; 1 for people.
        max_tokens: The most that the model may write for a request, calls included.
        seed: Makes it the same requests again.
        shape: How the number of users changes.
        shape_peak: Most users; 0 for four times as many as at the start.
        shape_interval: Length of a step, or between spikes, in seconds.
        shape_steps: Steps to the peak.
        report: Where the table goes as Markdown; empty for nowhere.
        num_users: Locust's: users at the start.
        spawn_rate: Locust's: users that are added or taken away a second.
        run_time: Locust's: seconds until the end; None for no end.
    """

    model_config = ConfigDict(from_attributes=True, frozen=True)

    kinds: tuple[str, ...] = Field(min_length=1)
    think_scale: float = Field(gt=0)
    max_tokens: int = Field(ge=1)
    seed: int
    shape: ShapeName
    shape_peak: int = Field(ge=0)
    shape_interval: float = Field(ge=SHORTEST_INTERVAL_S)
    shape_steps: int = Field(ge=1)
    report: str
    num_users: int | None = None
    spawn_rate: float | None = None
    run_time: float | None = None

    @classmethod
    def of(cls, parsed: Any) -> Self:
        """Those in locust's namespace.

        Raises:
            pydantic.ValidationError: naming the option that does not fit.
        """
        return cls.model_validate(parsed)

    @property
    def users(self) -> Shape:
        """How many users there are at what time."""
        users = self.num_users or 1
        return Shape(
            self.shape,
            users,
            self.shape_peak or PEAK_FACTOR * users,
            self.shape_interval,
            self.shape_steps,
        )


def add_options(parser: Any) -> None:
    """Adds them to ``locust.argument_parser.LocustArgumentParser``."""
    kinds = list(PROMPTS)
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=kinds,
        default=kinds,
        is_multiple=True,
        help="What requests are about, drawn evenly (default: all, the mix)",
    )
    parser.add_argument(
        "--think-scale",
        type=_positive,
        default=1.0,
        help="Factor on the time that humans think, 28.6 s on average",
    )
    parser.add_argument(
        "--max-tokens", type=_count, default=1000, help="Most tokens of the model a request"
    )
    parser.add_argument("--seed", type=int, default=0, help="Makes it the same requests again")
    parser.add_argument(
        "--shape", choices=SHAPES, default="steady", help="How the number of users changes"
    )
    parser.add_argument(
        "--shape-peak",
        type=int,
        default=0,
        help=f"Most users of step and spike (0: {PEAK_FACTOR} times as many as at the start)",
    )
    parser.add_argument(
        "--shape-interval",
        type=_interval,
        default=30.0,
        help=f"Seconds of a step, or between spikes, at least {SHORTEST_INTERVAL_S:g}",
    )
    parser.add_argument("--shape-steps", type=_count, default=4, help="Steps to the peak")
    parser.add_argument(
        "--report",
        default="",
        metavar="FILE",
        include_in_web_ui=False,
        help="Where the table at the end goes, as Markdown",
    )


def _positive(text: str) -> float:
    if not (value := float(text)) > 0:
        raise argparse.ArgumentTypeError(f"{text}: must be more than 0")
    return value


def _interval(text: str) -> float:
    if (value := float(text)) < SHORTEST_INTERVAL_S:
        raise argparse.ArgumentTypeError(f"{text}: must be at least {SHORTEST_INTERVAL_S:g}")
    return value


def _count(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be at least 1")
    return value
