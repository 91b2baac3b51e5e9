import importlib.util
import inspect
import json
import time
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from modelless import Kind, make
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
    for class_name, names in compat.REQUIRED_ATTRIBUTES.items():
        assert set(names) <= set(contract["attributes"][class_name]), class_name


def test_every_argument_that_is_given_by_name_is_there(contract: Contract) -> None:
    for name, keywords in compat.REQUIRED_KEYWORDS.items():
        assert set(keywords) <= set(contract["parameters"][name]), name


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


@pytest.fixture
def scheduler() -> Any:
    kind = Kind(
        policy="preserve",
        asynchronous=False,
        runner_v2=False,
        depth=1,
        caching=True,
        device_blocks=8,
        host_blocks=0,
    )
    return make(kind, time.monotonic)


@pytest.mark.parametrize(
    ("path", "class_name", "name"),
    [
        ("", "KVCacheManager", "watermark_blocks"),
        ("", "KVCacheManager", "block_pool"),
        ("", "KVCacheManager", "coordinator"),
        (".coordinator", "KVCacheCoordinator", "single_type_managers"),
        (".block_pool", "BlockPool", "null_block"),
        (".block_pool.null_block", "KVCacheBlock", "ref_cnt"),
    ],
)
def test_what_the_kv_cache_lacks_is_named(
    scheduler: Any, path: str, class_name: str, name: str
) -> None:
    compat.check(scheduler)
    delattr(attrgetter(f"kv_cache_manager{path}")(scheduler), name)
    with pytest.raises(compat.IncompatibleVllm, match=rf"\({class_name}\.{name} is missing\)"):
        compat.check(scheduler)


def test_what_a_group_of_the_kv_cache_lacks_is_named(scheduler: Any) -> None:
    del scheduler.kv_cache_manager.coordinator.single_type_managers[0].num_cached_block
    missing = r"\(SingleTypeKVCacheManager\.num_cached_block is missing\)"
    with pytest.raises(compat.IncompatibleVllm, match=missing):
        compat.check(scheduler)


def test_what_a_request_lacks_is_named(scheduler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "Request", lambda *args: SimpleNamespace())
    with pytest.raises(compat.IncompatibleVllm, match=r"Request\.streaming_queue is missing"):
        compat.check(scheduler)


def test_an_argument_that_is_no_longer_taken_is_named(
    scheduler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keywords = ("delay_cache_blocks", "of_old")
    monkeypatch.setitem(compat.REQUIRED_KEYWORDS, "KVCacheManager.allocate_slots", keywords)
    with pytest.raises(
        compat.IncompatibleVllm, match=r"\(KVCacheManager\.allocate_slots takes no of_old\)"
    ):
        compat.check(scheduler)
