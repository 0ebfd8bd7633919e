"""NAdam."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer
from .options import check, check_betas, check_implementation, check_lr, decay


class NAdam(Optimizer):
    """NAdam (Dozat 2016): Adam with Nesterov's momentum, whose strength rises with the steps.

    Args:
        params: parameters, (name, parameter) pairs, or groups: dicts with "params" and options of their own.
        lr: the size of a step.
        betas: the factors of the running means of the gradient and of its square.
        eps: what is added to the root that is divided by.
        weight_decay: this times the parameter is added to its gradient.
        momentum_decay: how slowly the momentum rises.
        decoupled_weight_decay: whether the decay is taken off the parameter instead, as in `AdamW`.
        foreach: ignored: there is one implementation.
        maximize: whether to go up instead of down.
        capturable: ignored: steps are not captured.
        differentiable: False; True is refused, as steps are not recorded.

    Raises:
        ValueError: an option is out of its range, or there are no parameters.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.NAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item() < 1
    True
    """

    numbers = ("step", "mu_product")

    def __init__(
        self, params: Any, lr: Any = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *, foreach: bool | None = None, maximize: bool = False,
        capturable: bool = False, differentiable: bool = False,
    ):  # fmt: skip
        check_lr(lr)
        check(eps >= 0, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        check(weight_decay >= 0, f"Invalid weight_decay value: {weight_decay}")
        check(momentum_decay >= 0, f"Invalid momentum_decay value: {momentum_decay}")
        check_implementation(differentiable)
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay}
        options |= {"decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach}
        super().__init__(params, {**options, "capturable": capturable, "differentiable": differentiable})

    def state_names(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def begin(self, p: Any, group: dict[str, Any]) -> tuple[Any, ...]:
        return (1.0, np.zeros_like(p), np.zeros_like(p))

    @staticmethod
    def update(p: Any, g: Any, state: Any, step: int, group: dict[str, Any]) -> Any:
        (beta1, beta2), lr, rise = group["betas"], group["lr"], group["momentum_decay"]
        p, g = decay(p, g, group)
        product, mean, square = state
        now = beta1 * (1 - 0.5 * 0.96 ** (step * rise))
        next_one = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * rise))
        product = product * now
        mean = mean + (g - mean) * (1 - beta1)
        square = square * beta2 + g * g * (1 - beta2)
        denominator = np.sqrt(square / (1 - beta2**step)) + group["eps"]
        p = p - g / denominator * (lr * (1 - now) / (1 - product))
        return p - mean / denominator * (lr * next_one / (1 - product * next_one)), (product, mean, square)
