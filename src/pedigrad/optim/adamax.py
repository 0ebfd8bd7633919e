"""Adamax."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer
from .options import check, check_betas, check_implementation, check_lr, descend


class Adamax(Optimizer):
    """Adamax (Kingma and Ba 2015, algorithm 2): Adam with the infinity norm.

    Args:
        params: parameters, (name, parameter) pairs, or groups: dicts with "params" and options of their own.
        lr: the size of a step.
        betas: the factors of the running mean of the gradient and of the running maximum.
        eps: what is added to the root that is divided by.
        weight_decay: this times the parameter is added to its gradient.
        foreach: ignored: there is one implementation.
        maximize: whether to go up instead of down.
        differentiable: False; True is refused, as steps are not recorded.
        capturable: ignored: steps are not captured.

    Raises:
        ValueError: an option is out of its range, or there are no parameters.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.Adamax([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item() < 1
    True
    """

    def __init__(
        self, params: Any, lr: Any = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    ):  # fmt: skip
        check_lr(lr)
        check(eps >= 0, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        check(weight_decay >= 0, f"Invalid weight_decay value: {weight_decay}")
        check_implementation(differentiable)
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach, "maximize": maximize}
        super().__init__(params, {**options, "differentiable": differentiable, "capturable": capturable})

    def state_names(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    @staticmethod
    def update(p: Any, g: Any, state: Any, step: int, group: dict[str, Any]) -> Any:
        g = descend(p, g, group)
        beta1, beta2 = group["betas"]
        mean, largest = state
        mean = mean + (g - mean) * (1 - beta1)
        largest = np.maximum(largest * beta2, np.abs(g) + group["eps"])
        return p - mean / largest * (group["lr"] / (1 - beta1**step)), (mean, largest)
