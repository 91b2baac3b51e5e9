"""Options in a configuration that become arguments of a class of one's own choice."""

import inspect
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ConfigDict, Field, ValidationError, create_model


def parameters_of(chosen: type) -> Mapping[str, inspect.Parameter]:
    """What the constructor takes."""
    return inspect.signature(chosen, eval_str=True).parameters


def fitting(
    chosen: type, options: Mapping[str, Any] | None, but: Collection[str] = ()
) -> dict[str, Any]:
    """The constructor's arguments that ``options`` mean, converted to its annotations.

    Args:
        chosen: The class.
        options: Names and values.
        but: Parameters that are no options.

    Raises:
        ValueError: when an option is unknown, missing or of the wrong type; the message names
            it.
    """
    parameters = {
        name: parameter for name, parameter in parameters_of(chosen).items() if name not in but
    }
    # The aliases keep an option such as "schema" from shadowing a method of the model.
    fields: dict[str, Any] = {
        f"option_{name}": (
            Any if parameter.annotation is parameter.empty else parameter.annotation,
            Field(... if parameter.default is parameter.empty else None, alias=name),
        )
        for name, parameter in parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    model = create_model("Options", __config__=config, **fields)
    try:
        checked = model.model_validate(dict(options or {}))
    except ValidationError as error:
        problems = "; ".join(_problem(problem, parameters) for problem in error.errors())
        raise ValueError(problems) from None
    return {
        field.removeprefix("option_"): getattr(checked, field)
        for field in checked.model_fields_set
    }


def _problem(problem: Any, options: Collection[str]) -> str:
    path = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
        known = ", ".join(options) or "none"
        return f"there is no option {path}; there are: {known}"
    if problem["type"] == "missing":
        return f"option {path} is missing"
    return f"option {path}: {problem['msg']}, not {problem['input']!r}"
