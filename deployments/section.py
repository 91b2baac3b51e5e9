"""The base of every section of the configuration."""

import difflib
from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError


def suggestion(name: str, known: Iterable[str]) -> str:
    """What to write instead of ``name``, as the end of an error message."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    shown = ", ".join(names) if len(names) <= 20 else f"{', '.join(names[:20])}, ..."
    return f"choose one of: {shown or 'none'}"


def unknown_field(section: type[BaseModel], name: str, value: Any, remedy: str) -> Exception:
    """An error at the path of a field that does not exist."""
    error = PydanticCustomError("unknown_field", "unknown field; {remedy}", {"remedy": remedy})
    return ValidationError.from_exception_data(
        section.__name__, [InitErrorDetails(type=error, loc=(name,), input=value)]
    )


class Section(BaseModel):
    """A part of the YAML; a field that it does not know is an error with a remedy."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _name_the_remedy(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(data, dict):
            for name in data.keys() - cls.model_fields.keys():
                raise unknown_field(
                    cls, str(name), data[name], suggestion(str(name), cls.model_fields)
                )
        return handler(data)


def _numbers_as_text(env: Any) -> Any:
    # YAML reads `OMP_NUM_THREADS: 1` as a number; an environment holds text.
    if not isinstance(env, dict):
        return env
    return {k: str(v) if type(v) in (int, float) else v for k, v in env.items()}


Environment = Annotated[dict[str, str], BeforeValidator(_numbers_as_text)]
"""Environment variables."""
