"""What the trainers of the project's own small models share: command line, rate and log."""

import argparse
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from random import Random

import torch

logger = logging.getLogger(__name__)


def training_parser(description: str | None, out: Path) -> argparse.ArgumentParser:
    """A command line with what every trainer can be told.

    Args:
        description: Of the whole program.
        out: Where it writes unless it is told otherwise.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def begin(options: argparse.Namespace) -> Random:
    """Sets log, threads and seeds as the command line says; gives the source of its data."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    return Random(options.seed)


class Course:
    """The steps of one training, each at its learning rate.

    The rate rises linearly, stays at its peak, and falls linearly to almost nothing.

    Args:
        optimizers: Their rates are set before each step.
        peak_lr: The largest rate.
        steps: How many steps there are.
        warmup_steps: Steps until the peak.
        flat_share: Share of the course at the peak.
        lowest_share: Of the peak rate, at the end.
        limit_s: Ends the course, the fall of the rate included, by the clock where that is
            sooner than by ``steps``.
        name: What the log calls it.
        log_every: Steps from one line of the log to the next.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        optimizers: Sequence[torch.optim.Optimizer],
        *,
        peak_lr: float,
        steps: int,
        warmup_steps: int,
        flat_share: float = 0.0,
        lowest_share: float = 0.03,
        limit_s: float = math.inf,
        name: str = "training",
        log_every: int = 100,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._optimizers = optimizers
        self._peak_lr = peak_lr
        self._steps = steps
        self._warmup_steps = warmup_steps
        self._flat_share = flat_share
        self._lowest_share = lowest_share
        self._limit_s = limit_s
        self._name = name
        self._log_every = log_every
        self._clock = clock
        self._since_s = clock()
        self._step = 0
        self._tokens = 0
        self._loss = math.nan

    def __iter__(self) -> Iterator[int]:
        """Numbers of the steps, from 1 on."""
        self._since_s = self._clock()
        for self._step in count(1):
            progress = self.progress
            left = (1 - progress) / (1 - self._flat_share)
            share = min(1.0, self._step / self._warmup_steps, max(self._lowest_share, left))
            for group in (g for optimizer in self._optimizers for g in optimizer.param_groups):
                group["lr"] = self._peak_lr * share
            yield self._step
            if progress >= 1:
                return

    @property
    def progress(self) -> float:
        """How much of the course is over when this step is: 1 at the last."""
        elapsed_s = self._clock() - self._since_s
        return min(1.0, max(self._step / self._steps, elapsed_s / self._limit_s))

    def saw(self, loss: float, tokens: int = 0) -> None:
        """Takes in the loss of a step, and how many tokens it had; logs now and then."""
        self._loss = loss if math.isnan(self._loss) else 0.97 * self._loss + 0.03 * loss
        self._tokens += tokens
        if self._step % self._log_every and self._step != self._steps:
            return
        elapsed_s = self._clock() - self._since_s
        logger.info(
            "%s: step %d, loss %.4f, %d tokens, %.0f s, %.0f s left",
            *(self._name, self._step, self._loss, self._tokens, elapsed_s),
            elapsed_s * (1 / self.progress - 1),
        )
