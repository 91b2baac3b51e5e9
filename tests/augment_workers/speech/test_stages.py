import pytest

from augment_workers.speech.stages import StageProgress, StepTimes

GUESSES_S = {"draft": 1.0, "polish": 4.0}
PLAN = {"draft": 4, "polish": 2}


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Work:
    """Makes steps that take as long as it is told."""

    def __init__(self, *plans: dict[str, int], times: StepTimes | None = None) -> None:
        self.clock = Clock()
        self.times = times or StepTimes(GUESSES_S)
        self.progress = StageProgress(plans, self.times, self.clock)

    def step(self, stage: str, seconds: float) -> int:
        self.clock.now_s += seconds
        return self.progress.step(stage)


def test_guesses_tell_the_rest_until_something_was_measured() -> None:
    work = Work(PLAN)
    work.progress.begin_piece()
    assert work.progress.eta_s == 12
    assert work.progress.fraction == 0


def test_one_measured_stage_sets_the_pace_of_the_others() -> None:
    work = Work(PLAN)
    work.progress.begin_piece()
    work.step("draft", 9.0)  # prepares the stage, tells nothing of the next steps
    assert work.progress.eta_s == 3 + 8
    work.step("draft", 0.5)
    assert work.progress.eta_s == pytest.approx(2 * 0.5 + 2 * 2.0)


def test_the_fraction_is_a_share_of_time() -> None:
    work = Work(PLAN)
    work.progress.begin_piece()
    for _ in range(4):
        work.step("draft", 1.0)
    assert work.progress.fraction == pytest.approx(4 / 12)
    work.step("polish", 4.0)
    assert work.progress.fraction == pytest.approx(8 / 12)
    work.step("polish", 4.0)
    assert work.progress.fraction == 1
    assert work.progress.eta_s == 0


def test_later_pieces_count() -> None:
    work = Work(PLAN, PLAN)
    work.progress.begin_piece()
    assert work.progress.eta_s == 24
    for stage, seconds in (*[("draft", 1.0)] * 4, *[("polish", 4.0)] * 2):
        work.step(stage, seconds)
    assert work.progress.eta_s == pytest.approx(12)
    work.progress.begin_piece()
    assert work.progress.eta_s == pytest.approx(12)
    assert work.progress.fraction == pytest.approx(0.5)


def test_a_new_plan_replaces_the_old_one_and_the_fraction_never_falls() -> None:
    work = Work(PLAN)
    work.progress.begin_piece()
    assert work.step("draft", 1.0) == 1
    before = work.progress.fraction
    work.progress.plan_anew({"draft": 40, "polish": 20})
    assert work.progress.planned("polish") == 20
    assert work.progress.eta_s == 39 + 80
    assert work.progress.fraction == before


def test_more_steps_than_planned_leave_nothing_negative() -> None:
    work = Work({"draft": 1, "polish": 0})
    work.progress.begin_piece()
    for _ in range(3):
        work.step("draft", 1.0)
    assert work.progress.eta_s == 0


def test_what_one_call_has_taught_serves_the_next() -> None:
    first = Work(PLAN)
    first.progress.begin_piece()
    for stage in ("draft", "draft", "polish", "polish"):
        first.step(stage, 3.0)
    second = Work(PLAN, times=first.times)
    second.progress.begin_piece()
    assert second.progress.eta_s == pytest.approx(6 * 3.0)


def test_the_mean_follows_a_change() -> None:
    times = StepTimes(GUESSES_S)
    for _ in range(50):
        times.note("draft", 1.0)
    for _ in range(100):
        times.note("draft", 2.0)
    assert times["draft"] == pytest.approx(2.0, abs=0.05)
