import math

import pytest
from pydantic import ValidationError

from deployments.config import ServeConfig


def config(**args):
    return ServeConfig.model_validate({"model": "a-model"} | args)


def mistakes(**args):
    """Path, value and message of every mistake."""
    with pytest.raises(ValidationError) as raised:
        config(**args)
    return {
        ".".join(map(str, error["loc"])): (error["input"], error["msg"])
        for error in raised.value.errors()
    }


def test_a_model_is_enough():
    assert config().public_name == "a-model"
    assert config(served_model_name="public").public_name == "public"
    assert config().env == {"VLLM_NO_USAGE_STATS": "1"}


@pytest.mark.parametrize(
    ("args", "path", "value", "remedy"),
    [
        ({"modell": "x"}, "modell", "x", "'model'"),
        ({"replica": {"num_replica": 2}}, "replica.num_replica", 2, "'num_replicas'"),
        (
            {"augmentations": {"calculator": {"type": "calculator", "timeout": 3}}},
            "augmentations.calculator.timeout",
            3,
            "'timeout_s'",
        ),
        ({"engine": {"max_modl_len": 9}}, "engine.max_modl_len", 9, "'max_model_len'"),
        ({"engine": {"tool_cal_parser": 1}}, "engine.tool_cal_parser", 1, "'tool_call_parser'"),
        ({"engine": {"model": "x"}}, "engine.model", "x", "set model beside engine"),
        ({"engine": {"scheduler_cls": "x"}}, "engine.scheduler_cls", "x", "scheduler.policy"),
    ],
)
def test_an_unknown_field_is_named_with_its_value_and_a_remedy(args, path, value, remedy):
    ((found_path, (found_value, message)),) = mistakes(**args).items()
    assert (found_path, found_value) == (path, value)
    assert remedy in message


def test_a_wrong_value_is_named():
    found = mistakes(
        replica={"num_replicas": 0},
        augmentations={"calculator": {"type": "calculator", "timeout_s": -1}},
    )
    assert set(found) == {"replica.num_replicas", "augmentations.calculator.timeout_s"}


def test_an_augmentation_must_exist_and_take_its_options():
    found = mistakes(augmentations={"calculator": {"type": "calculater"}})
    assert "calculator" in found["augmentations.calculator.type"][1]
    found = mistakes(
        augmentations={"calculator": {"type": "calculator", "options": {"digits": 3}}}
    )
    assert "digits" in found["augmentations.calculator.options"][1]


def test_numbers_in_an_environment_become_text():
    section = {"type": "calculator", "env": {"KEY": 2}}
    made = config(env={"OMP_NUM_THREADS": 1}, augmentations={"calculator": section})
    assert made.env["OMP_NUM_THREADS"] == "1"
    assert made.augmentations["calculator"].env == {"KEY": "2"}


def test_a_flag_in_an_environment_is_refused():
    # YAML reads `yes` as true, and no program agrees on how to write that.
    assert "env.DEBUG" in mistakes(env={"DEBUG": True})


@pytest.mark.parametrize(
    ("policy", "remedy"),
    [
        ("adaptve", "'adaptive'"),
        ("oracle", "serve adaptive instead"),
        ("intercept_core.policy.oracle:Oracle", "serve adaptive instead"),
        ("no.such:Thing", "cannot be imported: No module named 'no'"),
        ("intercept_core.policy.types:CostModel", "is not a subclass of Policy"),
    ],
)
def test_a_policy_must_be_one_that_can_serve(policy, remedy):
    found = mistakes(scheduler={"policy": policy})
    assert remedy in found["scheduler.policy"][1]
    assert config().scheduler.policy == "adaptive"
    own = "intercept_core.policy.ttl:Ttl"
    assert config(scheduler={"policy": own}).scheduler.policy == own


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"speed": 1}, "no option speed; there are: quantile, default_s"),
        ({"quantile": "x"}, "option quantile: Input should be a valid number"),
    ],
)
def test_a_policy_takes_its_own_options(options, problem):
    found = mistakes(scheduler={"policy": "ttl", "policy_options": options})
    assert problem in found["scheduler.policy_options"][1]
    assert config(scheduler={"policy": "ttl", "policy_options": {"quantile": 0.5}})


def test_there_is_room_for_one_connector():
    found = mistakes(swap={"host_memory_gib": 1}, engine={"kv_transfer_config": {}})
    assert "engine.kv_transfer_config" in found["swap"][1]


def retrieval(*triggers):
    return {"retrieval": {"type": "retrieval", "trigger": list(triggers)}}


SEARCH = {
    "start": "Search[",
    "end": "]",
    "argument": "query",
    "arguments": {"verb": "search"},
}
LOOKUP = SEARCH | {"start": "Lookup[", "arguments": {"verb": "lookup"}}


def test_triggers_are_texts_that_call_an_augmentation():
    equals = {"start": "<<", "end": "=", "argument": "expression", "result_suffix": ">>"}
    line = {"start": "Act:", "end": "\n", "argument": "expression"}
    augmentations = retrieval(SEARCH, LOOKUP) | {
        "calculator": {"type": "calculator", "trigger": equals},
        "acts": {"type": "calculator", "trigger": line},
        "plain": {"type": "calculator"},
    }
    read = config(augmentations=augmentations).augmentations
    assert [one.start for one in read["retrieval"].trigger] == ["Search[", "Lookup["]
    (one,) = read["calculator"].trigger
    assert (one.end, one.result_prefix, one.result_suffix) == ("=", "", ">>")
    assert read["acts"].trigger[0].end == "\n"
    assert read["plain"].trigger == ()


@pytest.mark.parametrize(
    ("change", "path", "remedy"),
    [
        ({"start": ""}, ".0.start", "at least 1 character"),
        ({"end": ""}, ".0.end", "at least 1 character"),
        ({"argument": "qery"}, "", "argument 'qery' is not known; did you mean 'query'?"),
        ({"arguments": {"verb": "search", "x": 1}}, "", "argument 'x' is not known"),
        ({"arguments": {}}, "", "'verb' is needed in every call"),
        ({"begin": "x"}, ".0.begin", "Extra inputs"),
    ],
)
def test_a_trigger_must_make_calls_that_the_augmentation_takes(change, path, remedy):
    found = mistakes(augmentations=retrieval(SEARCH | change))
    (message,) = [
        message
        for where, (_, message) in found.items()
        if where == f"augmentations.retrieval.trigger{path}"
    ]
    assert remedy in message


def test_the_start_of_a_call_must_tell_which_call_it_is():
    wider = LOOKUP | {"start": "Search[now:"}
    found = mistakes(augmentations=retrieval(SEARCH, wider))
    assert "'Search[' is inside 'Search[now:'" in found["augmentations"][1]
    tag = SEARCH | {"start": "<tool"}
    found = mistakes(augmentations=retrieval(tag))
    assert "'<tool' is inside '<tool_call>'" in found["augmentations"][1]
    assert config(augmentations=retrieval(tag), dialect={"call_start": None})


def test_the_net_hangs_below_the_deadlines():
    section = {"type": "calculator", "timeout_s": 60}
    found = mistakes(scheduler={"park_deadline_s": 60}, augmentations={"calculator": section})
    assert "scheduler.park_deadline_s (60)" in found["augmentations"][1]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("park_deadline_s", 0),
        ("max_parked", 0),
        ("max_parked_device_share", 1.1),
        ("recompute_slowdown", 0),
        ("recompute_slowdown", math.inf),
    ],
)
def test_impossible_limits_are_named(field, value):
    assert set(mistakes(scheduler={field: value})) == {f"scheduler.{field}"}
