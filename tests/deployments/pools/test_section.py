import sys
from typing import ClassVar

import pytest
from pydantic import ValidationError

from augment_workers.base import Augmentation, PoolDefaults
from deployments.pools.section import AugmentationSection


class Careful(Augmentation):
    """Has an effect, and works in batches."""

    kind = "careful"
    description = "For tests."
    parameters: ClassVar = {"type": "object"}
    typical_duration_s = 1.0
    defaults = PoolDefaults(timeout_s=7.0, retry=False, concurrency=8, queue_limit=2)

    def __init__(self, batch_size: int = 1, voice: str = "") -> None:
        self.batch_size = batch_size

    async def run(self, call):
        yield call.result("done")


CAREFUL = f"{__name__}:Careful"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


def section(**fields):
    return AugmentationSection.model_validate({"type": CAREFUL} | fields)


def mistake(**fields):
    """Path and message of the only mistake."""
    with pytest.raises(ValidationError) as raised:
        section(**fields)
    (error,) = raised.value.errors()
    return ".".join(map(str, error["loc"])), error["msg"]


def served(found):
    return found.timeout_s, found.retry, found.concurrency, found.queue_limit


def test_the_type_says_how_it_is_served_unless_the_file_does():
    assert served(section()) == (7.0, False, 8, 2)
    changed = {"timeout_s": 3, "retry": True, "concurrency": 4, "queue_limit": 0}
    assert served(section(**changed)) == (3.0, True, 4, 0)
    assert served(section(type="calculator")) == (30.0, True, 16, 256)


def test_people_get_time():
    found = section(type="chatbot")
    assert (found.timeout_s, found.queue_limit) == (600.0, 0)
    assert found.concurrency >= 1000
    assert found.answerable and not section().answerable


def test_it_is_the_same_again_when_it_is_read_from_its_own_fields():
    found = section(inline=True, result_limit_tokens=9)
    assert AugmentationSection.model_validate(found.model_dump()) == found


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_replicas", 2),
        ("autoscaling", {"max_replicas": 2}),
        ("num_cpus", 1),
        ("num_gpus", 0.5),
        ("env", {"KEY": "value"}),
        ("concurrency", 4),
        ("queue_limit", 4),
        ("batch_size", 4),
        ("lease_s", 1),
    ],
)
def test_what_belongs_to_workers_is_refused_for_one_that_is_inline(field, value):
    path, message = mistake(inline=True, **{field: value})
    assert path == field
    assert "an inline augmentation has none; drop it, or inline: true" in message


def test_inline_with_the_defaults_of_workers_is_no_mistake():
    found = section(inline=True, num_replicas=1, concurrency=8, retry=True, max_attempts=3)
    assert found.inline


def test_whoever_waits_for_answers_cannot_be_inline():
    path, message = mistake(type="chatbot", inline=True)
    assert path == "inline" and "answers reach a worker from any replica" in message


def test_a_batch_is_an_option_of_the_type():
    found = section(batch_size=4, options={"voice": "deep"})
    assert found.all_options == {"voice": "deep", "batch_size": 4}
    assert section().all_options == {}


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"type": "calculator", "batch_size": 2}, "there is no option batch_size"),
        ({"batch_size": 2, "options": {"batch_size": 2}}, "drop one of the two"),
        ({"batch_size": 9}, "never fills with concurrency 8; lower it or raise that"),
        ({"batch_size": 0}, "greater than 0"),
    ],
)
def test_a_batch_must_be_one_that_the_type_can_fill(fields, remedy):
    path, message = mistake(**fields)
    assert path == "batch_size" and remedy in message


def test_a_number_and_a_range_of_workers_exclude_each_other():
    path, message = mistake(num_replicas=3, autoscaling={"max_replicas": 4})
    assert path == "autoscaling"
    assert "num_replicas (3)" in message


def test_a_range_is_one():
    path, message = mistake(autoscaling={"min_replicas": 3, "max_replicas": 2})
    assert path == "autoscaling.max_replicas" and "min_replicas (3)" in message


@pytest.mark.parametrize("number", [0, 0.25, 1, 2])
def test_workers_share_a_gpu_or_have_whole_ones(number):
    assert section(num_gpus=number).num_gpus == number


def test_a_worker_cannot_have_one_gpu_and_a_half():
    path, message = mistake(num_gpus=1.5)
    assert path == "num_gpus" and "a fraction below 1" in message


def test_an_unknown_type_is_the_only_mistake():
    path, message = mistake(type="calculater", batch_size=2, num_gpus=0.5)
    assert path == "type" and "calculator" in message


def test_results_are_bounded_for_workers_that_cannot_count_tokens():
    found = section(result_limit_tokens=100)
    assert found.result_limit_chars >= 100 * 4


FORECAST = {
    "url": "https://weather.example/{city}",
    "description": "The weather.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


MCP = {"command": "a-server"}


def test_python_names_a_class_by_its_path():
    path = "augment_workers.calculator:Calculator"
    section = AugmentationSection(type="python", path=path, inline=True)
    assert section.type == path
    assert AugmentationSection.model_validate(section.model_dump()) == section


def test_tools_of_ones_own_are_not_sent_twice():
    for own in ({"type": "http", "options": FORECAST}, {"type": "mcp", "options": MCP}):
        assert not AugmentationSection.model_validate(own).retry
        assert AugmentationSection.model_validate(own | {"retry": True}).retry


def test_a_trigger_is_held_against_the_schema_of_the_options():
    trigger = {"start": "Weather[", "end": "]", "argument": "city"}
    fields = {"type": "http", "options": FORECAST, "trigger": trigger}
    assert AugmentationSection.model_validate(fields).trigger[0].argument == "city"
    fields["trigger"] = trigger | {"argument": "town"}
    with pytest.raises(ValidationError, match="argument 'town' is not known"):
        AugmentationSection.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "python"}, "type: python needs path"),
        (
            {"type": "calculator", "path": "a:B"},
            "path: goes with type: python, not 'calculator'",
        ),
        ({"type": "python", "path": "no.such:Tool"}, "cannot be imported"),
        ({"type": "http", "options": {}}, "option url is missing"),
        (
            {"type": "http", "options": FORECAST | {"url": "https://a.example/{x}"}},
            "no argument",
        ),
        ({"type": "http", "options": FORECAST | {"url": "http://127.0.0.1/"}}, "is loopback"),
        ({"type": "http", "options": FORECAST | {"allow": ["10.0.0.1/8"]}}, "is no network"),
        ({"type": "http", "options": FORECAST | {"result": "a["}}, "is no JMESPath"),
        ({"type": "http", "options": FORECAST | {"attempts": 0}}, "option attempts"),
        ({"type": "http", "options": FORECAST | {"parameters": {"type": 1}}}, "no JSON schema"),
        ({"type": "mcp", "options": {}}, "give command or url"),
        ({"type": "mcp", "options": MCP, "inline": True}, "known to a worker alone"),
        (
            {
                "type": "mcp",
                "options": MCP,
                "trigger": {"start": "a", "end": "b", "argument": "c"},
            },
            "names of its tools are not known",
        ),
    ],
)
def test_mistakes_in_tools_of_ones_own(fields, message):
    with pytest.raises(ValidationError, match=message):
        AugmentationSection.model_validate(fields)
