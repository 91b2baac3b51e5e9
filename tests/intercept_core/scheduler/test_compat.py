import importlib.util
import inspect
import json
from pathlib import Path

import pytest
from vllm_contract import Contract, read_contract

from intercept_core.scheduler import compat
from intercept_core.scheduler.mixin import InterceptMixin

CONTRACTS = Path(__file__).parent / "contract"


@pytest.fixture(params=compat.TESTED_RELEASES)
def contract(request: pytest.FixtureRequest) -> Contract:
    """What was read from the source of a release that the plugin claims to fit."""
    loaded: Contract = json.loads((CONTRACTS / f"{request.param}.json").read_text())
    return loaded


def test_every_override_point_begins_as_required(contract: Contract) -> None:
    for name, parameters in compat.REQUIRED_PARAMETERS.items():
        found = contract["parameters"][name]
        assert found[: len(parameters)] == list(parameters), name


def test_every_attribute_is_there(contract: Contract) -> None:
    assert set(compat.REQUIRED_ATTRIBUTES) <= set(contract["attributes"])


def test_a_stopped_session_passes_the_park_hook(contract: Contract) -> None:
    calls = contract["calls"]
    assert "_handle_stopped_request" in calls["update_from_output"]
    hooks = calls["_handle_stopped_request"] + calls["update_from_output"]
    assert "_enqueue_waiting_request" in hooks


def test_an_input_for_a_session_passes_the_resume_hook(contract: Contract) -> None:
    assert "_update_request_as_session" in contract["calls"]["add_request"]


def test_everything_the_mixin_overrides_is_under_contract() -> None:
    upstream = set(dir(InterceptMixin.__mro__[1]))
    overridden = {
        name
        for name, value in vars(InterceptMixin).items()
        if inspect.isfunction(value) and name in upstream and not name.startswith("__")
    }
    required = {name.partition(".")[2] for name in compat.REQUIRED_PARAMETERS}
    assert overridden <= required


def test_the_recorded_contract_is_that_of_the_installed_release() -> None:
    release = compat.installed_release()
    if release not in compat.TESTED_RELEASES:
        pytest.fail(f"vLLM {release} is installed, but no contract was recorded for it")
    spec = importlib.util.find_spec("vllm")
    assert spec is not None
    assert spec.origin is not None
    recorded = json.loads((CONTRACTS / f"{release}.json").read_text())
    assert read_contract(Path(spec.origin).parent) == recorded


def test_a_missing_attribute_is_named() -> None:
    with pytest.raises(compat.IncompatibleVllm, match=r"Scheduler\.running is missing"):
        compat.check(object())  # type: ignore[arg-type]


def test_a_changed_signature_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        compat.REQUIRED_PARAMETERS, "Scheduler.add_request", ("self", "something_else")
    )
    with pytest.raises(compat.IncompatibleVllm, match=r"Scheduler\.add_request takes"):
        compat.check(object())  # type: ignore[arg-type]
