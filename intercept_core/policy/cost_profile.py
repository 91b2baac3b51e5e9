"""The file of ``infercept profile``: what a machine was measured to take with a model."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from intercept_core.policy.cost_model import LinearCostModel

REMEDY = "write one with: infercept profile --config CONFIG"

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class CostProfile(BaseModel):
    """Where the scheduler's costs start from.

    Attributes:
        iteration_s: Fixed part of an iteration.
        token_s: Part of each query token.
        context_token_s: Part of each token of the contexts behind the queries.
        block_out_s: Time to copy one block to the host.
        block_in_s: Time to copy one block back.
        saturation_tokens: See :class:`~intercept_core.policy.types.CostModel`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    iteration_s: PositiveSeconds
    token_s: PositiveSeconds
    context_token_s: Seconds
    block_out_s: PositiveSeconds
    block_in_s: PositiveSeconds
    saturation_tokens: Annotated[int, Field(ge=1)]

    def cost_model(self) -> LinearCostModel:
        """The same numbers, as what answers questions about costs."""
        return LinearCostModel(**self.model_dump())


def read_profile(path: Path) -> CostProfile:
    """Reads the costs of ``path``; what else the file tells is left aside.

    Raises:
        ValueError: naming the file, what is wrong in it, and the remedy.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file; {REMEDY}") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as JSON: {error}; {REMEDY}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path}: is not the JSON object of a profile; {REMEDY}")
    known = {name: content[name] for name in CostProfile.model_fields if name in content}
    try:
        return CostProfile.model_validate(known)
    except ValidationError as error:
        raise ValueError(f"{path}: {explained(error)}; {REMEDY}") from None


def explained(error: ValidationError) -> str:
    """Its mistakes in one line, each with the field and the value."""
    lines = []
    for mistake in error.errors():
        field = ".".join(map(str, mistake["loc"]))
        if mistake["type"] == "missing":
            lines.append(f"{field}: is missing")
        else:
            value = f"{mistake['input']!r:.40}"
            lines.append(f"{f'{field} = ' if field else ''}{value}: {mistake['msg']}")
    return "; ".join(lines)
