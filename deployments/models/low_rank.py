"""A linear layer with trainable low-rank factors, in as few passes as it can be.

PEFT's layer goes over its input and its output several times, to convert, to scale and to
add. On a CPU that takes as long as the products themselves. This one leaves additions to the
products, and its gradients to two small ones.
"""

from functools import partial
from typing import Any

import torch
from peft.tuners.lora import Linear

ADAPTER = "default"
"""PEFT's name for the only adapter of a model."""


class LowRankProduct(torch.autograd.Function):
    """``x Wᵀ + scale · x Aᵀ Bᵀ``, computed in the type of the frozen ``W``."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        down: torch.Tensor,
        up: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        """``weight`` is W, ``down`` is A and ``up`` is B."""
        rows = x.reshape(-1, x.shape[-1]).to(weight.dtype)
        down, up = down.to(weight.dtype), (up * scale).to(weight.dtype)
        low = rows @ down.T
        made = (rows @ weight.T).addmm_(low, up.T)
        ctx.save_for_backward(rows, low, weight, down, up)
        ctx.scale, ctx.like = scale, (x.shape, x.dtype)
        return made.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """The gradients of ``x``, if it has one, and of both factors."""
        rows, low, weight, down, up = ctx.saved_tensors
        gradient = gradients[0].reshape(-1, gradients[0].shape[-1]).to(weight.dtype)
        low_gradient = gradient @ up
        x_gradient = None
        if ctx.needs_input_grad[0]:
            shape, dtype = ctx.like
            x_gradient = (gradient @ weight).addmm_(low_gradient, down).view(shape).to(dtype)
        down_gradient = (low_gradient.T @ rows).float()
        up_gradient = (gradient.T @ low).float() * ctx.scale
        return x_gradient, None, down_gradient, up_gradient, None


def hasten(model: torch.nn.Module) -> None:
    """Has every adapted layer of PEFT in ``model`` compute by :class:`LowRankProduct`.

    The layers must have no bias and no dropout.
    """
    for layer in model.modules():
        if isinstance(layer, Linear):
            layer.forward = partial(_product, layer)


def _product(layer: Any, x: torch.Tensor) -> torch.Tensor:
    made: torch.Tensor = LowRankProduct.apply(
        x,
        layer.base_layer.weight,
        layer.lora_A[ADAPTER].weight,
        layer.lora_B[ADAPTER].weight,
        layer.scaling[ADAPTER],
    )
    return made
