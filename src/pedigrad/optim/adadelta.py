"""Adadelta."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer
from .options import check, check_implementation, check_lr, descend


class Adadelta(Optimizer):
    """Adadelta (Zeiler 2012, algorithm 1): steps scaled by the ratio of running averages of updates and of gradients.

    Args:
        params: parameters, (name, parameter) pairs, or groups: dicts with "params" and options of their own.
        lr: the size of a step.
        rho: the factor of the running means.
        eps: what is added to the root that is divided by.
        weight_decay: this times the parameter is added to its gradient.
        foreach: ignored: there is one implementation.
        capturable: ignored: steps are not captured.
        maximize: whether to go up instead of down.
        differentiable: False; True is refused, as steps are not recorded.

    Raises:
        ValueError: an option is out of its range, or there are no parameters.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.Adadelta([w], lr=1.0)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item() < 1
    True
    """

    def __init__(
        self, params: Any, lr: Any = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0, foreach: bool | None = None, *,
        capturable: bool = False, maximize: bool = False, differentiable: bool = False,
    ):  # fmt: skip
        check_lr(lr)
        check(0 <= rho <= 1, f"Invalid rho value: {rho}")
        check(eps >= 0, f"Invalid epsilon value: {eps}")
        check(weight_decay >= 0, f"Invalid weight_decay value: {weight_decay}")
        check_implementation(differentiable)
        options = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "capturable": capturable}
        super().__init__(params, {**options, "foreach": foreach, "differentiable": differentiable})

    def state_names(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    @staticmethod
    def update(p: Any, g: Any, state: Any, step: int, group: dict[str, Any]) -> Any:
        g = descend(p, g, group)
        rho, eps = group["rho"], group["eps"]
        square, moved = state
        square = square * rho + g * g * (1 - rho)
        delta = np.sqrt(moved + eps) / np.sqrt(square + eps) * g
        moved = moved * rho + delta * delta * (1 - rho)
        return p - delta * group["lr"], (square, moved)
