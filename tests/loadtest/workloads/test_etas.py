import pytest

from loadtest.workloads.conversation import Interception
from loadtest.workloads.etas import Etas, Report

IMAGE = Interception(kind="image", seconds=8.0, return_tokens=1)


def test_reports_at_the_start_and_halfway() -> None:
    assert list(Etas().of(IMAGE)) == [Report(0.0, 8.0), Report(4.0, 8.0)]


def test_a_tool_without_steps_cannot_tell() -> None:
    assert not list(Etas().of(IMAGE.model_copy(update={"kind": "chatbot"})))


def test_errors_are_seeded_and_never_of_the_past() -> None:
    first, second = (list(Etas(error=3.0, seed=1).of(IMAGE)) for _ in range(2))
    assert first == second
    erring = Etas(error=3.0, seed=2)
    reports = [report for _ in range(200) for report in erring.of(IMAGE)]
    assert all(report.eta_s >= report.after_s for report in reports)
    assert len({report.eta_s for report in reports}) > 100


def test_an_error_is_not_negative() -> None:
    with pytest.raises(ValueError, match=r"error: -0\.1 is negative"):
        Etas(error=-0.1)
