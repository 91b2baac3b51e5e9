from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from augment_workers.arguments import ArgumentCheck
from augment_workers.base import Augmentation
from augment_workers.calculator import Calculator
from augment_workers.registry import (
    BUILT_IN,
    RegistryError,
    check_options,
    create,
    declared,
    resolve,
)
from augment_workers.retrieval import Retrieval
from augment_workers.wikipedia import WikipediaOptions
from intercept_core.bus.messages import Call, Event

HERE = __name__


class Configured(Augmentation):
    kind = "configured"
    description = "A user's own."
    parameters = {"type": "object"}  # noqa: RUF012
    typical_duration_s = 1.0

    def __init__(self, folder: Path, copy: int = 3, anything=None) -> None:  # type: ignore[no-untyped-def]
        self.folder, self.copy, self.anything = folder, copy, anything

    async def run(self, call: Call) -> AsyncIterator[Event]:
        yield call.result("done")


class Unfinished(Augmentation):
    kind = "unfinished"


class BadSchema(Configured):
    parameters = {"type": "objekt"}  # noqa: RUF012


def test_built_in_types() -> None:
    assert {
        "alfworld",
        "calculator",
        "chatbot",
        "http",
        "image",
        "mcp",
        "retrieval",
        "speech",
    } == (set(BUILT_IN))
    for name in BUILT_IN:
        assert resolve(name).kind == name
    assert isinstance(create("calculator"), Calculator)
    assert resolve("retrieval") is Retrieval


SIX = sorted(BUILT_IN.keys() - {"http", "mcp"})


@pytest.mark.parametrize("kind", SIX)
def test_bad_arguments_reach_none_of_the_six(kind: str) -> None:
    spec = declared(kind)
    assert spec is not None
    fits = ArgumentCheck(spec.parameters).problem_with
    named = dict.fromkeys(spec.parameters["required"], "search")
    assert fits(named) is None
    assert "is a required property" in str(fits({}))
    assert "'nonsense' was unexpected" in str(fits({**named, "nonsense": "x"}))
    for name in named:
        assert f"arguments.{name}: 5 is not" in str(fits({**named, name: 5}))


def test_own_class_with_converted_options() -> None:
    made = create(f"{HERE}:Configured", {"folder": "/data", "anything": [1]})
    assert isinstance(made, Configured)
    assert (made.folder, made.copy, made.anything) == (Path("/data"), 3, [1])


def test_nested_options() -> None:
    options = {"corpus": "wikipedia", "wikipedia": {"timeout_s": 2}}
    assert check_options("retrieval", options) == {
        "corpus": "wikipedia",
        "wikipedia": WikipediaOptions(timeout_s=2),
    }


@pytest.mark.parametrize(
    ("type_name", "options", "message"),
    [
        ("calc", {}, "no augmentation 'calc'; there are .*calculator.* retrieval"),
        ("no.such.module:Tool", {}, "cannot be imported: No module named 'no'"),
        (f"{HERE}:Nothing", {}, "cannot be imported: .*Nothing"),
        ("os:path", {}, "no subclass of Augmentation"),
        (f"{HERE}:Unfinished", {}, "lacks description, parameters, typical_duration_s, run"),
        (f"{HERE}:BadSchema", {}, "parameters is no JSON schema: 'objekt'"),
        ("calculator", {"digits": 3}, "no option digits; there are: none"),
        ("retrieval", {"corpsu": "wordnet"}, "no option corpsu; there are: corpus, cache_dir"),
        ("retrieval", {"corpus": "britannica"}, "option corpus.*'wordnet', 'dictd'"),
        ("retrieval", {"max_sessions": "many"}, "option max_sessions: .* not 'many'"),
        ("retrieval", {"wikipedia": {"timout_s": 1}}, r"option wikipedia\.timout_s"),
        (f"{HERE}:Configured", {}, "option folder is missing"),
    ],
)
def test_mistakes_are_named(type_name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        create(type_name, options)
