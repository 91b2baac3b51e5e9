"""Muon (https://kellerjordan.github.io/posts/muon) in float32.

``torch.optim.Muon`` orthogonalises in bfloat16, which CPUs without instructions for it do at a
thirtieth of the speed: more time than the whole rest of a step of a small model.
"""

from collections.abc import Iterable
from typing import Any

import torch

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Momentum whose updates are turned into the nearest orthogonal matrices.

    Args:
        matrices: Parameters of two dimensions.
        lr: Step size; updates have the root mean square of AdamW's, so AdamW's rates fit.
        momentum: Of Nesterov's kind.
        weight_decay: Decoupled, relative to ``lr``.
    """

    def __init__(
        self,
        matrices: Iterable[torch.nn.Parameter],
        lr: float = 1e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Updates every matrix that has a gradient."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                average = state.setdefault("average", torch.zeros_like(matrix))
                average.lerp_(matrix.grad, 1 - group["momentum"])
                update = orthogonal(matrix.grad.lerp(average, group["momentum"]))
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                scale = 0.2 * max(matrix.shape) ** 0.5
                matrix.add_(update, alpha=-group["lr"] * scale)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """About the nearest matrix with singular values of one, by Newton and Schulz."""
    rows, columns = matrix.shape
    x = matrix.mT if rows > columns else matrix
    x = x / x.norm().clamp(min=1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if rows > columns else x
