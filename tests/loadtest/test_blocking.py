"""The benchmark of what is done beside the running refuses what it cannot measure."""

import pytest

from loadtest import blocking


def refusal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str
) -> str:
    monkeypatch.setattr("sys.argv", ["blocking", *options])
    with pytest.raises(SystemExit):
        blocking.main()
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "least"), [("tokens", 2, 20), ("rounds", 0, 1), ("sessions", -1, 0)]
)
def test_too_little_to_measure_is_refused_by_name(
    option: str,
    value: int,
    least: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = refusal(monkeypatch, capsys, f"--{option}", str(value))
    assert f"--{option} {value}: must be at least {least}" in found


def test_more_requests_than_run_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = refusal(monkeypatch, capsys, "--foreground", "30")
    assert "--foreground and --sessions: 34, at most 32" in found
