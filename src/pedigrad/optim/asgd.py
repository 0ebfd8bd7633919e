"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer
from .options import check, check_implementation, check_lr, descend


class ASGD(Optimizer):
    """Gradient descent that keeps the average of its iterates from step `t0` on in its state `ax` (Polyak and Juditsky 1992).

    Args:
        params: parameters, (name, parameter) pairs, or groups: dicts with "params" and options of their own.
        lr: the size of a step.
        lambd: the decay of the rate.
        alpha: its exponent.
        t0: the step from which on iterates are averaged.
        weight_decay: this times the parameter is added to its gradient.
        foreach: ignored: there is one implementation.
        maximize: whether to go up instead of down.
        differentiable: False; True is refused, as steps are not recorded.
        capturable: ignored: steps are not captured.

    Raises:
        ValueError: an option is out of its range, or there are no parameters.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.ASGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item() < 1
    True
    """

    numbers = ("step", "eta", "mu")

    def __init__(
        self, params: Any, lr: Any = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6, weight_decay: float = 0,
        foreach: bool | None = None, maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    ):  # fmt: skip
        check_lr(lr)
        check(weight_decay >= 0, f"Invalid weight_decay value: {weight_decay}")
        check_implementation(differentiable)
        options = {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach}
        super().__init__(params, {**options, "maximize": maximize, "differentiable": differentiable, "capturable": capturable})

    def state_names(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        return ("ax",)

    def begin(self, p: Any, group: dict[str, Any]) -> tuple[Any, ...]:
        return (group["lr"], 1.0, np.zeros_like(p))

    @staticmethod
    def update(p: Any, g: Any, state: Any, step: int, group: dict[str, Any]) -> Any:
        g = descend(p, g, group)
        rate, weight, average = state
        lr, shrink = group["lr"], group["lambd"]
        p = p * (1 - shrink * rate) - g * rate
        average = p if weight == 1 else average + (p - average) * weight
        rate = lr / (1 + shrink * lr * step) ** group["alpha"]
        return p, (rate, 1 / max(1, step - group["t0"]), average)
