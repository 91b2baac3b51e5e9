"""The course of a training: its rates, its end, and its command line."""

import logging
from pathlib import Path

import pytest
import torch

from augment_workers.training import Course, begin, training_parser


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def rates(course: Course, made: torch.optim.Optimizer) -> list[float]:
    return [round(made.param_groups[0]["lr"], 6) for _ in course]


def test_the_rate_rises_stays_and_falls() -> None:
    made = optimizer()
    course = Course([made], peak_lr=8.0, steps=10, warmup_steps=2, flat_share=0.5)
    assert rates(course, made) == [4, 8, 8, 8, 8, 6.4, 4.8, 3.2, 1.6, 0.24]


def test_the_clock_ends_it_at_the_lowest_rate() -> None:
    made, clock = optimizer(), Clock()
    course = Course(
        [made], peak_lr=1.0, steps=1000, warmup_steps=1, limit_s=4.0, clock=clock, log_every=1
    )
    seen = []
    for _ in course:
        seen.append(round(made.param_groups[0]["lr"], 3))
        clock.now_s += 1.0
    assert seen == [0.999, 0.75, 0.5, 0.25, 0.03]


def test_the_log_says_how_far_it_is(caplog: pytest.LogCaptureFixture) -> None:
    made, clock = optimizer(), Clock()
    course = Course(
        [made], peak_lr=1.0, steps=4, warmup_steps=1, name="copying", log_every=2, clock=clock
    )
    with caplog.at_level(logging.INFO):
        for _ in course:
            clock.now_s += 3.0
            course.saw(0.5, tokens=100)
    assert caplog.messages == [
        "copying: step 2, loss 0.5000, 200 tokens, 6 s, 6 s left",
        "copying: step 4, loss 0.5000, 400 tokens, 12 s, 0 s left",
    ]


def test_the_seed_decides(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    try:
        made = training_parser("It trains.", tmp_path / "made")
        options = made.parse_args(["--seed", "7", "--threads", "1"])
        drawn = [(begin(options).random(), torch.rand(1).item()) for _ in range(2)]
        assert drawn[0] == drawn[1]
        assert options.out == tmp_path / "made" and options.out.is_dir()
    finally:
        torch.set_num_threads(threads)
