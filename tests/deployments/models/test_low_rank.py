"""The quick low-rank product is the one of PEFT, forwards and backwards."""

import pytest
import torch
from peft import LoraConfig, get_peft_model

from deployments.models.low_rank import LowRankProduct, hasten


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(6, 8, bias=False)
        self.second = torch.nn.Linear(8, 5, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.tanh(self.first(x)))


def adapted() -> torch.nn.Module:
    torch.manual_seed(0)
    config = LoraConfig(r=2, lora_alpha=4, target_modules=["first", "second"])
    model = get_peft_model(Net(), config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model


def run(model: torch.nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """The output and every gradient."""
    x = x.clone().requires_grad_()
    made = model(x)
    made.square().sum().backward()
    learning = [p.grad for p in model.parameters() if p.requires_grad]
    assert len(learning) == 4 and None not in learning
    return [made.detach(), x.grad, *learning]  # type: ignore[list-item]


def test_it_gives_the_results_and_gradients_of_peft() -> None:
    x = torch.randn(3, 4, 6)
    slow, quick = adapted(), adapted()
    hasten(quick)
    for one, other in zip(run(slow, x), run(quick, x), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("wanted", [True, False])
def test_an_input_gets_a_gradient_where_it_wants_one(wanted: bool) -> None:
    x = torch.randn(4, 6, requires_grad=wanted)
    down, up = torch.randn(2, 6, requires_grad=True), torch.randn(5, 2, requires_grad=True)
    made = LowRankProduct.apply(x, torch.randn(5, 6).bfloat16(), down, up, 0.5)
    assert made.dtype == torch.bfloat16
    made.float().sum().backward()
    assert (x.grad is not None) == wanted
    assert down.grad is not None and down.grad.dtype == torch.float32
    assert up.grad is not None and up.grad.dtype == torch.float32
